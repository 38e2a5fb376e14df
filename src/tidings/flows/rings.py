"""When couriers are woken for what was taken: with its commit in a quiet time, and now and then in a busy one."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Set
from contextlib import contextmanager

from tidings.domain.errors import Unavailable

APART_S = 0.02
"""A ring costs everybody who listens, to whatever it may be, a turn: 0.3 ms of CPU in all. In a busy time couriers
gather for longer than this."""

MADE_UP_FOR_AFTER = 1.5
"""Times that, after the last ring. Until then a transaction may come that rings anyway."""


class Rings:
    """Which connectors' couriers a transaction wakes as it commits. Whom it leaves out is woken soon after."""

    def __init__(
        self, ring: Callable[[Collection[int]], Awaitable[None]], *, apart_s: float = APART_S
    ) -> None:
        """`ring` wakes the couriers of connectors now. Raises Unavailable: then they look by themselves, later."""
        self._ring = ring
        self._apart_s = apart_s
        self._rung_at: dict[int, float] = {}  # the loop's time
        self._owed: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ringing: asyncio.Task[None] | None = None

    @contextmanager
    def around(self, connectors: Set[int]) -> Iterator[Collection[int]]:
        """A transaction that feeds these connectors: it is to ring for those that are given, and is done at the end.

        What was committed before it began is rung for by it, too.
        """
        now = asyncio.get_running_loop().time()
        rung = {one for one in connectors if now - self._rung_at.get(one, -self._apart_s) >= self._apart_s}
        self._rung_at |= dict.fromkeys(rung, now)
        self._owed -= rung
        try:
            yield rung
        except BaseException:
            self._owe(rung)  # perhaps for one before it
            raise
        self._owe(connectors - rung)

    async def close(self) -> None:
        """Ring for the last; nobody feeds anything more."""
        while self._timer is not None or self._ringing is not None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
                self._begin(set(self._owed))
            if self._ringing is not None:
                await self._ringing

    def _owe(self, connectors: Set[int]) -> None:
        self._owed |= connectors
        if self._owed and self._timer is None and self._ringing is None:
            last_at = min(self._rung_at[one] for one in self._owed)
            at = last_at + MADE_UP_FOR_AFTER * self._apart_s
            self._timer = asyncio.get_running_loop().call_at(at, self._make_up)

    def _make_up(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        self._begin({one for one in self._owed if now - self._rung_at[one] >= self._apart_s})
        self._owe(set())  # for whom others have rung meanwhile

    def _begin(self, late: Set[int]) -> None:
        if late:
            self._owed -= late
            self._rung_at |= dict.fromkeys(late, asyncio.get_running_loop().time())
            self._ringing = asyncio.create_task(self._ring_for(late))

    async def _ring_for(self, connectors: Collection[int]) -> None:
        try:
            await self._ring(connectors)
        except Unavailable:
            pass  # they look by themselves
        finally:
            self._ringing = None
            self._owe(set())
