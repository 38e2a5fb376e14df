"""Orders of events that are rare and happen: each once told a customer something false, or got stuck."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs
from test_hand_over import many
from test_late_answers import BUSY, THROTTLED, WRONG, resent
from test_main_job import send
from test_matching import second_route
from world import saying

from tidings.app.bell import OUTBOX, Bell, Sleepers
from tidings.app.line import Line
from tidings.connectors.smpp.words import ReceiptClass, Trust, refused
from tidings.dialects.infobip import words as infobip
from tidings.dialects.infobip.settings import Preferences
from tidings.domain.delivery import Flag
from tidings.domain.errors import Misconfigured, Unavailable
from tidings.domain.order import TrafficClass
from tidings.domain.outcome import Taken, Unknown, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows import points
from tidings.flows.dispatch import ACCOUNTS_AT_ONCE
from tidings.flows.points import Point
from tidings.flows.ports import PART_REFUSED
from tidings.flows.receive import PartsReceipted, Reading, Receive
from tidings.store.invariants import check

DAYS = 86_400


async def standing(world, message_id):
    return (await world.message(message_id)).standing


async def test_scheduled_campaigns_of_many_accounts_do_not_starve_another(world):
    accounts = [await world.other_account(f"customer-{n}") for n in range(ACCOUNTS_AT_ONCE)]
    last = await world.other_account("last")
    for one in accounts:
        await many(world, one.key, 1, scheduled_for=world.clock.now() + timedelta(days=1))
    await many(world, last.key, 1)
    dispatcher = world.dispatcher()
    taken = []
    for _ in range(10):
        taken += [f.account_id for h in await dispatcher.take(100) for f in h.flights]
    assert taken == [last.account_id]


async def test_fair_when_the_window_frees_one_place_at_a_time(world):
    other = await world.other_account()
    await many(world, world.key, 50)
    await many(world, other.key, 2)
    dispatcher = world.dispatcher()
    taken = []
    for _ in range(10):
        taken += [f.account_id for h in await dispatcher.take(1) for f in h.flights]
    assert other.account_id in taken


async def test_second_refused_then_first_throttled_is_rejected(world):
    message_id, first = await resent(world)
    [(second, _)] = await world.take()
    await world.record([world.answer(second, WRONG)])
    await world.record([world.answer(first, THROTTLED)])
    assert await check(world.sql) == []
    world.clock.advance(5 * DAYS)
    await world.sweep()
    message = await world.message(message_id)
    assert (message.standing.state, message.price) == (State.REJECTED, 0)


async def test_second_expired_in_queue_then_first_undeliv(world):
    answer = await send(world, "380972000001")
    [(first, part)] = await world.take()
    await world.record([world.answer(first, Unknown("link_lost"))])
    world.clock.advance(61)
    await world.sweep()
    world.clock.advance(3 * DAYS)  # the link stays down
    await world.sweep()
    await world.receive([world.receipt("up1", part, "UNDELIV", "001")])
    assert (await standing(world, answer.rows[0].id)).state is State.UNDELIVERABLE


async def test_an_intermediate_failure_and_the_final_one(world):
    answer = await send(world, "380972000001")
    await world.dispatch()
    [(upstream_id, part)] = world.carrier.known[answer.rows[0].id]
    final = world.receipt(upstream_id, part, "UNDELIV", "027")
    halfway = structs.replace(saying(final, state=State.ENROUTE, intermediate=True), raw=b"other")
    await world.receive([halfway])
    assert (await standing(world, answer.rows[0].id)).state is State.ENROUTE
    await world.receive([final])
    assert (await standing(world, answer.rows[0].id)).state is State.UNDELIVERABLE


async def test_a_doubt_that_is_answered_while_a_receipt_is_matched_to_it(world):
    answer = await send(world, "380972000001")
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    done = []

    async def late():
        if not done:
            done.append(1)
            await world.record([world.answer(flight, Taken("mine"))])

    points.arm(lambda point: late() if point is Point.RECEIVE_MATCHED else None)
    try:
        await world.receive([world.receipt("somebody-elses", part, "DELIVRD")])
    finally:
        points.arm(None)
    assert (await standing(world, answer.rows[0].id)).state is State.SENT


async def test_both_copies_in_doubt_and_one_receipt(world):
    message_id, _ = await resent(world)
    [(second, part)] = await world.take()
    await world.record([world.answer(second, Unknown("timeout"))])
    await world.receive([world.receipt("up1", part, "DELIVRD")])
    assert (await standing(world, message_id)).state is State.DELIVERED


async def test_unknown_and_late_answer_in_one_batch(world):
    answer = await send(world, "380972000001")
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout")), world.answer(flight, Taken("up1"))])
    log = await world.gateway.timeline(world.account_id, answer.rows[0].id)
    assert [one.kind for one in log].count("written") == 1, log
    assert await check(world.sql) == []


async def test_adopting_for_all_parts_one_that_is_queued(world):
    world.reading = Reading(PartsReceipted.ANY_ONE)
    answer = await send(world, "380972000001", text="x" * 200)
    message_id = answer.rows[0].id
    pairs = await world.take()
    await world.record([world.answer(f, THROTTLED) for f, _ in pairs])
    await world.receive([world.receipt("unknown", pairs[0][1], "DELIVRD")])
    [orphan_id] = [r["id"] for r in await world.sql.fetch("select id from orphan")]
    flow = Receive(world.database, clock=world.clock, connector_id=world.connector_id, reading=world.reading)
    with pytest.raises(Misconfigured):
        await flow.adopt(orphan_id, (world.account_id, message_id), attempt=1, part=1)
    world.clock.advance(5)
    await world.dispatch()
    assert await check(world.sql) == []


async def test_held_then_throttled_late(world):
    answer = await send(world, "380972000001", traffic_class=TrafficClass.PROMOTIONAL)
    message_id = answer.rows[0].id
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    world.clock.advance(61)
    await world.sweep()
    assert (await standing(world, message_id)).state is State.SENT
    await world.record([world.answer(flight, THROTTLED)])
    world.clock.advance(5 * DAYS)
    await world.sweep()
    message = await world.message(message_id)
    assert message.price == 0, message


async def test_another_parts_answer_does_not_confirm_this_one(world):
    answer = await send(world, "380972000001", text="x" * 200, traffic_class=TrafficClass.PROMOTIONAL)
    message_id = answer.rows[0].id
    (one, _), (two, part2) = await world.take()
    await world.record([world.answer(one, Unknown("timeout")), world.answer(two, Taken("up2"))])
    world.clock.advance(61)
    await world.sweep()
    assert Flag.UNCONFIRMED_SUBMIT in (await world.message(message_id)).flags
    await world.receive([world.receipt("up2", part2, "DELIVRD")])
    assert Flag.UNCONFIRMED_SUBMIT in (await world.message(message_id)).flags
    world.clock.advance(5 * DAYS)
    await world.sweep()
    assert (await standing(world, message_id)).reason is Reason.SUBMIT_NOT_CONFIRMED


async def test_both_answers_in_one_batch(world):
    message_id, first = await resent(world)
    [(second, _)] = await world.take()
    await world.record([world.answer(first, Taken("up1")), world.answer(second, Taken("up2"))])
    assert (await standing(world, message_id)).state is State.SENT
    assert await check(world.sql) == []


async def test_both_answers_in_one_batch_reverse(world):
    message_id, first = await resent(world)
    [(second, _)] = await world.take()
    await world.record([world.answer(second, Taken("up2")), world.answer(first, WRONG)])
    assert (await standing(world, message_id)).state is State.SENT
    assert await check(world.sql) == []


async def test_held_and_then_known_as_unwritten(world):
    answer = await send(world, "380972000001", traffic_class=TrafficClass.PROMOTIONAL)
    message_id = answer.rows[0].id
    [(flight, _)] = await world.take()
    await world.sql.execute("select pg_advisory_unlock_all()")
    await world.close_flow().recover()
    world.clock.advance(61)
    await world.sweep()
    await world.record([world.answer(flight, Unwritten("stopping"))])
    assert await check(world.sql) == []
    world.clock.advance(5 * DAYS)
    await world.sweep()
    message = await world.message(message_id)
    assert message.price == 0, message


async def test_second_unwritten_after_the_first_was_taken(world):
    message_id, first = await resent(world)
    [(second, _)] = await world.take()
    await world.record([world.answer(first, Taken("up1"))])
    await world.record([world.answer(second, Unwritten("stopping"))])
    assert (await standing(world, message_id)).state is State.SENT
    assert await check(world.sql) == []
    assert (await world.replayed(message_id)).attempts[0].parts[0].tries == 1


async def test_receipts_without_an_id_are_all_kept(world):
    await send(world, "380972000001")
    [(_, part)] = await world.take()
    one = structs.replace(world.receipt("", part, "DELIVRD"), upstream_id=None, raw=b"one")
    two = structs.replace(one, raw=b"two", text="other text")
    await world.receive([one])
    await world.receive([two])
    assert await world.sql.fetchval("select count(*) from orphan") == 2


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([WRONG], State.REJECTED),
        ([refused(0x48, b"")], State.FAILED),
        ([refused(0x62, b""), refused(0x15, b"")], State.FAILED),
    ],
    ids=["its number", "our settings", "twice"],
)
async def test_what_was_held_and_then_refused_for_certain_costs_nothing(world, answers, state):
    answer = await send(world, "380972000001", traffic_class=TrafficClass.PROMOTIONAL)
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    world.clock.advance(61)
    await world.sweep()
    for refusal in answers:
        await world.record([world.answer(flight, refusal)])
    world.clock.advance(5 * DAYS)
    await world.sweep()
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.price) == (state, 0)
    assert await check(world.sql) == []


class IdleCarrier:
    """A connector with room that nothing comes of."""

    room = 10

    def __init__(self):
        self.closed = asyncio.Event()

    async def wait_room(self): ...

    async def run(self):
        await self.closed.wait()

    async def close(self, _):
        self.closed.set()


async def test_a_stop_while_the_database_goes_away(world):
    await send(world, "380972000001", text="x" * 200)
    taking, away, takes = asyncio.Event(), asyncio.Event(), []

    async def lose(point):
        if point is Point.DISPATCH_CLAIMED:
            takes.append(point)
            taking.set()
            await away.wait()
            raise Unavailable("the database went away")

    line = Line(
        "x",
        dispatch=world.dispatcher(),
        hear=world.hearer(),
        receive=Receive(world.database, clock=world.clock, connector_id=world.connector_id),
        clock=world.clock,
        sleepers=Sleepers(Bell(world.database, OUTBOX, lambda _: None)),
        claim_limit=10,
        poll_s=0.1,
    )
    line.use(IdleCarrier())
    held = asyncio.Event()
    held.set()
    points.arm(lose)
    running = asyncio.create_task(line.run(held=held, drain_s=1))
    try:
        async with asyncio.timeout(5):
            await taking.wait()
        running.cancel()
        asyncio.get_running_loop().call_soon(away.set)
        done, _ = await asyncio.wait([running], timeout=5)
        assert done, f"it goes on taking: {len(takes)} times"
    finally:
        points.arm(None)
        running.cancel()
        await asyncio.wait([running], timeout=5)


async def test_one_part_at_the_carrier_does_not_vouch_for_the_other(world):
    answer = await send(world, "380972000001", text="x" * 200)
    message_id = answer.rows[0].id
    await world.dispatch()
    [(up1, part1), _] = world.carrier.known[message_id]
    await world.receive([world.receipt(up1, part1, "DELIVRD", "000", Trust(ReceiptClass.CARRIER))])
    world.clock.advance(5 * DAYS)
    await world.sweep()
    told = await standing(world, message_id)
    assert told.state is State.NO_RECEIPT
    assert infobip.status(told, Preferences()).id == 29, told


async def test_a_message_of_which_a_part_was_never_sent_is_not_delivered(world):
    answer = await send(world, "380972000001", text="x" * 200)
    message_id = answer.rows[0].id
    (one, part1), (two, _) = await world.take()
    await world.record([world.answer(one, Taken("up1")), world.answer(two, BUSY)])
    await world.receive([world.receipt("up1", part1, "UNDELIV", "027")])
    world.clock.advance(601)
    await world.sweep()
    assert (await standing(world, message_id)).state is State.UNDELIVERABLE
    assert await world.take() == []
    await world.receive([world.receipt("up1", part1, "DELIVRD", "000")])
    assert (await standing(world, message_id)).state is not State.DELIVERED


@pytest.mark.parametrize("doubt_first", [True, False])
async def test_one_receipt_for_all_and_a_doubt_in_either_order(world, doubt_first):
    world.reading = Reading(PartsReceipted.ANY_ONE)
    answer = await send(world, "380972000001", text="x" * 200)
    message_id = answer.rows[0].id
    (one, part1), (two, _) = await world.take()
    await world.record([world.answer(one, Taken("up1"))])
    doubt, receipt = [world.answer(two, Unknown("timeout"))], [world.receipt("up1", part1, "DELIVRD")]
    if doubt_first:
        await world.record(doubt)
        await world.receive(receipt)
    else:
        await world.receive(receipt)
        await world.record(doubt)
    world.clock.advance(61)
    await world.sweep()
    again = await world.take()
    assert (again, (await standing(world, message_id)).state) == ([], State.DELIVERED)


async def test_delivered_not_before_sent(world):
    answer = await send(world, "380972000001")
    [(flight, part)] = await world.take()
    await world.receive([world.receipt("up1", part, "DELIVRD")])
    world.clock.advance(50)
    await world.record([world.answer(flight, Taken("up1"))])
    message = await world.message(answer.rows[0].id)
    assert message.sent_at <= message.done_at, (message.sent_at, message.done_at)


async def test_one_of_two_copies_closed_as_unknown_by_its_carrier(world):
    message_id, first = await resent(world)
    [(second, part)] = await world.take()
    await world.record([world.answer(second, Taken("up2"))])
    await world.record([world.answer(first, Taken("up1"))])
    final = Trust(ReceiptClass.HANDSET, unknown_is_final=True)
    await world.receive([world.receipt("up1", part, "UNKNOWN", None, final)])
    assert (await standing(world, message_id)).state is State.SENT


async def test_a_note_does_not_keep_a_doubt_open_for_days(world):
    answer = await send(world, "380972000001")
    message_id = answer.rows[0].id
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    await world.receive([world.receipt("up1", part, "WEIRD")])
    world.clock.advance(61)
    await world.sweep()
    told = await standing(world, message_id)
    assert told.state is State.SENT, told


async def test_a_lane_is_looked_at_again_from_its_beginning(world):
    for number in range(ACCOUNTS_AT_ONCE):
        account = await world.other_account(f"customer-{number}")
        await many(world, account.key, 1, traffic_class=TrafficClass.OTP)
    dispatcher = world.dispatcher()
    assert len(await dispatcher.take(1000)) == ACCOUNTS_AT_ONCE
    # Something of another class waits for next week.
    await many(world, account.key, 1, scheduled_for=world.clock.now() + timedelta(days=7))
    await many(world, account.key, 1, traffic_class=TrafficClass.OTP)
    taken = []
    for _ in range(10):
        taken += await dispatcher.take(1000)
    assert len(taken) == 1, "a login code waits until nothing else does"


async def test_no_reroute_beside_a_doubt_of_the_same_batch(world):
    second = await second_route(world)
    await send(world, "380972000001", text="x" * 300)
    pairs = await world.take()
    await world.record([world.answer(f, THROTTLED) for f, _ in pairs])
    world.clock.advance(2)
    (one, _), (two, _) = await world.take()
    await world.record([world.answer(one, refused(0x0E, b"")), world.answer(two, Unknown("link_lost"))])
    assert await world.sql.fetchval("select count(*) from outbox where connector_id = $1", second) == 0


async def test_a_part_behind_one_that_waits_waits_as_well(world):
    await send(world, "380972000001", text="x" * 300)
    (one, _), (two, _) = await world.take()
    await world.record([world.answer(one, BUSY), world.answer(two, Unwritten("part_waits"))])
    assert [part.part for _, part in await world.take()] == []


async def test_fragments(world):
    answer = await send(world, "380972000001", text="x" * 300)
    (one, _), (two, _) = await world.take()
    await world.record([world.answer(one, BUSY), world.answer(two, Unwritten("part_waits"))])
    await world.dispatch()
    world.clock.advance(30)
    (one, _), (two, _) = await world.take()
    await world.record([world.answer(one, WRONG), world.answer(two, Unwritten(PART_REFUSED))])
    world.clock.advance(601)
    await world.sweep()
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.price, len(world.carrier.submissions)) == (State.REJECTED, 0, 0)
