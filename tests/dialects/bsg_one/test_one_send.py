"""POST /api/campaigns/sms/send, the campaign read back, and the balance."""

import json
from datetime import timedelta

from one_client_rules import check_balance, check_campaign
from one_customer import FIRST, SEND, login, request

INVALID = "The given data was invalid."


def shown(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S}"


async def test_the_smallest_request_in_bytes(world, customer):
    body = b'{"phones":[{"number":380661231231}],"sender":"Vet klinika","text":"test"}'
    headers = {**customer.headers, "Content-Type": "application/json"}
    answer = await world.http.post(SEND, content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    check_campaign(answer.json())
    now, campaign_id = shown(world.clock.now()), answer.json()["data"]["id"]
    assert answer.json() == {
        "data": {
            "id": campaign_id,
            "name": f"SMS api campaign / {now}",
            "sender": "Vet klinika",
            "status": "done",
            "message_type": "sms",
            "start_at": now,
            "real_start_at": None,
            "finished_at": None,
            "created_at": now,
            "statistics": {"delivered": 0, "sent": 0},
            "calculated_price": 0.02,
            "currency": "EUR",
            "alternative_channels": None,
        }
    }
    assert b'"calculated_price":0.02,' in answer.content


async def test_the_request_of_a_published_client(world, customer):
    start = world.clock.now() + timedelta(days=1)
    body = {
        "phones": [{"number": FIRST}],
        "sender": "BSG",
        "text": "Hi",
        "validity": 72,
        "start_at": f"{start:%Y-%m-%dT%H:%M:%S}",
        "transliterate": False,
    }
    data = await customer.send(**body)
    assert (data["status"], data["start_at"]) == ("scheduled", shown(start))
    message = await customer.only(filter__campaign_id=data["id"])
    assert (message["status"], message["validity"]) == ("scheduled", 72)


async def test_the_complete_request_arrives_member_by_member(world, customer):
    phones = [
        {"number": FIRST, "reference_id": "f2d37bf77f6242daa83f23b0cc84b627"},
        {"number": str(FIRST + 1), "reference_id": "f2d37bf77f6242daa83f23b0cc84b628"},
    ]
    data = await customer.send(
        phones=phones, sender="supercredit", text="ї" * 71, tariff_code=None, validity=24, callback_url=None
    )
    assert data["calculated_price"] == 0.08  # two parts to two phones
    page = await customer.messages(filter__campaign_id=data["id"])
    assert [row["reference_id"] for row in page["data"]] == [phone["reference_id"] for phone in phones]
    assert [row["phone"] for row in page["data"]] == [FIRST, FIRST + 1]
    for row in page["data"]:
        assert (row["text"], row["sender"], row["parts"]) == ("ї" * 71, "supercredit", 2)
        assert (row["validity"], row["amount"]) == (24, {"value": "0.0400000", "currency": "EUR"})


async def test_what_was_sent_reaches_the_carrier(world, customer):
    await customer.send(phones=3, text="Hello")
    await world.dispatch()
    taken = [(sent.recipient, sent.sender, sent.text) for sent in world.carrier.submissions]
    assert sorted(taken) == [(str(FIRST + i), "BSG", "Hello") for i in range(3)]


async def test_a_start_to_come_is_waited_for(world, customer):
    start = world.clock.now() + timedelta(hours=5)
    await customer.send(start_at=shown(start))
    await world.dispatch()
    assert not world.carrier.submissions
    world.clock.advance(5 * 3600 + 1)
    await world.dispatch()
    assert len(world.carrier.submissions) == 1


async def test_a_start_with_an_offset_is_the_moment_it_names(world, customer):
    start = world.clock.now() + timedelta(hours=5)
    data = await customer.send(start_at=f"{start + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00")
    assert data["start_at"] == shown(start)


async def test_validity_in_seconds_is_shown_in_whole_hours(customer):
    for seconds, hours in ((30, 1), (7201, 3), (86_400, 24)):
        data = await customer.send(validity=72, validity_seconds=seconds)
        row = await customer.only(filter__campaign_id=data["id"])
        assert row["validity"] == hours


async def test_validity_is_what_the_carrier_is_told(world, customer):
    await customer.send(validity_seconds=600)
    await world.dispatch()
    assert world.carrier.submissions[0].validity_s == 600


async def test_validation_says_everything_at_once(customer):
    body = {"phones": [{"number": 5}, {"number": FIRST, "reference_id": "a-b"}], "sender": "", "validity": 73}
    answer = await customer.refused("POST", SEND, json=body)
    assert answer["message"] == INVALID
    assert set(answer["errors"]) == {"phones0number", "phones1reference_id", "sender", "text", "validity"}


async def test_a_refused_request_leaves_no_trace(world, customer):
    before = await customer.get("/api/accounts/balance")
    phones = [{"number": FIRST}, {"number": FIRST}]
    await customer.refused("POST", SEND, json=request(phones=phones))
    await customer.refused(
        "POST", SEND, json=request(phones=[{"number": FIRST}, {"number": 999_999_999_999}])
    )
    assert (await customer.messages())["meta"]["page"]["total"] == 0
    assert await customer.get("/api/accounts/balance") == before


async def test_a_number_that_no_country_has_names_its_place(customer):
    phones = [{"number": FIRST}, {"number": 999_999_999_999}]
    answer = await customer.refused("POST", SEND, json=request(phones=phones))
    assert list(answer["errors"]) == ["phones1number"]


async def test_a_national_number_names_its_place(customer):
    answer = await customer.refused("POST", SEND, json=request(phones=[{"number": "0661231231"}]))
    assert list(answer["errors"]) == ["phones0number"]


async def test_a_number_twice_names_the_second(customer):
    phones = [{"number": FIRST}, {"number": FIRST + 1}, {"number": f"+{FIRST}"}]
    answer = await customer.refused("POST", SEND, json=request(phones=phones))
    assert list(answer["errors"]) == ["phones2number"]


async def test_a_reference_is_used_once(customer):
    await customer.send(phones=[{"number": FIRST, "reference_id": "order1"}])
    phones = [{"number": FIRST}, {"number": FIRST + 1, "reference_id": "order1"}]
    answer = await customer.refused("POST", SEND, json=request(phones=phones))
    assert answer["message"] == INVALID
    assert list(answer["errors"]) == ["phones1reference_id"]


async def test_a_reference_twice_in_one_request_names_the_second(customer):
    phones = [{"number": FIRST + i, "reference_id": "order1"} for i in range(2)]
    answer = await customer.refused("POST", SEND, json=request(phones=phones))
    assert list(answer["errors"]) == ["phones1reference_id"]
    assert (await customer.messages())["meta"]["page"]["total"] == 0


async def test_a_reference_of_another_account_is_free(customer, stranger):
    for who in (customer, stranger):
        await who.send(phones=[{"number": FIRST, "reference_id": "order1"}])


async def test_a_tariff_nobody_has_is_not_found(customer):
    for code in (7, 10, -1):
        answer = await customer.refused("POST", SEND, json=request(tariff_code=code))
        assert answer == {"message": "Tariff was not found", "errors": []}


async def test_a_sender_off_the_list_is_refused(world):
    other = await world.account("shop", senders=["SHOP"])
    customer = await login(world, other.key)
    await customer.send(sender="SHOP")
    answer = await customer.refused("POST", SEND, json=request(sender="BSG"))
    assert list(answer["errors"]) == ["sender"]


async def test_more_than_the_money_will_do_for_is_refused_whole(world):
    other = await world.account("poor", balance="0.05")
    customer = await login(world, other.key)
    answer = await customer.refused("POST", SEND, json=request(phones=3))
    assert answer == {"message": "Not enough funds on the balance", "errors": []}
    assert (await customer.messages())["meta"]["page"]["total"] == 0
    assert (await customer.send(phones=2))["calculated_price"] == 0.04


async def test_what_is_not_built_is_refused_by_name(customer):
    links = [{"link": "https://example.com", "placeholder": "LINK"}]
    answer = await customer.refused("POST", SEND, json=request(transliterate=True, short_links=links))
    assert set(answer["errors"]) == {"transliterate", "short_links"}


async def test_a_body_that_is_no_json_object_is_refused(customer):
    for body in (b"", b"[]", b"{", b"\xff", b'{"unknown":' + b"[" * 100_000, b'"text"', b"null"):
        answer = await customer.refused("POST", SEND, content=body)
        assert answer["message"] == INVALID
        assert list(answer["errors"]) == ["body"]


async def test_a_body_without_end_is_cut_off(customer):
    async def endless():
        for _ in range(200):
            yield b" " * 65_536

    answer = await customer.refused("POST", SEND, status=413, content=endless())
    assert answer["code"] == 413


async def test_ten_thousand_phones_are_one_campaign(customer):
    phones = [{"number": FIRST + i, "reference_id": f"ref{i}"} for i in range(10_000)]
    data = await customer.send(phones=phones)
    assert data["calculated_price"] == 200
    page = await customer.messages(filter__campaign_id=data["id"], page__limit=500, page__offset=9_990)
    assert page["meta"]["page"] == {"total": 10_000, "offset": 9_990, "limit": 500}
    assert [row["reference_id"] for row in page["data"]] == [f"ref{i}" for i in range(9_990, 10_000)]


async def test_a_campaign_is_read_back_as_it_goes(world, customer):
    data = await customer.send(phones=2)
    path = f"/api/campaigns/{data['id']}"
    fresh = await customer.get(path)
    check_campaign(fresh)
    assert (fresh["data"]["status"], fresh["data"]["statistics"]) == ("sending", {"delivered": 0, "sent": 0})
    assert (fresh["data"]["calculated_price"], fresh["data"]["currency"]) == (0, None)
    for name in ("id", "name", "sender", "message_type", "start_at", "created_at"):
        assert fresh["data"][name] == data[name]
    await world.dispatch()
    handed_over = await customer.get(path)
    assert handed_over["data"]["statistics"] == {"delivered": 0, "sent": 2}
    assert handed_over["data"]["status"] == "done"
    first = (await customer.messages(filter__campaign_id=data["id"]))["data"][0]
    await world.says(first["id"], "DELIVRD")
    assert (await customer.get(path))["data"]["statistics"] == {"delivered": 1, "sent": 2}


async def test_a_scheduled_campaign_says_so(world, customer):
    data = await customer.send(start_at=shown(world.clock.now() + timedelta(hours=1)))
    assert (await customer.get(f"/api/campaigns/{data['id']}"))["data"]["status"] == "scheduled"


async def test_a_campaign_of_nobody_and_of_another_get_the_same_answer(customer, stranger):
    data = await customer.send()
    foreign = await stranger.ask("GET", f"/api/campaigns/{data['id']}")
    unknown = await stranger.ask("GET", "/api/campaigns/999999999999999999")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content == b'{"message":"Model not found"}'


async def test_what_is_no_campaign_id_is_not_found(customer):
    for campaign in ("abc", "1.5", "-1", "9" * 5000, "%00", "١"):
        answer = await customer.world.http.get(f"/api/campaigns/{campaign}", headers=customer.headers)
        assert answer.status_code == 404


async def test_the_balance_is_exact_numbers(world, customer):
    await customer.send()
    answer = await customer.ask("GET", "/api/accounts/balance")
    check_balance(answer.json())
    assert answer.content == b'{"data":{"balance":999.98,"currency":"EUR","credit":0}}'


async def test_a_test_key_sends_for_nothing(world):
    tester = await login(world, world.test_key)
    before = await tester.get("/api/accounts/balance")
    data = await tester.send()
    assert (await tester.get("/api/accounts/balance")) == before
    check_campaign({"data": data})


async def test_no_answer_repeats_the_text(customer):
    answer = await customer.refused("POST", SEND, json=request(phones=[], text="a secret code"))
    assert "secret" not in json.dumps(answer)
