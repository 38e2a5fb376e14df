"""The native API says what no vendor's vocabulary can."""


async def send(world, **body):
    asked = {"to": "380972000001", "sender": "BSG", "text": "a secret text", **body}
    return await world.http.post("/v1/messages", json=asked, headers=auth(world))


def auth(world, key=None):
    return {"Authorization": f"Bearer {key or world.key}"}


async def test_a_message_is_taken_and_told_with_truth_finality_and_price(world):
    answer = await send(world, reference="order-1")
    assert answer.status_code == 202
    message = answer.json()
    assert message["status"] == {
        "state": "queued",
        "truth": "open",
        "final": False,
        "confirmation": "none",
        "inferred": False,
    }
    assert message["price"] == {"amount": "0.0200000", "currency": "EUR"}
    assert message["reference"] == "order-1"
    await world.deliver_all()
    told = (await world.http.get(f"/v1/messages/{message['id']}", headers=auth(world))).json()
    assert (told["status"]["truth"], told["status"]["confirmation"]) == ("yes", "handset")


async def test_the_timeline_tells_each_step_its_effect_and_never_the_text(world):
    message_id = (await send(world)).json()["id"]
    await world.deliver_all()
    await world.says(message_id, "UNDELIV", "001")
    answer = await world.http.get(f"/v1/messages/{message_id}/timeline", headers=auth(world))
    events = answer.json()["events"]
    assert [(one["kind"], one["status"]["state"]) for one in events] == [
        ("accepted", "queued"),
        ("written", "sending"),
        ("answered", "sent"),
        ("receipt", "delivered"),
        ("receipt", "delivered"),
    ]
    assert [one["seq"] for one in events] == [1, 2, 3, 4, 5]
    assert [one["source"] for one in events] == ["application", "gateway", "carrier", "carrier", "carrier"]
    assert answer.json()["callbacks"] == []
    assert events[0]["terms"] == "all numbers, of every account, position 0"
    assert (events[3]["charged"], events[3]["report"]) == ("0.02", 1)
    assert events[4]["contradiction"] and not events[4]["changed"]
    assert "secret" not in answer.text


async def test_a_traffic_class_is_the_messages_own(world):
    await send(world, traffic_class="promotional")
    world.carrier.mood = "silent"
    await world.dispatch()
    world.clock.advance(61)
    await world.sweep()
    assert await world.dispatch() == 0, "a promotional message in doubt is not sent again"


async def test_a_senders_class_wins_over_the_accounts_and_the_messages_own_over_both(world):
    await world.admin.set_sender_class(world.account_id, "BSG", "promotional")
    await send(world)
    await send(world, traffic_class="otp")
    classes = await world.sql.fetch("select traffic_class::text from message order by id")
    assert [row[0] for row in classes] == ["promotional", "otp"]


async def test_another_accounts_message_and_an_unknown_one_get_the_same_answer(world):
    message_id = (await send(world)).json()["id"]
    other = await world.other_account()
    foreign = await world.http.get(f"/v1/messages/{message_id}", headers=auth(world, other.key))
    unknown = await world.http.get("/v1/messages/999999999", headers=auth(world, other.key))
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content
    assert foreign.headers["content-type"] == "application/problem+json"


async def test_faults_name_their_member_and_change_nothing(world):
    await send(world, reference="taken")
    cases = {
        400: {"to": "12"},
        409: {"reference": "taken"},
    }
    for status, body in cases.items():
        answer = await send(world, **body)
        assert (answer.status_code, answer.json()["field"]) == (status, next(iter(body)))
    for body in ({"surprise": 1}, {"text": ""}, {"validity_s": 1}, {"scheduled_for": "2030-01-01T00:00:00Z"}):
        assert (await send(world, **body)).status_code == 400
    assert await world.sql.fetchval("select count(*) from message") == 1


async def test_without_a_key_nothing_is_told(world):
    answer = await world.http.get("/v1/messages/1")
    assert answer.status_code == 401


async def test_what_is_no_id_and_no_time_is_refused_like_any_other(world):
    for path in ("/v1/messages/x", "/v1/messages/" + "9" * 5000, "/v1/messages/-1/timeline"):
        assert (await world.http.get(path, headers=auth(world))).status_code == 404
    answer = await send(world, scheduled_for="0001-01-01T00:00:00+10:00")
    assert (answer.status_code, answer.json()["field"]) == (400, "scheduled_for")


async def test_a_possible_duplicate_is_told(world):
    message_id = (await send(world)).json()["id"]
    world.carrier.mood = "silent"
    await world.dispatch()
    world.clock.advance(61)
    await world.sweep()
    told = (await world.http.get(f"/v1/messages/{message_id}", headers=auth(world))).json()
    assert told["flags"] == ["possible_duplicate"]
