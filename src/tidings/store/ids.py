"""Ids of tasks and messages: one counter for both, taken in blocks, so that an id costs no round trip."""

import asyncio

import asyncpg

from tidings.domain.errors import Unavailable
from tidings.store import partitions
from tidings.store.database import LOST, PostgresDatabase

BLOCK = 20_000

LOW = BLOCK // 4
"""With fewer left the next block is fetched, before anybody has to wait for it."""

TAKE = "update id_counter set next = next + $1 where name = 'id' returning next - $1"


class IdBlocks:
    """Hands out ids; what a dying process had not used is lost, which leaves gaps and nothing else."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._next = 0
        self._end = 0
        # The block that comes next: its first id, and where it ends. It lies behind the one in use: ids only grow.
        self._spare: tuple[int, int] | None = None
        self._partitioned_to = 0
        self._taking = asyncio.Lock()
        self._fetching: asyncio.Task[None] | None = None  # for the spare

    async def reserve(self, count: int) -> int:
        """The first of `count` consecutive ids that nobody else has. Raises Unavailable."""
        first = self.at_once(count)
        if first is not None:
            return first
        async with self._taking:
            first = self.at_once(count)
            if first is None:
                self._next, self._end = await self._fetch(max(BLOCK, count))
                self._spare = self._if_behind(self._spare)
                first = self._taken(count)
            return first

    def at_once(self, count: int) -> int | None:
        """The same, unless it takes a while."""
        if self._end - self._next < count and self._spare is not None and count <= BLOCK:
            (self._next, self._end), self._spare = self._spare, None
        return self._taken(count) if self._end - self._next >= count else None

    async def close(self) -> None:
        """Fetch no more."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    def _taken(self, count: int) -> int:
        first = self._next
        self._next += count
        if self._end - self._next < LOW and self._spare is None and self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_spare())
        return first

    def _if_behind(self, block: tuple[int, int] | None) -> tuple[int, int] | None:
        """A block, unless a larger order that came meanwhile has taken one behind it."""
        return block if block is not None and block[0] >= self._end else None

    async def _fetch_spare(self) -> None:
        """Whoever needs it and finds none tries for himself, and hears what was wrong."""
        try:
            self._spare = self._if_behind(await self._fetch(BLOCK))
        except Unavailable:
            await asyncio.sleep(1)
        finally:
            self._fetching = None

    async def _fetch(self, size: int) -> tuple[int, int]:
        """A block that nobody else has, with partitions for it."""
        connection: asyncpg.Connection = await self._database.connect()
        try:
            first = await connection.fetchval(TAKE, size)
            if first + size >= self._partitioned_to:
                self._partitioned_to = await partitions.ensure(connection, up_to_id=first + size)
        except LOST as error:
            raise Unavailable(f"the database went away: {type(error).__name__}") from error
        finally:
            await connection.close()
        return first, first + size
