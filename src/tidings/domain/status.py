r"""Which delivery state may follow which, and how parts and attempts combine. No other file decides this.

A message's status is a pure function of its evidence. Every state has a truth value: *yes* (delivered), *no*
(proven failure), *unknown* (nobody can say) or *open* (still possible). Silence is never turned into yes or
no. Positive evidence wins whenever it comes; negative evidence never undoes it. Parts of one attempt combine
with AND, attempts of one message with OR.

    scheduled <-> moderation -> queued -> sending -> sent -> enroute -> at_carrier -> delivered -> read
                                  ^        |   \        \_______\__________\_____ a negative
                                  |        v    \                                  | positive evidence only
                                  +---- in_doubt -> no_receipt --------------------+--> delivered / read

A receipt can outrun the answer to the submission it belongs to, so `sending` already leads everywhere. A
retryable refusal is an event, not a state: the part goes back to `queued`.
"""

from collections.abc import Sequence
from enum import StrEnum, unique
from typing import NamedTuple


@unique
class State(StrEnum):
    """Where a part, an attempt or a message stands. `MEANING` says what each of them means."""

    SCHEDULED = "scheduled"
    MODERATION = "moderation"
    QUEUED = "queued"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    SENT = "sent"
    ENROUTE = "enroute"
    AT_CARRIER = "at_carrier"
    DELIVERED = "delivered"
    READ = "read"
    NO_RECEIPT = "no_receipt"
    EXPIRED = "expired"
    UNDELIVERABLE = "undeliverable"
    REJECTED = "rejected"
    FAILED = "failed"
    NOT_SERVICE_USER = "not_service_user"
    CANCELLED = "cancelled"


class Meaning(NamedTuple):
    """What a state says, and how far it may be relied on."""

    what: str
    sure: str


MEANING: dict[State, Meaning] = {
    State.SCHEDULED: Meaning("the customer asked for a later start", "certain: it is still here"),
    State.MODERATION: Meaning("held for review", "certain: it is still here"),
    State.QUEUED: Meaning(
        "ours, waiting for a connector, window, throttle or retry",
        "certain: it is still here; flagged `possible_duplicate` where an earlier try may be out there",
    ),
    State.SENDING: Meaning("handed to a connector; no answer yet", "certain until the answer, which is due"),
    State.IN_DOUBT: Meaning(
        "written, and the answer is lost",
        "the next hop has it or not: a late answer or a receipt may tell, else the traffic class's policy decides",
    ),
    State.SENT: Meaning(
        "the next hop took responsibility",
        "its answer says so; flagged `unconfirmed_submit` where there was none and policy forbids another try",
    ),
    State.ENROUTE: Meaning("the peer says it is still trying", "a receipt says so"),
    State.AT_CARRIER: Meaning(
        "a receipt proves the next network, not the handset",
        "the carrier vouches for its network, nobody for the handset",
    ),
    State.DELIVERED: Meaning(
        "the handset has it", "a receipt of a route trusted for that says so; only `read` may follow"
    ),
    State.READ: Meaning("it was displayed", "the device says so; nothing follows"),
    State.NO_RECEIPT: Meaning(
        "taken, or maybe taken, downstream and the receipt deadline passed",
        "nobody knows; any final word of a peer replaces it",
    ),
    State.EXPIRED: Meaning(
        "its validity ended before delivery",
        "a receipt says so, or our own clock where it never left us; a later yes corrects it",
    ),
    State.UNDELIVERABLE: Meaning(
        "network or handset cannot take it", "a receipt says so; a later yes corrects it"
    ),
    State.REJECTED: Meaning(
        "someone refused it", "the stage says who: here, the next hop or the network; a later yes corrects it"
    ),
    State.FAILED: Meaning(
        "we could not hand it over", "the next hop's refusals say so; a later yes corrects it"
    ),
    State.NOT_SERVICE_USER: Meaning("the recipient is not on that channel", "the channel says so"),
    State.CANCELLED: Meaning(
        "withdrawn", "before it left: certain; in the network: a receipt says so, and a later yes corrects it"
    ),
}
"""Every state in words; `docs/statuses.md` is made from it."""


@unique
class Stage(StrEnum):
    """Where a failure was decided."""

    INTAKE = "intake"
    DISPATCH = "dispatch"
    SUBMIT = "submit"
    NETWORK = "network"
    CLOSING = "closing"


@unique
class Confirmation(StrEnum):
    """How far somebody vouches for the message."""

    NONE = "none"
    CARRIER = "carrier"
    HANDSET = "handset"
    READ = "read"


@unique
class Truth(StrEnum):
    """Whether it arrived: yes, no, nobody can say, or still possible."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    OPEN = "open"


PRE = (State.SCHEDULED, State.MODERATION, State.QUEUED)
LIVE = (State.SENDING, State.IN_DOUBT, State.SENT, State.ENROUTE, State.AT_CARRIER)
POSITIVE = (State.DELIVERED, State.READ)
# Also the order in which a failed attempt's parts decide its word: the first one present wins.
NEGATIVE = (
    State.REJECTED,
    State.UNDELIVERABLE,
    State.NOT_SERVICE_USER,
    State.FAILED,
    State.CANCELLED,
    State.EXPIRED,
)
FINAL = frozenset((*POSITIVE, *NEGATIVE, State.NO_RECEIPT))

_DOWNSTREAM = {State.EXPIRED, State.UNDELIVERABLE, State.REJECTED, State.NOT_SERVICE_USER, State.CANCELLED}
_ARRIVED = {State.DELIVERED, State.READ}
_PROGRESS = {State.ENROUTE, State.AT_CARRIER, *_ARRIVED}

NEW: frozenset[State] = frozenset({State.SCHEDULED, State.MODERATION, State.QUEUED, State.REJECTED})
"""The states a part may start in."""

NEXT: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset(
        {State.MODERATION, State.QUEUED, State.EXPIRED, State.REJECTED, State.CANCELLED}
    ),
    State.MODERATION: frozenset(
        {State.SCHEDULED, State.QUEUED, State.EXPIRED, State.REJECTED, State.CANCELLED}
    ),
    State.QUEUED: frozenset(
        {
            State.SCHEDULED,
            State.MODERATION,
            State.SENDING,
            State.EXPIRED,
            State.REJECTED,
            State.FAILED,
            State.NOT_SERVICE_USER,
            State.CANCELLED,
        }
    ),
    State.SENDING: frozenset(
        {State.QUEUED, State.IN_DOUBT, State.SENT, State.FAILED, *_PROGRESS, *_DOWNSTREAM}
    ),
    State.IN_DOUBT: frozenset(
        {State.QUEUED, State.SENT, State.FAILED, State.NO_RECEIPT, *_PROGRESS, *_DOWNSTREAM}
    ),
    State.SENT: frozenset({State.NO_RECEIPT, *_PROGRESS, *_DOWNSTREAM}),
    State.ENROUTE: frozenset({State.AT_CARRIER, State.NO_RECEIPT, *_ARRIVED, *_DOWNSTREAM}),
    State.AT_CARRIER: frozenset({State.NO_RECEIPT, *_ARRIVED, *_DOWNSTREAM}),
    State.NO_RECEIPT: frozenset(_ARRIVED | _DOWNSTREAM),
    State.DELIVERED: frozenset({State.READ}),
    State.READ: frozenset(),
    **dict.fromkeys(NEGATIVE, frozenset(_ARRIVED)),
}
"""What may follow what. `no_receipt` gives way only to what a peer asserts; see `step`."""

_ADVANCE = {state: rank for rank, state in enumerate((*PRE, *LIVE))}
_SENDING = _ADVANCE[State.SENDING]


_TRUTH = {
    **dict.fromkeys((*PRE, *LIVE), Truth.OPEN),
    **dict.fromkeys(POSITIVE, Truth.YES),
    **dict.fromkeys(NEGATIVE, Truth.NO),
    State.NO_RECEIPT: Truth.UNKNOWN,
}


def truth(state: State) -> Truth:
    """Whether a state says yes, no, unknown or still open."""
    return _TRUTH[state]


def step(now: State, inferred: bool, claim: State, claim_inferred: bool) -> bool:
    """Whether evidence that claims `claim` moves a part that is `now`.

    `inferred` says that our own timer put it there rather than a peer. A negative that was inferred gives way
    to any negative that is asserted, also to the same one; nothing inferred ever moves `no_receipt`.
    """
    if claim in NEXT[now]:
        return not (now is State.NO_RECEIPT and claim_inferred)
    return inferred and not claim_inferred and truth(now) is Truth.NO and truth(claim) is Truth.NO


def all_of(parts: Sequence[State], *, left_us: bool, settled: bool = False) -> State:
    """The state of an attempt from its parts (AND).

    `left_us`: some part was handed to a connector already. `settled`: the wait for the rest after a first
    negative part is over, so the negative stands although parts are open.
    """
    if not parts:
        raise ValueError("an attempt has at least one part")
    live = [part for part in parts if truth(part) is Truth.OPEN]
    negatives = [state for state in NEGATIVE if state in parts]
    if live and not (settled and negatives):
        low = min(live, key=_ADVANCE.__getitem__)
        return State.SENDING if left_us and _ADVANCE[low] < _SENDING else low
    if negatives:
        return negatives[0]
    if State.NO_RECEIPT in parts:
        return State.NO_RECEIPT
    return State.READ if all(part is State.READ for part in parts) else State.DELIVERED


def any_of(attempts: Sequence[State], *, left_us: bool) -> State:
    """The state of a message from its attempts in order (OR). `left_us`: some attempt left us already."""
    if not attempts:
        raise ValueError("a message has at least one attempt")
    for positive in (State.READ, State.DELIVERED):
        if positive in attempts:
            return positive
    live = [attempt for attempt in attempts if truth(attempt) is Truth.OPEN]
    if live:
        top = max(live, key=_ADVANCE.__getitem__)
        return State.SENDING if left_us and _ADVANCE[top] < _SENDING else top
    return State.NO_RECEIPT if State.NO_RECEIPT in attempts else attempts[-1]
