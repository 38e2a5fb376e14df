"""Which submission a receipt belongs to, and what long messages and refusals make of it."""

import pytest
from msgspec.structs import replace
from test_main_job import send

from tidings.domain.delivery import Flag
from tidings.domain.evidence import Kind
from tidings.domain.outcome import Next, Refused, Taken, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.ports import PART_REFUSED
from tidings.flows.receive import UNDATED_WITHIN, Incoming, PartsReceipted, Reading, Receive

VALIDITY_S = 259_200  # of what `send` orders


async def submitted(world, *recipients, upstream_id="38601fa", **more):
    """Messages that the carrier took under one upstream id."""
    answer = await send(world, *recipients, **more)
    pairs = await world.take()
    await world.record([world.answer(flight, Taken(upstream_id)) for flight, _ in pairs])
    return answer, [part for _, part in pairs]


async def receive(world, receipt, *, keys, suspects=None):
    flow = Receive(world.database, clock=world.clock, connector_id=world.connector_id)
    await flow([Incoming(receipt, world.clock.now(), keys, (suspects or {}).copy)])


async def test_an_id_that_came_back_belongs_to_the_message_with_the_same_recipient(world):
    answer, parts = await submitted(world, "380972000001", "380972000002")
    await receive(world, world.receipt("38601fa", parts[0], "DELIVRD"), keys=["38601fa"])
    states = [(await world.message(row.id)).standing.state for row in answer.rows]
    assert states == [State.DELIVERED, State.SENT]


async def test_a_receipt_to_nobody_we_know_is_kept_and_matched_by_nothing(world):
    answer, parts = await submitted(world, "380972000001")
    stranger = replace(world.receipt("38601fa", parts[0], "DELIVRD"), recipient="380979999999")
    await receive(world, stranger, keys=["38601fa"])
    assert (await world.message(answer.rows[0].id)).standing.state is State.SENT
    assert await world.sql.fetchval("select count(*) from orphan") == 1


async def test_an_id_is_looked_for_only_at_the_connector_that_gave_it(world):
    answer, parts = await submitted(world, "380972000001")
    ours = world.connector_id
    world.connector_id = await second_route(world)
    receipt = world.receipt("38601fa", parts[0], "DELIVRD")
    await receive(world, receipt, keys=["38601fa"], suspects={"38601fa": "strip_zeros"})
    assert (await world.message(answer.rows[0].id)).standing.state is State.SENT
    assert await world.sql.fetchval("select connector_id from orphan") == world.connector_id != ours


async def test_another_id_form_finds_the_one_message_and_says_that_it_did(world):
    answer, parts = await submitted(world, "380972000001")
    receipt = world.receipt("0059113978", parts[0], "DELIVRD")
    await receive(world, receipt, keys=["0059113978"], suspects={"38601fa": "resp_hex_receipt_dec"})
    message_id = answer.rows[0].id
    assert (await world.message(message_id)).standing.state is State.DELIVERED
    assert Flag.ID_FORM_SUSPECT in (await world.replayed(message_id)).flags
    counted = await world.sql.fetchrow("select form, found from suspect_count")
    assert tuple(counted) == ("resp_hex_receipt_dec", 1)


async def test_another_id_form_is_not_believed_where_two_messages_fit(world):
    answer, parts = await submitted(world, "380972000001")
    await submitted(world, "380972000001")
    receipt = world.receipt("0059113978", parts[0], "DELIVRD")
    await receive(world, receipt, keys=["0059113978"], suspects={"38601fa": "resp_hex_receipt_dec"})
    assert (await world.message(answer.rows[0].id)).standing.state is State.SENT
    assert await world.sql.fetchval("select count(*) from orphan") == 1


async def test_two_doubts_with_the_same_recipient_and_sender_are_not_guessed_at(world):
    first = await send(world, "380972000001")
    second = await send(world, "380972000001")
    world.carrier.mood = "silent"
    await world.dispatch()
    await world.says(first.rows[0].id, "DELIVRD")
    for answer in (first, second):
        assert (await world.message(answer.rows[0].id)).standing.state is State.IN_DOUBT
    assert await world.sql.fetchval("select count(*) from orphan") == 1


async def test_a_receipt_without_a_date_may_be_an_old_doubts_and_is_not_given_to_a_new_one(world):
    world.carrier.mood = "silent"
    old = await send(world, "380972000001")
    await world.dispatch()
    world.clock.advance(VALIDITY_S + UNDATED_WITHIN.total_seconds() + 1)
    new = await send(world, "380972000001")
    await world.dispatch()
    await world.says(old.rows[0].id, "DELIVRD")
    assert (await world.message(new.rows[0].id)).standing.state is State.IN_DOUBT
    assert await world.sql.fetchval("select count(*) from orphan") == 1


@pytest.mark.parametrize(("late_s", "state"), [(0, State.DELIVERED), (1, State.IN_DOUBT)])
async def test_a_receipt_without_a_date_resolves_a_doubt_until_a_day_after_its_validity(world, late_s, state):
    world.carrier.mood = "silent"
    answer = await send(world, "380972000001")
    await world.dispatch()
    world.clock.advance(VALIDITY_S + UNDATED_WITHIN.total_seconds() + late_s)
    await world.says(answer.rows[0].id, "DELIVRD")
    assert (await world.message(answer.rows[0].id)).standing.state is state


async def test_an_orphan_is_tried_again_and_found_once_its_submission_is_in_doubt(world):
    answer = await send(world, "380972000001")
    [(flight, part)] = await world.take()
    world.carrier.mood = "silent"
    unknown = world.carrier.submit(part, flight.message_id)
    await world.says(flight.message_id, "DELIVRD")
    await world.record([world.answer(flight, unknown)])
    assert (await world.message(answer.rows[0].id)).standing.state is State.IN_DOUBT
    world.clock.advance(2)
    flow = Receive(world.database, clock=world.clock, connector_id=world.connector_id)
    assert await flow.retry_orphans() == 1
    assert (await world.message(answer.rows[0].id)).standing.state is State.DELIVERED


async def test_the_receipt_of_the_last_part_speaks_for_all_where_the_carrier_works_that_way(world):
    world.reading = Reading(PartsReceipted.LAST)
    answer = await send(world, "380972000001", text="x" * 400)
    await world.dispatch()
    message_id = answer.rows[0].id
    await world.says(message_id, "DELIVRD", part=1)
    assert (await world.message(message_id)).standing.state is State.SENT
    await world.says(message_id, "DELIVRD", part=3)
    assert (await world.message(message_id)).standing.state is State.DELIVERED


async def test_any_parts_receipt_speaks_for_all_but_a_failure_only_for_its_own(world):
    world.reading = Reading(PartsReceipted.ANY_ONE)
    good = await send(world, "380972000001", text="x" * 400)
    bad = await send(world, "380972000002", text="x" * 400)
    await world.dispatch()
    await world.says(good.rows[0].id, "DELIVRD", part=2)
    assert (await world.message(good.rows[0].id)).standing.state is State.DELIVERED
    await world.says(bad.rows[0].id, "UNDELIV", "001", part=2)
    assert (await world.message(bad.rows[0].id)).standing.state is State.SENT
    world.clock.advance(601)
    await world.sweep()
    assert (await world.message(bad.rows[0].id)).standing.state is State.UNDELIVERABLE


async def test_long_messages_to_one_handset_have_different_references(world):
    for _ in range(3):
        await send(world, "380972000001", text="x" * 200)
    await world.dispatch()
    references = [part.reference for part in world.carrier.submissions]
    assert len(set(references)) == 3 and all(1 <= one <= 255 for one in references)
    assert references[0] == references[1]


async def test_a_part_that_is_sent_again_keeps_its_reference(world):
    await send(world, "380972000001", text="x" * 200)
    world.carrier.mood = "throttle"
    for flight, part in await world.take():
        await world.record([world.answer(flight, world.carrier.submit(part, flight.message_id))])
    world.clock.advance(2)
    world.carrier.mood = "take"
    await world.dispatch()
    assert len({part.reference for part in world.carrier.submissions}) == 1


async def test_a_refused_part_ends_the_message_and_the_rest_is_dropped(world):
    answer = await send(world, "380972000001", text="x" * 400)
    pairs = await world.take()
    outcomes = [
        Taken("up1"),
        Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0000000b"),
        Unwritten(PART_REFUSED),
    ]
    await world.record([world.answer(flight, o) for (flight, _), o in zip(pairs, outcomes, strict=True)])
    world.clock.advance(601)
    await world.sweep()
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.standing.reason) == (State.REJECTED, Reason.SMSC_REFUSED_NUMBER)
    assert message.price == 600_000, "a part was taken, so it is charged"


async def second_route(world):
    connector_id = await world.admin.add_connector(
        "second", "smpp", {"receipt_class": "handset"}, simulator=False
    )
    await world.admin.add_route(connector_id, position=5)
    return connector_id


async def test_the_evidence_says_which_routes_were_chosen_and_why_as_they_were_then(world):
    first = await world.admin.add_route(world.connector_id, prefix="380", account_id=world.account_id)
    second = await second_route(world)
    answer = await send(world, "380972000001")
    await world.admin.remove_route(first)
    [(flight, _)] = await world.take()
    await world.record(
        [world.answer(flight, Refused(Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP, "0x0000000a"))]
    )

    log = await world.gateway.timeline(world.account_id, answer.rows[0].id)
    chosen = [(one.kind, one.connector, one.terms) for one in log if one.terms]
    assert chosen == [
        (Kind.ACCEPTED, world.connector_id, "numbers in 380, of this account, position 0"),
        (Kind.REROUTED, second, "all numbers, of every account, position 5"),
    ]
    assert (log[0].route, log[-1].word, log[-1].reason) == (first, "0x0000000a", Reason.SMSC_REFUSED_SENDER)


async def test_a_refusal_that_is_the_routes_opens_an_attempt_on_the_next_route(world):
    second = await second_route(world)
    answer = await send(world, "380972000001")
    [(flight, _)] = await world.take()
    refused = Refused(Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP, "0x0000000a")
    await world.record([world.answer(flight, refused)])
    message_id = answer.rows[0].id
    assert (await world.message(message_id)).standing.state is State.SENDING
    assert (await world.gateway.balance(world.account_id)).amount == 9_999_800_000

    world.connector_id = second
    [(flight, part)] = await world.take()
    assert flight.attempt == 2
    await world.record([world.answer(flight, Taken("other1"))])
    await receive(world, world.receipt("other1", part, "DELIVRD"), keys=["other1"])
    assert (await world.message(message_id)).standing.state is State.DELIVERED
    assert (await world.replayed(message_id)).standing == (await world.message(message_id)).standing


async def test_a_wrong_number_is_not_tried_elsewhere_and_the_last_routes_reason_stands(world):
    await second_route(world)
    answer = await send(world, "380972000001")
    world.carrier.mood = "refuse"
    await world.dispatch()
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.price) == (State.REJECTED, 0)


async def test_a_receipt_before_its_answer_is_found_under_any_of_its_keys(world):
    answer = await send(world, "380972000001")
    [(flight, part)] = await world.take()
    await receive(world, world.receipt("0059113978", part, "DELIVRD"), keys=["381223180664", "59113978"])
    taken = world.answer(flight, Taken("38601fa"))
    await world.record([type(taken)(flight, taken.outcome, taken.at, "59113978")])
    assert (await world.message(answer.rows[0].id)).standing.state is State.DELIVERED


async def test_one_receipt_for_all_may_come_before_the_other_parts_are_answered(world):
    world.reading = Reading(PartsReceipted.ANY_ONE)
    answer = await send(world, "380972000001", text="x" * 300)
    (first, part), (second, _) = await world.take()
    await world.record([world.answer(first, Taken("a1"))])
    await world.receive([world.receipt("a1", part, "DELIVRD")])
    await world.record([world.answer(second, Taken("a2"))])
    assert (await world.message(answer.rows[0].id)).standing.state is State.DELIVERED
