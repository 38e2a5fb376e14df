"""Two flows at once: the first is held inside its transaction, until the second is through or waits for it."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from world import World

from tidings.flows import points
from tidings.flows.points import Point

WITHIN_S = 20

WAITING = """
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"""


class Gate:
    """Holds the first flow that reaches a point; every later one passes."""

    def __init__(self, point: Point) -> None:
        self._point = point
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def __call__(self, point: Point) -> Coroutine[Any, Any, Any] | None:
        if point is not self._point or self.reached.is_set():
            return None
        self.reached.set()
        return self.opened.wait()


@contextmanager
def gate(point: Point) -> Iterator[Gate]:
    """A gate at a point, closed."""
    one = Gate(point)
    points.arm(one)
    try:
        yield one
    finally:
        points.arm(None)
        one.opened.set()


async def race(
    world: World, held: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any], *, at: Point
) -> tuple[Any, Any, bool]:
    """What both flows gave, and whether the other one had to wait for the one held at the point."""
    with gate(at) as one:
        async with asyncio.timeout(WITHIN_S):
            first = asyncio.create_task(held)
            arriving = asyncio.create_task(one.reached.wait())
            await asyncio.wait([first, arriving], return_when=asyncio.FIRST_COMPLETED)
            assert one.reached.is_set(), f"the flow ended before {at}: {first}"
            second = asyncio.create_task(other)
            waited = await waits(world, second)
            one.opened.set()
            return await first, await second, waited


async def waits(world: World, second: asyncio.Task[Any]) -> bool:
    """Whether a flow comes to wait for a lock before it ends."""
    while not second.done():
        if await world.sql.fetchval(WAITING):
            return True
    return False
