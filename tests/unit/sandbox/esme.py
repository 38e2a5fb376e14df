"""A bare SMPP client: what a test sends leaves as it is, and what comes is kept in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, Self, TypeVar

from tidings.connectors.sandbox.settings import PASSWORD, Settings
from tidings.connectors.sandbox.smsc import SimulatedSmsc
from tidings.connectors.smpp.codes import RESPONSE, Command
from tidings.connectors.smpp.frames import Framer
from tidings.connectors.smpp.pdu import (
    AnyPdu,
    BindTransceiver,
    DeliverSm,
    DeliverSmResp,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    UnbindResp,
    decode,
    encode,
)
from tidings.connectors.smpp.receipt_text import ReceiptText, read

DEADLINE_S = 10
Sent = TypeVar("Sent", bound=AnyPdu)


class Esme(asyncio.Protocol):
    """One connection. Every wait has a deadline."""

    def __init__(self) -> None:
        self.arrived: list[AnyPdu] = []
        self.polite = True  # answers an unbind
        self._framer = Framer()
        self._sequence = count(1)
        self._news = asyncio.Condition()
        self._taken: set[int] = set()
        self._closed = asyncio.get_running_loop().create_future()

    @classmethod
    async def connected(cls, port: int) -> Self:
        _, esme = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return esme

    @classmethod
    async def bound(cls, port: int, kind: Any = BindTransceiver, **how: Any) -> Self:
        esme = await cls.connected(port)
        answer = await esme.ask(bind(kind, **how))
        assert answer.status == 0, answer
        return esme

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for pdu in map(decode, self._framer.feed(data)):
            self.arrived.append(pdu)
            if pdu.command_id == Command.UNBIND and self.polite:
                self.write(UnbindResp(sequence=pdu.sequence))
        self._wake()

    def connection_lost(self, _: Exception | None) -> None:
        self._closed.set_result(None)

    def send(self, pdu: Sent) -> int:
        """Write a request with the next number."""
        sequence = next(self._sequence)
        self.write(replaced(pdu, sequence))
        return sequence

    def write(self, pdu: AnyPdu) -> None:
        """Write a PDU as it is."""
        self.transport.write(encode(pdu))

    async def ask(self, pdu: AnyPdu) -> Any:
        """Write a request and wait for its answer."""
        return await self.answer(self.send(pdu))

    async def answer(self, sequence: int) -> Any:
        """The response with this number."""
        return await self.seen(lambda pdu: pdu.command_id & RESPONSE and pdu.sequence == sequence)

    async def nacked(self, pdu: AnyPdu) -> GenericNack:
        """Write a request and wait for the generic_nack that answers it."""
        sequence = self.send(pdu)
        found: GenericNack = await self.seen(
            lambda it: isinstance(it, GenericNack) and it.sequence == sequence
        )
        return found

    async def submit(self, destination: str, **fields: Any) -> SubmitSmResp:
        answer = await self.ask(message(destination, **fields))
        assert isinstance(answer, SubmitSmResp)
        return answer

    async def receipt(self) -> DeliverSm:
        """The next deliver_sm, not answered."""
        found: DeliverSm = await self.seen(lambda pdu: pdu.command_id == Command.DELIVER_SM)
        return found

    async def told(self) -> ReceiptText:
        """What the next receipt's text says; acknowledges it."""
        receipt = await self.receipt()
        self.reply(receipt)
        return read(receipt.short_message)

    def reply(self, receipt: DeliverSm, status: int = 0) -> None:
        self.write(DeliverSmResp(sequence=receipt.sequence, status=status))

    async def seen(self, wanted: Any) -> Any:
        """The first arrival that is `wanted` and was not returned before."""
        async with asyncio.timeout(DEADLINE_S), self._news:
            while True:
                for index, pdu in enumerate(self.arrived):
                    if index not in self._taken and wanted(pdu):
                        self._taken.add(index)
                        return pdu
                await self._news.wait()

    async def closed(self) -> None:
        """Return once the other side has ended the connection."""
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.shield(self._closed)

    def leave(self) -> None:
        """End the connection without a word."""
        self.transport.abort()

    def _wake(self) -> None:
        async def wake() -> None:
            async with self._news:
                self._news.notify_all()

        self._waking = asyncio.ensure_future(wake())


def replaced(pdu: Sent, sequence: int) -> Sent:
    values = {name: getattr(pdu, name) for name in pdu.__struct_fields__}
    return type(pdu)(**{**values, "sequence": sequence})


def bind(kind: Any = BindTransceiver, **how: Any) -> Any:
    return kind(**{"system_id": "tidings", "password": PASSWORD, **how})


def message(destination: str, **fields: Any) -> SubmitSm:
    given = {
        "source_addr_ton": 5,
        "source_addr": "Tidings",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": destination,
        "registered_delivery": 1,
        "short_message": b"Your code is 1234",
    }
    return SubmitSm(**{**given, **fields})


@asynccontextmanager
async def simulated(**settings: Any) -> AsyncIterator[SimulatedSmsc]:
    """A simulated SMSC on a free port that waits for nothing, unless told otherwise."""
    given = {"port": 0, "receipt_delay_s": 0, "early_by_s": 0, **settings}
    async with SimulatedSmsc(Settings(**given)) as smsc:
        yield smsc
