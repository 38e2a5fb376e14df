"""A delivery receipt, as a connector understood it: evidence, not yet a status."""

from datetime import datetime
from hashlib import blake2b

import msgspec

from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, State


class Said(msgspec.Struct, frozen=True, gc=False):
    """What many receipts say alike, in the same words; a connector may give all of them the same one.

    `state` is what it claims for the part it names, already weighed by the connector's receipt class;
    None where the word is unknown or only a note.
    """

    state: State | None
    word: str  # the carrier's own word, e.g. "DELIVRD"
    reason: Reason | None = None
    confirmation: Confirmation = Confirmation.NONE
    error_code: str | None = None  # the carrier's `err`, as given
    network_error: int | None = None  # the network's error number, where no reason stands for it
    intermediate: bool = False
    done_at: datetime | None = None  # the provider's time, aware UTC, plausible or absent
    submitted_at: datetime | None = None  # the provider's submit time
    untrusted: bool = False  # good news of a carrier that is known to make it up

    def verdict(self) -> bytes:
        """What tells a receipt from others about the same message: verdict and done date.

        The same word means something else in an intermediate notification than in the end.
        """
        done = self.done_at and self.done_at.timestamp()
        return f"{self.state}\0{self.word}\0{done}\0{self.error_code}".encode()


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What one delivery receipt of a carrier says. `raw` is the whole PDU or body, kept for ever."""

    upstream_id: str | None  # the id the receipt names, as given (TLV before text)
    said: Said
    recipient: str  # the address the message went to, as the receipt spells it
    sender: str  # our sender, as the receipt spells it
    raw: bytes
    text: str | None = None  # the start of our text, where the receipt repeats it

    def fingerprint(self, verdict: bytes | None = None) -> bytes:
        """The same for a receipt that is sent twice: id, verdict and done date decide (8 octets).

        `verdict` is that of what it says, of whoever has worked it out already. Without an id nothing says that two
        receipts are about one message, unless they are the same to the last octet.
        """
        key = f"{self.upstream_id}\0{self.recipient}\0".encode() + (verdict or self.said.verdict())
        return blake2b(key if self.upstream_id else key + self.raw, digest_size=8).digest()
