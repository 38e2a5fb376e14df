"""Receipts of the form that nearly all have, read from their octets at once.

A deliver_sm that is flagged as a receipt, with the specification's text, and behind it no TLVs or the two that
receipts have. `receipts.read_receipt` reads every other form; where both can read one, they say the same.
"""

import re
from datetime import datetime
from functools import lru_cache

from tidings.connectors.smpp import words
from tidings.connectors.smpp.receipt_text import AROUND
from tidings.connectors.smpp.receipts import Reading, contradicts, said, times
from tidings.domain.receipt import Receipt, Said

_CACHED = 1024

_RECEIPT = re.compile(
    rb".{4}\0\0\0\x05.{8}"  # header of a deliver_sm
    rb"[^\0]{0,5}\0"  # service_type
    rb"..([^\0]{0,65})\0"  # the recipient
    rb"..([^\0]{0,65})\0"  # the sender
    rb"\x04..[^\0]{0,16}\0[^\0]{0,16}\0"  # esm_class, protocol_id, priority_flag, times
    rb"....(.)"  # registered_delivery to sm_default_msg_id, sm_length
    rb"id:([0-9A-Za-z-]{1,65})( sub:[0-9]{1,4} dlvrd:[0-9]{1,4} submit date:[0-9]{10,14} done date:[0-9]{10,14} "
    rb"stat:[A-Z]{5,10} err:[0-9A-Za-z]{1,6} text:)([ -~]{0,200})"
    rb"(?:\0\x1e\0(.)([0-9A-Za-z-]{1,64})\0)?"  # receipted_message_id
    rb"(?:\x04\x27\0\x01(.))?",  # message_state
    re.DOTALL,
)
_SAYING = re.compile(rb".* date:([0-9]+) done date:([0-9]+) stat:([A-Z]+) err:([0-9A-Za-z]+) text:")
_ID_LABEL = len(b"id:")


class OrdinaryReceipts:
    """Reads those of one connector. What thousands of them have in common is worked out once, and said once."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._said = lru_cache(_CACHED)(self._say)

    def read(self, frame: bytes, *, now: datetime) -> Receipt | None:
        """The receipt in a frame; None if it has another form, or contradicts itself."""
        found = _RECEIPT.fullmatch(frame)
        if found is None:
            return None
        recipient, sender, octets, text_id, saying, text, size, tlv_id, state = found.groups()
        if octets[0] != _ID_LABEL + len(text_id) + len(saying) + len(text):
            return None
        if tlv_id is not None and size[0] != len(tlv_id) + 1:
            return None
        said = self._said(saying, state, now)
        if said is None:
            return None
        return Receipt(
            (tlv_id or text_id).decode("ascii"),
            said,
            recipient.decode("latin-1"),
            sender.decode("latin-1"),
            frame,
            text.decode("ascii").strip(AROUND) or None,
        )

    def _say(self, saying: bytes, state: bytes | None, now: datetime) -> Said | None:
        """What stands between the id and the text; None if the TLV says something else."""
        found = _SAYING.fullmatch(saying)
        assert found is not None
        submit, done, stat, err = (octets.decode("ascii") for octets in found.groups())
        if state is not None and contradicts(stat, state[0]):
            return None
        submitted_at, done_at = times(submit, done, self._reading.offset_minutes, now=now)
        claim = words.claim(stat, err, intermediate=False, trust=self._reading.trust)
        return said(claim, stat, err, submitted_at=submitted_at, done_at=done_at)
