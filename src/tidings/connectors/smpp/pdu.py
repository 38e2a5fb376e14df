"""SMPP 3.4 PDUs as values, and the one codec for all of them.

Every SMPP body is a run of NUL-terminated strings, each followed by a fixed number of one-octet integers;
message PDUs then have a counted octet string; TLVs end the body. So a PDU's layout is data (`LAYOUTS`): one
loop decodes it, one precompiled format encodes it.

Decoding is lenient where peers are known to be careless: strings longer than the specification allows, a
missing final NUL, unknown TLVs, a short or absent body in responses. Encoding is strict. Strings are Latin-1
both ways, so whatever octets a peer uses as an id come back unchanged. None in a response's string means
that there was no body at all.
"""

from collections.abc import Callable
from itertools import accumulate
from struct import Struct
from struct import error as StructError
from typing import Any, ClassVar, NamedTuple

import msgspec
from msgspec.structs import astuple

from tidings.connectors.smpp.codes import RESPONSE, Command
from tidings.connectors.smpp.frames import HEADER_OCTETS

HEADER = Struct(">IIII")
_TLV = Struct(">HH")

SHORT_MESSAGE_OCTETS_MAX = 254


class BadPdu(Exception):
    """A whole frame whose body cannot be read; the stream goes on. Answer it with a generic_nack."""

    def __init__(self, header: "Header", why: str) -> None:
        super().__init__(f"{header}: {why}")
        self.header = header


class Header(NamedTuple):
    """The sixteen octets that every PDU starts with."""

    length: int
    command_id: int
    status: int
    sequence: int


class Pdu(msgspec.Struct, frozen=True, gc=False):
    """What all PDUs have. `status` is 0 in requests; `sequence` pairs a response with its request."""

    command_id: ClassVar[int] = 0
    sequence: int = 0
    status: int = 0


class Other(msgspec.Struct, frozen=True, gc=False):
    """A PDU we carry without reading its body: query_sm, cancel_sm, outbind, or a command nobody knows."""

    command_id: int
    sequence: int = 0
    status: int = 0
    body: bytes = b""


class _Bind(Pdu, frozen=True, gc=False):
    system_id: str = ""
    password: str = ""
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""
    tlvs: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sequence={self.sequence}, system_id={self.system_id!r}, password=***)"


class BindReceiver(_Bind, frozen=True, gc=False):
    """Ask for a session that only receives."""

    command_id: ClassVar[int] = Command.BIND_RECEIVER


class BindTransmitter(_Bind, frozen=True, gc=False):
    """Ask for a session that only submits."""

    command_id: ClassVar[int] = Command.BIND_TRANSMITTER


class BindTransceiver(_Bind, frozen=True, gc=False):
    """Ask for a session that does both."""

    command_id: ClassVar[int] = Command.BIND_TRANSCEIVER


class _BindResp(Pdu, frozen=True, gc=False):
    system_id: str | None = ""
    tlvs: dict[int, bytes] = {}


class BindReceiverResp(_BindResp, frozen=True, gc=False):
    """The answer to bind_receiver."""

    command_id: ClassVar[int] = Command.BIND_RECEIVER_RESP


class BindTransmitterResp(_BindResp, frozen=True, gc=False):
    """The answer to bind_transmitter."""

    command_id: ClassVar[int] = Command.BIND_TRANSMITTER_RESP


class BindTransceiverResp(_BindResp, frozen=True, gc=False):
    """The answer to bind_transceiver."""

    command_id: ClassVar[int] = Command.BIND_TRANSCEIVER_RESP


class _Sm(Pdu, frozen=True, gc=False):
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sequence={self.sequence}, {len(self.short_message)} octets)"


class SubmitSm(_Sm, frozen=True, gc=False):
    """A message (or one part of it) towards the network."""

    command_id: ClassVar[int] = Command.SUBMIT_SM


class DeliverSm(_Sm, frozen=True, gc=False):
    """A delivery receipt, or a message from a subscriber; `esm_class` says which."""

    command_id: ClassVar[int] = Command.DELIVER_SM


class DataSm(Pdu, frozen=True, gc=False):
    """As submit_sm or deliver_sm, with everything optional in TLVs."""

    command_id: ClassVar[int] = Command.DATA_SM
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    tlvs: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return f"DataSm(sequence={self.sequence}, {len(self.tlvs)} TLVs)"


class _SmResp(Pdu, frozen=True, gc=False):
    message_id: str | None = ""
    tlvs: dict[int, bytes] = {}


class SubmitSmResp(_SmResp, frozen=True, gc=False):
    """The peer's answer to a submission; with status 0 it took responsibility."""

    command_id: ClassVar[int] = Command.SUBMIT_SM_RESP


class DeliverSmResp(_SmResp, frozen=True, gc=False):
    """Our word that a deliver_sm is stored; its message_id is empty."""

    command_id: ClassVar[int] = Command.DELIVER_SM_RESP


class DataSmResp(_SmResp, frozen=True, gc=False):
    """The answer to data_sm."""

    command_id: ClassVar[int] = Command.DATA_SM_RESP


class EnquireLink(Pdu, frozen=True, gc=False):
    """Are you there?"""

    command_id: ClassVar[int] = Command.ENQUIRE_LINK


class EnquireLinkResp(Pdu, frozen=True, gc=False):
    """I am."""

    command_id: ClassVar[int] = Command.ENQUIRE_LINK_RESP


class Unbind(Pdu, frozen=True, gc=False):
    """The orderly end of a session."""

    command_id: ClassVar[int] = Command.UNBIND


class UnbindResp(Pdu, frozen=True, gc=False):
    """The end is agreed; the connection may be closed."""

    command_id: ClassVar[int] = Command.UNBIND_RESP


class GenericNack(Pdu, frozen=True, gc=False):
    """A PDU was not understood. Sequence 0 where even its number could not be read."""

    command_id: ClassVar[int] = Command.GENERIC_NACK


AnyPdu = Pdu | Other


class _Text(NamedTuple):
    """A C-octet string: its size with the NUL, and how many one-octet integers follow it."""

    size: int
    octets: int = 0


class _Layout:
    """How one body is laid out, and what is computed from that once."""

    __slots__ = ("cls", "command_id", "counted", "form", "steps", "texts")

    def __init__(self, cls: type[Pdu], *texts: _Text, counted: bool = False) -> None:
        self.cls: Callable[..., Pdu] = cls
        self.command_id, self.counted = int(cls.command_id), counted
        self.steps = tuple((text.octets, Struct(f"{text.octets}B").unpack_from) for text in texts)
        self.form = "".join("%s\0" + "%c" * text.octets for text in texts)
        before = accumulate((1 + text.octets for text in texts), initial=2)  # sequence and status come first
        self.texts = tuple((at, text.size) for at, text in zip(before, texts, strict=False))


_BIND = (_Text(16), _Text(9), _Text(13, 3), _Text(41))
_BOUND = (_Text(16),)
_SM = (_Text(6, 2), _Text(21, 2), _Text(21, 3), _Text(17), _Text(17, 5))
_DATA = (_Text(6, 2), _Text(65, 2), _Text(65, 3))
_ID = (_Text(65),)

LAYOUTS: dict[int, _Layout] = {
    layout.command_id: layout
    for layout in (
        _Layout(BindReceiver, *_BIND),
        _Layout(BindTransmitter, *_BIND),
        _Layout(BindTransceiver, *_BIND),
        _Layout(BindReceiverResp, *_BOUND),
        _Layout(BindTransmitterResp, *_BOUND),
        _Layout(BindTransceiverResp, *_BOUND),
        _Layout(SubmitSm, *_SM, counted=True),
        _Layout(SubmitSmResp, *_ID),
        _Layout(DeliverSm, *_SM, counted=True),
        _Layout(DeliverSmResp, *_ID),
        _Layout(DataSm, *_DATA),
        _Layout(DataSmResp, *_ID),
        _Layout(EnquireLink),
        _Layout(EnquireLinkResp),
        _Layout(Unbind),
        _Layout(UnbindResp),
        _Layout(GenericNack),
    )
}


def decode(frame: bytes) -> AnyPdu:
    """The PDU in a whole frame. Raises BadPdu, nothing else, if mandatory octets of a request are missing."""
    _, command_id, status, sequence = HEADER.unpack_from(frame)
    layout = LAYOUTS.get(command_id)
    if layout is None:
        return Other(command_id, sequence, status, frame[HEADER_OCTETS:])
    if len(frame) == HEADER_OCTETS and command_id & RESPONSE and layout.texts:
        return layout.cls(sequence, status, None)
    try:
        return layout.cls(*_read_body(layout, frame, [sequence, status]))
    except StructError as short:
        raise BadPdu(
            Header(len(frame), command_id, status, sequence), "mandatory octets are missing"
        ) from short


def _read_body(layout: _Layout, frame: bytes, values: list[Any]) -> list[Any]:
    """Append the body's values to those of the header. Decoding the whole frame as text once is cheapest."""
    text, at, end_of_frame = frame.decode("latin-1"), HEADER_OCTETS, len(frame)
    for octets, unpack in layout.steps:
        end = text.find("\0", at)
        if end < 0:
            end = end_of_frame
        values.append(text[at:end])
        at = end + 1
        if octets:
            values += unpack(frame, at)
            at += octets
    if layout.counted:
        end = at + values.pop()
        values.append(frame[at:end])
        at = end
    if at < end_of_frame and layout.texts:
        values.append(_read_tlvs(frame, at))
    return values


def _read_tlvs(frame: bytes, at: int) -> dict[int, bytes]:
    """TLVs from `at` on. Of a repeated tag the first counts; a TLV that runs over the end is cut there."""
    tlvs: dict[int, bytes] = {}
    while at + _TLV.size <= len(frame):
        tag, size = _TLV.unpack_from(frame, at)
        at += _TLV.size
        tlvs.setdefault(tag, frame[at : at + size])
        at += size
    return tlvs


def encode(pdu: AnyPdu) -> bytes:
    """The frame of a PDU. Raises ValueError if a field does not fit its place on the wire."""
    return frame(pdu.command_id, body_of(pdu), sequence=pdu.sequence, status=pdu.status)


def body_of(pdu: AnyPdu) -> bytes:
    """The octets behind the header. Raises ValueError as `encode` does."""
    return pdu.body if isinstance(pdu, Other) else _write_body(LAYOUTS[pdu.command_id], pdu)


def frame(command_id: int, body: bytes, *, sequence: int, status: int = 0) -> bytes:
    """A header and the octets behind it."""
    return HEADER.pack(HEADER_OCTETS + len(body), command_id, status, sequence) + body


def _write_body(layout: _Layout, pdu: Pdu) -> bytes:
    """Format the body as text, encode it once: what is no Latin-1 or no octet is a ValueError by itself."""
    values = list(astuple(pdu))
    if not layout.texts or values[2] is None:
        return b""
    for at, size in layout.texts:
        if len(values[at]) >= size or "\0" in values[at]:
            raise ValueError(f"{pdu.__struct_fields__[at]} does not fit {size} octets with its NUL")
    tail = _write_tlvs(tlvs) if (tlvs := values.pop()) else b""
    if layout.counted:
        message = values.pop()
        if len(message) > SHORT_MESSAGE_OCTETS_MAX:
            raise ValueError(f"short_message has {len(message)} octets, {SHORT_MESSAGE_OCTETS_MAX} fit")
        values.append(len(message))
        tail = message + tail
    try:
        return (layout.form % tuple(values[2:])).encode("latin-1") + tail
    except OverflowError as big:
        raise ValueError("an integer does not fit one octet") from big


def _write_tlvs(tlvs: dict[int, bytes]) -> bytes:
    try:
        return b"".join(_TLV.pack(tag, len(value)) + value for tag, value in tlvs.items())
    except StructError as big:
        raise ValueError("a TLV's tag or length does not fit two octets") from big
