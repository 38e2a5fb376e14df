"""A database that stands still: memory stays bounded, and every customer gets an answer, none of them a timeout."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tidings.flows import accept

TAKEN, BUSY = 0, 11
LANES = 2
BLOCKED = "select count(*) from pg_locks where not granted"


@pytest.fixture
async def hurried(world, monkeypatch):
    """A gateway in which three recipients may wait, and not for long."""
    monkeypatch.setattr(accept, "MOST_WAITING", 3)
    monkeypatch.setattr(accept, "PATIENCE_S", 0.3)
    await world.reopen()
    world.http = world.on_http()
    async with world.http:
        yield world


@asynccontextmanager
async def standstill(world):
    """Nobody's order can be taken: somebody else holds the account."""
    blocker = await world.database.connect()
    try:
        async with blocker.transaction():
            await blocker.execute("select from account where id = $1 for update", world.account_id)
            yield
    finally:
        await blocker.close()


async def send(world, number: int) -> int:
    body = {"destination": "phone", "msisdn": f"4915123450{number:03d}", "originator": "acme", "body": "hi"}
    answer = await world.http.post("/rest/sms/create", json=body, headers={"X-API-KEY": world.key})
    assert answer.status_code == 200
    return answer.json()["error"]


async def blocked(world, count: int) -> None:
    while await world.sql.fetchval(BLOCKED) < count:
        pass


async def test_a_database_that_stands_still_is_told_as_busy_and_what_had_begun_is_taken(hurried):
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        async with standstill(hurried):
            begun = []
            for number in range(LANES):
                begun.append(tasks.create_task(send(hurried, number)))
                await blocked(hurried, number + 1)
            later = [tasks.create_task(send(hurried, number)) for number in range(LANES, 12)]
            assert [await one for one in later] == [BUSY] * 10
            assert not any(one.done() for one in begun)
        assert [await one for one in begun] == [TAKEN] * LANES
    assert await send(hurried, 12) == TAKEN
    assert await hurried.sql.fetchval("select count(*) from message") == LANES + 1
