"""Receipts of the form that nearly all have, read from their octets at once.

A deliver_sm that is flagged as a receipt, with the specification's text, and behind it no TLVs or the two that
receipts have. `receipts.read_receipt` reads every other form; where both can read one, they say the same.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from tidings.connectors.smpp import words
from tidings.connectors.smpp.receipt_text import AROUND
from tidings.connectors.smpp.receipts import Reading, contradicts, times
from tidings.connectors.smpp.words import Claim
from tidings.domain.receipt import Receipt

_CACHED = 1024

_RECEIPT = re.compile(
    rb".{4}\0\0\0\x05.{8}"  # header of a deliver_sm
    rb"[^\0]{0,5}\0"  # service_type
    rb"..(?P<recipient>[^\0]{0,65})\0"
    rb"..(?P<sender>[^\0]{0,65})\0"
    rb"\x04..[^\0]{0,16}\0[^\0]{0,16}\0"  # esm_class, protocol_id, priority_flag, times
    rb"....(?P<octets>.)"  # registered_delivery to sm_default_msg_id, sm_length
    rb"(?P<body>id:(?P<id>[0-9A-Za-z-]{1,65}) sub:[0-9]{1,4} dlvrd:[0-9]{1,4} "
    rb"submit date:(?P<submit>[0-9]{10,14}) done date:(?P<done>[0-9]{10,14}) "
    rb"stat:(?P<stat>[A-Z]{5,10}) err:(?P<err>[0-9A-Za-z]{1,6}) text:(?P<text>[ -~]{0,200}))"
    rb"(?:\0\x1e\0(?P<size>.)(?P<named>[0-9A-Za-z-]{1,64})\0)?"  # receipted_message_id
    rb"(?:\x04\x27\0\x01(?P<state>.))?",  # message_state
    re.DOTALL,
)


class _Said(NamedTuple):
    """What many receipts say alike."""

    word: str
    err: str
    claim: Claim


class OrdinaryReceipts:
    """Reads those of one connector. What thousands of them have in common is worked out once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._said = lru_cache(_CACHED)(self._say)
        self._times = lru_cache(_CACHED)(self._read_times)

    def read(self, frame: bytes, *, now: datetime) -> Receipt | None:
        """The receipt in a frame; None if it has another form, or contradicts itself."""
        found = _RECEIPT.fullmatch(frame)
        if found is None:
            return None
        recipient, sender, octets, body, text_id, submit, done, stat, err, text, size, tlv_id, state = (
            found.groups()
        )
        if octets[0] != len(body) or (tlv_id is not None and size[0] != len(tlv_id) + 1):
            return None
        said = self._said(stat, err, state)
        if said is None:
            return None
        word, error_code, claim = said
        submitted_at, done_at = self._times(submit, done, now)
        return Receipt(
            upstream_id=(tlv_id or text_id).decode("ascii"),
            state=claim.state,
            word=word,
            recipient=recipient.decode("latin-1"),
            sender=sender.decode("latin-1"),
            raw=frame,
            reason=claim.reason,
            confirmation=claim.confirmation,
            error_code=error_code,
            network_error=claim.network_error,
            done_at=done_at,
            submitted_at=submitted_at,
            text=text.decode("ascii").strip(AROUND) or None,
            untrusted=claim.untrusted,
        )

    def _say(self, stat: bytes, err: bytes, state: bytes | None) -> _Said | None:
        word, error_code = stat.decode("ascii"), err.decode("ascii")
        if state is not None and contradicts(word, state[0]):
            return None
        return _Said(
            word, error_code, words.claim(word, error_code, intermediate=False, trust=self._reading.trust)
        )

    def _read_times(
        self, submit: bytes, done: bytes, now: datetime
    ) -> tuple[datetime | None, datetime | None]:
        offset = self._reading.offset_minutes
        return times(submit.decode("ascii"), done.decode("ascii"), offset, now=now)
