"""New tasks and messages: written once, all of them in one statement.

Messages of one kind travel as one row: what they agree in is said once, and the rest as lists. Rows travel as JSON:
there are few of them, and a parameter for each column cost more than reading these.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter

import asyncpg
import msgspec

from tidings.domain.lifecycle import begin
from tidings.domain.order import LANE
from tidings.domain.text import Alphabet
from tidings.flows.records import (
    KeysTaken,
    Kind,
    MoneyMove,
    NewMessages,
    NewOrders,
    NotAsRemembered,
    OwedCallback,
)
from tidings.store.accounts import TAKING_LOCK
from tidings.store.callbacks import CallbackRows
from tidings.store.deliveries import spell_attempts
from tidings.store.evidence import Pack, pack_openings
from tidings.store.new_tasks import TASKS, counters
from tidings.store.rows import DIALECT_NUMBERS, columns, literal
from tidings.store.runs import NEXT_ORDER, runs
from tidings.store.sheet import Column, array, join

KEYS_TAKEN = """
select k.account_id, k.kind::text, k.key
from unnest($1::integer[], $2::key_kind[], $3::text[]) as wanted (account_id, kind, key)
join external_key k using (account_id, kind, key)"""

_RUNG = "select pg_notify('tidings_outbox', connector_id::text)"
RING = f"{_RUNG} from unnest($1::integer[]) as connector_id"

# Kept as refused: final from the first, so that there is a delivery at once, and a report.
ADD_REFUSED = """
with refused as materialized (
    select * from unnest($1::integer[], $2::bigint[], $3::text[], $4::delivery_stage[], $5::timestamptz[], $6::json[])
                  as t (account_id, message_id, reason, stage, at, attempts)),
ended as (
    insert into delivery (account_id, message_id, version, state, reason, stage, done_at, held, reports, attempts)
    select account_id, message_id, 1, 'rejected', reason, stage, at, 0, 1, attempts from refused),
listed as (
    insert into report (account_id, message_id, number, state, reason, stage, done_at, owed_at)
    select account_id, message_id, 1, 'rejected', reason, stage, at, at from refused)
insert into report_due (account_id, message_id, number, state, reason, stage, confirmation, inferred, sent_at, done_at,
                        price, owed_at)
select account_id, message_id, 1, 'rejected', reason, stage, 'none', false, at, at, 0, at from refused"""


class _Row(msgspec.Struct):
    """The messages of a kind. The members are columns of the same name."""

    account_id: int
    task_id: int | None
    counted: bool
    dialect: int
    test: bool
    sender: str
    flash: bool
    traffic_class: str
    lane: int
    validity_s: int
    scheduled_for: datetime | None
    callback_lane: int | None
    callback_each: bool
    ucs2: bool
    parts: int
    price: int
    own_reference: bool
    own_message_key: bool
    connector_id: int
    route_id: int
    size: int
    list: int  # the place of the first of its lists
    runs: int  # of its ids
    first_ids: int  # the place of the list of the first of each
    last_ids: int  # and of the last ones; 0: each is of one message
    step: int  # from one id of a run to the next


class _Account(msgspec.Struct):
    """What is held and taken of an account. The members are columns of the same name."""

    account_id: int
    hold: int
    held: int
    messages: int
    first_id: int
    last_id: int


class _PackRow(msgspec.Struct):
    """A pack of evidence."""

    account_id: int
    message_id: int
    seq: int
    body: bytes  # base64 in JSON


_TYPES = {
    "account_id": "integer",
    "task_id": "bigint",
    "counted": "boolean",
    "dialect": "smallint",
    "test": "boolean",
    "sender": "text",
    "flash": "boolean",
    "traffic_class": "traffic_class",
    "lane": "smallint",
    "validity_s": "integer",
    "scheduled_for": "timestamptz",
    "callback_lane": "integer",
    "callback_each": "boolean",
    "ucs2": "boolean",
    "parts": "smallint",
    "price": "bigint",
    "own_reference": "boolean",
    "own_message_key": "boolean",
    "connector_id": "integer",
    "route_id": "integer",
    "size": "integer",
    "list": "integer",
    "runs": "integer",
    "first_ids": "integer",
    "last_ids": "integer",
    "step": "smallint",
    "hold": "bigint",
    "held": "integer",
    "messages": "integer",
    "first_id": "bigint",
    "last_id": "bigint",
    "message_id": "bigint",
    "seq": "integer",
    "body": "text",
}


def _rows(parameter: str, row: type[msgspec.Struct], name: str) -> str:
    """A parameter as rows of these members."""
    members = ", ".join(f"{one} {_TYPES[one]}" for one in row.__struct_fields__)
    return f"json_to_recordset({parameter}::json) as {name} ({members})"


_ID = Column("id", "bigint", attrgetter("ids"))
_REFERENCE = Column("reference", "text", attrgetter("references"), null=True)
_MESSAGE_KEY = Column("message_key", "text", attrgetter("message_keys"), null=True)
_LISTED = (
    _ID,
    _REFERENCE,
    _MESSAGE_KEY,
    Column("recipient", "text", attrgetter("recipients")),
    Column("text", "text", attrgetter("texts")),
    Column("extras", "jsonb", attrgetter("extras"), null=True),
    Column("evidence", "bytea", attrgetter("places")),
)

_KINDS, _LISTS, _SEPARATOR = "$1", "$2::text[]", "$3::text"
_NOW, _VERSION, _ACCOUNTS, _PACKS, _RINGS = "$4::timestamptz", "$5::bigint", "$6", "$7", "$8::text::integer[]"
_COUNTERS = "$9::integer[], $10::bigint[], $11::integer[], $12::integer[], $13::integer[], $14::bigint[]"
_OWN_TASKS = TASKS.at(15)


def _lists(*columns: Column) -> str:
    """These columns of a kind's messages, as rows."""
    arrays = ", ".join(
        array(one, f"({_LISTS})[list + {_LISTED.index(one)}]", separator=_SEPARATOR, count="size")
        for one in columns
    )
    return f"unnest({arrays}) as message ({', '.join(one.name for one in columns)})"


_RUNS = f"""unnest({
    ", ".join(
        array(_ID, f"({_LISTS})[{place}]", separator=_SEPARATOR, count="runs")
        for place in ("first_ids", "last_ids")
    )
}) as run (first_id, last_id)"""

NOT_AS_REMEMBERED = "TD001"
"""The code by which the statement ends itself."""

OWN_KEYS_ARE_UNIQUE = "external_key_pkey"

# Only where there are tasks.
_TASKS_TOO = f"""
tasks as (
    insert into task (account_id, id, total, source, bulk_key, name, validity_s, created_at, scheduled_for)
    select account_id, id, total, source, bulk_key, name, validity_s, {_NOW}, scheduled_for
    from allowed cross join {_OWN_TASKS.source}),
counters as (
    insert into task_counter (account_id, task_id, waiting, rejected, undeliverable, price)
    select counted.* from allowed cross join unnest({_COUNTERS}) as counted),"""

# What several statements write at a time is locked in one order: customers' own keys as they sort (by the key first, in
# which nearly all of them differ), then the accounts by id. These come last, when all the rest is written, so that two
# that take orders of one account work beside each other, and wait for one another only as they end. PostgreSQL runs
# what changes data, and is not asked for what it changed, in the order opposite to the one it stands in. An account
# that is closed or cannot pay ends the statement, by how it stands when it is locked.
_ADD = f"""
with per_account as materialized (
    select * from {_rows(_ACCOUNTS, _Account, "t")}),
allowed as materialized (
    select case when (select count(pg_advisory_xact_lock_shared({TAKING_LOCK}, account_id)) from per_account) >= 0
                     and coalesce({_VERSION} = (select version from catalog), true)
                then true else give_up('{NOT_AS_REMEMBERED}') end),
kinds as materialized (
    select kind.*, coalesce(scheduled_for, {_NOW}) as due_at,
           coalesce(scheduled_for, {_NOW}) + validity_s * interval '1 second' as expires_at
    from allowed cross join {_rows(_KINDS, _Row, "kind")}),
paid as (
    update account set balance = case
        when closed_at is null and (hold = 0 or balance + credit_limit >= hold) then balance - hold
        when give_up('{NOT_AS_REMEMBERED}') then balance end
    from per_account where id = account_id),
tallies as (
    insert into message_tally (account_id, at, messages, first_id, last_id)
    select account_id, {_NOW}, messages, first_id, last_id from allowed cross join per_account),
holds as (
    insert into ledger (account_id, at, kind, amount, messages)
    select account_id, {_NOW}, 'hold', hold, held from allowed cross join per_account where hold > 0),
{{tasks}}
packs as (
    insert into evidence (account_id, message_id, seq, body)
    select account_id, message_id, seq, decode(body, 'base64')
    from allowed cross join {_rows(_PACKS, _PackRow, "pack")}),
waiting as (
    insert into outbox
        (connector_id, lane, due_at, message_id, last_id, step, part, attempt, account_id, parts, expires_at)
    select connector_id, lane, due_at, first_id, coalesce(last_id, first_id), step, 0, 1, account_id, parts, expires_at
    from kinds cross join lateral {_RUNS} where connector_id <> 0),
messages as (
    insert into message (account_id, id, task_id, dialect, test, reference, message_key, recipient, sender, text,
                         parts, ucs2, flash, traffic_class, price, created_at, scheduled_for, expires_at, extras,
                         connector_id, route_id, callback_lane, callback_each, counted, evidence)
    select account_id, id, task_id, dialect, test, reference, message_key, recipient, sender, text,
           parts, ucs2, flash, traffic_class, price, {_NOW}, scheduled_for, expires_at, extras,
           connector_id, route_id, callback_lane, callback_each, counted, evidence
    from kinds cross join lateral {_lists(*_LISTED)} {{in_order}}),
keys as (
    insert into external_key (account_id, kind, key, message_id)
    select account_id, 'reference'::key_kind, reference, id
    from kinds cross join lateral {_lists(_ID, _REFERENCE)} where own_reference
    {{message_keys_too}}
    order by 3, 1, 2)
{_RUNG} from allowed cross join unnest({_RINGS}) as connector_id"""
_MESSAGE_KEYS_TOO = f"""
    union all
    select account_id, 'message', message_key, id
    from kinds cross join lateral {_lists(_ID, _MESSAGE_KEY)} where own_message_key"""


@cache
def add(*, tasks: bool, message_keys: bool, mixed: bool) -> str:
    """The statement for orders: whether some have tasks or keys of messages, and whether they are of several kinds."""
    return _ADD.format(
        tasks=_TASKS_TOO if tasks else "",
        message_keys_too=_MESSAGE_KEYS_TOO if message_keys else "",
        in_order="order by id" if mixed else "",  # indexes grow at their ends
    )


_encode = msgspec.json.Encoder().encode


class OrderRows(CallbackRows):
    """Statements that take orders in."""

    async def keys_taken(self, keys: Sequence[tuple[int, str, str]]) -> set[tuple[int, str, str]]:
        """Which of (account id, kind, key) are used already."""
        if not keys:
            return set()
        return {tuple(row) for row in await self._connection.fetch(KEYS_TAKEN, *columns(keys, 3))}

    async def add_orders(self, new: NewOrders) -> None:
        """Write all of it: tasks, messages, what waits for connectors, and at last the held money.

        One statement, which needs no transaction around it. Raises KeysTaken or NotAsRemembered, and then a transaction
        around it must not be committed.
        """
        if not new.messages:
            return
        arguments = _arguments(new)
        if new.tasks:
            arguments += (*columns(counters(new), 6), *TASKS.arguments(new.tasks))
        try:
            await self._connection.fetch(_statement(new), *arguments)
        except asyncpg.UniqueViolationError as taken:
            if taken.constraint_name != OWN_KEYS_ARE_UNIQUE:
                raise
            raise KeysTaken from None
        except asyncpg.DeadlockDetectedError:
            if new.version is None:
                raise
            raise NotAsRemembered from None
        except asyncpg.PostgresError as error:
            if error.sqlstate != NOT_AS_REMEMBERED:
                raise
            raise NotAsRemembered from None

    async def ring(self, connectors: Collection[int]) -> None:
        """Wake the couriers of these connectors."""
        await self._connection.execute(RING, list(connectors))

    async def add_refused(self, new: NewOrders) -> None:
        """Write how messages ended that were refused as they were taken: status, report and callback."""
        refused = [(kind, some) for kind, some in new.messages.items() if kind.fault is not None]
        if refused:
            ends = [
                (kind.common.account_id, one, some.accepted.reason, some.accepted.stage, new.at, attempts)
                for kind, some in refused
                for attempts in [spell_attempts(begin(some.accepted, account_id=0, message_id=0).attempts)]
                for one in some.ids
            ]
            await self._connection.execute(ADD_REFUSED, *columns(ends, 6))
            await self.owe_callbacks(
                [
                    OwedCallback(kind.common.account_id, kind.manner.callback_lane, new.at, one, 1)
                    for kind, some in refused
                    if kind.manner.callback_lane is not None
                    for one in some.ids
                ]
            )


def _statement(new: NewOrders) -> str:
    return add(
        tasks=bool(new.tasks),
        message_keys=any(kind.own_message_key for kind in new.messages),
        mixed=len(new.messages) > 1,
    )


def _arguments(new: NewOrders) -> tuple[object, ...]:
    """What each of these statements is told."""
    packs = [_PackRow(*one) for one in _pack(new)]
    listed = [one.spelt(one.of(some)) for some in new.messages.values() for one in _LISTED]  # type: ignore[arg-type]
    rows = [
        _row(kind, size=len(some.ids), first=1 + number * len(_LISTED))
        for number, (kind, some) in enumerate(new.messages.items())
    ]
    for row, some in zip(rows, new.messages.values(), strict=True):
        found = runs(some.ids, step=row.step)
        row.runs = len(found)
        if row.runs < row.size:
            row.first_ids, row.last_ids = len(listed) + 1, len(listed) + 2
            listed += (list(map(str, ends)) for ends in zip(*found, strict=True))
    separator, lists = join(listed)
    return (
        _json(rows),
        lists,
        separator,
        new.at,
        new.version,
        _json(_by_account(new)),
        _json(packs),
        literal(list(new.rings)),
    )


def _row(kind: Kind, *, size: int, first: int) -> _Row:
    common, manner = kind.common, kind.manner
    return _Row(
        common.account_id,
        common.task_id,
        common.counted,
        DIALECT_NUMBERS[common.dialect],
        common.test,
        manner.sender,
        manner.flash,
        manner.traffic_class,
        LANE[manner.traffic_class],
        manner.validity_s,
        manner.scheduled_for,
        manner.callback_lane,
        manner.callback_each,
        kind.alphabet is Alphabet.UCS2,
        kind.parts,
        kind.price,
        kind.own_reference,
        kind.own_message_key,
        kind.offer.connector_id,
        kind.offer.route_id,
        size,
        first,
        size,
        first,
        0,
        NEXT_ORDER if common.task_id is None else 1,
    )


def _pack(new: NewOrders) -> list[Pack]:
    """The evidence that messages begin with; notes with them where it is."""
    told: dict[int, list[NewMessages]] = {}
    for kind, some in new.messages.items():
        told.setdefault(kind.common.account_id, []).append(some)
    packs: list[Pack] = []
    for account_id, its in told.items():
        added, places = pack_openings(account_id, [(some.accepted, some.ids) for some in its])
        packs += added
        for some, found in zip(its, places, strict=True):
            some.places = found
    return packs


def _by_account(new: NewOrders) -> list[_Account]:
    """What is held and taken of each account, in the order in which all lock them."""
    found: dict[int, tuple[int, int, int]] = {}
    for kind, some in new.messages.items():
        account_id, first, last = kind.common.account_id, min(some.ids), max(some.ids)
        total, since, until = found.get(account_id, (0, first, last))
        found[account_id] = (total + len(some.ids), min(since, first), max(until, last))
    none = MoneyMove()
    holds = {account_id: new.holds.get(account_id, none) for account_id in found}
    return [
        _Account(account_id, holds[account_id].hold, holds[account_id].held_messages, *found[account_id])
        for account_id in sorted(found)
    ]


def _json(rows: Sequence[msgspec.Struct]) -> str:
    return _encode(rows).decode()
