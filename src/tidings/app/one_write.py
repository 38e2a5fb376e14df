"""uvicorn's HTTP protocol, but head and body of an answer leave in one write: each write costs 7 us of CPU."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_START, HEAD_END = b"HTTP/1.1 ", b"\r\n\r\n"
INTERIM = b"HTTP/1.1 1"


class OneWrite(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    joining: "Joining"  # what the transport is to uvicorn

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Asyncio: connected."""
        self.joining = Joining(transport, self.loop)
        super().connection_made(self.joining)  # type: ignore[arg-type]


class Joining:
    """A transport that keeps an answer's head until its body comes, at most until the loop's next turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.is_closing = transport.is_closing  # asked for at each answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send, or keep the head of an answer; an interim one has no body that comes at once."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.endswith(HEAD_END) and data.startswith(HEAD_START) and not data.startswith(INTERIM):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def write_whole(self, data: bytes) -> None:
        """Send an answer that is whole."""
        if self._head:
            self._flush()
        self._transport.write(data)

    def close(self) -> None:
        """Close, once all is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)
