"""Delivery receipts as most SMSCs write them: a deliver_sm with the text of SMPP 3.4, Appendix B.

An SMSC writes two PDUs for every message, its response and its receipt. Both are put together here as octets,
which takes half the time of going through PDU values; a test holds them against the codec.
"""

from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

from tidings.connectors.sandbox.events import USUAL, Manner, Shape, Spelling, Took
from tidings.connectors.sandbox.messages import Message
from tidings.connectors.sandbox.outcomes import Verdict
from tidings.connectors.sandbox.settings import IdForm
from tidings.connectors.smpp.codes import Command, EsmClass, Tlv
from tidings.connectors.smpp.frames import HEADER_OCTETS
from tidings.connectors.smpp.pdu import DataSm, DeliverSm, encode

MINUTE_S = 60
UNKNOWN_FROM = 10**18  # ids are microseconds since 1970 at first: none is that large

_HEADER = Struct(">IIII")
_RESPONSE = int(Command.SUBMIT_SM_RESP)
_REQUEST = int(Command.DELIVER_SM)
# service_type; source; destination; esm_class; protocol_id, priority_flag, schedule_delivery_time,
# validity_period, registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id: all 0; sm_length
_BODY = "\0%c%c%s\0%c%c%s\0" + chr(EsmClass.DELIVERY_RECEIPT) + "\0" * 8 + "%c"
_TLVS = Tlv.RECEIPTED_MESSAGE_ID.to_bytes(2) + b"\0%c%b\0" + Tlv.MESSAGE_STATE.to_bytes(2) + b"\0\1%c"


def id_in_response(message_id: int, form: IdForm) -> str:
    """A message id as the answer to its submission spells it."""
    return str(message_id) if form is IdForm.DECIMAL else f"{message_id:x}"


def id_in_receipt(message_id: int, form: IdForm) -> str:
    """A message id as its receipts spell it."""
    return f"{message_id:x}" if form is IdForm.HEX else str(message_id)


def id_from_query(text: str, form: IdForm) -> int | None:
    """The number of a message that a peer names as its response did; None if it cannot be one."""
    try:
        return int(text, 10 if form is IdForm.DECIMAL else 16)
    except ValueError:
        return None


def response_frame(message_id: int | None, *, sequence: int, form: IdForm) -> bytes:
    """The submit_sm_resp of a message that was taken; without an id where it is None."""
    shown_id = b"" if message_id is None else id_in_response(message_id, form).encode("ascii")
    return _HEADER.pack(HEADER_OCTETS + len(shown_id) + 1, _RESPONSE, 0, sequence) + shown_id + b"\0"


def receipt_frame(message: Message, n: int, *, sequence: int, form: IdForm, tlvs: bool) -> bytes:
    """Receipt `n` of a message: its addresses swapped; TLVs only for peers that know them (3.4 and later)."""
    took = message.took
    if (manner := took.manner(n)) != USUAL:
        return _odd_frame(message, n, sequence=sequence, form=form, manner=manner)
    verdict = took.receipts[n]
    shown_id = id_in_receipt(took.shown_id, form).encode("ascii")
    text = receipt_text(message, verdict, shown_id)
    body = (_BODY % (*took.destination, *took.source, len(text))).encode("latin-1") + text
    if tlvs:
        body += _TLVS % (len(shown_id) + 1, shown_id, verdict.state)
    return _HEADER.pack(HEADER_OCTETS + len(body), _REQUEST, 0, sequence) + body


def _odd_frame(message: Message, n: int, *, sequence: int, form: IdForm, manner: Manner) -> bytes:
    """The same in a manner that a script wants."""
    took = message.took
    verdict = took.receipts[n]
    shown_id = _odd_id(took, form, manner.spelling).encode("ascii")
    tlvs = {int(Tlv.RECEIPTED_MESSAGE_ID): shown_id + b"\0", int(Tlv.MESSAGE_STATE): bytes((verdict.state,))}
    addresses: dict[str, Any] = {
        "source_addr_ton": took.destination.ton,
        "source_addr_npi": took.destination.npi,
        "source_addr": took.destination.digits,
        "dest_addr_ton": took.source.ton,
        "dest_addr_npi": took.source.npi,
        "destination_addr": took.source.digits,
        "esm_class": int(EsmClass.DELIVERY_RECEIPT),
    }
    if manner.shape is Shape.DATA_SM:
        return encode(DataSm(sequence=sequence, tlvs=tlvs, **addresses))
    text, coding = receipt_text(message, verdict, shown_id), 0
    if manner.shape is Shape.UCS2:
        # Without the message's own text, which is only there for people: 254 octets are 127 characters.
        text, coding = text.partition(b" text:")[0].decode("ascii").encode("utf-16-be"), 8
    return encode(DeliverSm(sequence=sequence, short_message=text, data_coding=coding, tlvs={}, **addresses))


def _odd_id(took: Took, form: IdForm, spelling: Spelling) -> str:
    if spelling is Spelling.UNKNOWN:
        return id_in_receipt(UNKNOWN_FROM + took.id, form)
    if spelling is Spelling.OTHER_BASE:
        return id_in_receipt(took.shown_id, IdForm.DECIMAL if form is IdForm.HEX else IdForm.HEX)
    return id_in_receipt(took.shown_id, form)


def receipt_text(message: Message, verdict: Verdict, shown_id: bytes) -> bytes:
    """The text of Appendix B. Dates are UTC to the minute and the same each time the receipt is sent."""
    took = message.took
    return b"id:%b sub:001 dlvrd:%b submit date:%b done date:%b stat:%b err:%b text:%b" % (
        shown_id,
        b"001" if verdict.stat == "DELIVRD" else b"000",
        minute(int(took.at // MINUTE_S)),
        minute(int(took.due // MINUTE_S)),
        verdict.stat.encode("ascii"),
        verdict.err.encode("ascii"),
        message.head,
    )


@lru_cache(maxsize=1024)
def minute(number: int) -> bytes:
    """A minute since 1970 as receipts write it: YYMMDDhhmm, UTC."""
    return datetime.fromtimestamp(number * MINUTE_S, UTC).strftime("%y%m%d%H%M").encode("ascii")
