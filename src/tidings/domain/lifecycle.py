"""One message's life: evidence in, status out. Folding the same evidence always gives the same delivery.

A delivery is the snapshot that folding keeps: where each part of each attempt stands, what that makes of the
message, and the times and flags that follow from it. `apply` adds one piece of evidence. It has no clock and no
database; the flows call it under a row lock and store the evidence and the new snapshot in one transaction.
"""

from datetime import datetime, timedelta

import msgspec

from tidings.domain import status
from tidings.domain.delivery import Applied, Attempt, Delivery, Flag, Part
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.message import Standing
from tidings.domain.part import move, standing_of, takes_back
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, State, Truth, truth

SETTLE_AFTER = timedelta(minutes=10)
"""How long the rest of a message is waited for once one part is negative."""

PLAUSIBLE = timedelta(minutes=15)
"""How far a provider's time may lie before the hand-over or after now and still be believed."""

CONFIRMATIONS = tuple(Confirmation)
"""From the weakest."""

FLAGGING = frozenset({Kind.RESENT, Kind.HELD})
"""What happened that is always flagged."""

CONFIRMING = frozenset({Kind.ANSWERED, Kind.REFUSED, Kind.RECEIPT})
"""What ends that a submission is unconfirmed."""

# To find a member in its enum takes Python 3.11 some 0.16 us, and folding would do that forty times a message.
_WRITTEN, _REROUTED, _ANSWERED, _RECEIPT = Kind.WRITTEN, Kind.REROUTED, Kind.ANSWERED, Kind.RECEIPT
_SENDING, _NO_RECEIPT, _DELIVERED, _READ = State.SENDING, State.NO_RECEIPT, State.DELIVERED, State.READ
_YES, _NO = Truth.YES, Truth.NO


def begin(accepted: Evidence, *, account_id: int, message_id: int) -> Delivery:
    """The delivery that the first evidence, an ACCEPTED, opens."""
    assert accepted.kind is Kind.ACCEPTED and accepted.claim in status.NEW and accepted.parts > 0
    part = Part(accepted.claim, reason=accepted.reason, stage=accepted.stage)
    parts = [part, *(msgspec.structs.replace(part) for _ in range(accepted.parts - 1))]
    delivery = Delivery(
        account_id=account_id,
        message_id=message_id,
        attempts=[Attempt(accepted.connector, accepted.route, False, parts)],
        standing=Standing(accepted.claim, accepted.reason, accepted.stage),
        version=1,
    )
    if delivery.final:
        delivery.done_at = accepted.at
    return delivery


def apply(delivery: Delivery, evidence: Evidence) -> Applied:
    """Fold one piece of evidence into a delivery, in place."""
    delivery.version += 1
    before = delivery.standing
    attempt = delivery.attempts[evidence.attempt - 1]
    named = attempt.parts if evidence.part == 0 else [attempt.parts[evidence.part - 1]]
    contradiction = False
    for part in named:
        contradiction |= move(part, evidence)
    if evidence.kind is _REROUTED:
        fresh = [Part(State.QUEUED) for _ in attempt.parts]
        delivery.attempts.append(Attempt(evidence.connector, evidence.route, False, fresh))
    elif evidence.kind is _WRITTEN:
        attempt.left_us = True
        attempt.reference = attempt.reference or evidence.reference
        delivery.first_written_at = delivery.first_written_at or evidence.at
    elif takes_back(evidence) and not any(p.tries for p in attempt.parts):
        attempt.left_us = False
    if attempt.all_arrived:
        _arrive(attempt, named)
    elif evidence.kind is _RECEIPT and evidence.part == 0:
        attempt.all_arrived = any(part.state in status.POSITIVE for part in named)
    _mark(delivery, evidence, named)
    delivery.standing = _combine(delivery, evidence)
    _date(delivery, evidence, named if len(attempt.parts) > 1 else [])
    _times(delivery, evidence, before)
    return Applied(delivery.standing != before, contradiction, before)


def _arrive(attempt: Attempt, named: list[Part]) -> None:
    """What the receipt for all has said before of parts that the next hop is only now known to have taken."""
    arrived = next(part for part in attempt.parts if part.state in status.POSITIVE)
    for part in named:
        if part.state in {State.SENT, State.IN_DOUBT}:
            part.state, part.inferred, part.confirmation = arrived.state, False, arrived.confirmation


def _mark(delivery: Delivery, evidence: Evidence, named: list[Part]) -> None:
    """Flags and hand-over time that follow from the evidence."""
    if delivery.flags or evidence.kind in FLAGGING or evidence.suspect_form is not None or evidence.untrusted:
        delivery.flags = _flags(delivery, evidence)
    if delivery.sent_at is None and any(part.taken for part in named):
        answered = evidence.kind is _ANSWERED
        delivery.sent_at = evidence.at if answered else delivery.first_written_at or evidence.at
    elif delivery.sent_at is not None and evidence.kind is _RECEIPT and evidence.at < delivery.sent_at:
        delivery.sent_at = delivery.first_written_at or evidence.at  # it outran its answer


def _flags(delivery: Delivery, evidence: Evidence) -> frozenset[Flag]:
    flags = set(delivery.flags)
    if evidence.kind is Kind.RESENT:
        flags.add(Flag.POSSIBLE_DUPLICATE)
    elif evidence.kind is Kind.HELD:
        flags.add(Flag.UNCONFIRMED_SUBMIT)
    elif evidence.kind in CONFIRMING and not _some_held(delivery):
        flags.discard(Flag.UNCONFIRMED_SUBMIT)
    if evidence.suspect_form is not None:
        flags.add(Flag.ID_FORM_SUSPECT)
    if evidence.untrusted:
        flags.add(Flag.UNTRUSTED_RECEIPT)
    return frozenset(flags)


def _some_held(delivery: Delivery) -> bool:
    return any(part.held for attempt in delivery.attempts for part in attempt.parts)


def _combine(delivery: Delivery, evidence: Evidence) -> Standing:
    """What the parts and attempts make of the message; a published standing gives way only to some."""
    alone = len(delivery.attempts) == 1 and len(delivery.attempts[0].parts) == 1
    standing = _of_one_part(delivery, evidence.at) if alone else _of_all(delivery, evidence)
    return standing if _may_replace(delivery.standing, standing) else delivery.standing


def _of_one_part(delivery: Delivery, at: datetime) -> Standing:
    """What `_of_all` says where there is one part, tried on one route, as of most messages: that part's standing."""
    [attempt] = delivery.attempts
    [part] = attempt.parts
    if delivery.negative_at is None and truth(part.state) is _NO:
        delivery.negative_at = at
    if attempt.left_us and part.state in status.PRE:
        return Standing(_SENDING)
    return standing_of(part)


def _of_all(delivery: Delivery, evidence: Evidence) -> Standing:
    at = evidence.at
    for attempt in delivery.attempts:
        if delivery.negative_at is None and any(truth(p.state) is _NO for p in attempt.parts):
            delivery.negative_at = at
    settled = delivery.negative_at is not None and (
        evidence.closes or at - delivery.negative_at >= SETTLE_AFTER
    )
    standings = [_attempt_standing(attempt, settled=settled) for attempt in delivery.attempts]
    left_us = any(attempt.left_us for attempt in delivery.attempts)
    state = status.any_of([standing.state for standing in standings], left_us=left_us)
    _flag_partial(delivery, state)
    return next((one for one in reversed(standings) if one.state is state), Standing(state))


def _may_replace(published: Standing, new: Standing) -> bool:
    """A published no gives way to a yes, and an inferred one to one that a peer asserts; to nothing else."""
    if truth(published.state) is not _NO:
        return True
    asserted = published.inferred and not new.inferred and truth(new.state) is _NO
    return truth(new.state) is _YES or asserted


def _attempt_standing(attempt: Attempt, *, settled: bool) -> Standing:
    """The attempt's state, with the reason of the part that decided it."""
    # A part that was never sent because another failed has no word of its own; but it did not arrive.
    others = [part for part in attempt.parts if part.reason is not Reason.SUPERSEDED]
    parts = others if any(truth(part.state) is _NO for part in others) else attempt.parts
    state = status.all_of([part.state for part in parts], left_us=attempt.left_us, settled=settled)
    decisive = [part for part in parts if part.state is state]
    if not decisive:
        return Standing(state)
    weakest = min((part.confirmation for part in decisive), key=CONFIRMATIONS.index)
    return msgspec.structs.replace(standing_of(decisive[0]), confirmation=weakest)


def _flag_partial(delivery: Delivery, state: State) -> None:
    """Remember that some part arrived of a message that as a whole did not."""
    arrived = any(truth(p.state) is _YES for a in delivery.attempts for p in a.parts)
    if arrived and truth(state) in {_NO, Truth.UNKNOWN}:
        delivery.flags |= {Flag.PARTIAL}
    elif truth(state) is _YES:
        delivery.flags -= {Flag.PARTIAL}


def _date(delivery: Delivery, evidence: Evidence, named: list[Part]) -> None:
    """When each of several parts arrived."""
    for part in named:
        if truth(part.state) is _YES and part.arrived_at is None:
            part.arrived_at = _believable(evidence.provider_at, delivery.sent_at, evidence.at) or evidence.at


def _times(delivery: Delivery, evidence: Evidence, before: Standing) -> None:
    """The times that the new standing sets."""
    after = delivery.standing
    if after.state is before.state and after.inferred == before.inferred:
        return
    if after.state not in status.FINAL:
        return
    if before.state in status.FINAL and after.state is not _READ:
        delivery.flags |= {Flag.CORRECTED}
    done_at = _believable(evidence.provider_at, delivery.sent_at, evidence.at) or evidence.at
    if truth(after.state) is _YES:
        arrived = [p.arrived_at for p in delivery.attempts[evidence.attempt - 1].parts if p.arrived_at]
        done_at = max(arrived, default=done_at)
    if after.state is _READ:
        delivery.read_at = done_at
    if truth(after.state) is _YES:
        delivery.delivered_at = min(done_at, delivery.delivered_at or done_at)
    if not (after.state is _READ and before.state is _DELIVERED):
        delivery.done_at = done_at
        delivery.report_at = None if after.inferred or after.state is _NO_RECEIPT else evidence.at


def _believable(provider_at: datetime | None, sent_at: datetime | None, now: datetime) -> datetime | None:
    """The provider's time if it can be true.

    Many providers count in minutes: what they date before the hand-over, but nearly then, is dated at it.
    """
    if provider_at is None or provider_at > now + PLAUSIBLE:
        return None
    if sent_at is None or provider_at >= sent_at:
        return provider_at
    return sent_at if provider_at >= sent_at - PLAUSIBLE else None
