"""Tells receipts from messages of subscribers, and makes a receipt's PDU into the domain's Receipt."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from tidings.connectors.smpp import receipt_text, words
from tidings.connectors.smpp.codes import EsmClass, Tlv
from tidings.connectors.smpp.pdu import DataSm, DeliverSm
from tidings.connectors.smpp.receipt_text import VALUE_CHARS_MAX, ReceiptText
from tidings.connectors.smpp.words import MESSAGE_STATE, STATES, Claim, Trust
from tidings.domain.receipt import Receipt, Said

PLAUSIBLE = timedelta(minutes=15)
"""How far a carrier's clock may be off before its times are not believed."""

WORD_CHARS_MAX = 32

# Plain integers: arithmetic on enum members costs more than all the rest of reading a receipt.
_FINAL, _INTERMEDIATE = int(EsmClass.DELIVERY_RECEIPT), int(EsmClass.INTERMEDIATE)
_KIND = 0x1C  # the bits of esm_class that say what a message is, apart from _INTERMEDIATE


class Reading(NamedTuple):
    """How a connector reads receipts: the operator's settings."""

    trust: Trust
    guess: bool = False  # take unflagged messages that look like receipts for receipts
    offset_minutes: int = 0  # of the carrier's clock


def read_receipt(pdu: DeliverSm | DataSm, raw: bytes, reading: Reading, *, now: datetime) -> Receipt | None:
    """The receipt in a PDU, or None if it is something else (a subscriber's message, an SME's own ack).

    `raw` is the whole frame, kept as evidence. Never raises for what a carrier may send: what is missing is
    absent, an unknown word is a note.
    """
    intermediate = bool(pdu.esm_class & _INTERMEDIATE)
    if not intermediate and pdu.esm_class & _KIND not in (0, _FINAL):
        return None
    text = receipt_text.read(_body(pdu))
    if not _is_receipt(pdu, text, guess=reading.guess):
        return None
    word = _word(pdu, text)
    err = _err(pdu, text)
    claim = words.claim(word, err, intermediate=intermediate, trust=reading.trust)
    submitted_at, done_at = times(text.submit_date, text.done_date, reading.offset_minutes, now=now)
    return Receipt(
        upstream_id=_id(pdu, text),
        said=said(claim, word, err, intermediate=intermediate, submitted_at=submitted_at, done_at=done_at),
        recipient=_clean(pdu.source_addr),
        sender=_clean(pdu.destination_addr),
        raw=raw,
        text=text.text,
    )


@lru_cache(maxsize=1_024)
def said(
    claim: Claim,
    word: str,
    err: str | None,
    *,
    intermediate: bool = False,
    submitted_at: datetime | None,
    done_at: datetime | None,
) -> Said:
    """What a receipt says, and what it is taken for; the same one for many."""
    return Said(
        state=claim.state,
        word=word,
        reason=claim.reason,
        confirmation=claim.confirmation,
        error_code=err,
        network_error=claim.network_error,
        intermediate=intermediate,
        done_at=done_at,
        submitted_at=submitted_at,
        untrusted=claim.untrusted,
    )


def disagrees(pdu: DeliverSm | DataSm, word: str) -> bool:
    """Whether the TLV names another state than the receipt's word, which is believed."""
    state = pdu.tlvs.get(Tlv.MESSAGE_STATE, b"")
    return bool(state) and contradicts(word, state[0])


def contradicts(word: str, message_state: int) -> bool:
    """Whether the two are different states; a number that nobody knows says nothing."""
    told = MESSAGE_STATE.get(message_state)
    return told is not None and STATES.get(word.upper()) is not STATES[told]


def _body(pdu: DeliverSm | DataSm) -> bytes:
    short = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    return short or pdu.tlvs.get(Tlv.MESSAGE_PAYLOAD, b"")


def _is_receipt(pdu: DeliverSm | DataSm, text: ReceiptText, *, guess: bool) -> bool:
    """By flag, else by TLV; by looks only where the operator says so: a subscriber can type a receipt."""
    if pdu.esm_class & (_INTERMEDIATE | _FINAL):
        return True
    if Tlv.RECEIPTED_MESSAGE_ID in pdu.tlvs:
        return True
    known = text.stat is not None and text.stat.upper() in STATES
    return guess and text.id_leads and known and text.labels >= 4


def _id(pdu: DeliverSm | DataSm, text: ReceiptText) -> str | None:
    """The TLV's before the text's: texts cut long ids short."""
    told = pdu.tlvs.get(Tlv.RECEIPTED_MESSAGE_ID, b"").split(b"\0")[0].strip().decode("latin-1")
    return told if 0 < len(told) <= VALUE_CHARS_MAX else text.id


def _word(pdu: DeliverSm | DataSm, text: ReceiptText) -> str:
    """The text's `stat` before the TLV's state: operators test against it. Empty if there is neither."""
    if text.stat:
        return text.stat[:WORD_CHARS_MAX]
    state = pdu.tlvs.get(Tlv.MESSAGE_STATE, b"")
    return MESSAGE_STATE.get(state[0], str(state[0])) if state else ""


def _err(pdu: DeliverSm | DataSm, text: ReceiptText) -> str | None:
    """The text's `err`, unless it says nothing and the TLV does."""
    if text.err is not None and text.err.strip("0"):
        return text.err[:WORD_CHARS_MAX]
    told = network_error(pdu.tlvs)
    if told is None:
        return text.err and text.err[:WORD_CHARS_MAX]
    return told if told.strip("0") or text.err is None else text.err[:WORD_CHARS_MAX]


def network_error(tlvs: Mapping[int, bytes]) -> str | None:
    """The number that the network gave, as texts write it; None if there is none.

    A network type and a number by the specification; some carriers put three ASCII digits there instead.
    """
    code = tlvs.get(Tlv.NETWORK_ERROR_CODE, b"")
    if len(code) != 3:
        return None
    return code.decode("ascii") if code.isdigit() else str(int.from_bytes(code[1:], "big"))


def times(
    submit_date: str | None, done_date: str | None, offset_minutes: int, *, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """When a receipt says its message was submitted and done, where that can be."""
    submitted_at = receipt_text.read_date(submit_date, now=now, offset_minutes=offset_minutes)
    done_at = receipt_text.read_date(done_date, now=now, offset_minutes=offset_minutes)
    return _plausible(submitted_at, None, now), _plausible(done_at, submitted_at, now)


def _plausible(time: datetime | None, after: datetime | None, now: datetime) -> datetime | None:
    if time is None or time > now + PLAUSIBLE or (after is not None and time < after - PLAUSIBLE):
        return None
    return time


def _clean(address: str) -> str:
    return address[:VALUE_CHARS_MAX]
