"""The destination's last four digits choose what becomes of a message. This table is the whole contract."""

from enum import StrEnum, unique
from typing import NamedTuple

from tidings.connectors.smpp.codes import Status


class Verdict(NamedTuple):
    """What one receipt says: the word in its text, the number in its TLV, the error code in its text."""

    stat: str
    state: int
    err: str = "000"


ENROUTE = Verdict("ENROUTE", 1)
DELIVERED = Verdict("DELIVRD", 2)
EXPIRED = Verdict("EXPIRED", 3)
UNDELIVERABLE = Verdict("UNDELIV", 5, "001")
ACCEPTED = Verdict("ACCEPTD", 6)


@unique
class When(StrEnum):
    """When the first receipt goes out."""

    USUAL = "usual"  # after the response
    LATE = "late"  # long after the response
    EARLY = "early"  # before the response


class Outcome(NamedTuple):
    """What is decided about one message when it arrives.

    `end` is what really becomes of it, whatever the receipts say: it is what query_sm and the truth tell.
    """

    name: str
    receipts: tuple[Verdict, ...]
    end: Verdict
    when: When = When.USUAL
    in_turn: bool = False  # each receipt only after the one before it was acknowledged
    refusal: Status = Status.ESME_ROK  # anything else: not taken at all


# 9908 answers RX_R_APPN ("reject this message"): it is permanent and blames nothing, so a gateway gives up at
# once and calls it rejected. RINVDSTADR would blame the number, which many vocabularies call undeliverable;
# RSUBMITFAIL is vague enough to be tried again.
OUTCOMES: dict[str, Outcome] = {
    "9902": Outcome("silent", (), DELIVERED),
    "9903": Outcome("late", (DELIVERED,), DELIVERED, When.LATE),
    "9904": Outcome("twice", (DELIVERED, DELIVERED), DELIVERED),
    "9905": Outcome("contradicting", (DELIVERED, UNDELIVERABLE), DELIVERED, in_turn=True),
    "9906": Outcome("undeliverable", (UNDELIVERABLE,), UNDELIVERABLE),
    "9907": Outcome("expired", (EXPIRED,), EXPIRED),
    "9908": Outcome("rejected", (), Verdict("REJECTD", 8), refusal=Status.ESME_RX_R_APPN),
    "9909": Outcome("early", (DELIVERED,), DELIVERED, When.EARLY),
}
OTHERWISE = Outcome("delivered", (DELIVERED,), DELIVERED)


def outcome_of(destination: str) -> Outcome:
    """The outcome of a message to this address, however it is written."""
    return OUTCOMES.get(destination[-4:], OTHERWISE)


def wanted(receipts: tuple[Verdict, ...], registered_delivery: int) -> tuple[Verdict, ...]:
    """The receipts the submitter asked for: bits 0-1 are 0 none, 1 all, 2 failures only, 3 successes only."""
    asked = registered_delivery & 0x03
    if asked == 1:
        return receipts
    if asked == 0:
        return ()
    return tuple(verdict for verdict in receipts if (verdict.state == DELIVERED.state) == (asked == 3))
