"""Everything that a batch of evidence changes, written in one statement.

A round trip costs more than most of what a statement does, so there is one: evidence, deliveries, counters, money,
reports, callbacks, timers, and which submissions are answered and under which key. It needs no lock beforehand, for it
checks what it is based on: a delivery of another version than the one folded from, a submission that is not waited for
any more, or a receipt that waits for one of these submissions undoes all of it (`Overtaken`).

Rows that many messages share, counters and balances, are written last: PostgreSQL runs what changes data in the order
opposite to the one it stands in. So whoever else wants one of them waits for no more than the commit.

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
from tidings.flows.folded import Folded, Leg, Spelt
from tidings.flows.records import CounterMove, Held, Key, Overtaken
from tidings.store.accounts import balance_moves, ledger_entries
from tidings.store.callbacks import OWED
from tidings.store.deliveries import DeliveryRows, is_key_of_delivery, spell_attempts
from tidings.store.evidence import Pack, pack, pack_cohorts
from tidings.store.rows import columns
from tidings.store.sheet import Column, Sheet, alike, array, join
from tidings.store.stand import TIMES

HEARD = ", fingerprints = coalesce(d.fingerprints || n.fingerprints, n.fingerprints, d.fingerprints)"
"""Most batches have no receipts, or nothing else."""

BUCKETS = ("waiting", "sent", "delivered", "expired", "undeliverable", "rejected", "unknown")
COUNTED = ("handed_over", *BUCKETS, "price")


class _Row(NamedTuple):
    """Deliveries as they are to stand, and where their new evidence is."""

    account_id: int
    was: int
    held: Held
    delivery: Delivery
    standing: Standing
    evidence: str
    ids: str
    fingerprints: str


class _Owed(NamedTuple):
    """Something that is owed of several messages; what it says of itself, and their ids."""

    one: Any
    ids: str


class _Taken(NamedTuple):
    """Submissions that were claimed together and taken."""

    leg: Leg
    size: int
    ids: str
    upstream_keys: str
    recipients: str


class _Moved(NamedTuple):
    """What moves with the deliveries, by the name of its section."""

    taken: list[_Taken]
    reports: list[_Owed]
    callbacks: list[_Owed]
    timers: list[_Owed]
    counters: list[tuple[int, ...]]
    balances: list[tuple[int, int]]
    entries: list[tuple[int, str, int, int]]


class _Section(NamedTuple):
    """Rows of one kind, what they say, and one or two statements about them, with {rows} for the rows.

    A row that is `of_each` stands for many messages: it has their `ids`, and what else they differ in is `listed`.
    """

    name: str
    agreed: tuple[Column, ...]
    does: str
    rows: Callable[[_Moved], Sequence[Any]]
    also: str = ""
    of_each: bool = True
    listed: tuple[Column, ...] = ()


_AGREED = (
    Column("account_id", "integer", attrgetter("account_id")),
    Column("was", "integer", attrgetter("was")),
    Column("version", "integer", attrgetter("delivery.version")),
    Column("state", "delivery_state", attrgetter("standing.state")),
    Column("reason", "text", attrgetter("standing.reason"), null=True),
    Column("stage", "delivery_stage", attrgetter("standing.stage"), null=True),
    Column("confirmation", "delivery_confirmation", attrgetter("standing.confirmation")),
    Column("inferred", "boolean", attrgetter("standing.inferred")),
    Column("network_error", "integer", attrgetter("standing.network_error"), null=True),
    Column("flags", "text", lambda row: _spell_flags(row.delivery.flags), null=True),
    *(Column(name, "timestamptz", attrgetter(f"delivery.{name}"), null=True) for name in TIMES),
    Column("held", "bigint", attrgetter("held.held")),
    Column("charged", "bigint", attrgetter("held.charged")),
    Column("reports", "smallint", attrgetter("held.reports")),
    Column("attempts", "json", lambda row: spell_attempts(row.delivery.attempts)),
    Column("evidence", "bytea", attrgetter("evidence")),
)
_DELIVERIES: Sheet[_Row] = Sheet(
    *_AGREED,
    Column("ids", "text", attrgetter("ids")),
    Column("heard", "text", attrgetter("fingerprints")),
)
_NAMES_OF_AGREED = ", ".join(one.name for one in _AGREED)

_FLAGS = "string_to_array(n.flags, ',')"
_SAID = [one.name for one in _AGREED if one.name not in {"account_id", "was", "flags", "evidence"}]
CHANGED = f"""{", ".join(f"{name} = n.{name}" for name in _SAID)}, flags = {_FLAGS},
    evidence = d.evidence || n.evidence"""
ADDED = f"""insert (account_id, message_id, flags, evidence, fingerprints, {", ".join(_SAID)})
    values (n.account_id, n.message_id, {_FLAGS}, n.evidence, n.fingerprints,
            {", ".join(f"n.{name}" for name in _SAID)})"""
"""Of a message of which nothing was heard before."""

_LEG = (
    Column("connector_id", "integer", attrgetter("leg.connector_id")),
    Column("account_id", "integer", attrgetter("leg.account_id")),
    Column("attempt", "smallint", attrgetter("leg.attempt")),
    Column("part", "smallint", attrgetter("leg.part")),
    Column("try", "smallint", attrgetter("leg.try_no")),
    Column("written_at", "timestamptz", attrgetter("leg.written_at")),
)
_LISTED = (
    Column("upstream_key", "text", attrgetter("upstream_keys")),
    Column("recipient", "text", attrgetter("recipients")),
)
_OWED_REPORT = (
    Column("account_id", "integer", attrgetter("one.account_id")),
    Column("number", "smallint", attrgetter("one.number")),
    Column("state", "delivery_state", attrgetter("one.standing.state")),
    Column("reason", "text", attrgetter("one.standing.reason"), null=True),
    Column("stage", "delivery_stage", attrgetter("one.standing.stage"), null=True),
    Column("confirmation", "delivery_confirmation", attrgetter("one.standing.confirmation")),
    Column("inferred", "boolean", attrgetter("one.standing.inferred")),
    Column("network_error", "integer", attrgetter("one.standing.network_error"), null=True),
    Column("sent_at", "timestamptz", attrgetter("one.sent_at")),
    Column("done_at", "timestamptz", attrgetter("one.done_at")),
    Column("report_at", "timestamptz", attrgetter("one.report_at"), null=True),
    Column("price", "bigint", attrgetter("one.price")),
    Column("owed_at", "timestamptz", attrgetter("one.owed_at")),
)
_OWED_CALLBACK = (
    Column("account_id", "integer", attrgetter("one.account_id")),
    Column("lane", "integer", attrgetter("one.lane")),
    Column("owed_at", "timestamptz", attrgetter("one.owed_at")),
    Column("number", "smallint", attrgetter("one.number")),
)
_TIMER = (
    Column("account_id", "integer", lambda row: row.one[0]),
    Column("due_at", "timestamptz", lambda row: row.one[1]),
)

SECTIONS: tuple[_Section, ...] = (
    _Section(
        "taken",
        (*_LEG, Column("size", "integer", attrgetter("size"))),
        # Found by its key, then named by its place: of a table that is nearly always empty no plan can know anything.
        # Put this way, the condition is no invitation to the index of those that it holds for.
        """delete from in_flight where coalesce(doubt_since, '-infinity') = '-infinity' and ctid = any(array(
               select one.place from {rows} cross join lateral (
                   select ctid as place from in_flight f
                   where f.message_id = sheet.message_id and f.attempt = sheet.attempt and f.part = sheet.part
                     and f.try = sheet.try and f.connector_id = sheet.connector_id offset 0) as one))
           returning 1""",
        attrgetter("taken"),
        """insert into submission (connector_id, upstream_key, account_id, message_id, attempt, part, try, recipient,
                                   written_at)
           select connector_id, upstream_key, account_id, message_id, attempt, part, try, recipient, written_at
           from {rows}""",
        listed=_LISTED,
    ),
    _Section(
        "reports",
        _OWED_REPORT,
        """insert into report (account_id, message_id, number, state, reason, stage, done_at, report_at, owed_at)
           select account_id, message_id, number, state, reason, stage, done_at, report_at, owed_at from {rows}""",
        attrgetter("reports"),
        """insert into report_due (account_id, message_id, number, state, reason, stage, confirmation, inferred,
                                   network_error, sent_at, done_at, price, owed_at)
           select account_id, message_id, number, state, reason, stage, confirmation, inferred, network_error, sent_at,
                  done_at, price, owed_at from {rows}""",
    ),
    _Section("callbacks", _OWED_CALLBACK, OWED, attrgetter("callbacks")),
    _Section(
        "timers",
        _TIMER,
        """insert into timer (account_id, message_id, kind, due_at)
           select account_id, message_id, 'settle', due_at from {rows}""",
        attrgetter("timers"),
    ),
    _Section(
        "counters",
        (
            Column("account_id", "integer", itemgetter(0)),
            Column("task_id", "bigint", itemgetter(1)),
            *(Column(name, "bigint", itemgetter(place)) for place, name in enumerate(COUNTED, 2)),
        ),
        f"""update task_counter c set ({", ".join(COUNTED)}) = (
                select {", ".join(f"c.{name} + sheet.{name}" for name in COUNTED)} from {{rows}}
                where sheet.task_id = c.task_id)
            where c.account_id = any(array(select account_id from {{rows}}))
              and c.task_id = any(array(select task_id from {{rows}}))""",
        attrgetter("counters"),
        of_each=False,
    ),
    _Section(
        "balances",
        (Column("account_id", "integer", itemgetter(0)), Column("delta", "bigint", itemgetter(1))),
        """update account set balance = balance + (select delta from {rows} where sheet.account_id = account.id)
           where id = any(array(select account_id from {rows}))""",
        attrgetter("balances"),
        of_each=False,
    ),
    _Section(
        "entries",
        (
            Column("account_id", "integer", itemgetter(0)),
            Column("kind", "ledger_kind", itemgetter(1)),
            Column("amount", "bigint", itemgetter(2)),
            Column("messages", "integer", itemgetter(3)),
        ),
        """insert into ledger (account_id, at, kind, amount, messages)
           select account_id, $1, kind, amount, messages from {rows}""",
        attrgetter("entries"),
        of_each=False,
    ),
)

# Found by its keys alone, whatever the planner thinks of connectors; and not looked for where none waits, for to look
# for one key among none takes a microsecond.
UNHEARD = """case when exists (select from orphan where connector_id = $3::integer) then not exists (
    select from (select connector_id from orphan where upstream_keys && string_to_array($4::text, $5::text) offset 0)
                as waiting
    where waiting.connector_id = $3::integer) else true end"""


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
        except asyncpg.UniqueViolationError as taken:
            if not is_key_of_delivery(taken.constraint_name):
                raise
            raise Overtaken from taken


def spell(folded: Folded) -> Spelt:
    """The statement, and what it needs to be told."""
    if not (folded.rows or folded.cohorts):
        return Spelt("", [])
    packs, rows = _deliveries(folded)
    separator, unheard, moved = _moved(folded)
    sections = [(one, its) for one in SECTIONS if (its := one.rows(moved))]
    sheets: list[object] = []
    for one, its in sections:
        sheets += _sheet(one).arguments(its)
    ended = sum(one.size for one in moved.taken)
    return Spelt(
        statement(tuple(one.name for one, _ in sections), hears=any(row.fingerprints for row in rows)),
        [
            *(folded.at, ended, folded.connector_id, unheard, separator),
            *columns(packs, 4),
            *sheets,
            *_DELIVERIES.arguments(rows),
        ],
    )


@lru_cache(maxsize=256)
def statement(present: tuple[str, ...], *, hears: bool) -> str:
    """The statement for a batch that has rows of these kinds. A kind of traffic has two or three of them."""
    next_number = 10  # after: when, how many ended, connector, upstream keys, what separates, and the packs
    parts = [
        """packs as (insert into evidence (account_id, message_id, seq, body)
    select * from unnest($6::integer[], $7::bigint[], $8::integer[], $9::bytea[]))"""
    ]
    shared: list[str] = []
    conditions = [UNHEARD]
    for one in SECTIONS:
        if one.name not in present:
            continue
        sheet = _sheet(one).at(next_number)
        next_number = sheet.end
        its = parts if one.of_each else shared
        its.append(f"{one.name}_rows as materialized ({_each(one, sheet)})")
        its.append(f"{one.name} as ({one.does.format(rows=f'{one.name}_rows as sheet')})")
        if one.also:
            parts.append(f"{one.name}_too as ({one.also.format(rows=f'{one.name}_rows as sheet')})")
    if "taken" in present:
        conditions.append("(select count(*) from taken) = $2::bigint")
    else:
        conditions.append("$2::bigint = 0")
    if "callbacks" in present:
        conditions.append("(select count(pg_notify('tidings_callbacks', ''))) = 1")
    news = _DELIVERIES.at(next_number)
    # In the order of their ids, so that two that change the same wait for one another in one order.
    parts.append(f"""news as materialized (
    select {_NAMES_OF_AGREED}, message_id, fingerprints from (select * from {news.source} offset 0) as sheet
    cross join lateral unnest(string_to_array(ids, ',')::bigint[], string_to_array(heard, ',')::bytea[])
                       as each (message_id, fingerprints)
    order by message_id)""")
    parts.append(f"fits as materialized (select {' and '.join(conditions)} as fits, $1::timestamptz as at)")
    return f"""
with {", ".join([*shared, *parts])}
merge into delivery d using (select news.*, fits.fits from news cross join fits) as n
on d.account_id = n.account_id and d.message_id = n.message_id and d.version = n.was and n.fits
when matched then update set {CHANGED}{HEARD if hears else ""}
when not matched and n.was = 1 and n.fits then {ADDED}
when not matched then insert (account_id, message_id, version) values (n.account_id, n.message_id, null)"""


@lru_cache(maxsize=len(SECTIONS))
def _sheet(section: _Section) -> Sheet[Any]:
    """How its rows travel."""
    if not section.of_each:
        return Sheet(*section.agreed)
    lists = (Column(f"all_{one.name}", "text", one.of) for one in section.listed)
    return Sheet(*section.agreed, Column("ids", "text", attrgetter("ids")), *lists)


def _each(section: _Section, sheet: Sheet[Any]) -> str:
    """The rows of a section, one for each message."""
    if not section.of_each:
        return f"select * from {sheet.source}"
    agreed = ", ".join(one.name for one in section.agreed)
    arrays = ["string_to_array(ids, ',')::bigint[]"]
    arrays += [array(one, f"all_{one.name}", separator="$5::text", count="size") for one in section.listed]
    names = ", ".join(("message_id", *(one.name for one in section.listed)))
    return f"""select {agreed}, {names} from (select * from {sheet.source} offset 0) as sheet
    cross join lateral unnest({", ".join(arrays)}) as each ({names})"""


def _deliveries(folded: Folded) -> tuple[list[Pack], list[_Row]]:
    """The packs of the new evidence, and the deliveries as they are to stand."""
    packs, places = pack(folded.evidence)
    heard = folded.fingerprints
    rows = [
        _row(held, folded.was[key], places[key], [key[1]], [b"".join(heard[key])] if key in heard else ())
        for key, held in folded.rows.items()
    ]
    more, pieces = pack_cohorts(folded.cohorts)
    for cohort, start, end, place in pieces:
        ids = cohort.message_ids[start:end]
        rows.append(_row(cohort.held, cohort.was, place, ids, cohort.fingerprints[start:end]))
    return [*packs, *more], rows


def _row(held: Held, was: int, place: bytes, ids: Sequence[int], heard: Sequence[bytes]) -> _Row:
    """`heard`: for each of the messages the fingerprints of its new receipts, or none at all."""
    delivery = held.delivery
    return _Row(
        delivery.account_id,
        was,
        held,
        delivery,
        delivery.standing,
        f"\\x{place.hex()}",
        _joined(ids),
        ",".join([f"\\x{one.hex()}" for one in heard]),
    )


def _moved(folded: Folded) -> tuple[str, str, _Moved]:
    """What separates the texts in lists, the list of keys under which nothing may wait, and what moves with them."""
    submitted = folded.submitted.items()
    each = [alike(one) for _, its in submitted for one in (its.upstream_keys, its.recipients)]
    separator, (unheard, *lists) = join([folded.unheard or [""], *each])
    texts = iter(lists)
    reports = [_Owed(one, str(one.message_id)) for one in folded.reports]
    callbacks = [_Owed(one, str(one.message_id)) for one in folded.callbacks]
    timers = [_Owed((key[0], at), str(key[1])) for key, at in folded.settle_timers]
    for cohort in folded.cohorts:
        if cohort.reports or cohort.callbacks or cohort.settle_timers:
            ids, account_id = _joined(cohort.message_ids), cohort.held.delivery.account_id
            reports += [_Owed(one, ids) for one in cohort.reports]
            callbacks += [_Owed(one, ids) for one in cohort.callbacks]
            timers += [_Owed((account_id, at), ids) for at in cohort.settle_timers]
    return (
        separator,
        unheard,
        _Moved(
            [
                _Taken(leg, len(its.message_ids), _joined(its.message_ids), next(texts), next(texts))
                for leg, its in submitted
            ],
            reports,
            callbacks,
            timers,
            _counter_moves(folded.counters),
            balance_moves(folded.money),
            ledger_entries(folded.money),
        ),
    )


def _joined(ids: Sequence[int]) -> str:
    return ",".join(map(str, ids))


def _spell_flags(flags: frozenset[Flag]) -> str | None:
    return ",".join(sorted(flags)) if flags else None


def _counter_moves(moves: Mapping[Key, CounterMove]) -> list[tuple[int, ...]]:
    rows: Iterable[tuple[int, ...]] = (
        (*task, move.handed_over, *(move.buckets.get(name, 0) for name in BUCKETS), move.price)  # type: ignore[call-overload]
        for task, move in sorted(moves.items())
    )
    return [row for row in rows if any(row[2:])]
