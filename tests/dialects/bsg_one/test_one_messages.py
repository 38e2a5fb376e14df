"""GET /api/messages: what became of what was sent."""

import json
from datetime import timedelta

from one_client_rules import check_message, check_message_list
from one_customer import FIRST, bracketed, login


def shown(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S}"


async def test_a_fresh_message_in_bytes(world, customer):
    sent = await customer.send(phones=[{"number": FIRST, "reference_id": "abc"}])
    url = f"/api/messages?filter%5Bcampaign_id%5D={sent['id']}&page%5Blimit%5D=40&page%5Boffset%5D=0"
    answer = await world.http.get(url, headers=customer.headers)
    assert answer.headers["content-type"] == "application/json"
    check_message_list(answer.json())
    message_id = answer.json()["data"][0]["id"]
    amount = {"value": "0.0200000", "currency": "EUR"}
    assert answer.json() == {
        "data": [
            {
                "id": message_id,
                "campaign_id": sent["id"],
                "reference_id": "abc",
                "type": "sms",
                "source": "rest",
                "text": "Hi",
                "phone": FIRST,
                "validity": 72,
                "status": "accepted",
                "amount": amount,
                "sender": "BSG",
                "created_at": shown(world.clock.now()),
                "sent_at": None,
                "delivered_at": None,
                "country": "UA",
                "parts": 1,
                "rcs_options": None,
                "alternative_channels": None,
                "amont": [amount],
            }
        ],
        "meta": {"page": {"total": 1, "offset": 0, "limit": 40}},
    }


async def test_a_message_is_followed_to_its_delivery(world, customer):
    await customer.send()
    assert (await customer.only())["status"] == "accepted"
    world.clock.advance(5)
    await world.dispatch()
    sent_at = shown(world.clock.now())
    row = await customer.only()
    assert (row["status"], row["sent_at"], row["delivered_at"]) == ("sent", sent_at, None)
    world.clock.advance(5)
    await world.says(row["id"], "DELIVRD")
    row = await customer.only()
    assert (row["status"], row["sent_at"]) == ("delivered", sent_at)
    assert row["delivered_at"] == shown(world.clock.now())
    check_message(row)


SAID = [
    ("DELIVRD", None, "delivered"),
    ("EXPIRED", None, "expired"),
    ("UNDELIV", "001", "undelivered"),
    ("UNDELIV", "027", "expired"),  # the phone was off: the number is good
    ("REJECTD", None, "undelivered"),
    ("DELETED", None, "undelivered"),
    ("ACCEPTD", None, "sent"),
    ("ENROUTE", None, "sent"),
    ("UNKNOWN", None, "sent"),
    ("NONSENSE", None, "sent"),
]


async def test_what_the_carrier_says_has_its_word(world, customer):
    sent = await customer.send(phones=len(SAID))
    await world.dispatch()
    rows = (await customer.messages(filter__campaign_id=sent["id"]))["data"]
    for row, (word, err, _) in zip(rows, SAID, strict=True):
        await world.says(row["id"], word, err=err)
    page = await customer.messages(filter__campaign_id=sent["id"])
    check_message_list(page)
    assert [row["status"] for row in page["data"]] == [status for _, _, status in SAID]
    for row in page["data"]:
        assert (row["delivered_at"] is not None) == (row["status"] != "sent")


async def test_silence_ends_unknown_and_without_a_time_of_report(world, customer):
    await customer.send(validity=1)
    await world.dispatch()
    world.clock.advance(26 * 3600)
    await world.sweep()
    row = await customer.only()
    assert (row["status"], row["delivered_at"]) == ("unknown", None)
    assert row["sent_at"] is not None
    check_message(row)


async def test_what_was_never_sent_expires_without_a_time_of_report(world, customer):
    await customer.send(validity=1)
    world.clock.advance(2 * 3600)
    await world.sweep()
    row = await customer.only()
    assert (row["status"], row["sent_at"], row["delivered_at"]) == ("expired", None, None)
    assert row["amount"]["value"] == "0.0000000"
    check_message(row)


async def test_what_the_carrier_refuses_has_failed_and_costs_nothing(world, customer):
    world.carrier.mood = "refuse"
    await customer.send()
    await world.dispatch()
    row = await customer.only()
    assert (row["status"], row["amount"]["value"]) == ("failed", "0.0000000")
    check_message(row)


async def test_a_lost_answer_is_still_sending(world, customer):
    world.carrier.mood = "silent"
    await customer.send()
    await world.dispatch()
    row = await customer.only()
    assert row["status"] == "sending"
    check_message(row)


async def test_a_late_delivery_corrects_a_failure(world, customer):
    await customer.send()
    await world.dispatch()
    message_id = (await customer.only())["id"]
    await world.says(message_id, "UNDELIV", err="001")
    await world.says(message_id, "DELIVRD")
    assert (await customer.only())["status"] == "delivered"
    await world.says(message_id, "EXPIRED")
    assert (await customer.only())["status"] == "delivered"


async def test_a_long_message_is_delivered_when_all_its_parts_are(world, customer):
    await customer.send(text="a" * 161)
    await world.dispatch()
    row = await customer.only()
    assert (row["parts"], row["amount"]["value"]) == (2, "0.0400000")
    await world.says(row["id"], "DELIVRD", part=1)
    assert (await customer.only())["status"] == "sent"
    await world.says(row["id"], "DELIVRD", part=2)
    assert (await customer.only())["status"] == "delivered"


async def test_each_filter_finds_its_message(customer):
    first = await customer.send(phones=[{"number": FIRST, "reference_id": "first"}])
    await customer.send(phones=[{"number": FIRST + 1, "reference_id": "second"}])
    row = await customer.only(filter__reference_id="first")
    assert row["campaign_id"] == first["id"]
    assert await customer.only(filter__id=row["id"]) == row
    assert await customer.only(filter__campaign_id=first["id"]) == row
    assert await customer.only(filter__id=row["id"], filter__reference_id="first") == row
    both = await customer.messages(filter__id=row["id"], filter__reference_id="second")
    assert both == {"data": [], "meta": {"page": {"total": 0, "offset": 0, "limit": 50}}}


async def test_a_generated_reference_finds_its_message(customer):
    await customer.send(phones=2)
    row = (await customer.messages())["data"][1]
    assert await customer.only(filter__reference_id=row["reference_id"]) == row


async def test_a_message_of_nobody_and_of_another_get_the_same_answer(customer, stranger):
    sent = await customer.send(phones=[{"number": FIRST, "reference_id": "mine"}])
    row = await customer.only()
    filters = [
        ({"filter__id": row["id"]}, {"filter__id": 10**15}),
        ({"filter__campaign_id": sent["id"]}, {"filter__campaign_id": 10**15}),
        ({"filter__reference_id": "mine"}, {"filter__reference_id": "nobodys"}),
        ({"filter__reference_id": "mine"}, {"filter__reference_id": "x" * 200}),
    ]
    for foreign, unknown in filters:
        answers = [
            await stranger.ask("GET", "/api/messages", params=bracketed(params))
            for params in (foreign, unknown)
        ]
        empty = b'{"data":[],"meta":{"page":{"total":0,"offset":0,"limit":50}}}'
        assert [answer.content for answer in answers] == [empty, empty]


async def test_pages_cover_the_list_once(customer):
    await customer.send(phones=40)
    seen = []
    for offset in (0, 15, 30):
        page = await customer.messages(page__limit=15, page__offset=offset)
        assert page["meta"]["page"] == {"total": 40, "offset": offset, "limit": 15}
        seen += [row["id"] for row in page["data"]]
    assert len(seen) == len(set(seen)) == 40
    assert seen == sorted(seen)
    assert (await customer.messages(page__offset=1000))["data"] == []


async def test_a_page_is_fifty_unless_asked(customer):
    await customer.send(phones=60)
    page = await customer.messages()
    assert len(page["data"]) == 50
    assert page["meta"]["page"] == {"total": 60, "offset": 0, "limit": 50}


async def test_the_list_is_sorted_as_asked(world, customer):
    for number in (FIRST + 2, FIRST, FIRST + 1):
        await customer.send(phones=[{"number": number}])
    await world.dispatch()
    ids = [row["id"] for row in (await customer.messages())["data"]]
    for message_id in (ids[1], ids[0], ids[2]):
        world.clock.advance(1)
        await world.says(message_id, "DELIVRD")

    async def sorted_by(sort, way):
        return [row["id"] for row in (await customer.messages(sort=sort, way=way))["data"]]

    by_phone, by_delivery = [ids[1], ids[2], ids[0]], [ids[1], ids[0], ids[2]]
    for sort, ascending in (("id", ids), ("phone", by_phone), ("delivered", by_delivery)):
        assert await sorted_by(sort, "asc") == ascending
        assert await sorted_by(sort, "desc") == ascending[::-1]


async def test_the_dates_bound_the_time_of_creation(world, customer):
    early = world.clock.now()
    await customer.send(phones=[{"number": FIRST, "reference_id": "early"}])
    world.clock.advance(3600)
    late = world.clock.now()
    await customer.send(phones=[{"number": FIRST, "reference_id": "late"}])

    async def found(**params):
        return [row["reference_id"] for row in (await customer.messages(**params))["data"]]

    assert await found() == ["early", "late"]
    assert await found(filter__to=shown(early)) == ["early"]
    assert await found(filter__from=shown(late)) == ["late"]
    assert await found(filter__from=shown(early), filter__to=shown(late)) == ["early", "late"]
    between = early + timedelta(minutes=30)
    for form in (
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%S.%f+0000",
        "%Y-%m-%dT%H:%M:%SZ",
    ):
        assert await found(filter__to=between.strftime(form)) == ["early"]
        assert await found(filter__from=between.strftime(form)) == ["late"]


async def test_what_is_older_than_three_months_is_not_shown(world, customer):
    await customer.send()
    created = world.clock.now()
    world.clock.advance(93 * 86_400)
    customer = await login(world, world.key)
    assert (await customer.messages())["data"] == []
    window = {"filter__from": shown(created), "filter__to": shown(created + timedelta(days=1))}
    assert len((await customer.messages(**window))["data"]) == 1


OUT_OF_BOUNDS = [
    ({"page__limit": 14}, {"pagelimit"}),
    ({"page__limit": 501}, {"pagelimit"}),
    ({"page__offset": -1}, {"pageoffset"}),
    ({"filter__id": 0}, {"filterid"}),
    ({"filter__campaign_id": "x"}, {"filtercampaign_id"}),
    ({"sort": "status"}, {"sort"}),
    ({"way": "sideways"}, {"way"}),
    ({"filter__from": "2020-01-01 00:00:00"}, {"filterfrom"}),
    ({"filter__from": "soon"}, {"filterfrom"}),
    ({"filter__to": "2999-01-01 00:00:00"}, {"filterto"}),
    ({"page__limit": 1, "sort": "x", "way": "y"}, {"pagelimit", "sort", "way"}),
]


async def test_a_parameter_out_of_its_bounds_is_refused_by_name(customer):
    for params, errors in OUT_OF_BOUNDS:
        answer = await customer.refused("GET", "/api/messages", params=bracketed(params))
        assert answer["message"] == "The given data was invalid."
        assert set(answer["errors"]) == errors


async def test_the_price_stays_when_delivered_and_goes_when_refused(world, customer):
    await customer.send()
    await world.dispatch()
    row = await customer.only()
    assert row["amount"]["value"] == "0.0200000"
    await world.says(row["id"], "UNDELIV", err="001")
    assert (await customer.only())["amount"]["value"] == "0.0200000"  # a carrier took it


async def test_an_answer_holds_no_float(customer):
    await customer.send()
    answer = await customer.ask("GET", "/api/messages")

    def no_float(_text):
        raise AssertionError("a float in a list of messages")

    json.loads(answer.content, parse_float=no_float)


async def test_what_came_by_another_api_is_shown_too(world, customer):
    destinations = [{"to": str(FIRST), "messageId": "MESSAGE-ID-1"}, {"to": "nobody"}]
    body = {"messages": [{"from": "BSG", "destinations": destinations, "text": "Hi"}]}
    headers = {"Authorization": f"App {world.key}"}
    answer = await world.http.post("/sms/2/text/advanced", json=body, headers=headers)
    assert answer.status_code == 200
    page = await customer.messages()
    check_message_list(page)
    taken, refused = page["data"]
    assert (taken["phone"], taken["status"], taken["source"]) == (FIRST, "accepted", "rest")
    assert await customer.only(filter__reference_id="MESSAGE-ID-1") == taken
    assert (refused["phone"], refused["status"]) == (None, "failed")
    campaign = await customer.get(f"/api/campaigns/{taken['campaign_id']}")
    assert campaign["data"]["id"] == taken["campaign_id"]
