"""What is to happen later, on one timer: a task or timer for each message would cost more than it."""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Job = Callable[[], None]

TICK_S = 0.001  # jobs due this close together run together


class Agenda:
    """Jobs by the time they are due, on the loop's clock; those due together run in the order of adding."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._order = count()
        self._heap: list[tuple[float, int, Job]] = []
        self._timer: asyncio.TimerHandle | None = None

    def after(self, delay_s: float, job: Job) -> None:
        """Run `job` once, `delay_s` from now."""
        due = self._loop.time() + delay_s
        heappush(self._heap, (due, next(self._order), job))
        if self._timer is None or due < self._timer.when():
            self._wind(due)

    def close(self) -> None:
        """Forget every job."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wind(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(max(due, self._loop.time() + TICK_S), self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._heap and self._heap[0][0] <= now:
            heappop(self._heap)[2]()
        if self._heap:
            self._wind(self._heap[0][0])
