"""What is taken from the queue is written down as written: once for each part, and not before its start."""

from collections import Counter
from datetime import timedelta

import pytest

from tidings.domain.order import Draft, OnFault, Order, TrafficClass
from tidings.domain.outcome import Next, Refused
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.dispatch import ACCOUNTS_AT_ONCE
from tidings.store.invariants import check


async def send(world, text="hello", validity_s=3600, **more):
    caller = await world.gateway.caller_by_key(world.key)
    draft = Draft(recipient="380972000001", sender="BSG", text=text)
    order = Order(caller, "native", [draft], on_fault=OnFault.REFUSE_ALL, validity_s=validity_s, **more)
    return (await world.gateway.accept(order)).rows[0].id


async def test_a_scheduled_message_waits_for_its_start_and_then_goes_the_usual_way(world):
    message_id = await send(world, scheduled_for=world.clock.now() + timedelta(hours=1))
    assert await world.dispatch() == 0
    assert (await world.message(message_id)).standing.state is State.SCHEDULED
    world.clock.advance(3600)
    await world.deliver_all()
    assert (await world.message(message_id)).standing.state is State.DELIVERED


async def test_a_scheduled_message_that_is_throttled_at_its_start_is_tried_again(world):
    message_id = await send(world, scheduled_for=world.clock.now() + timedelta(hours=1))
    world.clock.advance(3600)
    world.carrier.mood = "throttle"
    await world.dispatch()
    world.carrier.mood = "take"
    world.clock.advance(1)
    await world.deliver_all()
    assert (await world.message(message_id)).standing.state is State.DELIVERED


async def test_parts_that_are_throttled_together_are_all_tried_again(world):
    message_id = await send(world, text="x" * 400)
    world.carrier.mood = "throttle"
    await world.dispatch()
    world.carrier.mood = "take"
    world.clock.advance(1)
    assert await world.dispatch() == 3
    for part in (1, 2, 3):
        await world.says(message_id, "DELIVRD", part=part)
    assert (await world.message(message_id)).standing.state is State.DELIVERED


async def failed_with_a_part_left(world, second):
    """A long message that was published as failed while its second part's fate was open."""
    message_id = await send(world, text="x" * 200)
    (refused, _), (other, part) = await world.take()
    await world.record(
        [world.answer(refused, Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0000000b"))]
    )
    if second is not None:
        await world.record([world.answer(other, second)])
    world.clock.advance(601)
    await world.sweep()
    message = await world.message(message_id)
    assert (message.standing.state, message.price) == (State.REJECTED, 0)
    return message_id, other, part


async def test_a_part_taken_after_its_message_has_failed_is_charged(world):
    message_id, flight, part = await failed_with_a_part_left(world, None)
    await world.record([world.answer(flight, world.carrier.submit(part, message_id))])
    assert (await world.message(message_id)).price == 400_000
    assert await check(world.sql) == []


async def test_a_part_that_waits_when_its_message_fails_is_not_sent_any_more(world):
    throttled = Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x00000058")
    message_id, _, _ = await failed_with_a_part_left(world, throttled)
    assert await world.dispatch() == 0
    assert (await world.message(message_id)).price == 0
    assert await check(world.sql) == []


async def test_the_first_copys_receipt_counts_while_the_second_is_queued_and_then_it_is_not_sent(world):
    message_id = await send(world)
    world.carrier.mood = "silent"
    await world.dispatch()
    world.clock.advance(61)
    await world.sweep()
    await world.says(message_id, "DELIVRD")
    assert (await world.message(message_id)).standing.state is State.DELIVERED
    assert await world.dispatch() == 0
    assert await check(world.sql) == []


async def test_a_doubt_that_outlives_every_deadline_is_closed_when_it_is_found(world):
    message_id = await send(world)
    await world.take()
    world.clock.advance(10 * 86_400)
    await world.sweep()
    await world.sql.execute("select pg_advisory_unlock_all()")
    await world.close_flow().recover()
    world.clock.advance(61)
    await world.sweep()
    await world.sweep()
    message = await world.message(message_id)
    assert (message.standing.state, message.standing.reason) == (
        State.NO_RECEIPT,
        Reason.SUBMIT_NOT_CONFIRMED,
    )


@pytest.mark.parametrize(
    ("validity_s", "waited_s", "goes"),
    [
        (3600, 3569, True),
        (3600, 3570, False),  # a carrier can do nothing with half a minute
        (60, 29, True),
        (60, 30, False),
        (30, 14, True),  # half of it, where it is short: else it could never be sent
        (30, 15, False),
    ],
)
async def test_what_is_hardly_valid_any_more_is_not_submitted_and_expires(world, validity_s, waited_s, goes):
    message_id = await send(world, validity_s=validity_s)
    world.clock.advance(waited_s)
    assert await world.dispatch() == goes
    world.clock.advance(validity_s - waited_s)
    await world.sweep()
    standing = (await world.message(message_id)).standing
    if goes:
        assert standing.state is State.SENT
    else:
        assert (standing.state, standing.reason) == (State.EXPIRED, Reason.EXPIRED_IN_QUEUE)


async def test_a_retry_of_what_is_valid_for_some_seconds_goes_at_once_or_not_at_all(world):
    message_id = await send(world, validity_s=31)
    world.carrier.mood = "throttle"
    await world.dispatch()
    world.clock.advance(1)
    assert await world.dispatch() == 1
    world.clock.advance(20)
    assert await world.dispatch() == 0
    world.clock.advance(10)
    await world.sweep()
    assert (await world.message(message_id)).standing.state is State.EXPIRED


async def many(world, key, count, **more):
    caller = await world.gateway.caller_by_key(key)
    drafts = [Draft(recipient=f"38097{number:07d}", sender="BSG", text="hello") for number in range(count)]
    order = Order(caller, "native", drafts, on_fault=OnFault.REFUSE_ALL, validity_s=3600, **more)
    return await world.gateway.accept(order)


async def test_one_accounts_campaign_does_not_hold_up_anothers_messages(world):
    other = await world.other_account()
    await many(world, world.key, 100)
    world.clock.advance(1)
    await many(world, other.key, 2)
    taken = Counter(flight.account_id for flight, _ in await world.take(room=10))
    assert taken == {world.account_id: 5, other.account_id: 2}


async def test_codes_go_before_everything_else(world):
    await many(world, world.key, 20, traffic_class=TrafficClass.PROMOTIONAL)
    await many(world, world.key, 20)
    world.clock.advance(1)
    await many(world, world.key, 2, traffic_class=TrafficClass.OTP)
    taken = [flight.traffic_class for flight, _ in await world.take(room=10)]
    assert taken == [TrafficClass.OTP] * 2 + [TrafficClass.TRANSACTIONAL] * 8


async def test_more_accounts_than_share_a_claim_all_have_their_turn(world):
    accounts = [await world.other_account(f"customer-{number}") for number in range(ACCOUNTS_AT_ONCE + 3)]
    for account in accounts:
        await many(world, account.key, 3)
    dispatcher = world.dispatcher()
    seen = set()
    for _ in range(2):
        for handover in await dispatcher.take(ACCOUNTS_AT_ONCE):
            seen |= {flight.account_id for flight in handover.flights}
    assert seen == {account.account_id for account in accounts}
