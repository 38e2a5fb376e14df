"""A message's evidence, folded step by step: what happened, who said it, and which status it led to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tidings.console import moments, words
from tidings.console.row import Row
from tidings.domain import money
from tidings.domain.delivery import Applied, Delivery, Flag
from tidings.domain.evidence import Evidence
from tidings.domain.lifecycle import apply, begin
from tidings.domain.money import Units
from tidings.domain.status import State

FIRST, LAST = 100, 400
"""How many steps are shown of a long history: where it began, and where it stands."""

MAX_RAW = 4096
"""Octets of one PDU that are shown."""

# A receipt may repeat the beginning of the text behind this label, in one octet or two per character.
_TEXT = re.compile(rb"text:|\0t\0e\0x\0t\0:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Raw:
    """A PDU or body as it came, without what may repeat the message's text."""

    octets: int
    hex: str
    hidden: int  # octets left out behind the label of the text
    cut: int  # octets left out because there were too many


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of evidence and what it did."""

    at: datetime
    after: str  # since the first step
    what: str
    which: str  # the part and attempt, where there are several
    word: str | None
    cause: str | None
    route: str | None  # the one that was chosen, and why
    reason: str | None
    network_error: int | None
    provider_at: datetime | None
    upstream_id: str | None
    matched_by: str | None
    charged: str | None
    released: str | None
    report: int  # the number of the report it owed to the customer; 0 for none
    state: State
    changed: bool
    contradiction: bool
    raw: Raw | None

    @property
    def told(self) -> list[Row]:
        """The details beside the event, its time and its status."""
        error = None if self.network_error is None else str(self.network_error)
        details = [
            ("Carrier’s word", self.word, True),
            ("Reason", self.reason, False),
            ("Network error", error, True),
            ("Cause", self.cause, False),
            ("Chosen", self.route, False),
            ("Upstream id", self.upstream_id, True),
            ("Matched by", self.matched_by, False),
            ("Charged", self.charged, False),
            ("Released", self.released, False),
            ("Report owed", str(self.report) if self.report else None, False),
        ]
        rows = [Row(label, value, exact=exact) for label, value, exact in details if value is not None]
        return [*rows, Row("Provider’s time", at=self.provider_at)] if self.provider_at else rows


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps, oldest first; `left_out` of them between `first` and `last` are not shown."""

    first: list[Step]
    left_out: int
    last: list[Step]
    flags: list[Flag]


def timeline(log: Sequence[Evidence], *, account_id: int, message_id: int, currency: str = "") -> Timeline:
    """The timeline of a message's whole log, which begins with its acceptance."""
    if not log:
        return Timeline([], 0, [], [])
    delivery = begin(log[0], account_id=account_id, message_id=message_id)
    gap = range(FIRST, len(log) - LAST)
    first, last = list[Step](), list[Step]()
    for number, evidence in enumerate(log):
        applied = apply(delivery, evidence) if number else None
        if number not in gap:
            step = _step(evidence, applied, delivery, begun_at=log[0].at, currency=currency)
            (first if number < FIRST else last).append(step)
    return Timeline(first, len(gap), last, sorted(delivery.flags))


def _step(
    evidence: Evidence, applied: Applied | None, delivery: Delivery, *, begun_at: datetime, currency: str
) -> Step:
    return Step(
        at=evidence.at,
        after=moments.lasting(evidence.at - begun_at),
        what=words.happened(evidence),
        which=_which(evidence, delivery),
        word=words.carriers_word(evidence),
        cause=words.our_cause(evidence),
        route=words.route(evidence),
        reason=words.REASONS[evidence.reason] if evidence.reason else None,
        network_error=evidence.network_error,
        provider_at=evidence.provider_at,
        upstream_id=evidence.upstream_id,
        matched_by=words.matched(evidence),
        charged=_amount(evidence.charged, currency),
        released=_amount(evidence.released, currency),
        report=evidence.report,
        state=delivery.state,
        changed=applied is None or applied.changed,
        contradiction=applied is not None and applied.contradiction,
        raw=_raw(evidence.raw) if evidence.raw else None,
    )


def _amount(units: Units, currency: str) -> str | None:
    return f"{money.plain(units)} {currency}".rstrip() if units else None


def _which(evidence: Evidence, delivery: Delivery) -> str:
    parts = len(delivery.attempts[evidence.attempt - 1].parts)
    named = []
    if len(delivery.attempts) > 1:
        named.append(f"attempt {evidence.attempt}")
    if parts > 1:
        named.append(f"part {evidence.part} of {parts}" if evidence.part else f"all {parts} parts")
    return ", ".join(named)


def _raw(octets: bytes) -> Raw:
    label = _TEXT.search(octets)
    kept = octets[: label.end()] if label else octets
    return Raw(
        octets=len(octets),
        hex=kept[:MAX_RAW].hex(" "),
        hidden=len(octets) - len(kept),
        cut=max(len(kept) - MAX_RAW, 0),
    )
