"""The first word of a message, which adds its delivery: of two at once one is written, and nobody waits for ever.

As long as there is no row, nobody can lock it. Two that have something to say of the same message meet at its key.
"""

import asyncio
from copy import deepcopy

import pytest
from gates import WAITING, WITHIN_S, race, waits
from test_sending_races import sent

from tidings.domain.evidence import Evidence, Kind
from tidings.domain.outcome import Taken, Unknown
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.fold import folding
from tidings.flows.points import Point
from tidings.flows.recent import Recent
from tidings.flows.records import Overtaken

LOCK_FIRST = "select from delivery where message_id = $1 for no key update"


def expired(world):
    return Evidence(
        Kind.TIMER, world.clock.now(), State.EXPIRED, reason=Reason.EXPIRED_IN_QUEUE, inferred=True, part=0
    )


async def stands(world, *message_ids):
    """How messages stand, without a lock; nothing of it is shared."""
    keys = [(world.account_id, one) for one in message_ids]
    async with world.database.transaction() as tx:
        found = await tx.stands(keys)
    held = {key: deepcopy(found[key[1]][0]) for key in keys}
    for (_, message_id), its in held.items():
        its.delivery.message_id = message_id
    return held


async def write(world, *message_ids, word=expired):
    """Say something of them on the ground of how they stand, as a courier does."""
    held = await stands(world, *message_ids)
    folded = folding({key: [(word(world), None)] for key in held}, held, now=world.clock.now())

    async def now():
        async with world.database.at_once() as tx:
            await tx.write(folded)

    return now


async def until_waiting(world, count):
    while await world.sql.fetchval(WAITING) < count:
        pass


async def versions(world):
    rows = await world.sql.fetch("select message_id, version from delivery order by message_id")
    return [tuple(row) for row in rows]


async def test_of_two_first_words_one_is_written(ring):
    [message_id] = await sent(ring, "a")
    await ring.sql.execute("delete from outbox")
    one, two = await write(ring, message_id), await write(ring, message_id)
    await one()
    with pytest.raises(Overtaken):
        await two()
    assert await versions(ring) == [(message_id, 2)]
    log = await ring.gateway.timeline(ring.account_id, message_id)
    assert [line.kind for line in log] == ["accepted", "timer"]


@pytest.mark.parametrize("commits", [True, False])
async def test_a_first_word_waits_for_another_one_that_is_being_written(ring, commits):
    [message_id] = await sent(ring, "a")
    await ring.sql.execute("delete from outbox")
    say = await write(ring, message_id)
    rival = await ring.database.connect()
    async with asyncio.timeout(WITHIN_S):
        transaction = rival.transaction()
        await transaction.start()
        await rival.execute(
            "insert into delivery (account_id, message_id, version, held, state, attempts)"
            " select account_id, id, 1, price, 'queued', '[[1,1,false,[[\"queued\"]]]]' from message"
        )
        saying = asyncio.create_task(say())
        assert await waits(ring, saying)
        await (transaction.commit() if commits else transaction.rollback())
        if commits:
            with pytest.raises(Overtaken):
                await saying
            await (await write(ring, message_id))()  # on the ground of what is there now
        else:
            await saying
    await rival.close()
    assert await versions(ring) == [(message_id, 2)]


async def test_whoever_comes_under_lock_waits_for_a_first_word_and_goes_on_from_it(ring):
    [message_id] = await sent(ring, "a")
    recent = Recent()
    [(flight, _)] = [
        pair
        for one in await ring.dispatcher(recent).take(1)
        for pair in zip(one.flights, one.parts, strict=True)
    ]
    say = ring.hearer(recent)([ring.answer(flight, Taken("up"))], [])
    doubt = ring.recorder()([ring.answer(flight, Unknown("timeout"))])
    _, _, waited = await race(ring, doubt, say, at=Point.ANSWERS_WRITTEN)
    assert waited
    log = await ring.gateway.timeline(ring.account_id, message_id)
    assert [line.kind for line in log] == ["accepted", "written", "doubt", "answered"]
    assert (await ring.message(message_id)).standing.state is State.SENT


@pytest.mark.parametrize("heard", [True, False])
async def test_a_delivery_is_locked_whether_there_was_one_or_not(ring, heard):
    [message_id] = await sent(ring, "a")
    if heard:
        await ring.dispatch()
    keys = [(ring.account_id, message_id)]

    async def lock():
        async with ring.database.transaction() as tx:
            return await tx.lock_deliveries(keys)

    async with asyncio.timeout(WITHIN_S):
        async with ring.database.transaction() as tx:
            found = await tx.lock_deliveries(keys)
            second = asyncio.create_task(lock())
            assert await waits(ring, second)
        assert await second == found


@pytest.mark.parametrize("under_lock_first", [True, False])
async def test_two_that_want_the_same_messages_take_them_in_one_order(ring, under_lock_first):
    """Of the first something was heard, of the second nothing: one of the two locks what the other adds, and both lock
    what is there.
    """
    first, second = await sent(ring, "a", "b")
    await ring.sql.execute("delete from outbox")
    keys = [(ring.account_id, one) for one in (first, second)]
    async with ring.database.transaction() as tx:
        await tx.lock_deliveries(keys[:1])
    say = await write(ring, first, second)

    async def under_lock():
        async with ring.database.transaction() as tx:
            await tx.lock_deliveries(keys)

    rival = await ring.database.connect()
    async with asyncio.timeout(WITHIN_S):
        async with rival.transaction():
            await rival.execute(LOCK_FIRST, first)
            tasks: list[asyncio.Task[None]] = []
            for flow in (under_lock, say) if under_lock_first else (say, under_lock):
                tasks.append(asyncio.create_task(flow()))
                await until_waiting(ring, len(tasks))
        said = await asyncio.gather(*tasks, return_exceptions=True)
    await rival.close()
    assert [type(one) for one in said] == [type(None), Overtaken if under_lock_first else type(None)]
    if under_lock_first:
        await (await write(ring, first, second))()
    assert await versions(ring) == [(first, 2), (second, 2)]
