"""What the simulated SMSC writes down: one event a line, each a JSON object that names its kind in `event`.

The file is the whole truth: folding its events from the first to the last (`truth.py`) gives what the SMSC
took, what really became of it and what it told whom. It holds numbers but no texts, only their digests. Times
are seconds since 1970, UTC. New kinds and fields may be added; what is there keeps its meaning.
"""

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


class Took(msgspec.Struct, tag="took", tag_field="event", gc=False, frozen=True, kw_only=True):
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


class Refused(msgspec.Struct, tag="refused", tag_field="event", gc=False, frozen=True, kw_only=True):
    """The SMSC answered a submission with an error: it is not there and nothing will be said of it."""

    at: float
    source: Address
    destination: Address
    part: Part | None
    digest: str
    outcome: str
    status: int


class Told(msgspec.Struct, tag="told", tag_field="event", gc=False, frozen=True):
    """Receipt `n` (from 0) of a message was written to a session; once for each time it was."""

    id: int
    n: int
    at: float


class Answered(msgspec.Struct, tag="answered", tag_field="event", gc=False, frozen=True):
    """The peer answered receipt `n` with this `command_status`; 0 acknowledges it."""

    id: int
    n: int
    at: float
    status: int


Event = Took | Refused | Told | Answered
