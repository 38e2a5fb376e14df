"""Rings when there is something to do, and is quiet while nobody needs to be woken."""

import asyncio
from collections.abc import Callable

import asyncpg

from tidings.domain.errors import Unavailable
from tidings.store.database import LOST, PostgresDatabase

CALLBACKS = "tidings_callbacks"
OUTBOX = "tidings_outbox"
"""What is rung: a callback is owed; something waits for the connector that is named."""
PAUSE_S = 1.0
"""How long to wait when the database is away."""
WITHIN_S = 5.0
"""A connection on which it cannot be hushed in that time is given up."""


class Bell:
    """It costs 0.2 ms each time it rings, half of it the woken one's: so it is hushed in a busy time.

    What happens without a connection, or while it is hushed, is not made up for: look yourself, after `heed` too.
    """

    def __init__(self, database: PostgresDatabase, channel: str, rung: Callable[[str], None]) -> None:
        """`rung` is told what the bell was rung with."""
        self._database = database
        self._channel = channel
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
                await connection.execute(f"{what} {self._channel}", timeout=WITHIN_S)
            except (asyncpg.PostgresError, asyncpg.InternalClientError, *LOST):
                connection.terminate()  # it is being lost; the next one listens

    async def _listen(self) -> None:
        connection = await self._database.connect()
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(self._channel, lambda *notice: self._rung(notice[-1]))
            self._connection, self.hushed = connection, False
            await lost.wait()
        finally:
            self._connection = None
            connection.terminate()


class Sleepers:
    """Those who share a bell: it is hushed only while none of them sleeps."""

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._asleep = 0
        self._turn = asyncio.Lock()

    async def hush(self) -> None:
        """Somebody looks by himself often enough."""
        if not self._bell.hushed:
            async with self._turn:
                if not self._asleep:
                    await self._bell.hush()

    async def lie_down(self) -> bool:
        """Somebody is going to sleep until the bell rings; False: look once more first, for it was hushed."""
        async with self._turn:
            if self._bell.hushed:
                await self._bell.heed()
                return False
            self._asleep += 1
            return True

    def get_up(self) -> None:
        """Whoever lay down is awake again."""
        self._asleep -= 1
