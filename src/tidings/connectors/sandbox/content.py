"""What a submission carries: which part of what, a digest instead of its text, and how the text starts."""

from hashlib import blake2b
from typing import NamedTuple

from tidings.connectors.sandbox.events import Address, Part
from tidings.connectors.smpp.codes import EsmClass, Tlv
from tidings.connectors.smpp.pdu import SubmitSm
from tidings.domain.text import decode_gsm

ADDRESS_CHARACTERS_MAX = 20

HEAD_CHARACTERS = 20
"""A receipt repeats this much of the text (SMPP 3.4, Appendix B)."""

_GSM, _UCS2 = 0, 8
_UDHI = int(EsmClass.UDHI)  # plain integers: enum arithmetic would cost as much as all the rest here
_CONCAT_8_BIT, _CONCAT_16_BIT = 0x00, 0x08  # information elements, 3GPP TS 23.040 §9.2.3.24


class Content(NamedTuple):
    """What is kept of a submission's octets."""

    part: Part | None
    digest: str
    head: bytes


def content_of(submit: SubmitSm) -> Content:
    """Read a submission's octets, wherever they stand. Never fails: what cannot be read is text."""
    octets = submit.short_message or submit.tlvs.get(Tlv.MESSAGE_PAYLOAD, b"")
    header = octets[: octets[0] + 1] if submit.esm_class & _UDHI and octets else b""
    part = _part_of_header(header) if header else _part_of_tlvs(submit.tlvs)
    text = octets[len(header) :]
    head = head_of(text, data_coding=submit.data_coding)
    return Content(part, blake2b(text, digest_size=8).hexdigest(), head)


def source_of(submit: SubmitSm) -> Address:
    """Who it is from, cut where an address cannot be longer."""
    digits = submit.source_addr[:ADDRESS_CHARACTERS_MAX]
    return Address(submit.source_addr_ton, submit.source_addr_npi, digits)


def destination_of(submit: SubmitSm) -> Address:
    """Whom it is for, cut in the same way."""
    digits = submit.destination_addr[:ADDRESS_CHARACTERS_MAX]
    return Address(submit.dest_addr_ton, submit.dest_addr_npi, digits)


def _part_of_header(header: bytes) -> Part | None:
    """The concatenation element of a user data header, 8-bit or 16-bit reference."""
    at = 1
    while at + 2 <= len(header):
        kind, size = header[at], header[at + 1]
        body = header[at + 2 : at + 2 + size]
        if kind == _CONCAT_8_BIT and len(body) == 3:
            return Part(body[0], body[1], body[2])
        if kind == _CONCAT_16_BIT and len(body) == 4:
            return Part(body[0] << 8 | body[1], body[2], body[3])
        at += 2 + size
    return None


def _part_of_tlvs(tlvs: dict[int, bytes]) -> Part | None:
    """The three `sar_` parameters; all or nothing."""
    if Tlv.SAR_MSG_REF_NUM not in tlvs:
        return None
    tags = (Tlv.SAR_MSG_REF_NUM, Tlv.SAR_TOTAL_SEGMENTS, Tlv.SAR_SEGMENT_SEQNUM)
    reference, total, number = (int.from_bytes(tlvs.get(tag, b"")[:2]) for tag in tags)
    return Part(reference, total, number)


def head_of(text: bytes, *, data_coding: int) -> bytes:
    """The first characters in ASCII, which every reader of receipts can read; others are question marks."""
    if data_coding == _UCS2:
        start = text[: 2 * HEAD_CHARACTERS].decode("utf-16-be", "replace")
    elif data_coding == _GSM:
        start = decode_gsm(text[: 2 * HEAD_CHARACTERS])
    else:
        start = text[:HEAD_CHARACTERS].decode("latin-1")
    return start[:HEAD_CHARACTERS].encode("ascii", "replace").replace(b"\0", b"?")
