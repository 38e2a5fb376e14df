"""Rings when a callback is owed, and is quiet while nobody needs to be woken."""

import asyncio
from collections.abc import Callable

import asyncpg

from tidings.domain.errors import Unavailable
from tidings.store.database import LOST, PostgresDatabase

CHANNEL = "tidings_callbacks"
PAUSE_S = 1.0
"""How long to wait when the database is away."""
WITHIN_S = 5.0
"""A connection on which it cannot be hushed in that time is given up."""


class Bell:
    """It costs 0.2 ms each time it rings, half of it the clerk's: so it is hushed in a busy time.

    What happens without a connection, or while it is hushed, is not made up for: look yourself, after `heed` too.
    """

    def __init__(self, database: PostgresDatabase, rung: Callable[[], None]) -> None:
        self._database = database
        self._rung = rung
        self._connection: asyncpg.Connection | None = None
        self.hushed = False

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        while True:
            try:
                await self._listen()
            except (Unavailable, asyncpg.PostgresError, *LOST):
                await asyncio.sleep(PAUSE_S)

    async def hush(self) -> None:
        """Do not ring from now on."""
        if not self.hushed and self._connection is not None:
            self.hushed = True
            await self._tell("unlisten")

    async def heed(self) -> None:
        """Ring again from now on."""
        self.hushed = False
        await self._tell("listen")

    async def _tell(self, what: str) -> None:
        connection = self._connection
        if connection is not None:
            try:
                await connection.execute(f"{what} {CHANNEL}", timeout=WITHIN_S)
            except (asyncpg.PostgresError, asyncpg.InternalClientError, *LOST):
                connection.terminate()  # it is being lost; the next one listens

    async def _listen(self) -> None:
        connection = await self._database.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._rung())
            self._connection, self.hushed = connection, False
            await lost.wait()
        finally:
            self._connection = None
            connection.terminate()
