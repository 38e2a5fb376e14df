"""One connection to a customer's server: a request at a time, and of the answer only its status.

Reading is httptools'; the rest is small because we send one kind of request. Everything that comes is bounded: the
head, the body (which is skipped), and the time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

import httptools

from tidings.domain.web_address import WebAddress

MAX_ANSWER_OCTETS = 64 * 1024
"""More than that, and the connection is closed; the status, if it had come, counts."""

TIMEOUT, DISCONNECTED, BAD_ANSWER = "timeout", "disconnected", "bad_answer"
Told = Callable[[int, str], None]
"""Is told the status (0: none came), and why it failed ("": a 2xx came)."""


@dataclass(slots=True)
class Post:
    """One request. `told` is called once, whatever happens; `begin_by` in the loop's time, None: whenever."""

    to: WebAddress
    body: bytes
    told: Told
    begin_by: float
    repeated: bool = False  # a kept connection turned out to be closed: once more on another


class Owner(Protocol):
    """Who keeps the connections to a server."""

    def free(self, exchange: "Exchange") -> None:
        """It can take another request."""
        ...

    def gone(self, exchange: "Exchange", unheard: Post | None) -> None:
        """It is closed; `unheard` was written on a kept connection and the server had hung up before."""
        ...


class Exchange(asyncio.Protocol):
    """See the module."""

    def __init__(self, owner: Owner, *, user_agent: str, answer_within_s: float) -> None:
        self._owner = owner
        self._user_agent = user_agent
        self._answer_within_s = answer_within_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)  # of one answer after the other
        self._post: Post | None = None
        self._answer_by = 0.0
        self._octets = 0
        self._status = 0  # of the answer under way; 0: its head has not come whole
        self._whole = False  # nothing more of it is to come
        self._keep = False
        self._used = False
        self.closed = False

    def send(self, post: Post) -> None:
        """Write a request; nothing else may be under way."""
        assert self._post is None
        self._post, self._octets, self._status, self._whole = post, 0, 0, False
        self._answer_by = self._loop.time() + self._answer_within_s
        head = _head(post.to, self._user_agent)
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(post.body), post.body))

    def look(self, now: float) -> bool:
        """End what has taken too long at this time of the loop; whether something is still under way."""
        if self._post is not None and self._answer_by <= now:
            self._give_up(TIMEOUT)
        return self._post is not None

    def close(self) -> None:
        """Hang up; what is under way counts as disconnected."""
        self._transport.close()

    # -- asyncio's side --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        if self._post is None:  # nobody asked
            self._transport.abort()
            return
        self._octets += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._give_up(BAD_ANSWER)
            return
        if self._whole:
            self._answered()
        elif self._octets > MAX_ANSWER_OCTETS:
            self._give_up(BAD_ANSWER)

    def eof_received(self) -> None:
        """The server has nothing more to say; asyncio closes then."""

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """It is gone."""
        self.closed = True
        post, self._post = self._post, None
        if post is None:
            self._owner.gone(self, None)
            return
        unheard = self._used and not self._octets and not post.repeated
        self._owner.gone(self, post if unheard else None)
        if not unheard:
            post.told(*_verdict(self._status, DISCONNECTED))

    # -- httptools' side -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins. One that nobody asked for ends the connection: the next would be taken for another's."""
        if self._whole:
            self._keep = False

    def on_headers_complete(self) -> None:
        """The head has come whole."""
        if not self._whole:
            self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """The answer has come whole. Of the 1xx ones the final answer is still to come."""
        if not self._whole and self._status >= 200:
            self._whole, self._keep = True, self._parser.should_keep_alive()

    def _answered(self) -> None:
        post, self._post, self._used = self._post, None, True
        assert post is not None
        post.told(*_verdict(self._status, ""))
        if not self._keep:
            self._transport.close()
        elif not self._transport.is_closing():
            self._owner.free(self)

    def _give_up(self, why: str) -> None:
        """End it here: a status that has come counts, whatever became of the body."""
        post, self._post = self._post, None
        self._transport.abort()
        if post is not None:
            post.told(*_verdict(self._status, why))


@lru_cache(maxsize=1024)
def _head(to: WebAddress, user_agent: str) -> bytes:
    """A request up to its length."""
    return (
        f"POST {to.target} HTTP/1.1\r\nHost: {to.authority}\r\nUser-Agent: {user_agent}\r\n"
        "Accept: */*\r\nContent-Type: application/json\r\nContent-Length: "
    ).encode()


def _verdict(status: int, why: str) -> tuple[int, str]:
    """Any 2xx is a yes. A redirect is not followed: it is a no like any other."""
    if 200 <= status < 300:
        return status, ""
    return status, f"http_{status}" if status >= 200 else why
