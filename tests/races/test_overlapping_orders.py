"""Orders of one account that are written at the same time: beside each other, and never into each other's money."""

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from gates import WAITING, WITHIN_S
from rivals import order

from tidings.domain.errors import Fault
from tidings.domain.order import Taken
from tidings.store import invariants, tallies

PRICE = 200_000
MANY = 300
WRITTEN = ("message_p000000", "external_key")
SIZE = "select pg_relation_size($1::text::regclass)"
NOT_ADDED = "select count(*) from message_tally"
INSERT_KEY = "insert into external_key values ($1, 'reference', $2, 1)"


@asynccontextmanager
async def another(world):
    """Somebody else's transaction, which comes to nothing."""
    connection = await world.database.connect()
    transaction = connection.transaction()
    await transaction.start()
    try:
        async with asyncio.timeout(WITHIN_S):
            yield connection
            await transaction.rollback()
    finally:
        await connection.close()


async def until_waiting(world, count):
    while await world.sql.fetchval(WAITING) < count:
        pass


async def sizes(world):
    return [await world.sql.fetchval(SIZE, name) for name in WRITTEN]


async def can_take(connection, account_id, key):
    """Whether nobody holds a key who has not committed."""
    await connection.execute("set local lock_timeout = '50ms'")
    try:
        async with connection.transaction():
            await connection.execute(INSERT_KEY, account_id, key)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def test_orders_of_an_account_are_written_beside_each_other(ring, rival):
    async with another(ring) as holder:
        await holder.execute("select from account for no key update")
        seen = [await sizes(ring)]
        orders = []
        for count, (house, name) in enumerate(((ring.gateway, "a"), (rival, "b")), 1):
            orders.append(
                asyncio.create_task(order(ring, house, *(f"{name}{number}" for number in range(MANY))))
            )
            await until_waiting(ring, count)
            seen.append(await sizes(ring))
    for before, first, second in zip(*seen, strict=True):
        assert before < first < second
    assert {type(row) for one in orders for row in await one} == {Taken}


async def test_keys_are_taken_in_one_order(ring, rival):
    async with another(ring) as holder:
        await holder.execute(INSERT_KEY, ring.account_id, "middle")
        asked = asyncio.create_task(order(ring, ring.gateway, "z", "middle", "a"))
        await until_waiting(ring, 1)
        async with another(ring) as probe:
            assert await can_take(probe, ring.account_id, "z")
            assert not await can_take(probe, ring.account_id, "a")
    assert {type(row) for row in await asked} == {Taken}


async def test_who_judges_under_lock_meets_nobody_who_holds_a_key(ring, rival):
    async with asyncio.timeout(WITHIN_S), ring.database.accepting() as tx:
        await tx.lock_accounts({ring.account_id})
        asked = asyncio.create_task(order(ring, ring.gateway, "wanted by both"))
        await until_waiting(ring, 1)
        async with another(ring) as probe:
            assert await can_take(probe, ring.account_id, "wanted by both")
    assert isinstance((await asked)[0], Taken)


async def test_an_account_stands_still_while_it_is_judged(ring, rival):
    async with another(ring) as other:
        async with ring.database.accepting() as tx:
            await tx.lock_accounts({ring.account_id})
            change = asyncio.create_task(other.execute("update account set balance = 0"))
            await until_waiting(ring, 1)
        await change


async def test_who_judges_under_lock_waits_for_those_who_write(ring, rival):
    async with another(ring) as holder:
        await holder.execute("select from account for no key update")
        short = asyncio.create_task(order(ring, ring.gateway, "both"))
        await until_waiting(ring, 1)
        await ring.sql.execute("update catalog set version = version + 1")
        long = asyncio.create_task(order(ring, rival, "both", "mine"))
        await until_waiting(ring, 2)
    assert isinstance((await short)[0], Taken)
    refused, taken = await long
    assert refused is Fault.REFERENCE_TAKEN and isinstance(taken, Taken)


async def test_an_order_that_postgresql_ends_for_the_sake_of_another_is_taken_all_the_same(ring, rival):
    async with another(ring) as holder:
        await holder.execute("set local deadlock_timeout = '1min'")
        await holder.execute("select from account for no key update")
        asked = asyncio.create_task(order(ring, ring.gateway, "wanted by both"))
        await until_waiting(ring, 1)
        await holder.execute(INSERT_KEY, ring.account_id, "wanted by both")
    assert isinstance((await asked)[0], Taken)


@pytest.mark.parametrize("seed", range(6))
async def test_however_they_meet_money_is_spent_once_and_to_its_end(ring, rival, seed):
    chance = random.Random(seed)
    can_pay = chance.randrange(5, 60)
    await spend_down(ring, can_pay)
    asked = [
        order(
            ring, chance.choice((ring.gateway, rival)), *(f"{one}-{n}" for n in range(chance.randrange(1, 9)))
        )
        for one in range(24)
    ]
    async with asyncio.timeout(WITHIN_S):
        rows = [row for its in await asyncio.gather(*asked) for row in its]
    taken = sum(isinstance(row, Taken) for row in rows)
    assert taken == min(can_pay, len(rows))
    assert {row for row in rows if not isinstance(row, Taken)} <= {Fault.NO_CREDIT}
    assert await left(ring) == (can_pay - taken) * PRICE
    assert await invariants.check(ring.sql) == []


async def left(world):
    return await world.sql.fetchval(
        "select balance + credit_limit from account where id = $1", world.account_id
    )


async def spend_down(world, messages):
    """So many messages can be paid for, and nobody has seen it."""
    away = await left(world) - messages * PRICE
    await world.sql.execute("update account set balance = balance - $1 where id = $2", away, world.account_id)
    await world.sql.execute("update ledger set amount = amount - $1 where kind = 'topup'", away)


@pytest.mark.parametrize("many", [1, tallies.BUSY])
async def test_what_orders_took_is_counted_once_while_several_add_it_up(ring, rival, monkeypatch, many):
    monkeypatch.setattr(tallies, "BUSY", many)
    monkeypatch.setattr(tallies, "PER_MOMENT", 0)
    soon = ring.clock.now() + timedelta(seconds=1)

    async def add_up():
        async with ring.database.transaction() as tx:
            return await tx.add_up_tallies(2, before=soon)

    tasks = [
        work
        for number in range(12)
        for work in (
            order(ring, (ring.gateway, rival)[number % 2], *(f"{number}-{one}" for one in range(3))),
            add_up(),
            add_up(),
        )
    ]
    await asyncio.gather(*tasks)
    assert await invariants.check(ring.sql) == []
    for _ in tasks:
        await add_up()
    assert await ring.sql.fetchval(NOT_ADDED) == 0
    assert await invariants.check(ring.sql) == []
