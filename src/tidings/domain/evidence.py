"""What happened to a message, piece by piece: all that a status is made from."""

from datetime import datetime
from enum import StrEnum

import msgspec

from tidings.domain.money import Units
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State

UNWRITTEN = "unwritten"
"""The word of evidence that takes an intent back: the bytes never left."""


class Kind(StrEnum):
    """What happened."""

    ACCEPTED = "accepted"  # taken from the customer; names parts, route and start
    WRITTEN = "written"  # written to a connector; noted with what became of it, the intent is committed first
    ANSWERED = "answered"  # the next hop took it
    REFUSED = "refused"  # the next hop refused it
    REQUEUED = "requeued"  # back to the queue: a retryable refusal, or never written
    DROPPED = "dropped"  # never written, because another part of the message was refused for good
    REROUTED = "rerouted"  # refused for the route's sake: the next route tries from the start
    DOUBT = "doubt"  # written, and the answer is lost
    RESENT = "resent"  # in doubt for too long: queued again, as the class's policy says
    HELD = "held"  # in doubt for too long: not sent again, as the class's policy says
    RECEIPT = "receipt"  # a delivery receipt
    TIMER = "timer"  # one of our deadlines passed


class Evidence(msgspec.Struct, omit_defaults=True, gc=False):
    """One thing that happened. `part` 0 means every part of the attempt; `claim` None is a note only."""

    kind: Kind
    at: datetime  # our time
    claim: State | None = None
    attempt: int = 1
    part: int = 0
    try_no: int = 0  # which submission of the part a peer speaks of; 0 = the newest
    reason: Reason | None = None
    stage: Stage | None = None
    confirmation: Confirmation = Confirmation.NONE
    inferred: bool = False  # our own timer says so, not a peer
    provider_at: datetime | None = None  # the provider's time, where it gave one
    closes: bool = False  # the settle wait is over: an open rest no longer holds back a negative
    parts: int = 0  # ACCEPTED: how many parts
    connector: int = 0  # ACCEPTED, REROUTED: where to
    route: int = 0  # ACCEPTED, REROUTED: by which route
    terms: str | None = (
        None  # ACCEPTED, REROUTED: for what that route was drawn then, and so why it was chosen
    )
    budget: bool = False  # REQUEUED: counts against the retry budget
    reference: int = 0  # WRITTEN: what joins the parts of a long message (1..255)
    charged: Units = 0  # what this evidence cost the account
    released: Units = 0  # what it gave back of the hold
    matched_by: str | None = None  # RECEIPT: what found its message, where its id did not: doubt, operator
    suspect_form: str | None = None  # RECEIPT: matched only under another id form than the configured one
    report: int = 0  # the number of the report it owed to the customer
    word: str | None = None  # the peer's own word or code, or what made us do it
    upstream_id: str | None = None
    network_error: int | None = None  # the network's own error number, where no reason stands for it
    raw: bytes | None = None  # the whole PDU or body
    untrusted: bool = False  # RECEIPT: good news of a carrier that is known to make it up
