"""Who says what a piece of evidence says."""

from enum import StrEnum

from tidings.domain.evidence import UNWRITTEN, Evidence, Kind


class Source(StrEnum):
    """Whoever it is first heard from."""

    APPLICATION = "application"
    GATEWAY = "gateway"
    CARRIER = "carrier"
    CLOCK = "clock"  # ours: a deadline passed


SOURCES: dict[Kind, Source] = {
    Kind.ACCEPTED: Source.APPLICATION,
    Kind.WRITTEN: Source.GATEWAY,
    Kind.ANSWERED: Source.CARRIER,
    Kind.REFUSED: Source.CARRIER,
    Kind.REQUEUED: Source.CARRIER,
    Kind.DROPPED: Source.GATEWAY,
    Kind.REROUTED: Source.CARRIER,
    Kind.DOUBT: Source.GATEWAY,
    Kind.RESENT: Source.GATEWAY,
    Kind.HELD: Source.GATEWAY,
    Kind.RECEIPT: Source.CARRIER,
    Kind.TIMER: Source.CLOCK,
}


def source(evidence: Evidence) -> Source:
    """Its source. A submission that was never written goes back by the gateway's own word."""
    return Source.GATEWAY if evidence.word == UNWRITTEN else SOURCES[evidence.kind]
