"""The seven counters of a task: which one a message stands in."""

from enum import StrEnum

from tidings.domain.message import Standing
from tidings.domain.reason import ReasonClass
from tidings.domain.status import State


class Bucket(StrEnum):
    """How coarse vocabularies and task counters name where a message stands."""

    WAITING = "waiting"  # not handed over yet
    SENT = "sent"
    DELIVERED = "delivered"
    EXPIRED = "expired"  # the phone was off or out of reach: the number is fine
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # no receipt came, and none is waited for


BUCKET: dict[State, Bucket] = {
    State.SCHEDULED: Bucket.WAITING,
    State.MODERATION: Bucket.WAITING,
    State.QUEUED: Bucket.WAITING,
    State.SENDING: Bucket.WAITING,
    State.IN_DOUBT: Bucket.WAITING,
    State.SENT: Bucket.SENT,
    State.ENROUTE: Bucket.SENT,
    State.AT_CARRIER: Bucket.SENT,
    State.DELIVERED: Bucket.DELIVERED,
    State.READ: Bucket.DELIVERED,
    State.NO_RECEIPT: Bucket.UNKNOWN,
    State.EXPIRED: Bucket.EXPIRED,
    State.UNDELIVERABLE: Bucket.UNDELIVERABLE,
    State.REJECTED: Bucket.REJECTED,
    State.FAILED: Bucket.REJECTED,
    State.NOT_SERVICE_USER: Bucket.UNDELIVERABLE,
    State.CANCELLED: Bucket.REJECTED,
}

REFUSED = frozenset({State.REJECTED, State.FAILED})


def bucket(standing: Standing) -> Bucket:
    """The counter a message stands in.

    A failure is named by its cause, so that customers do not throw good numbers away: an absent subscriber
    counts as expired whatever the carrier's word was, and a wrong number as undeliverable whoever refused it.
    """
    if standing.reason is not None:
        about = standing.reason.facts.reason_class
        if standing.state in REFUSED and about is ReasonClass.NUMBER:
            return Bucket.UNDELIVERABLE
        if standing.state is State.UNDELIVERABLE and about is ReasonClass.ABSENT:
            return Bucket.EXPIRED
    return BUCKET[standing.state]
