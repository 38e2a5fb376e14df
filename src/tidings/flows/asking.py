"""Questions of those who wait in no task, grouped: one statement answers all that were asked meanwhile.

The same as `flows.batcher` for what is asked thousands of times a second: a question is a tuple, an answer two calls.
Nobody is told why there is no answer, for whoever hears of none asks again in the ordinary way, and hears it there.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Generic, TypeVar

from tidings.flows.batcher import is_enough, share

Item = TypeVar("Item")
Found = TypeVar("Found")

Heard = Callable[[bytes | None], None]
"""Hears an answer; None: nothing is known, so that whoever asked has to ask in another way. It must not raise."""

Seen = tuple[Mapping[Item, Found], int | None]
"""What was found, and which version of the catalog was in force as it was read; None: not known."""


_Question = tuple[Item, int, Callable[[Found], bytes], Heard, float]
"""What is asked, as of which version, how it is said and to whom; and until when he waits for a statement to begin (the
loop's time)."""


_until = itemgetter(4)


class Asking(Generic[Item, Found]):
    """Has `find` look for what was asked, and tells each who asked, in his own words.

    The lanes share what there is, and the next statement begins before the answers of the last are told, both as in
    `batcher.SharingBatcher`: the database is to work while answers are written.
    """

    def __init__(
        self,
        find: Callable[[Sequence[Item]], Awaitable[Seen[Item, Found]]],
        *,
        lanes: int = 2,
        most_at_once: int = 2_000,
        most_waiting: int = 50_000,
        patience_s: float = 30.0,
    ) -> None:
        """`patience_s` is how long a question may wait for its statement to begin."""
        self._find = find
        self._lanes = lanes
        self._most_at_once = most_at_once
        self._most_waiting = most_waiting
        self._patience_s = patience_s
        self._waiting: list[_Question[Item, Found]] = []
        self._under_way = 0  # questions of the statements that have not ended
        self._ended = 0  # of the one that ended last: whoever asked may be back at once
        self._impatience: asyncio.TimerHandle | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._starting = False  # a worker that has not begun: it takes what comes meanwhile

    def ask(self, item: Item, *, as_of: int, said: Callable[[Found], bytes], heard: Heard) -> bool:
        """Have an item found and `heard` told what is `said` of it; False if too much is waiting.

        Only what is found as that version of the catalog is in force is told.
        """
        if len(self._waiting) >= self._most_waiting:
            return False
        loop = self._loop
        self._waiting.append((item, as_of, said, heard, loop.time() + self._patience_s))
        if self._impatience is None:
            self._impatience = loop.call_later(self._patience_s, self._give_up)
        if not self._starting:
            self._start_lane()
        return True

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        """The loop it works in. Asking which one runs is a system call each time, so it is asked once."""
        return asyncio.get_running_loop()

    def _start_lane(self) -> None:
        """Have one more lane at work, if there is one, and enough for it."""
        if len(self._workers) < self._lanes and self._is_enough():
            self._starting = True
            self._workers.add(self._loop.create_task(self._work()))

    def _is_enough(self) -> bool:
        return is_enough(len(self._waiting), beside=self._under_way, lanes=self._lanes)

    async def _work(self) -> None:
        self._starting = False
        worker = asyncio.current_task()
        assert worker is not None
        try:
            while self._waiting and self._is_enough():
                await self._answer(self._next_batch())
        finally:  # in the turn in which too little waits: what comes next begins another one
            self._workers.discard(worker)

    def _next_batch(self) -> list[_Question[Item, Found]]:
        waiting = self._waiting
        most = share(len(waiting) + self._under_way + self._ended, lanes=self._lanes)
        most = min(most, self._most_at_once)
        self._waiting = waiting[most:]
        return waiting[:most]

    async def _answer(self, batch: Sequence[_Question[Item, Found]]) -> None:
        self._under_way += len(batch)
        if self._waiting and not self._starting:
            self._start_lane()
        version: int | None = None
        found: Mapping[Item, Found] = {}
        try:
            found, version = await self._find([one[0] for one in batch])
        except Exception:
            version = None
        except BaseException:  # this loop ends: nobody may wait for ever
            _tell(batch, {}, None)
            raise
        finally:
            self._under_way -= len(batch)
            self._ended = len(batch)
        self._loop.call_soon(_tell, batch, found, version)  # the next one begins in this turn of the loop

    def _give_up(self) -> None:
        """Tell those who wait for too long, and come again for the next; one timer serves all."""
        self._impatience = None
        now = self._loop.time()
        late = bisect_right(self._waiting, now, key=_until)
        given_up, self._waiting = self._waiting[:late], self._waiting[late:]
        if self._waiting:
            self._impatience = self._loop.call_at(_until(self._waiting[0]), self._give_up)
        _tell(given_up, {}, None)


def _tell(batch: Sequence[_Question[Item, Found]], found: Mapping[Item, Found], version: int | None) -> None:
    for item, as_of, said, heard, _ in batch:
        body: bytes | None = None
        if as_of == version and (about := found.get(item)) is not None:
            try:
                body = said(about)
            except Exception:  # others are told by the same batch
                body = None
        heard(body)
