"""Receipts and what they meet on their way: each other, the answer, the decision; and two pulls."""

import asyncio

import pytest
from gates import WITHIN_S, race
from test_sending_races import sent

from tidings.domain.message import ReportFilter
from tidings.domain.outcome import Taken, Unknown
from tidings.domain.status import State
from tidings.flows.points import Point
from tidings.flows.receive import Receive
from tidings.store.invariants import check


async def pull(world, limit):
    rows = await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=limit)
    return [(row.id, row.number) for row in rows]


HOLD_NEWEST = """
select from report_due order by done_at desc, message_id desc limit 1 for update"""


async def test_a_pull_leaves_what_another_holds_and_does_not_wait_for_it(ring):
    wanted = await sent(ring, "a", "b", "c")
    await ring.deliver_all()
    async with asyncio.timeout(WITHIN_S):
        async with ring.sql.transaction():
            await ring.sql.execute(HOLD_NEWEST)
            first = await pull(ring, 10)
        second = await pull(ring, 10)
    assert sorted(first + second) == [(message_id, 1) for message_id in wanted]
    assert len(first) == 2


async def test_pulls_at_a_time_share_no_report(ring):
    wanted = await sent(ring, *map(str, range(60)))
    await ring.deliver_all()
    async with asyncio.timeout(WITHIN_S):
        pulled = await asyncio.gather(*(pull(ring, 10) for _ in range(12)))
    assert sorted(one for some in pulled for one in some) == [(message_id, 1) for message_id in wanted]
    assert await check(ring.sql) == []


async def test_two_receipts_for_one_message_are_heard_one_after_the_other_under_lock(ring):
    for reference, words in (("a", ("DELIVRD", "UNDELIV")), ("b", ("UNDELIV", "DELIVRD"))):
        [message_id] = await sent(ring, reference)
        await ring.dispatch()
        [(upstream_id, part)] = ring.carrier.known[message_id]
        one, two = (locked(ring, ring.receipt(upstream_id, part, word)) for word in words)
        _, _, waited = await race(ring, one, two, at=Point.RECEIVE_WRITTEN)
        assert (await ring.message(message_id)).standing.state is State.DELIVERED and waited
        log = await ring.gateway.timeline(ring.account_id, message_id)
        assert [line.word for line in log if line.kind == "receipt"] == list(words)


@pytest.mark.parametrize("words", [("DELIVRD", "UNDELIV"), ("UNDELIV", "DELIVRD")])
async def test_of_two_receipts_for_one_message_the_one_that_was_overtaken_is_weighed_again(ring, words):
    [message_id] = await sent(ring, "a")
    await ring.dispatch()
    [(upstream_id, part)] = ring.carrier.known[message_id]
    one, two = (ring.receive([ring.receipt(upstream_id, part, word)]) for word in words)
    _, _, waited = await race(ring, one, two, at=Point.HEARD_FOLDED)
    assert (await ring.message(message_id)).standing.state is State.DELIVERED and not waited
    log = await ring.gateway.timeline(ring.account_id, message_id)
    assert [line.word for line in log if line.kind == "receipt"] == list(reversed(words))
    assert await check(ring.sql) == []


@pytest.mark.parametrize("at", [Point.HEARD_FOLDED, Point.HEARD_WRITTEN])
async def test_one_receipt_that_comes_on_two_binds_at_once_is_heard_once(ring, at):
    [message_id] = await sent(ring, "a")
    await ring.dispatch()
    [(upstream_id, part)] = ring.carrier.known[message_id]
    receipt = ring.receipt(upstream_id, part, "DELIVRD")
    await race(ring, ring.receive([receipt]), ring.receive([receipt]), at=at)
    log = await ring.gateway.timeline(ring.account_id, message_id)
    assert len([line for line in log if line.kind == "receipt"]) == 1


async def test_one_receipt_that_comes_on_two_binds_at_once_is_heard_once_under_lock(ring):
    [message_id] = await sent(ring, "a")
    await ring.dispatch()
    [(upstream_id, part)] = ring.carrier.known[message_id]
    receipt = ring.receipt(upstream_id, part, "DELIVRD")
    await race(ring, locked(ring, receipt), locked(ring, receipt), at=Point.RECEIVE_WRITTEN)
    log = await ring.gateway.timeline(ring.account_id, message_id)
    assert len([line for line in log if line.kind == "receipt"]) == 1


def locked(world, receipt):
    """What becomes of a receipt that is no usual one."""
    return world.receiver()(world.incoming([receipt]))


async def handed_over(world):
    [message_id] = await sent(world, "a")
    [(flight, part)] = await world.take()
    return message_id, flight, part


async def test_a_receipt_that_looked_before_the_answer_was_recorded_is_matched_at_once(ring):
    message_id, flight, part = await handed_over(ring)
    await race(
        ring,
        ring.receive([ring.receipt("up1", part, "DELIVRD")]),
        ring.record([ring.answer(flight, Taken("up1"))]),
        at=Point.RECEIVE_MATCHED,
    )
    assert (await ring.message(message_id)).standing.state is State.DELIVERED


async def test_a_receipt_that_cannot_see_the_answer_yet_is_found_by_the_next_retry(ring):
    message_id, flight, part = await handed_over(ring)
    await race(
        ring,
        ring.recorder()([ring.answer(flight, Taken("up1"))]),
        ring.receive([ring.receipt("up1", part, "DELIVRD")]),
        at=Point.ANSWERS_WRITTEN,
    )
    ring.clock.advance(1)
    await Receive(ring.database, clock=ring.clock, connector_id=ring.connector_id).retry_orphans()
    assert (await ring.message(message_id)).standing.state is State.DELIVERED


async def test_a_receipt_that_waits_since_the_answer_was_folded_is_heard_with_it(ring):
    message_id, flight, part = await handed_over(ring)
    await race(
        ring,
        ring.record([ring.answer(flight, Taken("up1"))]),
        ring.receive([ring.receipt("up1", part, "DELIVRD")]),
        at=Point.HEARD_FOLDED,
    )
    assert (await ring.message(message_id)).standing.state is State.DELIVERED
    assert await ring.sql.fetchval("select count(*) from orphan") == 0


async def doubted(world):
    """A message that was taken without an answer, and the wait for it is over."""
    [message_id] = await sent(world, "a")
    world.carrier.mood = "silent"
    await world.dispatch()
    world.carrier.mood = "take"
    world.clock.advance(61)
    [(upstream_id, part)] = world.carrier.known[message_id]
    return message_id, world.receive([world.receipt(upstream_id, part, "DELIVRD")])


async def test_a_receipt_in_time_keeps_a_message_in_doubt_from_being_sent_again(ring):
    message_id, receiving = await doubted(ring)
    await race(ring, receiving, ring.sweep(), at=Point.RECEIVE_WRITTEN)
    assert (await ring.message(message_id)).standing.state is State.DELIVERED
    assert await ring.dispatch() == 0


async def test_a_receipt_that_comes_while_another_copy_is_decided_on_still_is_a_yes(ring):
    message_id, receiving = await doubted(ring)
    await race(ring, ring.sweep(), receiving, at=Point.DECIDE_WRITTEN)
    assert (await ring.message(message_id)).standing.state is State.DELIVERED
    assert await ring.dispatch() == 0, "no second copy of what has arrived"


async def test_a_receipt_that_comes_while_the_second_copy_is_claimed_still_is_a_yes(ring):
    message_id, receiving = await doubted(ring)
    await ring.sweep()
    await race(ring, receiving, ring.take(), at=Point.RECEIVE_MATCHED)
    assert (await ring.message(message_id)).standing.state is State.DELIVERED


async def test_a_receipt_that_outran_its_answer_is_not_given_to_another_message_in_doubt(ring):
    [in_doubt] = await sent(ring, "a")
    ring.carrier.mood = "silent"
    await ring.dispatch()
    [message_id] = await sent(ring, "b")
    [(flight, part)] = await ring.take()
    await ring.receive([ring.receipt("up9", part, "DELIVRD")])
    assert (await ring.message(in_doubt)).standing.state is State.IN_DOUBT
    await ring.record([ring.answer(flight, Taken("up9"))])
    assert (await ring.message(message_id)).standing.state is State.DELIVERED


async def half_arrived(world):
    """A long message: its second part is sent, its first part's second copy waits, and its first copy arrives."""
    [message_id] = await sent(world, "a", text="x" * 200)
    (lost, first), (taken, _) = await world.take()
    await world.record([world.answer(lost, Unknown("timeout")), world.answer(taken, Taken("up2"))])
    world.clock.advance(61)
    await world.sweep()
    await world.receive([world.receipt("up1", first, "DELIVRD")])
    return message_id


async def test_a_part_that_has_arrived_is_not_sent_again_while_its_message_is_open(ring):
    message_id = await half_arrived(ring)
    assert await ring.dispatch() == 0
    assert (await ring.message(message_id)).standing.state is State.SENT


async def test_a_part_that_has_arrived_does_not_expire_in_the_queue(ring):
    message_id = await half_arrived(ring)
    ring.clock.advance(3601)
    await ring.sweep()
    assert (await ring.message(message_id)).standing.state is State.SENT
