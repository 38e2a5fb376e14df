"""A part that was sent twice: a yes of either copy counts at once, a no only when the other one failed, too."""

from test_late_answers import THROTTLED, WRONG, resent
from test_main_job import send

from tidings.domain.delivery import Flag
from tidings.domain.outcome import Taken, Unknown
from tidings.domain.status import State
from tidings.store.invariants import check, ended

DAYS = 86_400


async def standing(world, message_id):
    return (await world.message(message_id)).standing.state


async def both_written(world):
    """Both copies have left; nothing is known of the first. The message, the second copy and its part."""
    message_id, first = await resent(world)
    [(second, part)] = await world.take()
    return message_id, first, second, part


async def test_a_refusal_of_the_second_says_nothing_of_the_first(world):
    message_id, _, second, _ = await both_written(world)
    await world.record([world.answer(second, WRONG)])
    assert await standing(world, message_id) is State.IN_DOUBT
    assert await check(world.sql) == []

    world.clock.advance(5 * DAYS)
    await world.sweep()
    assert await standing(world, message_id) is State.NO_RECEIPT
    assert await check(world.sql) == []


async def test_when_both_were_refused_it_is_rejected(world):
    message_id, first, second, _ = await both_written(world)
    await world.record([world.answer(second, WRONG)])
    await world.record([world.answer(first, WRONG)])
    assert await standing(world, message_id) is State.REJECTED
    assert await check(world.sql) == []


async def test_a_throttled_first_copy_was_not_taken(world):
    message_id, first, second, _ = await both_written(world)
    await world.record([world.answer(first, THROTTLED)])
    await world.record([world.answer(second, WRONG)])
    assert await standing(world, message_id) is State.REJECTED


async def test_the_first_copy_may_still_arrive_when_the_second_failed(world):
    message_id, _, second, part = await both_written(world)
    await world.record([world.answer(second, Taken("up2"))])
    await world.receive([world.receipt("up2", part, "UNDELIV")])
    assert await standing(world, message_id) is State.SENT

    await world.receive([world.receipt("up1", part, "DELIVRD")])
    message = await world.message(message_id)
    assert message.standing.state is State.DELIVERED
    assert Flag.POSSIBLE_DUPLICATE in (await world.replayed(message_id)).flags
    assert await check(world.sql) == []


async def test_when_both_receipts_say_no_it_is_no(world):
    message_id, _, second, part = await both_written(world)
    await world.record([world.answer(second, Taken("up2"))])
    await world.receive([world.receipt("up2", part, "UNDELIV")])
    await world.receive([world.receipt("up1", part, "UNDELIV")])
    assert await standing(world, message_id) is State.UNDELIVERABLE
    assert await check(world.sql) == []


async def test_a_failed_first_copy_leaves_the_second_in_the_queue(world):
    message_id, _ = await resent(world)
    [(_, part)] = await world.take()
    await world.receive([world.receipt("up1", part, "EXPIRED")])
    assert await standing(world, message_id) is State.SENDING
    assert await check(world.sql) == []


async def test_a_second_copy_that_expires_in_the_queue_says_nothing_of_the_first(world):
    message_id, _ = await resent(world)
    await world.sql.execute("update outbox set due_at = due_at + interval '4 days'")
    world.clock.advance(3 * DAYS)
    await world.sweep()
    assert await standing(world, message_id) is State.IN_DOUBT
    world.clock.advance(2 * DAYS)
    await world.sweep()
    assert await standing(world, message_id) is State.NO_RECEIPT
    assert await check(world.sql) == []
    assert await ended(world.sql) == []


async def test_one_doubt_is_resolved_by_receipts_of_one_id(world):
    answer = await send(world, "380972000001")
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, Unknown("timeout"))])
    await world.receive([world.receipt("a", part, "ENROUTE"), world.receipt("b", part, "DELIVRD")])
    assert await standing(world, answer.rows[0].id) is State.ENROUTE
    assert await world.sql.fetchval("select count(*) from orphan") == 1
