"""What folding makes of a batch, as the flows hand it to the store: message by message, or for many that are alike."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from tidings.domain.evidence import Evidence
from tidings.flows.records import CounterMove, Held, Key, MoneyMove, OwedCallback, OwedReport


class Leg(NamedTuple):
    """What submissions agree in that were claimed together: nearly everything but which message each is of."""

    connector_id: int
    account_id: int
    attempt: int
    part: int
    try_no: int
    written_at: datetime


Sent = tuple[int, str, Leg]
"""A submission that was taken: its message's id, its recipient, and the rest."""


class Stored(NamedTuple):
    """A submission under a key that a receipt named, and its message's delivery as it stands.

    `held` is shared by messages that stand alike: its id and fingerprints say nothing.
    """

    upstream_key: str
    sent: Sent
    held: Held
    heard: bytes  # the fingerprints of the receipts that the message had, joined


class Submitted(msgspec.Struct, gc=False):
    """The submissions of a leg that were taken: what each is of, and under which key receipts will name it."""

    message_ids: list[int] = []
    upstream_keys: list[str] = []
    recipients: list[str] = []


class Told(NamedTuple):
    """What a piece of evidence says of each message of a cohort in words of its own, in the order of the messages."""

    upstream_ids: list[str | None]
    raws: list[bytes | None]


class Cohort(msgspec.Struct):
    """Messages of an account that stood alike and of which the same was learnt: folded once for all of them."""

    was: int  # the version that each was folded from
    held: Held  # as each of them stands now, but for its id and its fingerprints
    message_ids: list[int]
    evidence: list[tuple[Evidence, Told | None]]  # numbered from `was` + 1
    fingerprints: list[bytes]  # of each message's receipts among it, joined; none at all if there are none
    reports: list[OwedReport] = []  # of each message
    callbacks: list[OwedCallback] = []
    settle_timers: list[datetime] = []


class Folded(msgspec.Struct):
    """What folding evidence into deliveries changed, and all that moves with it: written in one statement."""

    at: datetime
    cohorts: list[Cohort] = []
    rows: dict[Key, Held] = {}  # what is in no cohort, as they stand now
    was: dict[
        Key, int
    ] = {}  # the version each was folded from: what else has been written since is not overwritten
    evidence: list[tuple[Key, int, Evidence]] = []  # with the number in its message's log
    fingerprints: dict[Key, list[bytes]] = {}  # of the receipts among it
    counters: dict[Key, CounterMove] = {}  # by (account id, task id)
    money: dict[int, MoneyMove] = {}  # by account
    reports: list[OwedReport] = []
    callbacks: list[OwedCallback] = []
    settle_timers: list[tuple[Key, datetime]] = []
    submitted: dict[Leg, Submitted] = {}  # whose answer was waited for until now, and what receipts will name
    connector_id: int = 0  # whose are the next
    unheard: list[str] = []  # upstream keys: no receipt under these may be waiting


class Spelt(NamedTuple):
    """A Folded as it is sent to the database: nothing that is folded afterwards changes it. Empty: nothing to write."""

    statement: str
    arguments: list[object]
