"""Many callers, one statement: what waits while a batch commits goes as the next batch.

Round trips and commits are what a database costs, and grouping is the cure. There is no timer: the first item
leaves on the next turn of the loop, together with all that came in the same turn; everything that arrives while
it is under way is the next batch. The queue is bounded, so that pressure goes back to the callers. With two lanes
a second batch may leave while the first is under way, so that the database works while we do; for the same reason
the next batch begins before the answers of the last are told. Callers who ask again as soon as they are answered
would soon be all in one batch, with nobody at work beside it: so lanes may share what there is. Batches that cost
nearly nothing may be kept apart, so that a busy time makes few of them; a quiet time waits for nothing. Nobody
waits for ever: what no batch has taken within a bound is told so, while its caller still listens.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import Generic, NamedTuple, Protocol, TypeVar

from tidings.domain.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
Result_contra = TypeVar("Result_contra", contravariant=True)

Heard = Callable[[Result | BaseException], None]
"""Hears a result, or why there is none; it must not raise."""


class _Answerable(Protocol[Result_contra]):
    """Who waits for a result: what a future does, of which only this is needed."""

    def done(self) -> bool: ...
    def cancelled(self) -> bool: ...
    def cancel(self) -> object: ...
    def set_result(self, result: Result_contra, /) -> None: ...
    def set_exception(self, exception: BaseException, /) -> None: ...


class _Ear(Generic[Result]):
    """Passes a result on in the same turn of the loop: a future would take another turn, and 5 us, for each."""

    __slots__ = ("_heard",)

    def __init__(self, heard: Heard[Result]) -> None:
        self._heard: Heard[Result] | None = heard

    def done(self) -> bool:
        return self._heard is None

    def cancelled(self) -> bool:
        return False

    def cancel(self) -> None:
        self.set_result(asyncio.CancelledError())

    def set_result(self, result: Result | BaseException) -> None:
        heard, self._heard = self._heard, None
        if heard is not None:
            heard(result)

    set_exception = set_result


class _Waiting(NamedTuple, Generic[Item, Result]):
    """An item that no batch has taken yet."""

    item: Item
    weight: int
    future: _Answerable[Result]
    until: float  # the loop's time at which its caller's patience ends


_Batch = list[tuple[Item, _Answerable[Result]]]

ENOUGH = 0.75
"""Of an equal share: whoever waits for the last of those who are about to come leaves the database idle."""

LEAST_SHARE = 8
"""So little is not divided: a batch costs much before there is anything in it."""


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
        apart_s: float = 0.0,
        gather: Callable[[], Awaitable[None]] | None = None,
        patience_s: float = 30.0,
    ) -> None:
        """`max_weight` bounds one batch (a heavier single item goes alone), `max_waiting` the queue.

        `lanes` is how many batches may be under way at a time, `apart_s` the least time between the beginnings of
        two batches, `gather` is waited for before each one is taken, `patience_s` how long an item may wait for its
        batch to begin.
        """
        self._run = run
        self._max_weight = max_weight
        self._max_waiting = max_waiting
        self._weigh = weigh
        self._patience_s = patience_s
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._impatience: asyncio.TimerHandle | None = None
        self._weight = 0
        self._lanes = lanes
        self._under_way = 0  # the weight of what batches have taken and not ended
        self._ended = 0  # of the batch that ended last: its callers may be back at once
        self._apart_s = apart_s
        self._gather = gather
        self._begins_at_once = not apart_s and gather is None
        self._next_at = 0.0  # the loop's time before which no batch begins
        self._workers: set[asyncio.Task[None]] = set()
        self._starting = False  # a worker that has not taken its first batch: it takes what comes meanwhile
        self._closed = False

    @property
    def waiting(self) -> int:
        """The weight of what no batch has taken yet."""
        return self._weight

    async def put(self, item: Item) -> Result:
        """The item's own result once its batch is done. Raises Unavailable: full, closed, or waited too long."""
        return await self.ask(item)

    def ask(self, item: Item) -> asyncio.Future[Result]:
        """The same without waiting: the result to come. Raises Unavailable at once."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._append(item, future)
        return future

    def tell(self, item: Item, heard: Heard[Result]) -> None:
        """The same for whoever waits in no task: `heard` is called as soon as the batch is done. Raises Unavailable."""
        self._append(item, _Ear(heard))

    def _append(self, item: Item, future: _Answerable[Result]) -> None:
        weight = self._weigh(item)
        if self._closed or (self._waiting and self._weight + weight > self._max_waiting):
            raise Unavailable("too much is waiting already")
        loop = self._loop
        self._waiting.append(_Waiting(item, weight, future, loop.time() + self._patience_s))
        self._weight += weight
        if self._impatience is None:
            self._impatience = loop.call_later(self._patience_s, self._give_up)
        if not self._starting:
            self._start_lane()

    def _start_lane(self) -> None:
        """Have one more lane at work, if there is one, and enough for it."""
        if len(self._workers) < self._lanes and self._is_enough():
            self._starting = True
            self._workers.add(asyncio.create_task(self._work()))

    def _is_enough(self) -> bool:
        """Whether what waits is worth a batch beside those under way."""
        return True

    def _most(self) -> int:
        """The most that the next batch takes."""
        return self._max_weight

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop it works in. Asking which one runs is a system call each time, so it is asked once."""
        return asyncio.get_running_loop()

    async def close(self) -> None:
        """Take nothing more and finish what waits."""
        self._closed = True
        while self._workers:
            await asyncio.gather(*self._workers)
        if self._impatience is not None:
            self._impatience.cancel()

    async def _work(self) -> None:
        self._starting = False
        worker = asyncio.current_task()
        assert worker is not None
        try:
            while self._waiting and self._is_enough():
                if self._apart_s:
                    await self._keep_apart()
                if self._gather is not None:
                    await self._gather()
                await self._run_next()
        finally:
            self._workers.discard(worker)

    async def _keep_apart(self) -> None:
        loop = asyncio.get_running_loop()
        if (rest_s := self._next_at - loop.time()) > 0:
            await asyncio.sleep(rest_s)
        self._next_at = loop.time() + self._apart_s

    async def _run_next(self) -> None:
        batch, weight = self._next_batch()
        self._under_way += weight
        if self._waiting and not self._starting:
            self._start_lane()
        try:
            await self._run_one(batch)
        finally:
            self._under_way -= weight
            self._ended = weight

    def _next_batch(self) -> tuple[_Batch[Item, Result], int]:
        """The next batch, and its weight."""
        batch: _Batch[Item, Result] = []
        taken, most = 0, self._most()
        while self._waiting and (not batch or taken + self._waiting[0].weight <= most):
            one = self._waiting.popleft()
            self._weight -= one.weight
            if not one.future.cancelled():
                taken += one.weight
                batch.append((one.item, one.future))
        return batch, taken

    def _give_up(self) -> None:
        """Tell those whose patience is over, and come again for the next; one timer serves all."""
        self._impatience = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._waiting and self._waiting[0].until <= now:
            one = self._waiting.popleft()
            self._weight -= one.weight
            _resolve(one.future, Unavailable("nobody came to it in time"))
        if self._waiting:
            self._impatience = loop.call_at(self._waiting[0].until, self._give_up)

    async def _run_one(self, batch: _Batch[Item, Result]) -> None:
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
        if self._begins_at_once:  # in this turn of the loop the next batch does, if one waits
            self._loop.call_soon(_answer, batch, results)
        else:
            _answer(batch, results)

    async def _isolate(self, batch: _Batch[Item, Result], error: Exception) -> None:
        """One bad item must not fail its neighbours: run each alone, unless everybody would meet the same end."""
        if len(batch) == 1 or isinstance(error, Unavailable):
            for _, future in batch:
                _resolve(future, error)
            return
        for alone in batch:
            await self._run_one([alone])


class SharingBatcher(Batcher[Item, Result]):
    """Its lanes share evenly what there is.

    A batch takes its part of what waits, is under way or was just answered, and begins beside others once nearly that
    much waits; beside none it begins at once.
    """

    def _is_enough(self) -> bool:
        return is_enough(self._weight, beside=self._under_way, lanes=self._lanes)

    def _most(self) -> int:
        return min(self._max_weight, share(self._weight + self._under_way + self._ended, lanes=self._lanes))


def is_enough(waiting: int, *, beside: int, lanes: int) -> bool:
    """Whether so much is worth a batch beside what the other lanes have under way."""
    return waiting * (lanes - 1) >= ENOUGH * beside


def share(there_is: int, *, lanes: int) -> int:
    """What one of the lanes takes of all that waits, is under way or was just answered."""
    return max(LEAST_SHARE, -(-there_is // lanes))


def _answer(batch: _Batch[Item, Result], results: Sequence[Result | Exception]) -> None:
    for (_, future), result in zip(batch, results, strict=True):
        _resolve(future, result)


def _resolve(future: _Answerable[Result], result: Result | BaseException) -> None:
    if future.done():
        return
    if isinstance(result, asyncio.CancelledError):
        future.cancel()
    elif isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)
