"""One connection to a customer's server: some requests at a time, and of each answer only its status.

Reading is httptools'; the rest is small because we send one kind of request. Everything that comes is bounded: the
head, the body (which is skipped), and the time.

A server that answers well and at once is sent more and more requests together, without waiting for each answer
(pipelining, RFC 9112 section 9.3.2): a write costs as much as all else that is done for ten callbacks. When not all of
them are answered, the first without an answer has failed, and what stood behind it goes out again by itself.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast

import httptools

from tidings.domain.web_address import WebAddress

MAX_ANSWER_OCTETS = 64 * 1024
"""More than that, and the connection is closed; the status, if it had come, counts."""

USUAL_OCTETS = 1024
"""Most servers say the same again and again: an answer that is no longer is known again without reading it."""

QUICK_S = 0.1
"""A server that answers all that it was sent within that time may be sent twice as many the next time."""

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
    repeated: bool = False  # nothing was heard of it on a kept connection: once more, and by itself


class Owner(Protocol):
    """Who keeps the connections to a server."""

    def free(self, exchange: "Exchange") -> None:
        """It can take another request."""
        ...

    def gone(self, exchange: "Exchange", unheard: Sequence[Post], *, stumbled: bool) -> None:
        """It is closed. `unheard` was written and not answered, and is to be sent again.

        `stumbled`: that is because the server did not take well what was sent together.
        """
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
        self._posts: deque[Post] = (
            deque()
        )  # that are not answered yet, in the order in which they were written
        self._sent = 0  # so many together
        self._sent_at = 0.0
        self._said: list[tuple[Post, int]] = []  # what the octets that just came have answered
        self._unheard: list[Post] = []
        self._stumbled = False
        self._usual, self._usual_status = b"", 0  # an answer that was read before, octet for octet
        self._begun = False  # an answer is under way
        self._octets = 0  # of it
        self._status = 0  # of the answer under way; 0: its head has not come whole
        self._keep = True
        self._used = False
        self.at_once = 1  # how many requests it may be sent together
        self.closed = False

    def send(self, posts: Iterable[Post]) -> None:
        """Write requests; nothing else may be under way."""
        assert not self._posts
        self._posts.extend(posts)
        self._sent, self._octets, self._status = len(self._posts), 0, 0
        self._sent_at = self._loop.time()
        self._transport.write(b"".join([_request(one, self._user_agent) for one in self._posts]))

    def look(self, now: float) -> bool:
        """End what has taken too long at this time of the loop; whether something is still under way."""
        if self._posts and self._sent_at + self._answer_within_s <= now:
            self._give_up(TIMEOUT)
        return bool(self._posts)

    def close(self) -> None:
        """Hang up; what is under way counts as disconnected."""
        self._transport.abort()

    # -- asyncio's side --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        if not self._posts:  # nobody asked
            self._transport.abort()
            return
        if not self._begun and data == self._usual * len(self._posts):
            said = [(post, self._usual_status) for post in self._posts]
            self._posts.clear()
            self._tell(said, keep=True)
            return
        fresh = not self._begun
        self._octets += len(data)
        try:
            self._parser.feed_data(data)
            bad = self._octets > MAX_ANSWER_OCTETS
        except httptools.HttpParserError:
            bad = True  # of what comes behind an answer that ends the connection as well
        said, self._said = self._said, []
        if not self._posts and fresh and self._keep and not bad:
            self._learn(data, said)
        self._tell(said, keep=self._keep and not bad)
        if not self._posts:
            return
        if not self._keep:
            self._end(DISCONNECTED, first_failed=False)
            self._transport.abort()
        elif bad:
            self._give_up(BAD_ANSWER)

    def eof_received(self) -> None:
        """The server has nothing more to say; asyncio closes then."""

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - why does not matter
        """It is gone."""
        self.closed = True
        if self._posts:
            closed_before = self._used and not self._octets
            self._stumbled = self._sent > len(self._posts)
            self._end(DISCONNECTED, first_failed=not closed_before)
        self._owner.gone(self, self._unheard, stumbled=self._stumbled and bool(self._unheard))

    # -- httptools' side -------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins. One that nobody asked for ends the connection: the next would be taken for another's."""
        self._begun = True
        if not self._posts:
            self._keep = False

    def on_headers_complete(self) -> None:
        """The head has come whole."""
        if self._posts:
            self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """The answer has come whole. Of the 1xx ones the final answer is still to come."""
        self._begun = False
        if self._posts and self._status >= 200:
            self._said.append((self._posts.popleft(), self._status))
            self._status = self._octets = 0
            self._used = True
            self._keep = self._keep and self._parser.should_keep_alive()

    def _learn(self, data: bytes, said: Sequence[tuple[Post, int]]) -> None:
        """These octets were these answers, and nothing else: if each was the same, the next ones may be, too."""
        one = data[: len(data) // len(said)]
        if len(one) <= USUAL_OCTETS and one * len(said) == data:
            self._usual, self._usual_status = one, said[0][1]

    def _tell(self, said: Sequence[tuple[Post, int]], *, keep: bool) -> None:
        for post, status in said:
            post.told(*_verdict(status, ""))
        if self._posts:
            return
        if not keep:
            self._transport.close()
        elif not self._transport.is_closing():
            quick = self._loop.time() - self._sent_at < QUICK_S
            self.at_once = max(self.at_once, 2 * self._sent) if quick else 1
            self._owner.free(self)

    def _give_up(self, why: str) -> None:
        """End it here."""
        self._stumbled = True
        self._end(why, first_failed=True)
        self._transport.abort()

    def _end(self, why: str, *, first_failed: bool) -> None:
        """Of what is under way, the first has failed; a status that has come counts, whatever became of the body."""
        posts, self._posts = self._posts, deque()
        first = posts.popleft() if first_failed or posts[0].repeated else None
        self._unheard = list(posts)
        if first is not None:
            first.told(*_verdict(self._status, why))


def _request(post: Post, user_agent: str) -> bytes:
    return b"%b%d\r\n\r\n%b" % (_head(post.to, user_agent), len(post.body), post.body)


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
