"""Everything that a batch of evidence changes, written in one statement.

A round trip costs more than most of what a statement does, so there is one: evidence, deliveries, counters, money,
reports, callbacks, timers, and which submissions are answered and under which key. It needs no lock beforehand, for it
checks what it is based on: a delivery of another version than the one folded from, a submission that is not waited for
any more, or a receipt that waits for one of these submissions undoes all of it (`Overtaken`).

Its plan is made once. MERGE, with something to do for what does not match, can only go from the new rows to the stored
ones; whatever else is changed is named by arrays. So no belief about the sizes of tables can turn it around.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import asyncpg

from tidings.domain.delivery import Delivery, Flag
from tidings.domain.message import Standing
from tidings.flows.records import CounterMove, Folded, Held, Key, Overtaken, Spelt
from tidings.store.accounts import balance_moves, ledger_entries
from tidings.store.callbacks import OWED, OWED_COLUMNS
from tidings.store.deliveries import DeliveryRows, spell_attempts
from tidings.store.evidence import pack
from tidings.store.flights import NATURAL_COLUMNS, SUBMISSION_COLUMNS
from tidings.store.rows import columns
from tidings.store.sheet import Column, Sheet

CHANGED = """version = n.version, state = n.state, reason = n.reason, stage = n.stage, confirmation = n.confirmation,
    inferred = n.inferred, network_error = n.network_error, flags = string_to_array(n.flags, ','),
    first_written_at = n.first_written_at, sent_at = n.sent_at, delivered_at = n.delivered_at, done_at = n.done_at,
    report_at = n.report_at, read_at = n.read_at, negative_at = n.negative_at, held = n.held, charged = n.charged,
    reports = n.reports, attempts = n.attempts, evidence = d.evidence || n.evidence"""
HEARD = ", fingerprints = coalesce(d.fingerprints, '') || n.fingerprints"
"""Most batches have no receipts, or nothing else."""

BUCKETS = ("waiting", "sent", "delivered", "expired", "undeliverable", "rejected", "unknown")
COUNTED = ("handed_over", *BUCKETS, "price")


class _Row(NamedTuple):
    """A delivery as it is to stand, and where its new evidence is."""

    key: Key
    was: int
    held: Held
    delivery: Delivery
    standing: Standing
    evidence: str
    fingerprints: str


class _Section(NamedTuple):
    """Rows of one kind: their sheet, and one or two statements about them, with {rows} for the rows."""

    name: str
    sheet: Sheet[Any]
    does: str
    rows: Callable[[Folded], Sequence[Any]]
    also: str = ""


_DELIVERIES: Sheet[_Row] = Sheet(
    Column("account_id", "integer", lambda row: row.key[0]),
    Column("message_id", "bigint", lambda row: row.key[1]),
    Column("was", "integer", attrgetter("was")),
    Column("version", "integer", attrgetter("delivery.version")),
    Column("state", "delivery_state", attrgetter("standing.state")),
    Column("reason", "text", attrgetter("standing.reason"), null=True),
    Column("stage", "delivery_stage", attrgetter("standing.stage"), null=True),
    Column("confirmation", "delivery_confirmation", attrgetter("standing.confirmation")),
    Column("inferred", "boolean", attrgetter("standing.inferred")),
    Column("network_error", "integer", attrgetter("standing.network_error"), null=True),
    Column("flags", "text", lambda row: _spell_flags(row.delivery.flags), null=True),
    *(
        Column(name, "timestamptz", attrgetter(f"delivery.{name}"), null=True)
        for name in (
            "first_written_at",
            "sent_at",
            "delivered_at",
            "done_at",
            "report_at",
            "read_at",
            "negative_at",
        )
    ),
    Column("held", "bigint", attrgetter("held.held")),
    Column("charged", "bigint", attrgetter("held.charged")),
    Column("reports", "smallint", attrgetter("held.reports")),
    Column("attempts", "json", lambda row: spell_attempts(row.delivery.attempts)),
    Column("evidence", "bytea", attrgetter("evidence")),
    Column("fingerprints", "bytea", attrgetter("fingerprints")),
)

SECTIONS: tuple[_Section, ...] = (
    _Section(
        "ended",
        Sheet(*NATURAL_COLUMNS),
        # Found by its key, then named by its place: of a table that is nearly always empty no plan can know anything.
        # Put this way, the condition is no invitation to the index of those that it holds for.
        """delete from in_flight where coalesce(doubt_since, '-infinity') = '-infinity' and ctid = any(array(
               select one.place from {rows} cross join lateral (
                   select ctid as place from in_flight f
                   where f.message_id = sheet.message_id and f.attempt = sheet.attempt and f.part = sheet.part
                     and f.try = sheet.try and f.connector_id = sheet.connector_id offset 0) as one))
           returning 1""",
        attrgetter("ended"),
    ),
    _Section(
        "taken",
        Sheet(*SUBMISSION_COLUMNS),
        """insert into submission (connector_id, upstream_key, account_id, message_id, attempt, part, try, recipient,
                                   written_at)
           select connector_id, upstream_key, account_id, message_id, attempt, part, try, recipient, written_at
           from {rows}""",
        attrgetter("taken"),
    ),
    _Section(
        "reports",
        Sheet(
            Column("account_id", "integer", attrgetter("account_id")),
            Column("message_id", "bigint", attrgetter("message_id")),
            Column("number", "smallint", attrgetter("number")),
            Column("state", "delivery_state", attrgetter("standing.state")),
            Column("reason", "text", attrgetter("standing.reason"), null=True),
            Column("stage", "delivery_stage", attrgetter("standing.stage"), null=True),
            Column("confirmation", "delivery_confirmation", attrgetter("standing.confirmation")),
            Column("inferred", "boolean", attrgetter("standing.inferred")),
            Column("network_error", "integer", attrgetter("standing.network_error"), null=True),
            Column("sent_at", "timestamptz", attrgetter("sent_at")),
            Column("done_at", "timestamptz", attrgetter("done_at")),
            Column("report_at", "timestamptz", attrgetter("report_at"), null=True),
            Column("price", "bigint", attrgetter("price")),
            Column("owed_at", "timestamptz", attrgetter("owed_at")),
        ),
        """insert into report (account_id, message_id, number, state, reason, stage, done_at, report_at, owed_at)
           select account_id, message_id, number, state, reason, stage, done_at, report_at, owed_at from {rows}""",
        attrgetter("reports"),
        """insert into report_due (account_id, message_id, number, state, reason, stage, confirmation, inferred,
                                   network_error, sent_at, done_at, price, owed_at)
           select account_id, message_id, number, state, reason, stage, confirmation, inferred, network_error, sent_at,
                  done_at, price, owed_at from {rows}""",
    ),
    _Section(
        "callbacks",
        Sheet(*OWED_COLUMNS),
        OWED,
        attrgetter("callbacks"),
    ),
    _Section(
        "timers",
        Sheet(
            Column("account_id", "integer", lambda one: one[0][0]),
            Column("message_id", "bigint", lambda one: one[0][1]),
            Column("due_at", "timestamptz", itemgetter(1)),
        ),
        """insert into timer (account_id, message_id, kind, due_at)
           select account_id, message_id, 'settle', due_at from {rows}""",
        attrgetter("settle_timers"),
    ),
    _Section(
        "counters",
        Sheet(
            Column("account_id", "integer", itemgetter(0)),
            Column("task_id", "bigint", itemgetter(1)),
            *(Column(name, "bigint", itemgetter(place)) for place, name in enumerate(COUNTED, 2)),
        ),
        f"""update task_counter c set ({", ".join(COUNTED)}) = (
                select {", ".join(f"c.{name} + sheet.{name}" for name in COUNTED)} from {{rows}}
                where sheet.task_id = c.task_id)
            where c.account_id = any(array(select account_id from {{rows}}))
              and c.task_id = any(array(select task_id from {{rows}}))""",
        lambda folded: _counter_moves(folded.counters),
    ),
    _Section(
        "balances",
        Sheet(Column("account_id", "integer", itemgetter(0)), Column("delta", "bigint", itemgetter(1))),
        """update account set balance = balance + (select delta from {rows} where sheet.account_id = account.id)
           where id = any(array(select account_id from {rows}))""",
        lambda folded: balance_moves(folded.money),
    ),
    _Section(
        "entries",
        Sheet(
            Column("account_id", "integer", itemgetter(0)),
            Column("kind", "ledger_kind", itemgetter(1)),
            Column("amount", "bigint", itemgetter(2)),
            Column("messages", "integer", itemgetter(3)),
        ),
        """insert into ledger (account_id, at, kind, amount, messages)
           select account_id, $1, kind, amount, messages from {rows}""",
        lambda folded: ledger_entries(folded.money),
    ),
)

# Found by its keys alone, whatever the planner thinks of connectors.
UNHEARD = """not exists (
    select from (select connector_id from orphan where upstream_keys && $4::text[] offset 0) as waiting
    where waiting.connector_id = $3::integer)"""


class FoldedRows(DeliveryRows):
    """The statement."""

    async def write(self, folded: Folded | Spelt) -> None:
        """Write it all. Raises Overtaken; within a transaction nothing else may be done with that one then."""
        spelt = folded if isinstance(folded, Spelt) else spell(folded)
        if not spelt.arguments:
            return
        try:
            await self._connection.execute(spelt.statement, *spelt.arguments)
        except asyncpg.NotNullViolationError as overtaken:
            raise Overtaken from overtaken


def spell(folded: Folded) -> Spelt:
    """The statement, and what it needs to be told."""
    if not folded.rows:
        return Spelt("", [])
    packs, places = pack(folded.evidence)
    sections = [(one, rows) for one in SECTIONS if (rows := one.rows(folded))]
    sheets: list[object] = []
    for one, rows in (*sections, (_News, _rows(folded, places))):
        sheets += one.sheet.arguments(rows)
    return Spelt(
        statement(tuple(one.name for one, _ in sections), hears=bool(folded.fingerprints)),
        [folded.at, len(folded.ended), folded.connector_id, folded.unheard, *columns(packs, 4), *sheets],
    )


_News = _Section("news", _DELIVERIES, "", lambda _: ())


@lru_cache(maxsize=256)
def statement(present: tuple[str, ...], *, hears: bool) -> str:
    """The statement for a batch that has rows of these kinds. A kind of traffic has two or three of them."""
    next_number = 9  # after: when, how many ended, connector, upstream keys, and the packs
    parts = [
        """packs as (insert into evidence (account_id, message_id, seq, body)
    select * from unnest($5::integer[], $6::bigint[], $7::integer[], $8::bytea[]))"""
    ]
    conditions = [UNHEARD]
    for one in SECTIONS:
        if one.name not in present:
            continue
        sheet = one.sheet.at(next_number)
        next_number = sheet.end
        parts.append(f"{one.name}_rows as materialized (select * from {sheet.source})")
        parts.append(f"{one.name} as ({one.does.format(rows=f'{one.name}_rows as sheet')})")
        if one.also:
            parts.append(f"{one.name}_too as ({one.also.format(rows=f'{one.name}_rows as sheet')})")
    if "ended" in present:
        conditions.append("(select count(*) from ended) = $2::bigint")
    else:
        conditions.append("$2::bigint = 0")
    if "callbacks" in present:
        conditions.append("(select count(pg_notify('tidings_callbacks', ''))) = 1")
    news = _DELIVERIES.at(next_number)
    parts.append(f"news as materialized (select * from {news.source})")
    parts.append(f"fits as materialized (select {' and '.join(conditions)} as fits, $1::timestamptz as at)")
    return f"""
with {", ".join(parts)}
merge into delivery d using (select news.*, fits.fits from news cross join fits) as n
on d.account_id = n.account_id and d.message_id = n.message_id and d.version = n.was and n.fits
when matched then update set {CHANGED}{HEARD if hears else ""}
when not matched then insert (account_id, message_id, version) values (n.account_id, n.message_id, null)"""


def _rows(folded: Folded, places: Mapping[Key, bytes]) -> list[_Row]:
    """In the order of their keys, so that two that change the same wait for one another in one order."""
    heard = folded.fingerprints
    return [
        _Row(
            key,
            folded.was[key],
            held,
            held.delivery,
            held.delivery.standing,
            "\\x" + places[key].hex(),
            "\\x" + b"".join(heard[key]).hex() if key in heard else "\\x",
        )
        for key, held in sorted(folded.rows.items(), key=itemgetter(0))
    ]


def _spell_flags(flags: frozenset[Flag]) -> str | None:
    return ",".join(sorted(flags)) if flags else None


def _counter_moves(moves: Mapping[Key, CounterMove]) -> list[tuple[int, ...]]:
    rows: Iterable[tuple[int, ...]] = (
        (*task, move.handed_over, *(move.buckets.get(name, 0) for name in BUCKETS), move.price)  # type: ignore[call-overload]
        for task, move in sorted(moves.items())
    )
    return [row for row in rows if any(row[2:])]
