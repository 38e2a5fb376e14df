"""A customer's server that costs nearly nothing: says 200 to every callback, and counts whom it was told of."""

import asyncio
import re
import time
from typing import cast

from bench.load import HEAD_END, LENGTH, BadRun

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ID = re.compile(rb'"id":"?(\d+)')
FINAL = b'"status":"delivered"'
GIVE_UP_S = 60.0  # without any callback for so long, a run has failed


class Sink:
    """Listens on a port. `open` and `close` it; `told` are the ids it was told the final status of."""

    def __init__(self) -> None:
        self.told: set[bytes] = set()
        self.requests = 0
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

    async def all_told(self, expected: int) -> None:
        """Return once so many messages were told of. Raises BadRun if nothing comes any more."""
        seen, since = -1, time.perf_counter()
        while len(self.told) < expected:
            if len(self.told) != seen:
                seen, since = len(self.told), time.perf_counter()
            if time.perf_counter() - since > GIVE_UP_S:
                raise BadRun(f"{seen} of {expected} messages were called back, and no more come")
            await asyncio.sleep(0.01)

    def take(self, request: bytes) -> None:
        """One callback."""
        self.requests += 1
        found = ID.search(request)
        if found and FINAL in request:
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
            whole = end + len(HEAD_END) + int(head[at : head.index(b"\r", at)])
            if len(self._received) < whole:
                break
            self._sink.take(self._received[end:whole])
            self._received = self._received[whole:]
            answers += 1
        if answers:
            self._transport.write(ANSWER * answers)

    def hang_up(self) -> None:
        """End the connection."""
        self._transport.close()
