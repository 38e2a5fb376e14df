"""Whole exchanges: what clients of this API put on the wire, and what comes back."""

import asyncio
import base64
import json
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ADVANCED = "/sms/2/text/advanced"
REPORTS = "/sms/1/reports"
BARE_400 = b'{"requestError":{"serviceException":{"messageId":"BAD_REQUEST","text":"Bad request"}}}'


def app(key: str) -> dict[str, str]:
    return {"Authorization": f"App {key}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def to(*destinations: object, **fields: object) -> dict[str, object]:
    """A message for numbers or (number, messageId) pairs."""
    rows = [
        {"to": one} if isinstance(one, str) else {"to": one[0], "messageId": one[1]} for one in destinations
    ]
    return {"destinations": rows, "from": "InfoSMS", "text": "This is a sample message", **fields}


def numbers(count: int) -> list[str]:
    return [str(41793026000 + index) for index in range(count)]


async def send(world, *messages, key=None, **envelope):
    body = {"messages": list(messages), **envelope}
    answer = await world.http.post(ADVANCED, json=body, headers=app(key or world.key))
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pull(world, query="", key=None):
    answer = await world.http.get(f"{REPORTS}{query}", headers=app(key or world.key))
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def delivered(world, *messages, **envelope):
    """Send, and let the carrier deliver everything."""
    answer = await send(world, *messages, **envelope)
    await world.deliver_all()
    return answer


# --- the pull -----------------------------------------------------------------------------------------------


async def test_a_sent_message_is_reported_once_as_in_the_published_sample(world):
    sent = await delivered(
        world,
        to(("41793026727", "MESSAGE-ID-123-xyz"), entityId="my-entity-id", applicationId="my-application-id"),
        bulkId="BULK-ID-123-xyz",
    )
    assert sent == {
        "bulkId": "BULK-ID-123-xyz",
        "messages": [
            {
                "messageId": "MESSAGE-ID-123-xyz",
                "status": {
                    "groupId": 1,
                    "groupName": "PENDING",
                    "id": 26,
                    "name": "PENDING_ACCEPTED",
                    "description": "Message sent to next instance",
                },
                "to": "41793026727",
            }
        ],
    }

    first = await world.http.get(
        f"{REPORTS}?messageId=MESSAGE-ID-123-xyz&limit",
        headers={**app(world.key), "Accept": "application/json"},
    )
    again = await world.http.get(f"{REPORTS}?messageId=MESSAGE-ID-123-xyz&limit", headers=app(world.key))

    (row,) = first.json()["results"]
    assert row["doneAt"].endswith("+0000")
    assert row["sentAt"] <= row["doneAt"]
    known = {name: row[name] for name in row if name not in {"sentAt", "doneAt", "mccMnc"}}
    assert known == {
        "bulkId": "BULK-ID-123-xyz",
        "messageId": "MESSAGE-ID-123-xyz",
        "to": "41793026727",
        "from": "InfoSMS",
        "smsCount": 1,
        "price": {"pricePerMessage": 0.02, "currency": "EUR"},
        "status": {
            "groupId": 3,
            "groupName": "DELIVERED",
            "id": 5,
            "name": "DELIVERED_TO_HANDSET",
            "description": "Message delivered to handset",
        },
        "error": {
            "groupId": 0,
            "groupName": "Ok",
            "id": 0,
            "name": "NO_ERROR",
            "description": "No Error",
            "permanent": False,
        },
        "entityId": "my-entity-id",
        "applicationId": "my-application-id",
    }
    assert again.content == b'{"results":[]}'


PULLS = (
    # the vendor's samples: curl, ruby, php, java, go; then node and python
    (f"{REPORTS}?messageId=M&limit", {"Accept": "application/json"}),
    (f"{REPORTS}?messageId=M&limit=null", {"Accept": "application/json"}),
    # official client 4.0.0
    (
        f"{REPORTS}?bulkId=b%201/%2B&messageId=M&limit=2",
        {"Accept": "application/json", "User-Agent": "infobip-api-client-python/4.0.0"},
    ),
    # community client 5.0.1, whose base URL may end in a slash
    (
        f"http://tidings/{REPORTS}?bulkId=b+1/%2B&limit=2",
        {"Accept": "application/json", "User-Agent": "@infobip/python-sdk/5.0.1 python/3.11.7"},
    ),
    (f"{REPORTS}.json?limit=2", {"Accept": "application/xml"}),
    (f"/restapi{REPORTS}", {"Accept": "*/*"}),
    (f"{REPORTS}/", {"Accept": "text/html, application/xml;q=0.9, */*;q=0.8"}),
    (f"{REPORTS}?applicationId=a&entityId=e&campaignReferenceId=c", {}),
    (f"{REPORTS}?track=SMS&unknown=%ff", {}),
)


async def test_the_pulls_that_clients_send_all_work(world):
    for turn, (path, headers) in enumerate(PULLS):
        mine = f"M{turn}"
        await delivered(
            world,
            to(("41793026727", mine), applicationId="a", entityId="e", campaignReferenceId="c"),
            bulkId="b 1/+",
        )
        asked = path.replace("messageId=M", f"messageId={mine}")

        answer = await world.http.get(asked, headers={**headers, **app(world.key)})

        assert [row["messageId"] for row in answer.json()["results"]] == [mine], path
        assert answer.headers["content-type"] == "application/json; charset=UTF-8"
        assert answer.headers["x-request-id"].isdigit()


async def test_many_pulls_at_once_share_no_report_and_miss_none(world):
    await delivered(world, to(*numbers(120)))

    pulls = await asyncio.gather(*(pull(world, "?limit=9") for _ in range(20)))

    handed_out = [row["messageId"] for rows in pulls for row in rows]
    assert len(handed_out) == len(set(handed_out)) == 120
    assert await pull(world) == []


async def test_a_pull_that_asks_for_one_leaves_the_rest(world):
    await delivered(world, to(("41793026727", "A"), ("41793026728", "B")), bulkId="one")
    await delivered(world, to(("41793026729", "C")), bulkId="two")

    assert [row["messageId"] for row in await pull(world, "?messageId=B")] == ["B"]
    assert await pull(world, "?bulkId=one&messageId=C") == []
    assert await pull(world, "?limit=0") == []
    assert [row["messageId"] for row in await pull(world, "?bulkId=two")] == ["C"]
    assert [row["messageId"] for row in await pull(world)] == ["A"]


async def test_a_pull_can_ask_by_what_was_sent_along(world):
    for name in ("applicationId", "entityId", "campaignReferenceId"):
        await delivered(world, to(("41793026727", name), **{name: "mine"}), to("41793026728"))

        assert await pull(world, f"?{name}=other") == []
        (row,) = await pull(world, f"?{name}=mine")
        assert (row["messageId"], row[name]) == (name, "mine")


async def test_a_limited_pull_gets_the_latest(world):
    for name in ("first", "second", "third"):
        await delivered(world, to(("41793026727", name)))
        world.clock.advance(60)

    assert [row["messageId"] for row in await pull(world, "?limit=2")] == ["third", "second"]
    assert [row["messageId"] for row in await pull(world, "?limit=2")] == ["first"]


async def test_reports_older_than_two_days_are_gone(world):
    await delivered(world, to("41793026727"))
    world.clock.advance(48 * 3600 + 1)

    assert await pull(world) == []


async def test_a_message_on_its_way_owes_nothing(world):
    await send(world, to(("41793026727", "M")))
    await world.dispatch()

    assert await pull(world, "?messageId=M") == []


async def test_a_late_delivery_is_a_new_report(world):
    await send(world, to(("41793026727", "M")))
    await world.dispatch()
    message = await world.gateway.message_by_reference(world.account_id, "M")
    await world.says(message.id, "UNDELIV", err="001")
    (failed,) = await pull(world)
    await world.says(message.id, "DELIVRD")
    (corrected,) = await pull(world)

    assert (failed["status"]["id"], failed["error"]["id"], failed["error"]["permanent"]) == (9, 1, True)
    assert (corrected["status"]["id"], corrected["error"]["id"]) == (5, 0)


async def test_another_account_gets_nothing_of_ours(world):
    await delivered(world, to(("41793026727", "M")), bulkId="B")
    stranger = await world.other_account("stranger")

    for query in ("", "?messageId=M", "?bulkId=B", "?messageId=never-existed"):
        assert await pull(world, query, key=stranger.key) == []
    assert len(await pull(world, "?messageId=M&bulkId=B")) == 1


async def test_callback_data_comes_back_and_parts_are_priced_one_by_one(world):
    await delivered(world, to("41793026727", text="x" * 320, callbackData="DLR callback data"))

    (row,) = await pull(world)

    assert (row["smsCount"], row["callbackData"]) == (3, "DLR callback data")
    assert row["price"] == {"pricePerMessage": 0.02, "currency": "EUR"}


async def test_a_refused_pull_uses_up_nothing(world):
    await delivered(world, to("41793026727"))

    for limit in ("1001", "-1", "abc", "1.5", "99999999999999999999", "%00"):
        answer = await world.http.get(f"{REPORTS}?limit={limit}", headers=app(world.key))
        assert (answer.status_code, answer.content) == (400, BARE_400), limit
    for path, accept in (
        (f"{REPORTS}.xml", "application/json"),
        (REPORTS, "application/xml"),
        (REPORTS, "text/xml;q=1, text/html"),
    ):
        answer = await world.http.get(path, headers={**app(world.key), "Accept": accept})
        assert answer.status_code == 400
        assert answer.json()["requestError"]["serviceException"]["validationErrors"], accept
    for verb in ("HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"):
        answer = await world.http.request(verb, REPORTS, headers=app(world.key))
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET"), verb

    assert len(await pull(world)) == 1


async def test_an_account_chooses_how_its_reports_are_written(world):
    picky = await world.account(
        "picky",
        settings={
            "infobip.ok_word": "OK",
            "infobip.utc_offset": "+0200",
            "infobip.carrier_receipt_as_unknown": True,
        },
    )
    await send(world, to("41793026727"), key=picky.key)
    await world.deliver_all()

    (row,) = await pull(world, key=picky.key)

    assert row["error"]["groupName"] == "OK"
    assert row["doneAt"] == "2026-03-02T14:00:00.000+0200"


# --- who speaks ---------------------------------------------------------------------------------------------


async def test_key_and_password_open_the_same_queue(world):
    await delivered(world, to("41793026727"))

    for headers in (
        {"Authorization": f"app {world.key}"},
        {"Authorization": f"APP  {world.key} "},
        basic(world.user, world.password),
        {"Authorization": basic(world.user, world.password)["Authorization"].replace("Basic", "bAsIC")},
    ):
        assert (await world.http.get(f"{REPORTS}?limit=0", headers=headers)).status_code == 200
    answer = await world.http.get(REPORTS, headers=basic(world.user, world.password))
    assert len(answer.json()["results"]) == 1


STRANGERS = (
    (None, "Unauthorized"),
    ("", "Unauthorized"),
    ("App", "Unauthorized"),
    ("App ", "Unauthorized"),
    ("Basic", "Unauthorized"),
    ("{key}", "Unauthorized"),
    ("Bearer {key}", "Unauthorized"),
    ("IBSSO {key}", "Unauthorized"),
    ("App " + "x" * 2000, "Unauthorized"),
    ("App App {key}", "Invalid login details"),
    ("App nobody", "Invalid login details"),
    ("App {key}x", "Invalid login details"),
    ("Basic !!!", "Invalid login details"),
    ("Basic " + base64.b64encode(b"no colon").decode(), "Invalid login details"),
    ("Basic " + base64.b64encode(b"no:body").decode(), "Invalid login details"),
    ("Basic " + base64.b64encode(b"\xff:\xff").decode(), "Invalid login details"),
    ("Basic " + base64.b64encode(b"a\x00b:c\x00d").decode(), "Invalid login details"),
)


async def test_nobody_else_gets_in(world):
    for authorization, text in STRANGERS:
        headers = {} if authorization is None else {"Authorization": authorization.format(key=world.key)}
        for answer in (
            await world.http.get(f"{REPORTS}?limit=nonsense", headers=headers),
            await world.http.post(ADVANCED, content=b"nonsense", headers=headers),
        ):
            assert answer.status_code == 401, authorization
            assert answer.json() == {
                "requestError": {"serviceException": {"messageId": "UNAUTHORIZED", "text": text}}
            }


async def test_a_test_key_s_messages_owe_reports_of_the_same_account(world):
    await send(world, to(("41793026727", "tried")), key=world.test_key)
    await world.deliver_all()

    assert [row["messageId"] for row in await pull(world)] == ["tried"]
    assert await pull(world, key=world.test_key) == []


async def test_unknown_paths_are_the_vendor_s_404(world):
    for verb, path in (
        ("GET", "/sms/1/logs"),
        ("GET", "/sms/2/reports"),
        ("GET", "/sms/1/reports/M"),
        ("POST", "/sms/1/preview"),
        ("PUT", "/restapi/sms/1/bulks/status"),
    ):
        answer = await world.http.request(verb, path, headers=app(world.key))
        assert (answer.status_code, answer.json()) == (
            404,
            {"requestError": {"serviceException": {"messageId": "NOT_FOUND", "text": "Not found"}}},
        ), path

    answer = await world.http.post("/sms/3/messages", headers=app(world.key))
    assert answer.status_code == 404
    assert list(answer.json()) == ["errorCode", "description", "action", "violations", "resources"]


# --- the send -----------------------------------------------------------------------------------------------


async def test_a_message_reaches_the_carrier_as_it_was_asked_for(world):
    await send(world, to("+41 79 302 67 27", text="Toto", flash=True, validityPeriod=10))
    await world.dispatch()

    (submission,) = world.carrier.submissions
    assert (submission.recipient, submission.sender, submission.text) == ("41793026727", "InfoSMS", "Toto")
    assert submission.flash
    assert 0 < submission.validity_s <= 600


async def test_one_bad_recipient_costs_the_others_nothing(world):
    await send(world, to(("41793026700", "used")))

    answer = await send(
        world,
        to("+41793026727", "not a number", "", ("41793026701", "used")),
        to("41793026728", text="x" * 4000),
        includeSmsCountInResponse=True,
    )

    rows = answer["messages"]
    assert [row["to"] for row in rows] == ["+41793026727", "not a number", "", "41793026701", "41793026728"]
    assert [row["status"]["id"] for row in rows] == [26, 52, 51, 23, 25]
    assert [row["status"]["groupId"] for row in rows] == [1, 5, 5, 5, 5]
    assert rows[0]["smsCount"] == 1
    await world.dispatch()
    assert {one.recipient for one in world.carrier.submissions} == {"41793026700", "41793026727"}


async def test_refused_recipients_owe_a_report_and_cost_nothing(world):
    before = await world.gateway.balance(world.account_id)
    answer = await send(world, to(("not a number", "bad"), ("41793026727", "long"), text="x" * 4000))

    reports = {row["messageId"]: row for row in await pull(world, f"?bulkId={answer['bulkId']}")}

    assert reports["bad"]["status"]["id"] == 52
    assert reports["bad"]["to"] == "not a number"
    assert reports["long"]["status"]["id"] == 25
    assert {row["price"]["pricePerMessage"] for row in reports.values()} == {0}
    assert await world.gateway.balance(world.account_id) == before


async def test_ids_are_generated_where_none_is_given(world):
    answer = await send(world, to("41793026727", "41793026728"))

    ids = [answer["bulkId"], *(row["messageId"] for row in answer["messages"])]
    assert len(set(ids)) == 3
    assert all(ids)


async def test_each_message_of_a_request_keeps_its_own_start(world):
    later = (world.clock.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    answer = await send(world, to("41793026727", sendAt=later), to("41793026728"))
    assert {row["status"]["id"] for row in answer["messages"]} == {26}

    await world.dispatch()
    assert [one.recipient for one in world.carrier.submissions] == ["41793026728"]
    world.clock.advance(2 * 3600 + 1)
    await world.dispatch()
    assert [one.recipient for one in world.carrier.submissions] == ["41793026728", "41793026727"]


SENDS = (
    # community client 5.0.1: every unset option is null
    b'{"bulkId": null, "messages": [{"callbackData": null, "deliveryTimeWindow": null, "destinations": '
    b'[{"messageId": null, "to": "41793026727"}], "flash": false, "from": "InfoSMS", "intermediateReport": '
    b'false, "notifyContentType": null, "notifyUrl": null, "regional": null, "sendAt": null, '
    b'"validityPeriod": null, "text": "hi", "language": null, "transliteration": null, "entityId": null, '
    b'"applicationId": null}], "sendingSpeedLimit": null, "urlOptions": null, "tracking": null}',
    # official client 4.0.0
    b'{"messages": [{"destinations": [{"to": "41793026727"}], "flash": false, "from": "InfoSMS", "text": '
    b'"hi"}], "includeSmsCountInResponse": false}',
    # community Node client: an unknown key
    b'{"type":"text","messages":[{"destinations":[{"to":"41793026727"}],"from":"InfoSMS","text":"hi"}]}',
)


async def test_the_sends_that_clients_write_all_work(world):
    for body in SENDS:
        for path in (f"http://tidings/{ADVANCED}", f"{ADVANCED}.json", f"/restapi{ADVANCED}/"):
            for content_type in ("application/json", "application/json; charset=UTF-8", "text/plain"):
                headers = {**app(world.key), "Content-Type": content_type}
                answer = await world.http.post(path, content=body, headers=headers)
                assert answer.status_code == 200, (path, body)
                assert [row["status"]["id"] for row in answer.json()["messages"]] == [26]


async def test_what_an_account_may_not_do_is_said_row_by_row(world):
    for name, knobs, expected in (
        ("poor", {"balance": "0.03"}, [26, 12]),
        ("named", {"senders": ["Other"]}, [11, 11]),
        ("unpriced", {"price": None}, [6, 6]),
    ):
        customer = await world.account(name, **knobs)
        answer = await send(world, to("41793026727", "41793026728"), key=customer.key)
        assert [row["status"]["id"] for row in answer["messages"]] == expected, name


async def test_structural_faults_send_nothing(world):
    body = {"messages": [to("41793026727"), {"text": "for nobody"}]}

    answer = await world.http.post(ADVANCED, json=body, headers=app(world.key))

    assert answer.status_code == 400
    assert answer.json() == {
        "requestError": {
            "serviceException": {
                "messageId": "BAD_REQUEST",
                "text": "Bad request",
                "validationErrors": {"messages[1].destinations": ["must not be empty"]},
            }
        }
    }
    await world.dispatch()
    assert world.carrier.submissions == []


async def test_a_broken_body_is_the_bare_400(world):
    for content in (b"", b"{", b'{"x":' + b"[" * 100_000, b" " * (16 * 1024 * 1024 + 1)):
        answer = await world.http.post(ADVANCED, content=content, headers=app(world.key))
        assert (answer.status_code, answer.content) == (400, BARE_400), content[:10]


async def test_an_xml_body_is_named_as_the_fault(world):
    headers = {**app(world.key), "Content-Type": "application/xml"}

    answer = await world.http.post(ADVANCED, content=b"<SMSAdvancedTextualRequest/>", headers=headers)

    assert answer.status_code == 400
    assert list(answer.json()["requestError"]["serviceException"]["validationErrors"]) == ["Content-Type"]


SHAPES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from(["41793026727", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["to", "text", "from", "messageId", "sendAt", "validityPeriod", "language", "flash"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=10,
)
ROWS = st.fixed_dictionaries({}, optional={"to": st.none() | st.text(max_size=12), "messageId": st.text()})
BODIES = st.fixed_dictionaries(
    {
        "messages": SHAPES
        | st.lists(
            st.fixed_dictionaries(
                {"destinations": st.lists(ROWS, max_size=3)},
                optional={"from": st.text(max_size=20), "text": st.text(), "callbackData": st.text()},
            ),
            max_size=3,
        )
    },
    optional={"bulkId": st.text(), "tracking": SHAPES},
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, filters=st.lists(st.text(max_size=6), min_size=5, max_size=5), limit=st.text(max_size=5))
async def test_no_request_is_a_server_fault(world, body, filters, limit):
    names = ("bulkId", "messageId", "applicationId", "entityId", "campaignReferenceId")

    sent = await world.http.post(ADVANCED, content=json.dumps(body), headers=app(world.key))
    pulled = await world.http.get(
        REPORTS, params={**dict(zip(names, filters, strict=True)), "limit": limit}, headers=app(world.key)
    )

    assert sent.status_code in (200, 400)
    assert pulled.status_code in (200, 400)
