"""What the flows need of the outside: a clock and connectors. Of the database: `flows.transaction`."""

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from tidings.domain.outcome import Outcome, Taken
from tidings.domain.receipt import Receipt
from tidings.domain.text import Alphabet

PART_REFUSED = "part_refused"
"""Cause of an Unwritten: an earlier part of the message was refused for good, so this one was not sent."""


class Clock(Protocol):
    """Aware UTC time, passed in so that tests own it."""

    def now(self) -> datetime:
        """The time, aware, UTC."""
        ...


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One part to submit now. `part` counts from 1; `reference` joins the parts of one message (1..255)."""

    submission_id: int
    recipient: str  # E.164 digits
    sender: str
    alphabet: Alphabet
    text: str  # of this part
    part: int
    parts: int
    reference: int
    validity_s: int  # what is left of the message's validity
    flash: bool = False


class Singles(msgspec.Struct, frozen=True):
    """Messages of one part each to submit now, that agree in all but recipient and text; iterating gives each alone."""

    first_id: int  # the submission_id of the first; those of the others follow
    sender: str
    alphabet: Alphabet
    validity_s: int
    flash: bool
    recipients: list[str]
    texts: list[str]

    @property
    def submission_ids(self) -> range:
        """Of each."""
        return range(self.first_id, self.first_id + len(self.recipients))

    def __len__(self) -> int:
        return len(self.recipients)

    def __iter__(self) -> Iterator[Outgoing]:
        each = zip(self.submission_ids, self.recipients, self.texts, strict=True)
        for submission_id, recipient, text in each:
            yield Outgoing(
                submission_id,
                recipient,
                self.sender,
                self.alphabet,
                text,
                1,
                1,
                0,
                self.validity_s,
                self.flash,
            )


@dataclass(frozen=True, slots=True)
class Binds:
    """How a connector's sessions with its carrier stand."""

    wanted: int
    up: int
    trouble: str | None = None  # why some are missing
    counts: Mapping[str, int] = field(default_factory=dict)  # of what happened since its start


class Connector(Protocol):
    """The thing that talks to one upstream account. Every connector passes tests/conformance."""

    @property
    def room(self) -> int:
        """How many submissions may be written at this moment: bound, window free, rate not used up."""
        ...

    async def wait_room(self) -> None:
        """Return once `room` is above zero."""
        ...

    def submit(self, parts: Sequence[Outgoing]) -> None:
        """Write the parts of one message, in order, on one bind; `Upstream.answered` hears what came of each.

        A part is written when the one before it was taken. If one is refused for good, the rest are Unwritten with
        the cause PART_REFUSED. The intent must be committed before the call. Never blocks.
        """
        ...

    def submit_singles(self, singles: Singles) -> None:
        """The same for messages of one part each: as if each were submitted alone, one after the other."""
        ...

    def stored_key(self, upstream_id: str) -> str:
        """The key to store a submission under, from the id in its answer."""
        ...

    def lookup_keys(self, upstream_id: str) -> list[str]:
        """The keys that the submission named by a receipt's id may be stored under, the surest first.

        A hit counts only if the recipient agrees: carriers use ids again.
        """
        ...

    def suspect_keys(self, upstream_id: str) -> dict[str, str]:
        """Keys under the id forms that are not configured, and each one's form: for a unique match, flagged."""
        ...

    def share(self, among: int) -> None:
        """So many couriers use the same account: take an equal part of its rate."""
        ...

    def binds(self) -> Binds:
        """How its sessions stand at this moment."""
        ...

    async def run(self) -> None:
        """Keep the binds up until `close`; reconnect with backoff. Never raises for what a peer may do."""
        ...

    async def close(self, drain_within_s: float) -> None:
        """Stop taking, wait for answers, unbind, close. What is unanswered then becomes Unknown."""
        ...


class Upstream(Protocol):
    """What a connector tells us."""

    def answered(self, submission_id: int, outcome: Outcome) -> None:
        """What came of a submission: once for each, perhaps before `submit` returns. Never blocks, never raises.

        Once more if it was Unknown and an answer came after all, on a living session.
        """
        ...

    def taken(self, answers: Sequence[tuple[int, Taken]]) -> None:
        """The same of submissions that were taken, each with an id, whose answers came together."""
        ...

    def receipts(self, receipts: Sequence[Receipt]) -> Awaitable[Sequence[Exception | None]]:
        """Store receipts that came together. Done after the commit: only then may they be acknowledged.

        For each None, or why it could not be stored: the connector then asks its peer to send that one again, and
        all of them if this raises (Unavailable).
        """
        ...
