"""Ids of tasks and messages: one counter for both, taken in blocks, so that an id costs no round trip."""

import asyncio

import asyncpg

from tidings.domain.errors import Unavailable
from tidings.store import partitions
from tidings.store.database import LOST, PostgresDatabase

BLOCK = 20_000

TAKE = "update id_counter set next = next + $1 where name = 'id' returning next - $1"


class IdBlocks:
    """Hands out ids; what a dying process had not used is lost, which leaves gaps and nothing else."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._next = 0
        self._end = 0
        self._partitioned_to = 0
        self._taking = asyncio.Lock()

    async def reserve(self, count: int) -> int:
        """The first of `count` consecutive ids that nobody else has. Raises Unavailable."""
        if self._end - self._next < count:
            async with self._taking:
                if self._end - self._next < count:
                    await self._refill(max(BLOCK, count))
                return self._taken(count)
        return self._taken(count)

    def at_once(self, count: int) -> int | None:
        """The same, unless it takes a while."""
        return self._taken(count) if self._end - self._next >= count else None

    def _taken(self, count: int) -> int:
        first = self._next
        self._next += count
        return first

    async def _refill(self, size: int) -> None:
        connection: asyncpg.Connection = await self._database.connect()
        try:
            first = await connection.fetchval(TAKE, size)
            if first + size >= self._partitioned_to:
                self._partitioned_to = await partitions.ensure(connection, up_to_id=first + size)
        except LOST as error:
            raise Unavailable(f"the database went away: {type(error).__name__}") from error
        finally:
            await connection.close()
        self._next, self._end = first, first + size
