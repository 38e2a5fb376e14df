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

IDLE_S = 60.0
"""One that nobody has wanted for so long is ended, unless it is the last: each is a process of 4 MB and more, and a
moment of haste would be paid for until the end."""


class Connections:
    """At most `most` of them, made when they are wanted; whoever finds none waits in line."""

    def __init__(self, url: str, *, most: int, session: Mapping[str, str]) -> None:
        """`session` are PostgreSQL's settings of each."""
        self._url = url
        self._most = most
        self._session = dict(session)
        self._all: set[asyncpg.Connection] = set()
        self._making = 0
        self._idle: list[tuple[asyncpg.Connection, float]] = []  # and since when; the last one is lent first
        self._looking: asyncio.TimerHandle | None = None
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
                connection, _ = self._idle.pop()
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
            self._begin_to_end(connection)
        elif not self._hand_on(connection):
            loop = asyncio.get_running_loop()
            self._idle.append((connection, loop.time()))
            if self._looking is None:
                self._looking = loop.call_later(IDLE_S, self._end_idle)

    async def close(self) -> None:
        """End them; what is under way may finish for some seconds."""
        self._closed = True
        while self._hand_on(None):
            pass
        for connection, _ in self._idle:
            self.give_back(connection)
        self._idle.clear()
        if self._looking is not None:
            self._looking.cancel()
        try:  # this may be the end of a cancelled task, where `asyncio.timeout` fails in Python 3.11.2
            await asyncio.wait_for(self._none_left(), CLOSES_WITHIN_S)
        except TimeoutError:
            for connection in self._all:
                connection.terminate()

    async def _none_left(self) -> None:
        while self._all or self._making:
            self._left = asyncio.get_running_loop().create_future()
            await self._left

    async def _make(self) -> asyncpg.Connection:
        self._making += 1
        try:
            connection = await asyncpg.connect(
                self._url,
                command_timeout=COMMAND_TIMEOUT_S,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=0,  # however long: what tells of everything at once has 20,000 characters
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

    def _end_idle(self) -> None:
        """End those that nobody has wanted for long; look again when the next one may have become so."""
        loop = asyncio.get_running_loop()
        while len(self._idle) > 1 and self._idle[0][1] <= loop.time() - IDLE_S:
            connection, _ = self._idle.pop(0)
            self._begin_to_end(connection)
        more = len(self._idle) > 1
        self._looking = loop.call_at(self._idle[0][1] + IDLE_S, self._end_idle) if more else None

    def _begin_to_end(self, connection: asyncpg.Connection) -> None:
        ending = asyncio.get_running_loop().create_task(self._end(connection))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

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
