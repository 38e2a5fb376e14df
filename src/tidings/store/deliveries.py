"""Deliveries and their evidence: read under lock, written back set by set."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

import asyncpg
import msgspec

from tidings.domain.lifecycle import Attempt, Delivery, Flag
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.settlement import Plan
from tidings.domain.status import Confirmation, Stage, State
from tidings.flows.records import CounterMove, Held, Key, OwedReport
from tidings.store.evidence import EvidenceRows
from tidings.store.rows import columns

FOLDED = """d.account_id, d.message_id, d.version, d.state::text, d.reason, d.stage::text, d.confirmation::text,
       d.inferred, d.network_error, d.flags, d.first_written_at, d.sent_at, d.delivered_at, d.done_at, d.report_at,
       d.read_at, d.negative_at, d.price, d.held, d.charged, d.reports, d.counted_task, d.attempts, d.evidence,
       d.fingerprints"""

LOCK_DELIVERIES = f"""
select {FOLDED}, a.plan
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, message_id)
join delivery d using (account_id, message_id)
join account a on a.id = d.account_id
order by d.account_id, d.message_id
for no key update of d"""

SAVE_DELIVERIES = """
update delivery d set
    version = n.version, state = n.state, reason = n.reason, stage = n.stage, confirmation = n.confirmation,
    inferred = n.inferred, network_error = n.network_error,
    flags = case when n.flags = '' then null else string_to_array(n.flags, ',') end,
    first_written_at = n.first_written_at, sent_at = n.sent_at, delivered_at = n.delivered_at,
    done_at = n.done_at, report_at = n.report_at, read_at = n.read_at, negative_at = n.negative_at,
    held = n.held, charged = n.charged, reports = n.reports, attempts = n.attempts,
    evidence = n.evidence, fingerprints = nullif(n.fingerprints, '')
from unnest($1::integer[], $2::bigint[], $3::integer[], $4::delivery_state[], $5::text[], $6::delivery_stage[],
            $7::delivery_confirmation[], $8::boolean[], $9::integer[], $10::text[], $11::timestamptz[],
            $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::timestamptz[],
            $17::timestamptz[], $18::bigint[], $19::bigint[], $20::smallint[], $21::json[], $22::bytea[],
            $23::bytea[])
     as n (account_id, message_id, version, state, reason, stage, confirmation, inferred, network_error, flags,
           first_written_at, sent_at, delivered_at, done_at, report_at, read_at, negative_at, held, charged,
           reports, attempts, evidence, fingerprints)
where d.account_id = n.account_id and d.message_id = n.message_id and d.version < n.version"""

MOVE_COUNTERS = """
update task_counter c set
    handed_over = c.handed_over + n.handed_over, waiting = c.waiting + n.waiting, sent = c.sent + n.sent,
    delivered = c.delivered + n.delivered, expired = c.expired + n.expired,
    undeliverable = c.undeliverable + n.undeliverable, rejected = c.rejected + n.rejected,
    unknown = c.unknown + n.unknown, price = c.price + n.price
from unnest($1::integer[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::integer[], $7::integer[],
            $8::integer[], $9::integer[], $10::integer[], $11::bigint[])
     as n (account_id, task_id, handed_over, waiting, sent, delivered, expired, undeliverable, rejected, unknown,
           price)
where c.account_id = n.account_id and c.task_id = n.task_id"""

LOCK_COUNTERS = """
select c.task_id from unnest($1::integer[], $2::bigint[]) as wanted (account_id, task_id)
join task_counter c using (account_id, task_id)
order by c.account_id, c.task_id for no key update of c"""

OWE_REPORTS = """
insert into report (account_id, message_id, number, state, reason, stage, confirmation, inferred, network_error,
                    sent_at, done_at, price, owed_at)
select * from unnest($1::integer[], $2::bigint[], $3::smallint[], $4::delivery_state[], $5::text[],
                     $6::delivery_stage[], $7::delivery_confirmation[], $8::boolean[], $9::integer[],
                     $10::timestamptz[], $11::timestamptz[], $12::bigint[], $13::timestamptz[])"""

SET_SETTLE_TIMERS = """
insert into timer (account_id, message_id, kind, due_at)
select account_id, message_id, 'settle', due_at
from unnest($1::integer[], $2::bigint[], $3::timestamptz[]) as t (account_id, message_id, due_at)"""

FINGERPRINT = 8
"""Octets of one."""

BUCKETS = ("waiting", "sent", "delivered", "expired", "undeliverable", "rejected", "unknown")

_decode_attempts = msgspec.json.Decoder(list[Attempt]).decode
_encode = msgspec.json.Encoder().encode


def standing_of(row: asyncpg.Record) -> Standing:
    """The standing that a row's columns spell."""
    return _standing_of(
        row["state"],
        row["reason"],
        row["stage"],
        row["confirmation"],
        row["inferred"],
        row["network_error"],
    )


@lru_cache(maxsize=1_024)
def _standing_of(
    state: str,
    reason: str | None,
    stage: str | None,
    confirmation: str,
    inferred: bool,
    network_error: int | None,
) -> Standing:
    """There are few of them, and a thousand rows of a batch share one."""
    return Standing(
        state=State(state),
        reason=Reason(reason) if reason else None,
        stage=Stage(stage) if stage else None,
        confirmation=Confirmation(confirmation),
        inferred=inferred,
        network_error=network_error,
    )


class DeliveryRows(EvidenceRows):
    """Statements on status, evidence and what moves with them."""

    async def lock_deliveries(self, keys: Iterable[Key]) -> dict[Key, Held]:
        """The deliveries, locked in one order until the transaction ends."""
        rows = await self._connection.fetch(LOCK_DELIVERIES, *columns(sorted(keys), 2))
        return {(row["account_id"], row["message_id"]): held_of(row) for row in rows}

    async def save_deliveries(self, rows: Sequence[Held]) -> None:
        """Write what `lock_deliveries` gave and the fold changed."""
        if rows:
            await self._connection.execute(SAVE_DELIVERIES, *columns([_saved(row) for row in rows], 23))

    async def move_counters(self, moves: dict[Key, CounterMove]) -> None:
        """Move counters of tasks, by (account id, task id)."""
        rows = [
            (*task, move.handed_over, *(move.buckets.get(name, 0) for name in BUCKETS), move.price)  # type: ignore[call-overload]
            for task, move in sorted(moves.items())
        ]
        rows = [row for row in rows if any(row[2:])]
        if rows:
            await self._connection.execute(LOCK_COUNTERS, *columns([row[:2] for row in rows], 2))
            await self._connection.execute(MOVE_COUNTERS, *columns(rows, 11))

    async def owe_reports(self, rows: Sequence[OwedReport]) -> None:
        """Write the reports."""
        if rows:
            await self._connection.execute(OWE_REPORTS, *columns([_owed(row) for row in rows], 13))

    async def set_settle_timers(self, rows: Sequence[tuple[Key, datetime]]) -> None:
        """Look at these messages again at these times."""
        if rows:
            flat = [(*key, due_at) for key, due_at in rows]
            await self._connection.execute(SET_SETTLE_TIMERS, *columns(flat, 3))


def held_of(row: asyncpg.Record) -> Held:
    """The delivery, and the money that moves with it, from a row of FOLDED and its account's plan."""
    delivery = Delivery(
        account_id=row["account_id"],
        message_id=row["message_id"],
        attempts=_decode_attempts(row["attempts"]),
        standing=standing_of(row),
        version=row["version"],
        flags=frozenset(Flag(flag) for flag in row["flags"] or ()),
        first_written_at=row["first_written_at"],
        sent_at=row["sent_at"],
        delivered_at=row["delivered_at"],
        done_at=row["done_at"],
        report_at=row["report_at"],
        read_at=row["read_at"],
        negative_at=row["negative_at"],
    )
    return Held(
        delivery=delivery,
        plan=Plan(row["plan"]),
        price=row["price"],
        held=row["held"],
        charged=row["charged"],
        reports=row["reports"],
        counted_task=row["counted_task"],
        evidence=row["evidence"],
        fingerprints=_fingerprints(row["fingerprints"] or b""),
    )


def _fingerprints(joined: bytes) -> list[bytes]:
    return [joined[start : start + FINGERPRINT] for start in range(0, len(joined), FINGERPRINT)]


def _saved(row: Held) -> tuple[object, ...]:
    delivery = row.delivery
    return (
        delivery.account_id,
        delivery.message_id,
        delivery.version,
        *_standing(delivery.standing),
        ",".join(sorted(delivery.flags)),
        delivery.first_written_at,
        delivery.sent_at,
        delivery.delivered_at,
        delivery.done_at,
        delivery.report_at,
        delivery.read_at,
        delivery.negative_at,
        row.held,
        row.charged,
        row.reports,
        _encode(delivery.attempts).decode(),
        row.evidence,
        b"".join(row.fingerprints),
    )


def _standing(one: Standing) -> tuple[object, ...]:
    return (one.state, one.reason, one.stage, one.confirmation, one.inferred, one.network_error)


def _owed(row: OwedReport) -> tuple[object, ...]:
    delivery = row.delivery
    return (
        row.account_id,
        row.message_id,
        row.number,
        *_standing(delivery.standing),
        delivery.sent_at or row.owed_at,
        delivery.done_at,
        row.price,
        row.owed_at,
    )
