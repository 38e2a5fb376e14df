"""A customer's server: real HTTP over loopback, that answers as it is told and keeps what it heard."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NO = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Answer = Callable[["Heard"], bytes | None]
"""The octets of an answer; None: silence. Empty: hang up."""


@dataclass
class Heard:
    """One request."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class WebhookServer:
    """See the module."""

    port: int = 0
    answer: Answer = lambda _: OK
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    tasks: set[asyncio.Task] = field(default_factory=set)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dlr"

    async def wait_heard(self, count: int) -> list[Heard]:
        """Until so many requests came."""
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._more.clear()
                await self._more.wait()
        return self.heard

    def hang_up(self) -> None:
        """End every connection."""
        for writer in self.writers:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        self.writers.append(writer)
        number = self.connections
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *rest = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                one = Heard(line, headers, body, number)
                self.heard.append(one)
                self._more.set()
                answer = self.answer(one)
                if answer == b"":
                    return
                if answer is not None:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_now -= 1
            writer.close()


@asynccontextmanager
async def webhook_server(answer: Answer = lambda _: OK, *, ssl=None) -> AsyncIterator[WebhookServer]:
    """Listening on a free port of this machine."""
    one = WebhookServer(answer=answer)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=ssl)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        one.hang_up()
        await asyncio.gather(*one.tasks)


class BatchedServer(asyncio.Protocol):
    """A server that answers together what came together, and says how much that was."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.heard_together: list[int] = []
        self.bodies: list[bytes] = []
        self.answers: Callable[[list[bytes]], list[bytes]] = lambda bodies: [OK] * len(bodies)
        self._more = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dlr"

    async def heard_so_many(self, count: int) -> None:
        """Until so many came together."""
        async with asyncio.timeout(10):
            while not self.heard_together or self.heard_together[-1] < count:
                self._more.clear()
                await self._more.wait()

    def line(self) -> asyncio.Protocol:
        self.connections += 1
        return _BatchedLine(self)

    def answer(self, bodies: list[bytes]) -> list[bytes]:
        self.heard_together.append(len(bodies))
        self.bodies += bodies
        self._more.set()
        return self.answers(bodies)


class _BatchedLine(asyncio.Protocol):
    def __init__(self, server: BatchedServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        bodies = []
        while data:  # requests of a test are small and come whole
            head, _, rest = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            bodies.append(rest[:length])
            data = rest[length:]
        answers = self._server.answer(bodies)
        self._transport.write(b"".join(answers))
        if b"" in answers:
            self._transport.close()


@asynccontextmanager
async def batched_server() -> AsyncIterator[BatchedServer]:
    """Listening on a free port of this machine."""
    one = BatchedServer()
    server = await asyncio.get_running_loop().create_server(one.line, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
