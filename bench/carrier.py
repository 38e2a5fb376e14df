"""A carrier that costs nearly nothing: takes what it is given, and sends all receipts at once when it is told to.

The simulated SMSC behaves like one; this one is for the rows that measure handing over and taking in alone.
"""

import asyncio
import struct
import time
from itertools import count
from typing import NamedTuple, cast

from bench.load import BadRun

HEAD = struct.Struct(">IIII")
BIND_TRANSCEIVER, SUBMIT_SM, DELIVER_SM, UNBIND, ENQUIRE_LINK = 0x09, 0x04, 0x05, 0x06, 0x15
RESPONSE = 0x8000_0000
RECEIPT_TEXT = (
    "id:{id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:"
)
WINDOW = 1_000  # receipts unanswered at a time
NO_ERROR = 0
QUIET_S = 60.0  # without any submission for so long, a run has failed
LOOK_EVERY_S = 0.01


class Taken(NamedTuple):
    """A submission that was answered with this id."""

    id: int
    source: bytes  # with its TON and NPI, as it stood in the PDU
    destination: bytes
    at: float  # time.perf_counter

    @property
    def number(self) -> bytes:
        """The destination without type, numbering plan and NUL."""
        return self.destination[2:-1]


class Carrier:
    """An SMSC with one bind on a port. `open` and `close` it; what it took is in `taken`."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self._ids = count(1)
        self._server: asyncio.Server | None = None
        self._bind: _Bind | None = None

    async def open(self, port: int) -> None:
        """Listen."""
        self._server = await asyncio.get_running_loop().create_server(self._connected, "127.0.0.1", port)

    async def close(self) -> None:
        """Hang up, and forget what was taken."""
        assert self._server is not None, "open it first"
        self._server.close()
        if self._bind is not None:
            self._bind.hang_up()
        await self._server.wait_closed()
        self.taken = []

    def take(self, source: bytes, destination: bytes) -> Taken:
        """Take a submission."""
        taken = Taken(next(self._ids), source, destination, time.perf_counter())
        self.taken.append(taken)
        return taken

    async def has_taken(self, count: int) -> None:
        """Return once it took so many. Raises BadRun if nothing comes any more."""
        seen, since = -1, time.perf_counter()
        while len(self.taken) < count:
            if len(self.taken) != seen:
                seen, since = len(self.taken), time.perf_counter()
            if time.perf_counter() - since > QUIET_S:
                raise BadRun(f"the carrier was given {seen} of {count} messages, and no more come")
            await asyncio.sleep(LOOK_EVERY_S)

    async def deliver_all(self) -> None:
        """Send a receipt for everything that was taken; returns when the last is acknowledged."""
        assert self._bind is not None, "nobody has bound"
        pdus = [_receipt(one, sequence) for sequence, one in enumerate(self.taken, start=1)]
        await self._bind.flood(pdus)

    def _connected(self) -> asyncio.Protocol:
        self._bind = _Bind(self)
        return self._bind


class _Bind(asyncio.Protocol):
    """One connection. It trusts its peer, which is ours."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._received = b""
        self._unsent: list[bytes] = []
        self._unanswered = 0
        self._delivered: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: connected."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Asyncio: octets came."""
        received, at, answers = self._received + data, 0, []
        while len(received) - at >= HEAD.size:
            length, command, status, sequence = HEAD.unpack_from(received, at)
            if len(received) - at < length:
                break
            answers.append(self._answer(command, status, sequence, received[at + HEAD.size : at + length]))
            at += length
        self._received = received[at:]
        self._transport.write(b"".join(answers))
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        """Asyncio: the connection is gone."""
        if self._delivered is not None and not self._delivered.done():
            self._delivered.set_exception(
                ConnectionError(f"the gateway left before the last receipt ({error})")
            )

    async def flood(self, pdus: list[bytes]) -> None:
        """Send these receipts, WINDOW of them unanswered at a time, until all are acknowledged."""
        self._unsent = pdus[::-1]
        self._delivered = asyncio.get_running_loop().create_future()
        self._go_on()
        await self._delivered

    def hang_up(self) -> None:
        """End the connection."""
        self._transport.close()

    def _answer(self, command: int, status: int, sequence: int, body: bytes) -> bytes:
        if command == SUBMIT_SM:
            source, destination = _addresses(body)
            taken = self._carrier.take(source, destination)
            return _pdu(SUBMIT_SM | RESPONSE, sequence, b"%d\0" % taken.id)
        if command == DELIVER_SM | RESPONSE:
            assert status == NO_ERROR, "a receipt was refused"
            self._unanswered -= 1
            return b""
        if command == BIND_TRANSCEIVER:
            return _pdu(BIND_TRANSCEIVER | RESPONSE, sequence, b"bench\0")
        return _pdu(command | RESPONSE, sequence) if command in (UNBIND, ENQUIRE_LINK) else b""

    def _go_on(self) -> None:
        room = min(WINDOW - self._unanswered, len(self._unsent))
        if room > 0:
            self._unanswered += room
            self._transport.write(b"".join(self._unsent.pop() for _ in range(room)))
        elif self._delivered and not self._unanswered and not self._delivered.done():
            self._delivered.set_result(None)


def _pdu(command: int, sequence: int, body: bytes = b"") -> bytes:
    return HEAD.pack(HEAD.size + len(body), command, NO_ERROR, sequence) + body


def _addresses(body: bytes) -> tuple[bytes, bytes]:
    """Source and destination of a submit_sm: after the service type, TON, NPI and a C string each."""
    source_at = body.index(0) + 1
    destination_at = body.index(0, source_at + 2) + 1
    end = body.index(0, destination_at + 2) + 1
    return body[source_at:destination_at], body[destination_at:end]


def _receipt(taken: Taken, sequence: int) -> bytes:
    """A deliver_sm that is a receipt: ESM class 4, the addresses swapped."""
    text = RECEIPT_TEXT.format(id=taken.id).encode()
    body = b"\0" + taken.destination + taken.source + b"\x04" + bytes(8) + bytes([len(text)]) + text
    return _pdu(DELIVER_SM, sequence, body)
