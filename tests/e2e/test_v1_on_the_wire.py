"""BSG REST v1 in the octets of each client known: their verbs, headers, encodings and oddities, over a real socket."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from customer import Customer, number_at
from plant import Plant

BLOCK = 30
TO, ALSO_TO = str(number_at(BLOCK, "0001")), str(number_at(BLOCK, "0002"))


class Client(NamedTuple):
    """How a client asks. `headers` and `body` are its own, except for key, host and length."""

    create: str  # verb and path
    headers: tuple[str, ...]
    body: str
    status: str  # path, with {id} and {reference}
    get_headers: tuple[str, ...] = ()
    http: str = "1.1"


JSON = "Content-Type: application/json"
PHONE = '{"destination":"phone","msisdn":"%s","reference":"%s","originator":"BSG","body":"Hi"%s}'
EDGE = "------------------------d74496d66958873e"
CLIENTS = {
    "python": Client(
        "POST /rest/sms/create",
        (
            "Accept-Encoding: identity",
            "Content-type: application/json; charset=utf-8",
            "Accept: application/json ",
        ),
        json.dumps(
            {
                **{"destination": "phone", "msisdn": TO, "reference": "3f2a9c01", "originator": "alpha name"},
                **{"body": "Привіт", "validity": 72, "tariff": 0},
            }
        ),
        "/rest/sms/{id}",
        ("Content-type: application/json; charset=utf-8", "Accept: application/json "),
    ),
    "node": Client(
        "POST /rest/sms/create",
        ("Content-type: multipart/form-data", "Connection: close"),  # and no boundary
        PHONE % (TO, "ext_id_16", ',"validity":"1","tariff":"0"'),
        "/rest/sms/reference/{reference}",
    ),
    "java": Client(
        "PUT /rest/sms/create",
        (JSON, "Accept: multipart/form-data", "User-Agent: Java/1.8.0_151", "Connection: keep-alive"),
        PHONE % (TO, "java-1", ',"tariff":"0","validity":"72"'),
        "/rest/sms/{id}",
        ("Accept: multipart/form-data",),
    ),
    "go": Client(
        "PUT /rest/sms/create",
        ("User-Agent: Go-http-client/1.1", "Content-Type: multipart/form-data", "Accept-Encoding: gzip"),
        PHONE % (TO, "go-1", ',"validity":"","tariff":null,"callback_url":""'),
        "/rest/sms/{id}",
        (JSON,),
    ),
    "php": Client(
        "PUT /v1.0/sms/create",
        ("Accept: */*", "Content-type: text/json; charset=utf-8", "X-API-SOURCE: BSG PHP Library"),
        PHONE % (TO, "phpSuccess1", ',"validity":72,"tariff":0'),
        "/v1.0/sms/reference/{reference}",
    ),
    "perl": Client(
        "POST /rest/sms/create",
        ("TE: deflate,gzip;q=0.3", "Connection: TE, close", JSON),
        PHONE % (TO, "perl_1", ""),
        "/rest/sms/reference/{reference}",
    ),
    "generated sdk": Client(
        "PUT /rest/sms/create",
        (JSON, "Accept: application/json", "User-Agent: OpenAPI-Generator/1.0.0/PHP"),
        PHONE % (TO, "sdk-v1-1", ',"validity":24,"2way":false,"transliterate":false'),
        "/rest/sms/{id}",
        ("Accept: application/json",),
    ),
    "white label": Client(
        "POST /v1.0/sms/create/",
        ("Content-Type: text/json; charset=utf-8", "Accept: application/json"),
        PHONE % (TO, "wl1", ',"project_id":5'),
        "//rest/sms/{id}/",
        http="1.0",
    ),
    "an array of one": Client(
        "POST /rest/sms/create",
        (JSON,),
        f"[{PHONE % (TO, 'one-of-one', '')}]",
        "/rest/sms/{reference}",
    ),
    "a form": Client(
        "POST /rest/sms/create",
        (f"Content-Type: multipart/form-data; boundary={EDGE}",),
        "".join(
            f'--{EDGE}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (
                ("destination", "phone"),
                ("msisdn", f"+{TO}"),
                ("reference", "form-1"),
                ("originator", "BSG"),
                ("body", "Hi"),
            )
        )
        + f"--{EDGE}--\r\n",
        "/rest/sms/{reference}",
    ),
}


@pytest.fixture(scope="module")
def customer(plant: Plant) -> Iterator[Customer]:
    with Customer(plant, "wire") as customer:
        yield customer


def exchange(customer: Customer, first_line: str, headers: tuple[str, ...], body: bytes = b"") -> Any:
    """One request, octet by octet as given; the decoded answer."""
    where = urlsplit(customer.plant.served.url)
    lines = [first_line, f"Host: {where.netloc}", f"X-API-KEY: {customer.key}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with socket.create_connection((where.hostname, where.port), timeout=20) as line:
        line.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = http.client.HTTPResponse(line, method=first_line.partition(" ")[0])
        answer.begin()
        content = answer.read()
        answer.close()
    assert answer.status == 200, content
    assert answer.headers["Content-Type"] == "application/json"
    return json.loads(content)


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_sends_and_learns_that_its_message_is_delivered(customer: Customer, name: str):
    client = CLIENTS[name]

    sent = exchange(
        customer, f"{client.create} HTTP/{client.http}", client.headers, client.body.encode("utf-8")
    )

    row = sent["result"]
    assert set(row) == {"error", "errorDescription", "reference", "id", "price", "currency"}
    assert row.items() <= sent.items(), "the same at the top, for those that look there"
    assert (row["error"], row["errorDescription"], row["price"], row["currency"]) == (
        0,
        "No errors",
        0.02,
        "EUR",
    )
    assert row["reference"] in client.body and row["id"].isdigit()
    customer.ends(row["id"])
    path = client.status.format(id=row["id"], reference=row["reference"])
    status = exchange(customer, f"GET {path} HTTP/{client.http}", client.get_headers)
    assert (status["error"], status["status"], status["msisdn"], status["id"]) == (
        0,
        "delivered",
        TO,
        row["id"],
    )


def test_lists_come_back_as_tasks_on_every_path_that_clients_ask(customer: Customer):
    rows = f'[{{"msisdn":"{TO}","reference":"l1"}},{{"msisdn":"{ALSO_TO}","reference":"l2"}}]'
    shared = '"destination":"phones","originator":"alpha_name","body":"Hi","validity":"1","tariff":"0"'
    body = f'{{{shared},"phones":{rows}}}'

    sent = exchange(
        customer, "POST /rest/sms/create HTTP/1.1", ("Content-type: multipart/form-data",), body.encode()
    )

    assert [row["reference"] for row in sent["result"]] == ["l1", "l2"]
    assert (sent["total_price"], sent["totalprice"]) == (0.04, 0.04)
    for row in sent["result"]:
        customer.ends(row["id"])
    task = {
        **{
            "error": 0,
            "errorDescription": "No errors",
            "originator": "alpha_name",
            "body": "Hi",
            "validity": 1,
        },
        **{"totalprice": 0.04, "currency": "EUR"},
        **{"sent": 2, "delivered": 2, "expired": 0, "undeliverable": 0, "unknown": 0},
    }
    for path in ("task", "task_id"):
        assert exchange(customer, f"GET /rest/sms/{path}/{sent['task_id']} HTTP/1.1", ()) == task
    assert exchange(customer, f"GET /v1.0/sms/{sent['task_id']} HTTP/1.1", ()) == task


def test_a_body_in_chunks_is_as_good_as_one_with_a_length(customer: Customer):
    body = (PHONE % (TO, "chunks-1", "")).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:7], body[7:])) + b"0\r\n\r\n"
    where = urlsplit(customer.plant.served.url)
    head = (
        f"PUT /rest/sms/create HTTP/1.1\r\nHost: {where.netloc}\r\nx-api-key: {customer.key}\r\n"
        f"Transfer-Encoding: chunked\r\n{JSON}\r\n\r\n"
    )
    with socket.create_connection((where.hostname, where.port), timeout=20) as line:
        line.sendall(head.encode() + chunks)
        answer = http.client.HTTPResponse(line, method="PUT")
        answer.begin()
        sent = json.loads(answer.read())
        answer.close()

    assert (sent["error"], sent["reference"]) == (0, "chunks-1")
