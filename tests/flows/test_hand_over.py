"""What is taken from the queue is written down as written: once for each part, and not before its start."""

from datetime import timedelta

from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.status import State


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
