"""What is remembered of a submission that was taken, and of the receipts it gets."""

import msgspec

from tidings.connectors.sandbox.events import Spelling, Took
from tidings.connectors.sandbox.script import Fault
from tidings.connectors.smpp.codes import Status

FINAL = frozenset({Status.ESME_ROK, Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN})
"""Answers after which an SMSC never sends that receipt again: taken, and the two that refuse it for good."""


MUTE = frozenset(
    {
        Fault.DROP_RECEIPT,
        Fault.LOSE_PART_RECEIPT,
        Fault.ONLY_LAST_PART,
        Fault.ANY_ONE_PART,
        Fault.UNKNOWN_ID,
        Fault.EMPTY_MESSAGE_ID,
    }
)
"""After these, nothing that is said of a message need reach the one who sent it."""


class Telling(msgspec.Struct, gc=False):
    """One receipt that the SMSC owes or owed: how often it was sent, and how it was answered."""

    sent: int = 0
    first_at: float | None = None
    last_at: float | None = None
    session: int = 0  # the one it was sent on last
    acknowledged_at: float | None = None  # the first answer 0
    dropped_at: float | None = None  # the first answer that refuses it for good, unless one acknowledged it
    put_off: int = 0  # other answers: not now

    @property
    def settled(self) -> bool:
        """Nothing more is sent."""
        return self.acknowledged_at is not None or self.dropped_at is not None


class Message(msgspec.Struct, gc=False):
    """One submission that was taken. `tellings` stand beside `took.receipts`."""

    took: Took
    tellings: tuple[Telling, ...]
    head: bytes = b""  # how its text starts, for its receipts; never written down
    unanswered: bool = False  # its response was never written

    @property
    def settled(self) -> bool:
        """Every receipt it ever gets was acknowledged, or dropped by the peer."""
        return all(telling.settled for telling in self.tellings)

    @property
    def withheld(self) -> bool:
        """By a script's will its sender was not given an answer, or no receipt that it could know it by."""
        return self.unanswered or not MUTE.isdisjoint(self.took.faults)

    def said(self, *, acknowledged: bool = False) -> set[str]:
        """The words that receipts said of it under an id that somebody was given, or only those acknowledged."""
        took = self.took
        return {
            verdict.stat
            for n, (verdict, telling) in enumerate(zip(took.receipts, self.tellings, strict=True))
            if (telling.acknowledged_at is not None if acknowledged else telling.sent > 0)
            and took.manner(n).spelling is not Spelling.UNKNOWN
        }
