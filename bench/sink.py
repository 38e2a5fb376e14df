"""A customer's server that costs nearly nothing: says 200 to every callback, and counts whom it was told of."""

import asyncio
import re
import time
from typing import cast

from bench.load import HEAD_END, LENGTH, BadRun

ID = re.compile(rb'"id":"?(\d+)')
FINAL = re.compile(rb'"status":"delivered"')
GIVE_UP_S = 60.0  # without any callback for so long, a run has failed


class Sink:
    """Listens on a port. `open` and `close` it; `told` are the ids it was told the final status of."""

    def __init__(
        self, *, id: re.Pattern[bytes] = ID, final: re.Pattern[bytes] = FINAL, says: str = "ok"
    ) -> None:
        """`id`'s first group is whom a callback is about, and what has `final` ends it; `says` is the answer."""
        self.told: set[bytes] = set()
        self.requests = 0
        self.answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(says)}\r\n\r\n{says}".encode()
        self._id, self._final = id, final
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()

    async def open(self, port: int) -> None:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Line(self), "127.0.0.1", port)

    async def close(self) -> None:
        """Hang up."""
        assert self._server is not None, "open it first"
        self._server.close()
        for line in list(self._lines):
            line.hang_up()
        await self._server.wait_closed()

    def forget(self) -> None:
        """Begin to count anew."""
        self.told, self.requests = set(), 0

    async def all_told(self, expected: int, *, within_s: float = GIVE_UP_S) -> None:
        """Return once so many messages were told of. Raises BadRun if nothing comes for `within_s`."""
        seen, since = -1, time.perf_counter()
        while len(self.told) < expected:
            if len(self.told) != seen:
                seen, since = len(self.told), time.perf_counter()
            if time.perf_counter() - since > within_s:
                raise BadRun(f"{seen} of {expected} messages were called back, and no more come")
            await asyncio.sleep(0.01)

    def take(self, request: bytes) -> None:
        """One callback."""
        self.requests += 1
        found = self._id.search(request)
        if found and self._final.search(request):
            self.told.add(found[1])

    def connected(self, line: "_Line") -> None:
        """One more connection."""
        self._lines.add(line)

    def left(self, line: "_Line") -> None:
        """One less."""
        self._lines.discard(line)


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._sink.connected(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """Asyncio: the connection is gone."""
        self._sink.left(self)

    def data_received(self, data: bytes) -> None:
        """Asyncio: octets came."""
        self._received = self._received + data if self._received else data
        answers = 0
        while (end := self._received.find(HEAD_END)) >= 0:
            head = self._received[: end + 2].lower()
            at = head.find(LENGTH) + len(LENGTH)
            body = int(head[at : head.index(b"\r", at)]) if at >= len(LENGTH) else 0
            whole = end + len(HEAD_END) + body
            if len(self._received) < whole:
                break
            self._sink.take(self._received[:whole])
            self._received = self._received[whole:]
            answers += 1
        if answers:
            self._transport.write(self._sink.answer * answers)

    def hang_up(self) -> None:
        """End the connection."""
        self._transport.close()
