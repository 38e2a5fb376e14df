"""Which receipts a doubt believes, and what a late failure of one of two copies means."""

from msgspec import structs
from test_late_answers import resent
from test_main_job import send
from world import saying

from tidings.domain.order import TrafficClass
from tidings.domain.outcome import Taken, Unknown
from tidings.domain.reason import Reason
from tidings.domain.status import State

DAYS = 86_400


async def standing(world, message_id):
    return (await world.message(message_id)).standing


async def test_a_late_yes_spares_the_second_copy_and_then_the_first_fails(world):
    message_id, part = await resent(world)
    await world.record([world.answer(part, Taken("up1"))])
    assert await world.take() == []  # the second copy is dropped
    await world.receive([world.receipt("up1", part, "UNDELIV", "027")])
    assert (await standing(world, message_id)).state is State.UNDELIVERABLE


async def test_the_first_copy_fails_before_the_second_has_its_turn(world):
    message_id, part = await resent(world)
    await world.record([world.answer(part, Taken("up1"))])
    await world.receive([world.receipt("up1", part, "UNDELIV", "027")])
    again = await world.take()
    if not again:
        assert (await standing(world, message_id)).state is State.UNDELIVERABLE


async def test_both_orders_cost_the_same(world):
    message_id, part = await resent(world)
    await world.receive([world.receipt("up1", part, "UNDELIV", "027")])
    world.clock.advance(3 * DAYS)
    await world.sweep()
    message = await world.message(message_id)
    assert (message.standing.state, message.price) == (State.UNDELIVERABLE, 200_000), message.standing


async def test_a_receipt_of_what_was_submitted_hours_later_does_not_resolve_a_doubt(world):
    answer = await send(world, "380972000001", traffic_class=TrafficClass.PROMOTIONAL)
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    world.clock.advance(7200)
    await world.sweep()
    # Another system of the customer's, on the same account of the carrier, has written to the same person.
    other = world.receipt("not-ours", part, "DELIVRD", "000")
    await world.receive([saying(other, submitted_at=world.clock.now())])
    assert (await standing(world, answer.rows[0].id)).state is State.SENT


async def test_a_receipt_that_repeats_another_text_does_not_resolve_a_doubt(world):
    answer = await send(world, "380972000001", text="Your code is 1234")
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    other = world.receipt("not-ours", part, "DELIVRD", "000")
    await world.receive([structs.replace(other, text="Sale! Everything mus")])
    assert (await standing(world, answer.rows[0].id)).state is State.IN_DOUBT


async def test_answers_without_an_id_and_a_doubt(world):
    first = await send(world, "380972000001", traffic_class=TrafficClass.PROMOTIONAL)
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    world.clock.advance(3600)
    await world.sweep()
    await send(world, "380972000001")
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Taken(""))])  # a careless carrier: taken, no id
    receipt = saying(world.receipt("77", part, "DELIVRD", "000"), submitted_at=world.clock.now())
    await world.receive([receipt])
    assert (await standing(world, first.rows[0].id)).state is State.SENT


async def test_the_last_error_is_the_reason_of_an_expiry(world):
    answer = await send(world, "380972000001")
    await world.dispatch()
    [(upstream_id, part)] = world.carrier.known[answer.rows[0].id]
    halfway = saying(
        world.receipt(upstream_id, part, "UNDELIV", "027"), state=State.ENROUTE, intermediate=True
    )
    await world.receive([halfway])
    await world.receive([world.receipt(upstream_id, part, "EXPIRED", "000")])
    told = await standing(world, answer.rows[0].id)
    assert (told.state, told.reason) == (State.EXPIRED, Reason.ABSENT_SUBSCRIBER)
