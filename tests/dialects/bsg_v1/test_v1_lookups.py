"""Asking what happened: by id, by reference and by task, on the one path and on the clients' own paths."""

from v1_customer import FIRST, Customer, phones


async def test_a_delivered_message_reads_so_under_each_of_its_names(world, customer):
    sent = await customer.phone(reference="ext_id_19", body="x" * 161)
    await world.dispatch()
    world.clock.advance(3)
    on_its_way = await customer.get("sms/ext_id_19")
    assert (on_its_way["status"], on_its_way["time_dr"], on_its_way["price"]) == ("sent", None, 0.04)
    world.clock.advance(4)
    await world.says(int(sent["id"]), "DELIVRD", "000")
    answers = [
        await customer.raw("GET", f"{prefix}/sms/{name}")
        for prefix in ("/rest", "/v1.0")
        for name in (sent["id"], "ext_id_19", "reference/ext_id_19")
    ]
    assert {answer.content for answer in answers} == {
        b'{"error":0,"errorDescription":"No errors","id":"%s","msisdn":"380972920000","reference":"ext_id_19",'
        b'"time_in":"2026-03-02 12:00:00","time_sent":"2026-03-02 12:00:00","time_dr":"2026-03-02 12:00:07",'
        b'"status":"delivered","price":0.04,"currency":"EUR"}' % sent["id"].encode()
    }


async def test_a_number_is_a_message_then_a_task_then_a_reference(world, customer):
    bulk = await customer.phones(2)
    task_id, message_id = bulk["task_id"], bulk["result"][0]["id"]
    await customer.phone(reference=task_id, msisdn=str(FIRST + 7))
    await customer.phone(reference=message_id, msisdn=str(FIRST + 8))
    await customer.phone(reference="00000077", msisdn=str(FIRST + 9))
    assert (await customer.get(f"sms/{message_id}"))["msisdn"] == str(FIRST)
    assert (await customer.get(f"sms/{task_id}"))["validity"] == 72
    assert (await customer.get(f"sms/{task_id}")) == await customer.get(f"sms/task_id/{task_id}")
    assert (await customer.get(f"sms/reference/{task_id}"))["msisdn"] == str(FIRST + 7)
    assert (await customer.get(f"sms/reference/{message_id}"))["msisdn"] == str(FIRST + 8)
    assert (await customer.get("sms/00000077"))["msisdn"] == str(FIRST + 9)


async def test_what_belongs_to_somebody_else_is_answered_as_what_is_not_there(customer, stranger):
    bulk = await customer.phones(2)
    task_id, message_id, unknown = bulk["task_id"], bulk["result"][0]["id"], "987654321"
    pairs = [
        (f"sms/{message_id}", f"sms/{unknown}"),
        (f"sms/{task_id}", f"sms/{unknown}"),
        (f"sms/task/{task_id}", f"sms/task/{unknown}"),
        ("sms/reference/r0", "sms/reference/nobody"),
        ("sms/r0", "sms/nobody"),
    ]
    for foreign, absent in pairs:
        answers = [await stranger.raw("GET", f"/rest/{path}") for path in (foreign, absent)]
        assert answers[0].content == answers[1].content, foreign
    assert (await stranger.phone(reference="r0"))["error"] == 0


async def test_a_task_counts_exactly_the_words_its_messages_read(world, customer):
    bulk = await customer.phones(8)
    ids = [row["id"] for row in bulk["result"]]
    await agrees(customer, bulk["task_id"], ids)
    await world.dispatch()
    await agrees(customer, bulk["task_id"], ids)
    receipts = [
        ("DELIVRD", "000"),
        ("EXPIRED", None),
        ("UNDELIV", "027"),
        ("UNDELIV", "001"),
        ("REJECTD", None),
    ]
    for message_id, (word, err) in zip(ids, receipts, strict=False):
        await world.says(int(message_id), word, err)
        await agrees(customer, bulk["task_id"], ids)
    world.clock.advance(5 * 24 * 3600)
    await world.sweep()
    counted = await agrees(customer, bulk["task_id"], ids)
    assert counted == {"sent": 8, "delivered": 1, "expired": 2, "undeliverable": 1, "unknown": 3}
    await world.says(int(ids[1]), "DELIVRD", "000")
    counted = await agrees(customer, bulk["task_id"], ids)
    assert counted == {"sent": 8, "delivered": 2, "expired": 1, "undeliverable": 1, "unknown": 3}


async def agrees(customer, task_id, ids):
    """The task's counters; each but `sent` is the number of messages that read that word, and prices add up."""
    task = await customer.get(f"sms/{task_id}")
    read = [await customer.get(f"sms/{message_id}") for message_id in ids]
    words = [message["status"] for message in read]
    for word in ("delivered", "expired", "undeliverable", "unknown"):
        assert task[word] == words.count(word), word
    assert task["delivered"] + task["unknown"] <= task["sent"] <= len(ids)
    assert task["totalprice"] == round(sum(message["price"] for message in read), 7)
    return {name: task[name] for name in ("sent", "delivered", "expired", "undeliverable", "unknown")}


async def test_only_a_report_that_reached_us_has_a_time(world, customer):
    silent, refused, absent = [
        (await customer.phone(msisdn=str(FIRST + n), validity=1))["id"] for n in range(3)
    ]
    await world.dispatch()
    await world.says(int(refused), "REJECTD")
    await world.says(int(absent), "UNDELIV", "027")
    world.clock.advance(3600 * 26)
    await world.sweep()
    read = {name: await customer.get(f"sms/{name}") for name in (silent, refused, absent)}
    assert {name: (one["status"], one["time_dr"]) for name, one in read.items()} == {
        silent: ("unknown", None),
        refused: ("rejected", "2026-03-02 12:00:00"),
        absent: ("expired", "2026-03-02 12:00:00"),
    }
    assert {one["time_sent"] for one in read.values()} == {"2026-03-02 12:00:00"}


async def test_a_number_refused_at_submission_reads_undeliverable_and_costs_nothing(world, customer):
    world.carrier.mood = "refuse"
    sent = await customer.phone()
    await world.dispatch()
    read = await customer.get(f"sms/{sent['id']}")
    assert (read["status"], read["price"]) == ("undeliverable", 0)
    assert (await customer.get("common/balance"))["amount"] == "1000"


async def test_an_answer_lost_on_the_way_claims_neither_success_nor_failure(world, customer):
    world.carrier.mood = "silent"
    sent = await customer.phone()
    await world.dispatch()
    assert (await customer.get(f"sms/{sent['id']}"))["status"] == "scheduled"


async def test_ten_thousand_recipients_are_taken_and_counted_in_one_request(world, customer):
    answer = await customer.phones(10_000)
    assert len(answer["result"]) == 10_000 and answer["totalprice"] == 200
    assert {row["error"] for row in answer["result"]} == {0}
    assert [row["reference"] for row in answer["result"]] == [f"r{n}" for n in range(10_000)]
    assert len({row["id"] for row in answer["result"]}) == 10_000
    again = await customer.create(**phones(10_000))
    assert {row["error"] for row in again["result"]} == {23}


async def test_test_traffic_shows_what_it_would_have_cost_under_each_name(world):
    customer = Customer(world, world.test_key)
    sent = await customer.phone(reference="tried", body="x" * 161)
    await world.dispatch()
    await world.says(int(sent["id"]), "DELIVRD")
    names = (sent["id"], "tried", "reference/tried")
    assert {(await customer.get(f"sms/{name}"))["price"] for name in names} == {0.04}
    assert (await customer.get(f"sms/task/{int(sent['id']) - 1}"))["totalprice"] == 0.04
    assert await world.sql.fetchval("select sum(charged) from delivery") == 0
