"""What a carrier's answer to one submission means. A connector gives exactly one of these per submission."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from tidings.domain.reason import Reason


class Next(StrEnum):
    """What may be done after a refusal that is certain."""

    GIVE_UP = "give_up"  # this message will not be taken on this route
    RETRY = "retry"  # the same route may take it later
    THROTTLE = "throttle"  # too fast: certain not taken, retry without limit within validity
    HOLD = "hold"  # not this message's fault: the bind or the account; keep it queued


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a refusal that may pass is tried again, and when: each wait is twice the one before it."""

    most: int  # of one part; its refusals are counted together, whatever they were for
    first_s: float
    longest_s: float

    def wait_s(self, refusals: int) -> float:
        """How long to wait after so many refusals (at least one)."""
        return min(self.first_s * 2.0 ** (refusals - 1), self.longest_s)


RETRIES = Retries(most=4, first_s=30, longest_s=240)
"""What is usual."""


class Taken(msgspec.Struct, frozen=True, gc=False):
    """The next hop took responsibility. Says nothing of delivery. What nearly all are, so it is quick to make."""

    upstream_id: str  # exactly as given; may be empty on broken peers
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not taken."""

    reason: Reason  # why it ends, if it ends there
    next: Next
    code: str  # the peer's own code, e.g. "0x0000000b ESME_RINVDSTADR"
    raw: bytes = b""
    retries: Retries = RETRIES  # of a RETRY


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Never handed to the socket: certainly not sent, goes back to the queue without a mark."""

    cause: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Bytes left us and no answer came: it may or may not have been taken."""

    cause: str  # "timeout", "link_lost", ...


Outcome = Taken | Refused | Unwritten | Unknown
