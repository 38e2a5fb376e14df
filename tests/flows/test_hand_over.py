"""What is taken from the queue is written down as written: once for each part, and not before its start."""

from datetime import timedelta

from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.outcome import Next, Refused
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.store.invariants import check


async def send(world, text="hello", **more):
    caller = await world.gateway.caller_by_key(world.key)
    draft = Draft(recipient="380972000001", sender="BSG", text=text)
    order = Order(caller, "native", [draft], on_fault=OnFault.REFUSE_ALL, validity_s=3600, **more)
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


async def test_a_part_taken_after_its_message_has_failed_is_charged(world):
    message_id = await send(world, text="x" * 200)
    (refused, _), (throttled, _) = await world.take()
    await world.record(
        [
            world.answer(refused, Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0000000b")),
            world.answer(throttled, Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x00000058")),
        ]
    )
    world.clock.advance(601)
    await world.sweep()
    message = await world.message(message_id)
    assert (message.standing.state, message.price) == (State.REJECTED, 0)

    await world.dispatch()
    assert (await world.message(message_id)).price == 400_000
    assert await check(world.sql) == []
