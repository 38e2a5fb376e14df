"""A carrier on loopback that does only what a test tells it, and remembers everything that reached it."""

import asyncio
import ssl
from collections import deque
from types import TracebackType
from typing import Self, TypeVar

from tidings.connectors.smpp import pdu as wire
from tidings.connectors.smpp.frames import Framer
from tidings.connectors.smpp.pdu import AnyPdu, SubmitSm, SubmitSmResp

PATIENCE_S = 5
"""How long a test waits for what must happen. Nothing waits this long unless it fails."""

P = TypeVar("P", bound=AnyPdu)

_BIND_ANSWERS: dict[type[AnyPdu], type[wire.Pdu]] = {
    wire.BindReceiver: wire.BindReceiverResp,
    wire.BindTransmitter: wire.BindTransmitterResp,
    wire.BindTransceiver: wire.BindTransceiverResp,
}


class Peer:
    """One connection to the carrier."""

    def __init__(
        self, carrier: "Carrier", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.gone = asyncio.Event()  # the other side closed
        self._carrier = carrier
        self._reader = reader
        self._writer = writer
        self._inbox: asyncio.Queue[AnyPdu] = asyncio.Queue()

    async def live(self) -> None:
        """Read until the end; answer what the carrier answers by itself, keep the rest for the test."""
        framer = Framer()
        try:
            while chunk := await self._reader.read(65_536):
                for frame in framer.feed(chunk):
                    self._hear(wire.decode(frame))
        except ConnectionError:
            pass
        self.gone.set()

    def _hear(self, pdu: AnyPdu) -> None:
        self._carrier.received.append(pdu)
        if answer := _BIND_ANSWERS.get(type(pdu)):
            self._carrier.binds.append(type(pdu))
            statuses = self._carrier.bind_statuses
            status = statuses.popleft() if statuses else 0
            if status is not None:
                self.send(answer(pdu.sequence, status))
            if status == 0:
                self._carrier.bound.put_nowait(self)
        elif isinstance(pdu, wire.EnquireLink) and self._carrier.answers_enquiries:
            self.send(wire.EnquireLinkResp(pdu.sequence))
        elif isinstance(pdu, wire.Unbind) and self._carrier.answers_unbinds:
            self.send(wire.UnbindResp(pdu.sequence))
        elif isinstance(pdu, SubmitSm) and self._carrier.answers_submits:
            self.send(SubmitSmResp(pdu.sequence, message_id=f"id-{pdu.sequence}"))
        else:
            self._inbox.put_nowait(pdu)

    def send(self, *pdus: AnyPdu) -> None:
        """Put PDUs on the wire in one piece."""
        self.write(b"".join(wire.encode(pdu) for pdu in pdus))

    def write(self, octets: bytes) -> None:
        """Put octets on the wire."""
        if not self._writer.is_closing():
            self._writer.write(octets)

    async def next(self, kind: type[P]) -> P:
        """The next PDU that the test must deal with; it must be of this kind."""
        async with asyncio.timeout(PATIENCE_S):
            pdu = await self._inbox.get()
        assert isinstance(pdu, kind), pdu
        return pdu

    @property
    def has_nothing(self) -> bool:
        """Nothing waits for the test."""
        return self._inbox.empty()

    def drop(self) -> None:
        """Cut the connection without a word."""
        self._writer.transport.abort()


class Carrier:
    """Listens on a free port of loopback. Use as an async context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._tls = tls
        self.received: list[AnyPdu] = []
        self.binds: list[type[AnyPdu]] = []  # in the order they were asked for
        self.bind_statuses: deque[int | None] = deque()  # for the next binds; None = no answer; then 0
        self.bound: asyncio.Queue[Peer] = asyncio.Queue()
        self.answers_submits = False
        self.answers_enquiries = True
        self.answers_unbinds = True
        self._tasks: set[asyncio.Task[None]] = set()
        self.peers: list[Peer] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for peer in self.peers:
            peer.drop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE_S)

    def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(self, reader, writer)
        self.peers.append(peer)
        task = asyncio.create_task(peer.live())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def peer(self) -> Peer:
        """The next connection whose bind was taken."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.bound.get()

    def heard(self, kind: type[P]) -> list[P]:
        """All PDUs of a kind that reached the carrier."""
        return [pdu for pdu in self.received if isinstance(pdu, kind)]
