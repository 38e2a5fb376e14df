"""Keeps connections to customers' servers and shares them out: so many to each, so many in all.

A server that is slow or dead holds its own requests up and nobody else's.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from tidings.connectors.webhook.exchange import Exchange, Post
from tidings.domain.web_address import WebAddress

REFUSED, UNRESOLVED, UNREACHABLE, UNTRUSTED = (
    "address_refused",  # the name leads only to addresses that are not allowed
    "name_not_resolved",
    "no_connection",
    "tls_failed",
)
NOT_BEGUN = "not_begun"
"""Its time to begin has passed while it waited for a connection: nothing was sent."""

IDLE_S = 30.0
"""A connection that was not used for so long is closed."""

CONNECT_WITHIN_S = 5.0
"""To one of a server's addresses; then the next one is tried."""

LOOKS = 10
"""How often it is looked, in the time that an answer may take, whether one has taken too long."""

MOST_STUMBLED = 10_000
"""So many servers are remembered to be better sent one request at a time."""

Origin = tuple[bool, str, int]


class Poster:
    """`post` never blocks and never raises for what a server may do. `close` at the end."""

    def __init__(
        self,
        *,
        user_agent: str,
        answer_within_s: float,
        connections: int,
        connections_per_server: int,
        pipelined: int,
        allowed: Callable[[str], bool],
    ) -> None:
        """`pipelined`: so many requests may be sent together to a server that answers at once."""
        self.user_agent = user_agent
        self.answer_within_s = answer_within_s
        self.connections_per_server = connections_per_server
        self.allowed = allowed
        self._pipelined = pipelined
        self._stumbled: set[Origin] = set()
        self._connections = connections
        self._open = 0
        self._tls: ssl.SSLContext | None = None
        self._servers: dict[Origin, _Server] = {}

    @property
    def tls(self) -> ssl.SSLContext:
        """The system's certificates, loaded when the first https URL comes."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def post(self, post: Post) -> None:
        """Send it as soon as one of the server's connections is free."""
        origin = _origin(post.to)
        server = self._servers.get(origin)
        if server is None:
            server = self._servers[origin] = _Server(self, post.to)
        server.put(post)

    def at_once(self, origin: Origin) -> int:
        """How many requests a server may be sent together."""
        return 1 if origin in self._stumbled else self._pipelined

    def stumbled(self, origin: Origin) -> None:
        """It did not take them well: one at a time from now on."""
        if len(self._stumbled) >= MOST_STUMBLED:
            self._stumbled.clear()
        self._stumbled.add(origin)

    def forget_idle(self) -> None:
        """Close what was not used lately; to be called now and then."""
        before = asyncio.get_running_loop().time() - IDLE_S
        for origin, server in list(self._servers.items()):
            server.close_idle(before)
            if server.empty:
                del self._servers[origin]

    async def close(self) -> None:
        """Hang up everywhere. What was not answered is told so."""
        for server in self._servers.values():
            await server.close()
        self._servers.clear()

    # -- the connections there may be in all -------------------------------------------------------------------------

    def may_open(self) -> bool:
        """Whether there may be one more; it counts from now on. One that rests is closed for it."""
        if self._open >= self._connections:
            for server in self._servers.values():
                if server.close_one_idle():
                    break
            return False
        self._open += 1
        return True

    def was_closed(self) -> None:
        """One less: whoever waits for one may open it."""
        self._open -= 1
        for server in self._servers.values():
            server.connect_if_needed()
            if self._open >= self._connections:
                return


class _Server:
    """One origin: its connections, and what waits for one."""

    def __init__(self, poster: Poster, address: WebAddress) -> None:
        self._poster = poster
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Post] = deque()
        self._idle: deque[tuple[Exchange, float]] = deque()  # the one used last stands last
        self._open: set[Exchange] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._watch: asyncio.TimerHandle | None = None  # while something is under way
        self._sharing: asyncio.Handle | None = None
        self._closed = False

    @property
    def empty(self) -> bool:
        """There is nothing left of it."""
        return not (self._waiting or self._open or self._connecting)

    def put(self, post: Post) -> None:
        """Take a request. What is put in one step of the loop is shared out together."""
        self._waiting.append(post)
        self._share_soon()

    def close_idle(self, before: float) -> None:
        """Close the connections that were last used before that time."""
        while self._idle and self._idle[0][1] <= before:
            self.close_one_idle()

    def close_one_idle(self) -> bool:
        """Close the connection that rests longest; False if none rests."""
        if self._idle:
            exchange, _ = self._idle.popleft()
            exchange.close()
            return True
        return False

    async def close(self) -> None:
        """Hang up."""
        self._closed = True
        if self._sharing is not None:
            self._sharing.cancel()
        waiting, self._waiting = self._waiting, deque()
        for post in waiting:
            post.told(0, NOT_BEGUN)
        for task in self._connecting:
            task.cancel()
        for exchange in list(self._open):
            exchange.close()
        if self._watch is not None:
            self._watch.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)

    # -- what its connections tell -------------------------------------------------------------------------------------

    def free(self, exchange: Exchange) -> None:
        """A connection can take the next request."""
        if posts := self._next(exchange):
            self._send(exchange, posts)
        else:
            self._idle.append((exchange, self._loop.time()))

    def gone(self, exchange: Exchange, unheard: Sequence[Post], *, stumbled: bool) -> None:
        """A connection is closed."""
        self._open.discard(exchange)
        self._idle = deque(one for one in self._idle if one[0] is not exchange)
        if stumbled:
            self._poster.stumbled(_origin(self._address))
        for post in reversed(unheard):
            post.repeated = True
            if self._closed:
                post.told(0, NOT_BEGUN)
            else:
                self._waiting.appendleft(post)
                self._share_soon()
        self._poster.was_closed()

    def _share_soon(self) -> None:
        if self._sharing is None:
            self._sharing = self._loop.call_soon(self._share_out)

    def _share_out(self) -> None:
        """What waits, to the connections that rest; and more of them, if that is not enough."""
        self._sharing = None
        while self._idle and (posts := self._next(self._idle[-1][0])):
            self._send(self._idle.pop()[0], posts)
        self.connect_if_needed()

    def _send(self, exchange: Exchange, posts: Sequence[Post]) -> None:
        exchange.send(posts)
        if self._watch is None:
            self._look_later()

    def _look_later(self) -> None:
        self._watch = self._loop.call_later(self._poster.answer_within_s / LOOKS, self._look)

    def _look(self) -> None:
        """End what has taken too long: one timer for all, because one for each costs as much as the request."""
        self._watch, now = None, self._loop.time()
        if [exchange for exchange in list(self._open) if exchange.look(now)]:
            self._look_later()

    # -- connecting ----------------------------------------------------------------------------------------------------

    def connect_if_needed(self) -> None:
        """Open connections for what waits, as many as there may be."""
        most = self._poster.connections_per_server - len(self._open)
        while len(self._connecting) < min(len(self._waiting), most) and self._poster.may_open():
            task = asyncio.create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def _next(self, exchange: Exchange) -> list[Post]:
        """The next requests that may still begin, as many as that connection takes; those that may not are told so."""
        posts: list[Post] = []
        most = min(exchange.at_once, self._poster.at_once(_origin(self._address)))
        while self._waiting and len(posts) < most and not (posts and self._waiting[0].repeated):
            post = self._waiting.popleft()
            if self._loop.time() > post.begin_by:
                post.told(0, NOT_BEGUN)
                continue
            posts.append(post)
            if post.repeated:
                break
        return posts

    async def _connect(self) -> None:
        """One more connection. If there is none to be had and none is open, those that wait are told why."""
        exchange: Exchange | None = None
        why = UNREACHABLE
        try:
            exchange, why = await self._connected()
        finally:
            if exchange is None:
                self._poster.was_closed()
        if exchange is not None and not exchange.closed:
            self._open.add(exchange)
            self._connecting.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            self.free(exchange)
        elif not self._open:
            waiting, self._waiting = self._waiting, deque()
            for post in waiting:
                post.told(0, why)

    async def _connected(self) -> tuple[Exchange | None, str]:
        found: list[tuple[Any, ...]]
        try:
            async with asyncio.timeout(self._poster.answer_within_s):
                found = await self._loop.getaddrinfo(
                    self._address.host, self._address.port, type=socket.SOCK_STREAM
                )
        except (OSError, UnicodeError, TimeoutError):
            return None, UNRESOLVED
        places = [str(one[4][0]) for one in found if self._poster.allowed(str(one[4][0]))]
        why = UNREACHABLE if places else REFUSED
        for place in places:
            try:
                async with asyncio.timeout(min(CONNECT_WITHIN_S, self._poster.answer_within_s)):
                    return await self._open_to(place), ""
            except ssl.SSLError:
                why = UNTRUSTED
            except (OSError, TimeoutError):
                continue
        return None, why

    async def _open_to(self, place: str) -> Exchange:
        """A connection to this very address, whatever its name may resolve to meanwhile."""
        secure = self._address.secure
        _, exchange = await self._loop.create_connection(
            lambda: Exchange(
                self, user_agent=self._poster.user_agent, answer_within_s=self._poster.answer_within_s
            ),
            place,
            self._address.port,
            ssl=self._poster.tls if secure else None,
            server_hostname=self._address.host if secure else None,
        )
        return exchange


def _origin(address: WebAddress) -> Origin:
    return (address.secure, address.host, address.port)
