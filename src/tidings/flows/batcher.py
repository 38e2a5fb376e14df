"""Many callers, one statement: what waits while a batch commits goes as the next batch.

Round trips and commits are what a database costs, and grouping is the cure. There is no timer: the first item
leaves on the next turn of the loop, together with all that came in the same turn; everything that arrives while
it is under way is the next batch. The queue is bounded, so that pressure goes back to the callers. With two lanes
a second batch may leave while the first is under way, so that the database works while we do.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from tidings.domain.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Groups items of concurrent callers for `run`, which answers each item with a result or an exception."""

    def __init__(
        self,
        run: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_weight: int = 2_000,
        max_waiting: int = 50_000,
        weigh: Callable[[Item], int] = lambda _: 1,
        lanes: int = 1,
    ) -> None:
        """`max_weight` bounds one batch (a heavier single item goes alone), `max_waiting` the queue.

        `lanes` is how many batches may be under way at a time.
        """
        self._run = run
        self._max_weight = max_weight
        self._max_waiting = max_waiting
        self._weigh = weigh
        self._waiting: deque[tuple[Item, int, asyncio.Future[Result]]] = deque()
        self._weight = 0
        self._lanes = lanes
        self._workers: set[asyncio.Task[None]] = set()
        self._starting = False  # a worker that has not taken its first batch: it takes what comes meanwhile
        self._closed = False

    async def put(self, item: Item) -> Result:
        """The item's own result once its batch is done. Raises Unavailable when the queue is full or closed."""
        return await self.ask(item)

    def ask(self, item: Item) -> asyncio.Future[Result]:
        """The same without waiting: the result to come. Raises Unavailable at once."""
        weight = self._weigh(item)
        if self._closed or (self._waiting and self._weight + weight > self._max_waiting):
            raise Unavailable("too much is waiting already")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, weight, future))
        self._weight += weight
        if not self._starting and len(self._workers) < self._lanes:
            self._starting = True
            self._workers.add(asyncio.create_task(self._work()))
        return future

    async def close(self) -> None:
        """Take nothing more and finish what waits."""
        self._closed = True
        while self._workers:
            await asyncio.gather(*self._workers)

    async def _work(self) -> None:
        self._starting = False
        worker = asyncio.current_task()
        assert worker is not None
        try:
            while self._waiting:
                await self._run_one(self._next_batch())
        finally:
            self._workers.discard(worker)

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        taken = 0
        while self._waiting and (not batch or taken + self._waiting[0][1] <= self._max_weight):
            item, weight, future = self._waiting.popleft()
            self._weight -= weight
            if not future.cancelled():
                taken += weight
                batch.append((item, future))
        return batch

    async def _run_one(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        if not batch:
            return
        try:
            results = await self._run([item for item, _ in batch])
            assert len(results) == len(batch)
        except Exception as error:
            await self._isolate(batch, error)
            return
        except BaseException as death:  # the process, or this loop, ends: nobody may wait for ever
            for _, future in batch:
                _resolve(future, death)
            if isinstance(death, asyncio.CancelledError):
                raise
            return
        for (_, future), result in zip(batch, results, strict=True):
            _resolve(future, result)

    async def _isolate(self, batch: list[tuple[Item, asyncio.Future[Result]]], error: Exception) -> None:
        """One bad item must not fail its neighbours: run each alone, unless everybody would meet the same end."""
        if len(batch) == 1 or isinstance(error, Unavailable):
            for _, future in batch:
                _resolve(future, error)
            return
        for alone in batch:
            await self._run_one([alone])


def _resolve(future: asyncio.Future[Result], result: Result | BaseException) -> None:
    if future.done():
        return
    if isinstance(result, asyncio.CancelledError):
        future.cancel()
    elif isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
