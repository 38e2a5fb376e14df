"""Try a connector's settings on the real carrier: connect, bind, ask for a sign of life, unbind. Nothing is sent.

Receipts that the carrier hands over meanwhile are answered "not now": whoever acknowledges a receipt has to store it.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random

import msgspec

from tidings.connectors.smpp import pdu as wire
from tidings.connectors.smpp.client import tls_context
from tidings.connectors.smpp.codes import RESPONSE, Status, Tlv, command_name, status_name
from tidings.connectors.smpp.config import SmppConfig
from tidings.connectors.smpp.frames import BadFrame, Framer
from tidings.connectors.smpp.pdu import AnyPdu, BadPdu, Pdu
from tidings.connectors.smpp.session import Bind
from tidings.connectors.smpp.slot import slots

READ_OCTETS = 64 * 1024

HINTS = {
    Status.ESME_RINVPASWD: "the password is wrong",
    Status.ESME_RINVSYSID: "this carrier does not know the system_id",
    Status.ESME_RBINDFAIL: "the carrier refuses: credentials, our address (IP), or the kind of bind",
    Status.ESME_RALYBND: "the account allows no more sessions: is the gateway bound already?",
    Status.ESME_RINVSYSTYP: "the system_type is wrong",
    Status.ESME_RINVBNDSTS: "the account does not allow this kind of bind",
    Status.ESME_RINVCMDID: "the carrier does not know this kind of bind: try another bind mode",
    Status.ESME_RTHROTTLED: "too many tries in a short time: wait a while",
}
"""What a refused bind usually means."""


class Step(msgspec.Struct, frozen=True):
    """One thing that was tried, and what came of it."""

    tried: str
    worked: bool
    said: str
    took_s: float


async def probe(config: SmppConfig) -> list[Step]:
    """What the carrier says, for each kind of session the connector would open. Raises Misconfigured."""
    tls = tls_context(config)
    terms = [slot.terms for slot in slots(config, tls=tls, random=Random())]  # noqa: S311 - never used to wait
    kinds = {type(one.bind): one.bind for one in terms}
    steps: list[Step] = []
    for bind in kinds.values():
        steps += await _Probe(config, tls).run(bind)
    return steps


class _Failed(Exception):
    """A step that did not work, in the words to show."""


class _Probe:
    """One connection."""

    def __init__(self, config: SmppConfig, tls: ssl.SSLContext | None) -> None:
        self._config = config
        self._tls = tls
        self._framer = Framer()
        self._frames: deque[bytes] = deque()
        self._sequence = 0
        self._declined = 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def run(self, bind: Bind) -> list[Step]:
        """Every step until one fails."""
        config = self._config
        todo: list[tuple[str, Callable[[], Awaitable[str]], float]] = [
            ("connect", self._connect, config.connect_within_s),
            (command_name(bind.command_id), lambda: self._bind(bind), config.bind_within_s),
            ("enquire_link", self._enquire, config.enquire_within_s),
            ("unbind", self._unbind, config.unbind_within_s),
        ]
        steps: list[Step] = []
        try:
            for tried, act, within_s in todo:
                steps.append(await _timed(tried, act, within_s=within_s))
                if not steps[-1].worked:
                    break
        finally:
            if steps[0].worked:
                self._writer.transport.abort()
        return steps

    async def _connect(self) -> str:
        config = self._config
        name = config.host if self._tls else None
        self._reader, self._writer = await asyncio.open_connection(
            config.host, config.port, ssl=self._tls, server_hostname=name
        )
        where = f"{config.host}:{config.port}"
        secured: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return f"{where} takes our connection" + (f" ({secured.version()})" if secured else "")

    async def _bind(self, bind: Bind) -> str:
        answer = await self._ask(bind)
        if answer.status != Status.ESME_ROK or isinstance(answer, wire.GenericNack):
            hint = HINTS.get(Status(answer.status)) if answer.status in set(Status) else None
            raise _Failed(f"refused: {status_name(answer.status)}" + (f" ({hint})" if hint else ""))
        assert isinstance(answer, wire.BindReceiverResp | wire.BindTransmitterResp | wire.BindTransceiverResp)
        version = answer.tlvs.get(Tlv.SC_INTERFACE_VERSION)
        spoken = f"SMPP {version[0] >> 4}.{version[0] & 15}" if version else "a version it does not say"
        return f"taken by {answer.system_id or 'a carrier without a name'!r}, which speaks {spoken}"

    async def _enquire(self) -> str:
        await self._ask(wire.EnquireLink())
        return "answered"

    async def _unbind(self) -> str:
        await self._ask(wire.Unbind())
        waiting = f"; {self._declined} receipts wait to be taken by the gateway" if self._declined else ""
        return f"answered{waiting}"

    async def _ask(self, request: Pdu) -> AnyPdu:
        """The answer to a request; what the carrier asks of us meanwhile is served."""
        self._sequence += 1
        self._write(msgspec.structs.replace(request, sequence=self._sequence))
        while True:
            pdu = await self._next()
            if pdu.command_id & RESPONSE:
                if pdu.sequence == self._sequence or isinstance(pdu, wire.GenericNack):
                    return pdu
            else:
                self._serve(pdu)

    def _serve(self, request: AnyPdu) -> None:
        match request:
            case wire.EnquireLink():
                self._write(wire.EnquireLinkResp(request.sequence))
            case wire.DeliverSm() | wire.DataSm():
                self._declined += 1
                answer = wire.DeliverSmResp if isinstance(request, wire.DeliverSm) else wire.DataSmResp
                self._write(answer(request.sequence, Status.ESME_RX_T_APPN))
            case wire.Unbind():
                raise _Failed("the carrier ended the session")
            case _:
                self._write(wire.GenericNack(request.sequence, Status.ESME_RINVCMDID))

    async def _next(self) -> AnyPdu:
        while not self._frames:
            chunk = await self._reader.read(READ_OCTETS)
            if not chunk:
                raise _Failed("the carrier closed the connection")
            self._frames.extend(self._framer.feed(chunk))
        return wire.decode(self._frames.popleft())

    def _write(self, pdu: AnyPdu) -> None:
        self._writer.write(wire.encode(pdu))


async def _timed(tried: str, act: Callable[[], Awaitable[str]], *, within_s: float) -> Step:
    """One step, with its time; whatever goes wrong is told, never raised."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        async with asyncio.timeout(within_s):
            worked, said = True, await act()
    except TimeoutError:
        worked, said = False, f"no answer within {within_s:g} s"
    except (_Failed, OSError, UnicodeError) as trouble:  # TLS and names that cannot be are among them
        worked, said = False, str(trouble) or type(trouble).__name__
    except (BadFrame, BadPdu) as garbage:
        worked, said = False, f"that is not SMPP: {garbage}"
    return Step(tried, worked, said, round(loop.time() - started, 4))
