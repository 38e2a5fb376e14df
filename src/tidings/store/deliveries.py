"""Deliveries and their evidence: read under lock, written back set by set."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec

from tidings.domain.lifecycle import Attempt, Delivery, Flag
from tidings.domain.message import Standing
from tidings.domain.part import Part
from tidings.domain.reason import Reason
from tidings.domain.settlement import Plan
from tidings.domain.status import Confirmation, Stage, State
from tidings.flows.records import CounterMove, Held, Key, OwedReport
from tidings.store.evidence import EvidenceRows
from tidings.store.rows import columns, fields, insertion, table

SAVED = fields(
    "version integer",
    "state delivery_state",
    "reason text",
    "stage delivery_stage",
    "confirmation delivery_confirmation",
    "inferred boolean",
    "network_error integer",
    "flags text",
    "first_written_at timestamptz",
    "sent_at timestamptz",
    "delivered_at timestamptz",
    "done_at timestamptz",
    "report_at timestamptz",
    "read_at timestamptz",
    "negative_at timestamptz",
    "held bigint",
    "charged bigint",
    "reports smallint",
    "attempts json",
    "evidence bytea",
    "fingerprints bytea",
)
"""What folding changes, in this order. The last two only grow."""

GROWING = 2

SPELT = {
    "flags": "array_to_string(d.flags, ',')",
    "state": "d.state::text",
    "stage": "d.stage::text",
    "confirmation": "d.confirmation::text",
}
FOLDED = f"""d.account_id, d.message_id,
       {", ".join(f"{SPELT.get(name, 'd.' + name)} as {name}" for name, _ in SAVED)},
       d.price, d.counted_task, d.callback_lane, d.callback_each"""

KEYS = fields("account_id integer", "message_id bigint")

# Each in its turn, so that two that want the same lock them in the same order.
LOCK_DELIVERIES = f"""
select d.*, a.plan
from {{wanted}} as wanted
cross join lateral (
    select {FOLDED} from delivery d
    where d.account_id = wanted.account_id and d.message_id = wanted.message_id
    for no key update) as d
join account a on a.id = d.account_id"""

SAVE_DELIVERIES = """
update delivery d set {changes}
from {news} as n
where d.account_id = n.account_id and d.message_id = n.message_id and d.version < n.version"""

CHANGE = {
    "flags": "flags = string_to_array(n.flags, ',')",
    "evidence": "evidence = d.evidence || n.evidence",
    "fingerprints": "fingerprints = coalesce(d.fingerprints, '') || n.fingerprints",
}

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

REPORT = fields(
    "account_id integer",
    "message_id bigint",
    "number smallint",
    "state delivery_state",
    "reason text",
    "stage delivery_stage",
    "confirmation delivery_confirmation",
    "inferred boolean",
    "network_error integer",
    "sent_at timestamptz",
    "done_at timestamptz",
    "price bigint",
    "report_at timestamptz",
    "owed_at timestamptz",
)

SET_SETTLE_TIMERS = """
insert into timer (account_id, message_id, kind, due_at)
select account_id, message_id, 'settle', due_at
from unnest($1::integer[], $2::bigint[], $3::timestamptz[]) as t (account_id, message_id, due_at)"""

FINGERPRINT = 8
"""Octets of one."""

PLANS = {str(one): one for one in Plan}
NO_FLAGS: frozenset[Flag] = frozenset()

BUCKETS = ("waiting", "sent", "delivered", "expired", "undeliverable", "rejected", "unknown")

_decode_attempts = msgspec.json.Decoder(list[Attempt]).decode
_encode = msgspec.json.Encoder().encode

PART = (None, *msgspec.json.decode(_encode(Part(State.QUEUED)))[1:])
ATTEMPT = (None, None, None, None, *msgspec.json.decode(_encode(Attempt(1, 1, False, [])))[4:])
"""What stands at each place unless something happened."""


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

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self._locked: dict[Key, tuple[Any, ...]] = {}  # as they are stored

    async def lock_deliveries(self, keys: Iterable[Key]) -> dict[Key, Held]:
        """The deliveries, locked in one order until the transaction ends."""
        wanted = sorted(set(keys))
        if not wanted:
            return {}
        selection, values = table(wanted, KEYS)
        rows = await self._connection.fetch(LOCK_DELIVERIES.format(wanted=selection), *values)
        for row in rows:
            self._locked[row[0], row[1]] = row[2 : 2 + len(SAVED)]
        return {(row[0], row[1]): held_of(row) for row in rows}

    async def save_deliveries(self, rows: Sequence[Held]) -> None:
        """Write what `lock_deliveries` gave and the fold changed: only the columns that any of them changed."""
        if not rows:
            return
        keys = [(row.delivery.account_id, row.delivery.message_id) for row in rows]
        news = [_saved(row) for row in rows]
        changed = _changes([self._locked[key] for key in keys], news)
        changes = [SAVED[index] for index, _ in changed]
        flat = list(zip(*zip(*keys, strict=True), *(column for _, column in changed), strict=True))
        selection, values = table(flat, (*KEYS, *changes))
        changing = ", ".join(CHANGE.get(name, f"{name} = n.{name}") for name, _ in changes)
        await self._connection.execute(SAVE_DELIVERIES.format(changes=changing, news=selection), *values)
        self._locked.update(zip(keys, news, strict=True))

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
            statement, values = insertion("report", [_owed(row) for row in rows], REPORT)
            await self._connection.execute(statement, *values)

    async def set_settle_timers(self, rows: Sequence[tuple[Key, datetime]]) -> None:
        """Look at these messages again at these times."""
        if rows:
            flat = [(*key, due_at) for key, due_at in rows]
            await self._connection.execute(SET_SETTLE_TIMERS, *columns(flat, 3))


def held_of(row: asyncpg.Record) -> Held:
    """The delivery, and the money that moves with it, from a row of FOLDED and its account's plan."""
    (
        account_id, message_id, version, state, reason, stage, confirmation, inferred, network_error, flags,
        first_written_at, sent_at, delivered_at, done_at, report_at, read_at, negative_at, held, charged, reports,
        attempts, evidence, fingerprints, price, counted_task, callback_lane,
        callback_each, plan,
    ) = row  # fmt: skip
    delivery = Delivery(
        account_id=account_id,
        message_id=message_id,
        attempts=_decode_attempts(attempts),
        standing=_standing_of(state, reason, stage, confirmation, inferred, network_error),
        version=version,
        flags=frozenset(map(Flag, flags.split(","))) if flags else NO_FLAGS,
        first_written_at=first_written_at,
        sent_at=sent_at,
        delivered_at=delivered_at,
        done_at=done_at,
        report_at=report_at,
        read_at=read_at,
        negative_at=negative_at,
    )
    return Held(
        delivery=delivery,
        plan=PLANS[plan],
        price=price,
        held=held,
        charged=charged,
        reports=reports,
        counted_task=counted_task,
        callback_lane=callback_lane,
        callback_each=callback_each,
        evidence=evidence,
        fingerprints=_fingerprints(fingerprints) if fingerprints else [],
    )


def _fingerprints(joined: bytes) -> list[bytes]:
    return [joined[start : start + FINGERPRINT] for start in range(0, len(joined), FINGERPRINT)]


def _saved(row: Held) -> tuple[Any, ...]:
    """The values of SAVED."""
    delivery, standing = row.delivery, row.delivery.standing
    return (
        delivery.version,
        standing.state,
        standing.reason,
        standing.stage,
        standing.confirmation,
        standing.inferred,
        standing.network_error,
        ",".join(sorted(delivery.flags)) if delivery.flags else None,
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
        spell_attempts(delivery.attempts),
        row.evidence,
        b"".join(row.fingerprints) or None,
    )


def spell_attempts(attempts: list[Attempt]) -> str:
    """As JSON, without what every part and attempt begins with."""
    return _without_defaults(_encode(attempts))


@lru_cache(maxsize=4_096)
def _without_defaults(encoded: bytes) -> str:
    """Few different ones are in use at a time."""
    attempts = msgspec.json.decode(encoded)
    for one in attempts:
        one[3] = [_trimmed(part, PART) for part in one[3]]
    return msgspec.json.encode([_trimmed(one, ATTEMPT) for one in attempts]).decode()


def _trimmed(values: list[Any], defaults: Sequence[Any]) -> list[Any]:
    kept = len(values)
    while kept and values[kept - 1] == defaults[kept - 1]:
        kept -= 1
    return values[:kept]


def _changes(olds: Sequence[Sequence[Any]], news: Sequence[Sequence[Any]]) -> list[tuple[int, Sequence[Any]]]:
    """The columns of SAVED in which any row is another one now: index and values, of those that grow what is added."""
    changed: list[tuple[int, Sequence[Any]]] = []
    pairs = zip(zip(*olds, strict=True), zip(*news, strict=True), strict=True)
    for index, (before, after) in enumerate(pairs):
        if before == after:
            continue
        grows = index >= len(SAVED) - GROWING
        changed.append((index, list(map(_added, before, after)) if grows else after))
    return changed


def _added(before: bytes | None, after: bytes | None) -> bytes:
    return (after or b"")[len(before or b"") :]


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
        delivery.report_at,
        row.owed_at,
    )
