"""The load generator: requests built beforehand, sent over kept connections, answers only counted and checked.

It must not be what is measured, so it knows of HTTP only what it needs: one request under way per connection, and
answers that say their Content-Length. It costs about 20 microseconds per request.
"""

import asyncio
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
EXAMPLES = 3

Next = Callable[[], bytes | None]
"""The next request of a connection; None: it has done its share."""


class BadRun(Exception):
    """What was measured is not what was meant; there is no result."""


@dataclass(slots=True)
class Tally:
    """What came back. `expected` is in every good answer; a few of the others are kept to be shown."""

    expected: bytes
    each_s: "array[float]" = field(default_factory=lambda: array("d"))
    unexpected: int = 0
    examples: list[bytes] = field(default_factory=list)

    def note(self, body: bytes, took_s: float) -> None:
        """One answer."""
        self.each_s.append(took_s)
        if self.expected not in body:
            self.unexpected += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(bytes(body[:300]))

    def verify(self, requests: int) -> None:
        """Raise BadRun unless every request got a good answer."""
        if self.unexpected or len(self.each_s) != requests:
            raise BadRun(
                f"{len(self.each_s)} answers to {requests} requests, {self.unexpected} of them bad: {self.examples}"
            )

    def percentile_ms(self, percent: float) -> float:
        """So many percent of the answers took no longer than this."""
        in_order = sorted(self.each_s)
        return 1_000 * in_order[min(int(len(in_order) * percent / 100), len(in_order) - 1)]


class Connection(asyncio.Protocol):
    """One kept connection: a request, its answer, the next request."""

    def __init__(self, next_request: Next, answered: Callable[[bytes, float], None]) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._next_request = next_request
        self._answered = answered
        self._received = b""
        self._wanted = 0  # octets of the answer under way; 0: its head has not come whole
        self._body_at = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: connected."""
        self._transport = cast(asyncio.Transport, transport)

    def begin(self) -> None:
        """Send the first request."""
        self._send()

    def data_received(self, data: bytes) -> None:
        """Asyncio: octets came."""
        self._received = self._received + data if self._received else data
        if not self._wanted and not self._read_head():
            return
        if len(self._received) >= self._wanted:
            self._answered(self._received[self._body_at :], time.perf_counter() - self._sent_at)
            self._received, self._wanted = b"", 0
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        if not self.done.done():
            self.done.set_exception(BadRun(f"the gateway closed a connection ({error})"))

    def _send(self) -> None:
        request = self._next_request()
        if request is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _read_head(self) -> bool:
        end = self._received.find(HEAD_END)
        if end < 0:
            return False
        head = self._received[: end + 2].lower()
        at = head.find(LENGTH) + len(LENGTH)
        if at < len(LENGTH):
            raise BadRun(f"an answer without Content-Length: {head!r}")
        self._body_at = end + len(HEAD_END)
        self._wanted = self._body_at + int(head[at : head.index(b"\r", at)])
        return True


async def offer(
    requests: Sequence[bytes], *, port: int, connections: int, expected: bytes, host: str = "127.0.0.1"
) -> Tally:
    """Send every request once, as fast as answers come. Raises BadRun if one of them is not as expected."""
    waiting: Iterator[bytes] = iter(requests)
    tally = Tally(expected)
    await converse(lambda: next(waiting, None), tally.note, port=port, connections=connections, host=host)
    tally.verify(len(requests))
    return tally


async def converse(
    next_request: Next,
    answered: Callable[[bytes, float], None],
    *,
    port: int,
    connections: int,
    host: str = "127.0.0.1",
    connected: Callable[[], None] = lambda: None,
) -> None:
    """Keep `connections` busy until `next_request` has no more; each answer's body and seconds go to `answered`.

    `connected` is called once all of them stand and before the first request: a server with a short queue for new
    connections makes the client try again after a second, which is not what is measured.
    """
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(next_request, answered), host, port)
        for _ in range(connections)
    ]
    connected()
    for _, connection in made:
        connection.begin()
    await asyncio.gather(*(connection.done for _, connection in made))


async def one_by_one(
    requests: Iterable[tuple[bytes, bytes]],
    *,
    port: int,
    expected: bytes,
    every_s: float,
    until: Callable[[], bool],
    host: str = "127.0.0.1",
) -> dict[bytes, float]:
    """Send named requests on one connection, one each `every_s` or as fast as answers come, `until` says so.

    Returns when each was sent, by its name, in the seconds of time.perf_counter. Raises BadRun for an answer that
    is not as expected.
    """
    reader, writer = await asyncio.open_connection(host, port)
    sent_at: dict[bytes, float] = {}
    for name, request in requests:
        sent_at[name] = time.perf_counter()
        writer.write(request)
        head = (await reader.readuntil(HEAD_END)).lower()
        at = head.index(LENGTH) + len(LENGTH)
        body = await reader.readexactly(int(head[at : head.index(b"\r", at)]))
        if expected not in body:
            raise BadRun(f"answered {body[:300]!r}")
        if until():
            break
        await asyncio.sleep(max(0.0, sent_at[name] + every_s - time.perf_counter()))
    writer.close()
    return sent_at
