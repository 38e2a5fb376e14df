"""What connections that are lent promise: never too many, none that somebody else still uses, none that is lost."""

import asyncio

import asyncpg
import pytest

from tidings.store.connections import Connections

WITHIN_S = 10


@pytest.fixture
async def connections(empty_database):
    made = Connections(empty_database, most=2, session={"application_name": "lent"})
    async with asyncio.timeout(60):
        yield made
        await made.close()


async def pid(connection):
    return await connection.fetchval("select pg_backend_pid()")


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_no_more_are_made_than_may_be_and_the_first_in_line_is_served_first(connections):
    first, second = await connections.take(), await connections.take()
    served = []

    async def wait(name):
        async with connections.lend() as connection:
            served.append((name, await pid(connection)))

    waiting = [asyncio.create_task(wait(name)) for name in "abc"]
    await turns()
    assert served == []
    known = {await pid(first), await pid(second)}
    connections.give_back(first)
    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*waiting)
    assert [name for name, _ in served] == ["a", "b", "c"]
    assert {one for _, one in served} <= known
    connections.give_back(second)


async def test_one_that_is_given_back_is_lent_again(connections):
    async with connections.lend() as connection:
        before = await pid(connection)
        assert await connection.fetchval("show application_name") == "lent"
    async with connections.lend() as connection:
        assert await pid(connection) == before


async def test_one_that_nobody_wants_for_long_is_ended_and_the_last_one_is_kept(connections, monkeypatch):
    monkeypatch.setattr("tidings.store.connections.IDLE_S", 0.01)
    taken, ended = [await connections.take(), await connections.take()], asyncio.Event()
    taken[0].add_termination_listener(lambda _: ended.set())
    for one in taken:
        connections.give_back(one)
    async with asyncio.timeout(WITHIN_S):
        await ended.wait()
    async with connections.lend() as connection:
        assert connection is taken[1]
    assert await both_at_once(connections)


async def both_at_once(connections):
    """Whether there is room for two."""
    async with asyncio.timeout(WITHIN_S), connections.lend() as first, connections.lend() as second:
        return await pid(first) != await pid(second)


@pytest.mark.parametrize("in_use", [True, False])
async def test_one_that_is_lost_is_replaced(connections, in_use):
    async with connections.lend() as connection:
        before = await pid(connection)
        if in_use:
            connection.terminate()
    connection.terminate()
    for _ in range(2):
        async with connections.lend() as connection:
            assert await pid(connection) != before


async def test_whoever_waits_gets_a_new_one_for_one_that_is_lost(connections):
    first, second = await connections.take(), await connections.take()
    waiting = asyncio.create_task(connections.take())
    await turns()
    first.terminate()
    connections.give_back(first)
    async with asyncio.timeout(WITHIN_S):
        third = await waiting
    assert await pid(third)
    connections.give_back(second)
    connections.give_back(third)


async def test_one_whose_user_gave_up_is_never_lent_with_a_statement_under_way(connections):
    async def sleep():
        async with connections.lend() as connection:
            used.append(connection)
            await connection.fetchval("select pg_sleep(1000)")

    used = []
    sleeping = [asyncio.create_task(sleep()) for _ in range(2)]
    async with asyncio.timeout(WITHIN_S):
        while len(used) < 2:
            await turns()
        for one in sleeping:
            one.cancel()
        await asyncio.gather(*sleeping, return_exceptions=True)
        async with connections.lend() as connection:
            assert connection not in used
            sleeps = "select count(*) from pg_stat_activity where query = 'select pg_sleep(1000)'"
            while await connection.fetchval(sleeps):
                await turns()


async def test_one_that_is_left_in_a_transaction_is_not_lent_again(connections):
    async with connections.lend() as connection:
        before = await pid(connection)
        await connection.execute("begin")
    async with connections.lend() as connection:
        assert await pid(connection) != before


async def test_what_was_given_to_somebody_who_has_gone_goes_to_the_next(connections):
    first, second = await connections.take(), await connections.take()
    gone, stays = (asyncio.create_task(connections.take()) for _ in range(2))
    await turns()
    connections.give_back(first)
    gone.cancel()
    async with asyncio.timeout(WITHIN_S):
        assert await stays is first
        await asyncio.wait([gone])
    assert gone.cancelled()
    connections.give_back(first)
    connections.give_back(second)


async def test_who_cannot_connect_is_told_and_takes_up_no_room(empty_database):
    nowhere = Connections(f"{empty_database}-no-such", most=1, session={})
    async with asyncio.timeout(WITHIN_S):
        told = await asyncio.gather(*(nowhere.take() for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [FileNotFoundError] * 3
    await nowhere.close()


async def test_a_close_lets_what_is_under_way_finish_and_nothing_else_begin(connections):
    connection, other = await connections.take(), await connections.take()
    connections.give_back(other)
    waiting = asyncio.create_task(connections.close())
    await turns()
    with pytest.raises(asyncpg.InterfaceError):
        await connections.take()
    assert await connection.fetchval("select 1") == 1
    assert not waiting.done()
    connections.give_back(connection)
    async with asyncio.timeout(WITHIN_S):
        await waiting
    assert connection.is_closed()
    assert other.is_closed()


async def test_who_waits_in_line_at_a_close_is_told(connections):
    lent = [await connections.take() for _ in range(2)]
    waiting = asyncio.create_task(connections.take())
    await turns()
    closing = asyncio.create_task(connections.close())
    with pytest.raises(asyncpg.InterfaceError):
        async with asyncio.timeout(WITHIN_S):
            await waiting
    for one in lent:
        connections.give_back(one)
    await closing


async def test_a_close_ends_what_does_not_finish(connections, monkeypatch):
    monkeypatch.setattr("tidings.store.connections.CLOSES_WITHIN_S", 0.01)
    connection = await connections.take()
    async with asyncio.timeout(WITHIN_S):
        await connections.close()
    assert connection.is_closed()


PREPARED = """
select generic_plans + custom_plans from pg_prepared_statements where length(statement) > 50_000"""


async def test_a_statement_is_prepared_once_however_long_it_is(connections):
    async with connections.lend() as connection:
        for _ in range(2):
            await connection.fetch(f"select 1 -- {'long ' * 20_000}")
        assert [uses for (uses,) in await connection.fetch(PREPARED)] == [2]
