"""Every error code, as a customer meets it; and that a refusal leaves nothing behind."""

from decimal import Decimal

import httpx
from starlette.applications import Starlette
from v1_customer import FIRST, Customer, phone, phones

from tidings.dialects.bsg_v1.routes import routes
from tidings.dialects.bsg_v1.settings import Settings


def error(answer):
    """An answer that is nothing but an error: its code and text."""
    assert set(answer) == {"error", "errorDescription"}
    return answer["error"], answer["errorDescription"]


def row_error(answer):
    """The code of the only recipient, mirrored at the top and without anything that only a message has."""
    assert set(answer) == {"error", "errorDescription", "reference", "result"}
    assert answer["result"] == {name: answer[name] for name in ("error", "errorDescription", "reference")}
    return answer["error"], answer["errorDescription"]


async def messages(world):
    return await world.sql.fetchval("select count(*) from message")


async def test_a_request_without_a_good_key_is_told_so_whatever_it_asks(world, customer, stranger):
    assert (await stranger.get("common/balance"))["error"] == 0
    account_id = await world.admin.account_id("stranger")
    await world.admin.revoke_all(account_id)
    for key in ("", "live_nobodys", "x" * 5_000, "ключ", world.password, f"{world.key}x", stranger.key):
        for verb, path in (
            ("POST", "/rest/sms/create"),
            ("GET", "/v1.0/sms/1"),
            ("GET", "/rest/sms/no/such"),
        ):
            answer = await world.http.request(verb, path, headers={"X-API-KEY": key.encode()}, content=b"{")
            assert answer.status_code == 200
            assert answer.content == b'{"error":1,"errorDescription":"Invalid API key"}', key
    keyless = await world.http.get("/rest/common/balance")
    assert keyless.content == b'{"error":1,"errorDescription":"Invalid API key"}'


async def test_a_closed_account_has_no_keys(world, stranger):
    assert (await stranger.get("common/balance"))["error"] == 0
    account_id = await world.admin.account_id("stranger")
    await world.admin.close_account(account_id)
    assert error(await stranger.get("common/balance")) == (1, "Invalid API key")


async def test_a_wrong_verb_and_an_unknown_function_of_a_known_module_are_4(customer):
    calls = [("GET", "sms/create"), ("DELETE", "sms/1"), ("POST", "sms/1"), ("PATCH", "sms/create")]
    calls += [("PUT", "common/balance"), ("OPTIONS", "sms/task/1"), ("GET", "sms"), ("GET", "sms/a/b")]
    calls += [
        ("POST", "sms/price"),
        ("GET", "sms/prices"),
        ("GET", "sms/prices/0"),
        ("POST", "sms/getStatus"),
    ]
    calls += [("GET", "common/tariff"), ("POST", "sms/create/1"), ("GET", "mnp/1"), ("GET", "stat/create")]
    calls += [
        ("PUT", "hlr/create"),
        ("PUT", "viber/create"),
        ("PUT", "mnp-sync/create"),
        ("GET", "exports/list"),
    ]
    for verb, path in calls:
        answer = await customer.raw(verb, f"/rest/{path}")
        assert error(answer.json()) == (4, "Invalid request or API method does not exist"), (verb, path)
    assert (
        await customer.world.http.get("/rest/sms2/1", headers={"X-API-KEY": customer.key})
    ).status_code == 404


async def test_what_is_wrong_with_the_whole_request_has_no_result(world, customer):
    texts = {
        7: "Invalid or missing parameters: transliterate",
        10: "Invalid time sent",
        24: "Invalid request payload",
        25: "Invalid originator",
        26: "Invalid sms text",
        27: "Invalid External ID",
        34: "Invalid OTP pattern",
        35: "2way_sms service is not active",
    }
    cases = [
        (7, phone(transliterate=True)),
        (10, phone(send_time="2026-03-02 11:00:00")),
        (10, phones(2, scheduledDatetime="soon")),
        (24, {}),
        (34, {"destination": "otp", "msisdn": str(FIRST), "originator": "BSG", "body": "no code"}),
        (24, phones([])),
        (24, {"destination": "individual"}),
        (25, phone(originator="x" * 61)),
        (26, phone(body="")),
        (26, phones([], body="")),
        (27, phones(2, reference="/\\|")),
        (35, phone(**{"2way": True})),
    ]
    for code, payload in cases:
        assert error(await customer.create(**payload)) == (code, texts[code]), payload
    assert await messages(world) == 0


async def test_a_batch_beyond_the_limit_is_12(world, customer):
    rows = [{"msisdn": str(FIRST + n)} for n in range(10_001)]
    assert error(await customer.phones(rows)) == (12, "Exceeded batch size limit")
    assert await messages(world) == 0


async def test_a_body_beyond_the_limit_is_a_bad_payload(customer):
    body = b'{"destination":"phone","body":"' + b"x" * (16 * 1024 * 1024)
    answer = await customer.raw("POST", "/rest/sms/create", body)
    assert error(answer.json()) == (24, "Invalid request payload")


async def test_what_is_wrong_with_a_recipient_stands_in_its_row(world, customer):
    await world.admin.set_tariff(world.account_id, tariff=5, active=False)
    await customer.phone(reference="used")
    cases = [
        ((21, "Invalid MSISDN"), {"msisdn": "3809729"}),
        ((21, "Invalid MSISDN"), {"msisdn": ""}),
        ((21, "Invalid MSISDN"), {"msisdn": "0972920000"}),
        ((21, "Invalid MSISDN"), {"msisdn": "3809729x0000"}),
        ((21, "Invalid MSISDN"), {"msisdn": "9" * 200, "reference": None}),
        ((22, "External ID absent"), {"reference": None}),
        ((22, "External ID absent"), {"reference": "", "validity": "x"}),
        ((23, "External ID already exists"), {"reference": "used"}),
        ((27, "Invalid External ID"), {"reference": "ext_id\\|/"}),
        ((28, "Invalid validity time"), {"validity": "x", "tariff": 111}),
        ((6, "Invalid price grid parameter"), {"tariff": 111}),
        ((6, "Invalid price grid parameter"), {"tariff": "asd"}),
        ((6, "Invalid price grid parameter"), {"tariff": -21}),
        ((9, "Inactive price grid"), {"tariff": 5}),
    ]
    for expected, members in cases:
        answer = await customer.phone(**members)
        assert row_error(answer) == expected, members
        assert answer["reference"] == (members.get("reference") or "")
    assert await messages(world) == 1


async def test_senders_prices_routes_and_money_are_looked_at_last(world, customer):
    picky = await world.account("picky", senders=["Shop"])
    unpriced = await world.account("unpriced", price=None)
    await world.admin.set_price(unpriced.account_id, tariff=0, prefix="49", per_part=Decimal(1))
    poor = await world.account("poor", balance="0.03")
    cases = [
        (picky, (32, "Originator not allowed")),
        (unpriced, (33, "Direction not allowed")),
    ]
    for one, expected in cases:
        assert row_error(await Customer(world, one.key).phone(reference="r"))[:2] == expected
    rich = await Customer(world, picky.key).phone(originator="Shop", reference="r")
    assert rich["error"] == 0
    answer = await Customer(world, poor.key).phones(3)
    assert [row["error"] for row in answer["result"]] == [0, 8, 8]
    assert answer["result"][1]["errorDescription"] == "Not enough money"
    assert (await Customer(world, poor.key).get("common/balance"))["amount"] == "0.01"


async def test_good_rows_are_taken_beside_bad_ones_in_the_requests_order(world, customer):
    rows = [
        {"msisdn": str(FIRST), "reference": "a"},
        {"msisdn": "nobody", "reference": "b"},
        {"msisdn": str(FIRST), "reference": "c"},
        {"msisdn": str(FIRST + 1), "reference": "a"},
        "380972920002",
        {"msisdn": str(FIRST + 3)},
        {"msisdn": str(FIRST + 4), "reference": None},
        {"msisdn": f"+{FIRST + 5}", "reference": 77},
    ]
    answer = await customer.phones(rows)
    assert [row["error"] for row in answer["result"]] == [0, 21, 31, 23, 21, 0, 22, 0]
    assert [row["reference"] for row in answer["result"]][:5] == ["a", "b", "c", "a", ""]
    assert (answer["error"], answer["total_price"], answer["totalprice"]) == (0, 0.06, 0.06)
    assert (await customer.get(f"sms/task/{answer['task_id']}"))["totalprice"] == 0.06
    assert (await customer.phone(reference="b"))["error"] == 0
    assert await messages(world) == 4


async def test_individual_rows_fail_by_their_own_sender_and_text(customer):
    rows = [
        {"msisdn": str(FIRST), "originator": "A", "body": "one"},
        {"msisdn": str(FIRST + 1), "body": "no sender"},
        {"msisdn": str(FIRST + 2), "originator": "A", "body": ""},
        {"msisdn": str(FIRST + 3), "originator": "x" * 16, "body": ""},
    ]
    answer = await customer.create(destination="individual", phones=rows)
    assert [row["error"] for row in answer["result"]] == [0, 25, 26, 25]


async def test_a_list_of_one_collapses_and_a_list_of_which_nothing_was_taken_has_no_task(customer):
    taken = await customer.phones([{"msisdn": str(FIRST), "reference": "a"}])
    assert taken["result"]["id"] and taken["task_id"] and taken["currency"] == "EUR"
    refused = await customer.phones([{"msisdn": str(FIRST), "reference": "a"}])
    assert refused == {
        "error": 23,
        "errorDescription": "External ID already exists",
        "result": {"error": 23, "errorDescription": "External ID already exists", "reference": "a"},
        "total_price": 0,
        "totalprice": 0,
    }
    both = await customer.phones([{"msisdn": "1"}, {"msisdn": "2"}])
    assert [row["error"] for row in both["result"]] == [21, 21]
    assert "task_id" not in both and (both["total_price"], both["currency"]) == (0, "EUR")


async def test_names_that_cannot_be_and_names_that_are_not(customer):
    long = "9" * 21
    cases = {
        20: f"1 {'9' * 20} {long} nobody a%20b a%0A %00 -5 reference/nobody reference/12345678",
        27: f"reference/a%20b reference/a%2Fb reference/a/b reference reference/%00 reference/{'x' * 51}",
        29: f"task/wrong%20status task/-1 task_id/x task task/{long} task/%D9%A1 task/1/2 task/1%0A",
        30: f"task/1 task_id/123 task/{'9' * 20}",
        35: "2waySenders 2wayIncoming?start_date=2026-01-01&end_date=2026-02-01",
    }
    texts = {20: "SMS not found", 27: "Invalid External ID", 29: "Invalid task ID", 30: "Task not found"}
    for code, paths in cases.items():
        for path in paths.split(" "):
            answer = await customer.get(f"sms/{path}")
            assert error(answer) == (code, texts.get(code, "2way_sms service is not active")), path


async def test_a_database_that_is_away_is_11_and_our_own_fault_is_a_500(world, customer):
    app = Starlette(routes=routes(world.gateway, clock=world.clock, settings=Settings()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://tidings", headers={"X-API-KEY": world.key}
    ) as http:
        assert (await http.get("/rest/sms/1")).json()["error"] == 20
        await world.sql.execute("alter table message rename column recipient to elsewhere")
        for broken in (await http.get("/rest/sms/1"), await http.post("/rest/sms/create", json=phone())):
            assert broken.status_code == 500
            assert broken.content == (
                b'{"error":5,"errorDescription":"Unknown error","code":500,"message":"Unknown error"}'
            )
        await world.database.close()
        busy = "Exceeded limit for messages processed simultaneously"
        for away in (await http.get("/rest/sms/1"), await http.post("/rest/sms/create", json=phone())):
            assert (away.status_code, error(away.json())) == (200, (11, busy))
