"""Questions of those who wait in no task: what was asked while two statements are under way is the next one.

The same as `flows.batcher` for what is asked thousands of times a second: a question is a tuple, an answer two calls.
Nobody is told why there is no answer, for whoever hears of none asks again in the ordinary way, and hears it there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Found = TypeVar("Found")

Heard = Callable[[bytes | None], None]
"""Hears an answer; None: nothing is known, so that whoever asked has to ask in another way. It must not raise."""

Seen = tuple[Mapping[Item, Found], int | None]
"""What was found, and which version of the catalog was in force as it was read; None: not known."""


class Asking(Generic[Item, Found]):
    """Has `find` look for what was asked, and tells each who asked, in his own words."""

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
        self._waiting: list[tuple[Item, int, Callable[[Found], bytes], Heard]] = []
        self._waiting_since = 0.0  # the loop's time
        self._impatience: asyncio.TimerHandle | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._starting = False  # a worker that has not begun: it takes what comes meanwhile

    def ask(self, item: Item, *, as_of: int, said: Callable[[Found], bytes], heard: Heard) -> bool:
        """Have an item found and `heard` told what is `said` of it; False if too much is waiting.

        Only what is found as that version of the catalog is in force is told.
        """
        waiting = self._waiting
        if not waiting:
            self._begin()
        elif len(waiting) >= self._most_waiting:
            return False
        waiting.append((item, as_of, said, heard))
        return True

    def _begin(self) -> None:
        """The first in line is about to come."""
        loop = asyncio.get_running_loop()
        self._waiting_since = loop.time()
        if self._impatience is None:
            self._impatience = loop.call_later(self._patience_s, self._give_up)
        if not self._starting and len(self._workers) < self._lanes:
            self._starting = True
            self._workers.add(loop.create_task(self._work()))

    async def _work(self) -> None:
        self._starting = False
        worker = asyncio.current_task()
        assert worker is not None
        try:
            while batch := self._waiting[: self._most_at_once]:
                self._waiting = self._waiting[self._most_at_once :]
                await self._answer(batch)
        finally:  # in the turn in which nothing waits: what comes next begins another one
            self._workers.discard(worker)

    async def _answer(self, batch: list[tuple[Item, int, Callable[[Found], bytes], Heard]]) -> None:
        version: int | None = None
        found: Mapping[Item, Found] = {}
        try:
            found, version = await self._find([one[0] for one in batch])
        except Exception:
            version = None
        finally:  # also when this loop ends: nobody may wait for ever
            for item, as_of, said, heard in batch:
                body: bytes | None = None
                if as_of == version and (about := found.get(item)) is not None:
                    try:
                        body = said(about)
                    except Exception:  # others are told by the same batch
                        body = None
                heard(body)

    def _give_up(self) -> None:
        """Tell those who wait for too long, and come again for the next; one timer serves all."""
        self._impatience = None
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        until = self._waiting_since + self._patience_s
        if until > loop.time():
            self._impatience = loop.call_at(until, self._give_up)
            return
        batch, self._waiting = self._waiting, []
        for _, _, _, heard in batch:
            heard(None)
