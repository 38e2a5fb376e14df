"""Evidence in, and everything that moves with the status out: the one place where a status is written.

The evidence is appended, the deliveries folded, counters moved, holds settled, reports and callbacks owed: all of it is
written in one statement, and over no version of a delivery but the one that was folded from. `fold` does it under the
deliveries' locks; `folding` is its part in memory, which `flows.hear` writes without any.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from tidings.domain import settlement
from tidings.domain.bucket import bucket
from tidings.domain.delivery import Delivery
from tidings.domain.evidence import Evidence
from tidings.domain.lifecycle import SETTLE_AFTER, apply
from tidings.domain.message import Standing
from tidings.domain.money import Units
from tidings.domain.status import FINAL, State
from tidings.flows.folded import Folded
from tidings.flows.records import HANDED_OVER, CounterMove, Held, Key, MoneyMove, OwedCallback, OwedReport
from tidings.flows.transaction import FoldTx

MAX_REPORTS = 3
"""A final and at most two corrections."""

Log = Mapping[Key, Sequence[tuple[Evidence, bytes | None]]]
"""What was learnt, in order, per message: evidence and, for receipts, a fingerprint."""


async def fold(
    tx: FoldTx, log: Log, *, now: datetime, held: Mapping[Key, Held] | None = None
) -> Mapping[Key, Held]:
    """Fold evidence into the messages it is about; their deliveries as they stand then.

    `held`: what the caller has under lock already, these messages among it.
    """
    if not log:
        return {}
    folded = folding(log, held if held is not None else await tx.lock_deliveries(log), now=now)
    await tx.write(folded)
    return folded.rows


def folding(log: Log, held: Mapping[Key, Held], *, now: datetime) -> Folded:
    """Fold evidence into deliveries, in place; what is to be written then."""
    folded = Folded(now)
    for key, learnt in log.items():
        row = held.get(key)
        if row is not None and learnt:
            folded.rows[key], folded.was[key] = row, row.delivery.version
            for evidence, fingerprint in learnt:
                fold_one(row, evidence, fingerprint, moves=folded, now=now)
    return folded


def fold_one(
    row: Held, evidence: Evidence, fingerprint: bytes | None, *, moves: Folded, now: datetime
) -> None:
    """One piece of evidence into one message, in place; what moves with it is added to `moves`."""
    delivery = row.delivery
    key = (delivery.account_id, delivery.message_id)
    shown_before, handed_over_before = shown_price(row), delivery.sent_at is not None
    negative_before = delivery.negative_at
    applied = apply(delivery, evidence)
    moves.evidence.append((key, delivery.version, evidence))
    if fingerprint is not None:
        row.fingerprints.append(fingerprint)
        moves.fingerprints.setdefault(key, []).append(fingerprint)
    final = delivery.final
    if delivery.negative_at is not None and negative_before is None and not final:
        moves.settle_timers.append((key, delivery.negative_at + SETTLE_AFTER))
    taken_now = delivery.sent_at is not None and not handed_over_before  # may be of a part that came late
    if not (applied.changed or taken_now):
        return
    if final:
        _settle(row, moves.money.setdefault(delivery.account_id, MoneyMove()), evidence)
    if final and applied.changed and _is_owed(applied.before, delivery, reports=row.reports):
        row.reports += 1
        evidence.report = row.reports
        moves.reports.append(_report(row, now))
        _owe_callback(row, row.reports, moves=moves, now=now)
    elif taken_now and row.callback_each and not final:
        _owe_callback(row, HANDED_OVER, moves=moves, now=now)
    if row.counted_task is not None:
        move = moves.counters.get((delivery.account_id, row.counted_task))
        if move is None:
            move = moves.counters[delivery.account_id, row.counted_task] = CounterMove(buckets={})
        _count(move, applied.before, delivery.standing)
        move.handed_over += taken_now
        move.price += shown_price(row) - shown_before


def _owe_callback(row: Held, number: int, *, moves: Folded, now: datetime) -> None:
    """Have the customer's server told, if there is one."""
    if row.callback_lane is not None:
        delivery = row.delivery
        moves.callbacks.append(
            OwedCallback(delivery.account_id, row.callback_lane, now, delivery.message_id, number)
        )


def shown_price(row: Held) -> Units:
    """What the message costs as of now: held while open, then what was charged."""
    return row.charged if row.delivery.final else row.held


def _settle(row: Held, move: MoneyMove, evidence: Evidence) -> None:
    """Turn the hold of a final message into a charge and a release; later corrections may still charge."""
    charged = settlement.charge(row.delivery, plan=row.plan, price=row.price, charged=row.charged)
    more = charged - row.charged
    assert more >= 0
    if more:
        move.charge += more
        move.charged_messages += 1
        evidence.charged = more
    if row.held > more:
        move.release += row.held - more
        move.released_messages += 1
        evidence.released = row.held - more
    move.hold += max(more - row.held, 0)  # a late delivery pays without a hold of its own
    row.held, row.charged = 0, charged


def _is_owed(before: Standing, delivery: Delivery, *, reports: int) -> bool:
    """A report is owed at the first final standing and when a correction changes what would be said."""
    after = delivery.standing
    if reports >= MAX_REPORTS or (after.state is State.READ and before.state is State.DELIVERED):
        return False
    if before.state not in FINAL:
        return True
    return (before.state, before.reason, before.stage) != (after.state, after.reason, after.stage)


def _count(move: CounterMove, before: Standing, after: Standing) -> None:
    old, new = bucket(before), bucket(after)
    if old is not new:
        move.buckets[old] = move.buckets.get(old, 0) - 1
        move.buckets[new] = move.buckets.get(new, 0) + 1


def _report(row: Held, now: datetime) -> OwedReport:
    """What is owed from now on, as it stands: later evidence of the same batch does not move it."""
    delivery = row.delivery
    assert delivery.done_at is not None, "what is final has an end"
    return OwedReport(
        delivery.account_id,
        delivery.message_id,
        row.reports,
        delivery.standing,
        sent_at=delivery.sent_at or now,
        done_at=delivery.done_at,
        report_at=delivery.report_at,
        price=shown_price(row),
        owed_at=now,
    )
