"""kill -9 of a process that tells customers' servers, at each point where it matters: nothing is lost."""

import asyncio
import os
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from webhook_server import webhook_server

from tidings.flows.callbacks import LEASE
from tidings.flows.points import Point
from tidings.store import invariants

DEADLINE_S = 30
MANY = 5
SRC = Path(__file__).parents[2] / "src"


@asynccontextmanager
async def clerk(world, *, at=None, later=timedelta()):
    """One that dies at a point by itself, or is killed at the end."""
    words = [world.url, (world.clock.now() + later).isoformat(), *([at] if at else [])]
    path = os.pathsep.join([str(SRC), str(Path(__file__).parent)])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dying_clerk", *words, env={**os.environ, "PYTHONPATH": path}
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


async def owed(world, url):
    """Messages of which the customer's server is to be told; their ids."""
    body = {
        "destination": "phones",
        "originator": "BSG",
        "body": "Hi",
        "phones": [{"msisdn": str(380972920000 + n), "reference": f"r{n}"} for n in range(MANY)],
        "callback_url": url,
    }
    answer = await world.http.post("/rest/sms/create", json=body, headers={"X-API-KEY": world.key})
    await world.deliver_all()
    return [row["id"] for row in answer.json()["result"]]


async def nothing_waits(world):
    async with asyncio.timeout(DEADLINE_S):
        while await world.sql.fetchval("select exists (select from callback)"):
            pass


@pytest.mark.parametrize(
    ("point", "heard_before"),
    [
        (Point.CALLBACKS_LEASED, False),  # the lane is his, nothing is told
        (Point.CALLBACKS_TOLD, True),  # told, not recorded
        (Point.CALLBACKS_WRITTEN, True),  # recorded, not committed
    ],
)
async def test_a_killed_clerks_callbacks_are_told_by_the_next_each_at_least_once(world, point, heard_before):
    async with webhook_server() as server:
        ids = await owed(world, server.url)
        async with clerk(world, at=point) as first, asyncio.timeout(DEADLINE_S):
            assert await first.wait() == -signal.SIGKILL
        before = len(server.heard)
        assert (before > 0) == heard_before
        assert await world.sql.fetchval("select count(*) from callback") == MANY, "nothing is lost"
        async with clerk(world, later=LEASE):
            await nothing_waits(world)
    told = Counter(one.json["id"] for one in server.heard[before:])
    assert told == dict.fromkeys(map(str, ids), 1)
    assert {one.json["status"] for one in server.heard} == {"delivered"}
    assert await invariants.check(world.sql) == []
