"""What the simulated SMSC writes down: one event a line, each a JSON object that names its kind in `event`.

The file is the whole truth: folding its events from the first to the last (`truth.py`) gives what the SMSC
took, what really became of it and what it told whom. It holds numbers but no texts, only their digests: receipts
that are sent after a restart have an empty `text:`, as those of many an SMSC. Times are seconds since 1970, UTC.
New kinds and fields may be added; what is there keeps its meaning.
"""

from enum import StrEnum, unique
from typing import NamedTuple

import msgspec

from tidings.connectors.sandbox.outcomes import Verdict, When


class Address(NamedTuple):
    """An SMPP address as the submission spelt it."""

    ton: int
    npi: int
    digits: str


class Part(NamedTuple):
    """Which part of a long message this is: `number` of `total`, joined by `reference`."""

    reference: int
    total: int
    number: int


@unique
class Spelling(StrEnum):
    """How a receipt spells the id of what it is about."""

    USUAL = "usual"
    OTHER_BASE = "other_base"  # hexadecimal for decimal, and the other way round
    UNKNOWN = "unknown"  # an id that nobody was given


@unique
class Shape(StrEnum):
    """Which PDU a receipt is."""

    USUAL = "usual"  # deliver_sm, its text in ASCII
    UCS2 = "ucs2"  # deliver_sm, its text in UCS-2
    DATA_SM = "data_sm"  # data_sm without text, only TLVs


class Manner(NamedTuple):
    """How a receipt is sent, where a fault script has it sent otherwise than usual."""

    after_s: float = 0.0  # later than usual
    spelling: Spelling = Spelling.USUAL
    shape: Shape = Shape.USUAL
    other_bind: bool = False  # not on the session of the submission, if there is another one


USUAL = Manner()


class Took(
    msgspec.Struct, tag="took", tag_field="event", gc=False, frozen=True, kw_only=True, omit_defaults=True
):
    """The SMSC took responsibility for a message. Written before the response leaves."""

    id: int
    at: float
    source: Address
    destination: Address
    part: Part | None
    digest: str  # of the octets without their header; equal texts have equal digests
    outcome: str
    end: Verdict  # what really becomes of it
    due: float  # when that is so; the first receipt leaves then
    receipts: tuple[Verdict, ...]  # what it will be said to be, in this order
    when: When
    in_turn: bool
    session: int = 0  # which one it came by, from 1
    faults: tuple[str, ...] = ()  # what the fault script did to it
    manners: tuple[Manner, ...] = ()  # of the receipts, beside them; none: all are usual
    alias: int | None = None  # the id it was given out under, where that is another message's

    @property
    def shown_id(self) -> int:
        """The id that the answer and the receipts name."""
        return self.id if self.alias is None else self.alias

    def manner(self, n: int) -> Manner:
        """How receipt `n` is sent."""
        return self.manners[n] if self.manners else USUAL


class Refused(msgspec.Struct, tag="refused", tag_field="event", gc=False, frozen=True, kw_only=True):
    """The SMSC answered a submission with an error: it is not there and nothing will be said of it."""

    at: float
    source: Address
    destination: Address
    part: Part | None
    digest: str
    outcome: str
    status: int


class Unanswered(msgspec.Struct, tag="unanswered", tag_field="event", gc=False, frozen=True):
    """The response of a message that was taken was never written: a script's doing, or its session had ended."""

    id: int
    at: float


class Unheard(msgspec.Struct, tag="unheard", tag_field="event", gc=False, frozen=True, kw_only=True):
    """A submission came by a session that a script had ended: neither taken nor answered."""

    at: float
    source: Address
    destination: Address
    part: Part | None
    digest: str


class Turned(msgspec.Struct, tag="turned", tag_field="event", gc=False, frozen=True):
    """A bind was refused because a script says so."""

    at: float
    status: int


class Told(msgspec.Struct, tag="told", tag_field="event", gc=False, frozen=True, omit_defaults=True):
    """Receipt `n` (from 0) of a message was written to a session; once for each time it was."""

    id: int
    n: int
    at: float
    session: int = 0  # which one, from 1


class Answered(msgspec.Struct, tag="answered", tag_field="event", gc=False, frozen=True):
    """The peer answered receipt `n` with this `command_status`; 0 acknowledges it."""

    id: int
    n: int
    at: float
    status: int


Event = Took | Refused | Unanswered | Unheard | Turned | Told | Answered
