"""A few connections to PostgreSQL that are kept, lent and taken back.

asyncpg's own pool makes a task and a proxy each time, for what is never needed here: no session state is set, so
nothing is reset. That cost 50 us of CPU for each statement, twice as much as the statement itself.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import asyncpg

COMMAND_TIMEOUT_S = 60.0
CLOSES_WITHIN_S = 5.0


class Connections:
    """At most `most` of them, made when they are wanted; whoever finds none waits in line."""

    def __init__(self, url: str, *, most: int, session: Mapping[str, str]) -> None:
        """`session` are PostgreSQL's settings of each."""
        self._url = url
        self._most = most
        self._session = dict(session)
        self._all: set[asyncpg.Connection] = set()
        self._making = 0
        self._idle: list[asyncpg.Connection] = []
        self._line: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._ending: set[asyncio.Task[None]] = set()
        self._left: asyncio.Future[None] | None = None  # whoever closes waits for the next that has gone
        self._closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[asyncpg.Connection]:
        """One of them, for a block."""
        connection = await self.take()
        try:
            yield connection
        except BaseException as error:
            self.give_back(connection, error)
            raise
        self.give_back(connection)

    async def take(self) -> asyncpg.Connection:
        """One of them, until it is given back. Raises what asyncpg raises when it cannot connect."""
        while not self._closed:
            if self._idle:
                connection: asyncpg.Connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._all.discard(connection)
            elif len(self._all) + self._making < self._most:
                return await self._make()
            elif (given := await self._next_in_line()) is not None:
                return given
        raise asyncpg.InterfaceError("the connections are closed")

    def give_back(self, connection: asyncpg.Connection, error: BaseException | None = None) -> None:
        """Take one back from whoever is done with it, or failed."""
        if connection.is_closed():
            self._forget(connection)
        elif (
            self._closed
            or isinstance(error, asyncio.CancelledError | TimeoutError)  # a statement may be under way
            or connection.is_in_transaction()
        ):
            ending = asyncio.get_running_loop().create_task(self._end(connection))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        elif not self._hand_on(connection):
            self._idle.append(connection)

    async def close(self) -> None:
        """End them; what is under way may finish for some seconds."""
        self._closed = True
        while self._hand_on(None):
            pass
        for connection in self._idle:
            self.give_back(connection)
        self._idle.clear()
        try:
            async with asyncio.timeout(CLOSES_WITHIN_S):
                while self._all or self._making:
                    self._left = asyncio.get_running_loop().create_future()
                    await self._left
        except TimeoutError:
            for connection in self._all:
                connection.terminate()

    async def _make(self) -> asyncpg.Connection:
        self._making += 1
        try:
            connection = await asyncpg.connect(
                self._url,
                command_timeout=COMMAND_TIMEOUT_S,
                max_cached_statement_lifetime=0,
                server_settings=self._session,
            )
        except BaseException:
            self._making -= 1
            self._tell_room()
            raise
        self._making -= 1
        self._all.add(connection)
        return connection

    async def _next_in_line(self) -> asyncpg.Connection | None:
        """One that is given back; None: there is room for a new one, or there will be none."""
        place: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._pass_by(place.result())
            raise

    def _pass_by(self, given: asyncpg.Connection | None) -> None:
        """Whoever was given this has gone."""
        if given is None:
            self._hand_on(None)
        else:
            self.give_back(given)

    def _hand_on(self, given: asyncpg.Connection | None) -> bool:
        """Give it to the first in line; False if nobody waits."""
        while self._line:
            place = self._line.popleft()
            if not place.done():
                place.set_result(given)
                return True
        return False

    async def _end(self, connection: asyncpg.Connection) -> None:
        """End it in order; it takes up room until then."""
        try:
            await connection.close(timeout=CLOSES_WITHIN_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()
        finally:
            self._forget(connection)

    def _forget(self, connection: asyncpg.Connection) -> None:
        self._all.discard(connection)
        self._tell_room()

    def _tell_room(self) -> None:
        """There is one fewer."""
        self._hand_on(None)
        if self._left is not None and not self._left.done():
            self._left.set_result(None)
