"""The bells that wake who tells customers' servers, and who hands over."""

import asyncio
import contextlib

from tidings.app.bell import CALLBACKS, Bell, Sleepers
from tidings.store.database import PostgresDatabase


@contextlib.asynccontextmanager
async def bell(world):
    """One that runs, and what it rings."""
    rung = asyncio.Event()
    one = Bell(PostgresDatabase(world.url), CALLBACKS, lambda _: rung.set())
    task = asyncio.create_task(one.run())
    try:
        await until_it_rings(world, rung)
        yield one, rung
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def owe(world):
    await world.sql.execute("select pg_notify('tidings_callbacks', '')")


async def until_it_rings(world, rung):
    """It may have to connect first."""
    async with asyncio.timeout(10):
        while not rung.is_set():
            await owe(world)
    rung.clear()


async def test_it_is_quiet_while_it_is_hushed_and_rings_again_when_it_is_heeded(world):
    async with bell(world) as (one, rung):
        await one.hush()
        rung.clear()
        await owe(world)
        await one.heed()  # whatever rang before has come by now
        assert not rung.is_set() and not one.hushed
        await owe(world)
        async with asyncio.timeout(10):
            await rung.wait()


async def test_it_rings_again_after_its_connection_was_lost_while_it_was_hushed(world):
    async with bell(world) as (one, rung):
        await one.hush()
        rung.clear()
        await world.sql.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and query ilike 'unlisten%'"
        )
        await one.heed()
        await until_it_rings(world, rung)


async def test_a_bell_that_is_shared_is_hushed_only_while_nobody_sleeps(world):
    async with bell(world) as (one, rung):
        sleepers = Sleepers(one)
        assert await sleepers.lie_down()
        await sleepers.hush()
        assert not one.hushed, "somebody sleeps"
        sleepers.get_up()
        await sleepers.hush()
        assert one.hushed
        rung.clear()
        await owe(world)
        assert not await sleepers.lie_down(), "what was owed meanwhile has to be looked for"
        assert await sleepers.lie_down() and not one.hushed
        assert not rung.is_set()
        await owe(world)
        async with asyncio.timeout(10):
            await rung.wait()
