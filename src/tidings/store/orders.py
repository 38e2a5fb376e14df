"""New tasks and messages: written once, all of them in one statement.

Messages of one kind travel as one row: what they agree in is said once, and the rest as lists.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

import asyncpg
import msgspec

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.evidence import Evidence
from tidings.domain.lifecycle import begin
from tidings.domain.message import Standing
from tidings.domain.order import LANE
from tidings.domain.text import Alphabet
from tidings.flows.records import (
    Funds,
    KeysTaken,
    Kind,
    MoneyMove,
    NewMessages,
    NewOrders,
    NewTask,
    NotAsRemembered,
    OwedCallback,
)
from tidings.store.callbacks import CallbackRows
from tidings.store.evidence import Pack, pack_openings
from tidings.store.rows import DIALECT_NUMBERS, columns
from tidings.store.sheet import Column, Sheet, array, join

KEYS_TAKEN = """
select k.account_id, k.kind::text, k.key
from unnest($1::integer[], $2::key_kind[], $3::text[]) as wanted (account_id, kind, key)
join external_key k using (account_id, kind, key)"""

ADD_OPENING_REPORTS = """
with refused as materialized (
    select * from unnest($1::integer[], $2::bigint[], $3::text[], $4::delivery_stage[], $5::timestamptz[])
                  as t (account_id, message_id, reason, stage, at)),
listed as (
    insert into report (account_id, message_id, number, state, reason, stage, done_at, owed_at)
    select account_id, message_id, 1, 'rejected', reason, stage, at, at from refused)
insert into report_due (account_id, message_id, number, state, reason, stage, confirmation, inferred, sent_at, done_at,
                        price, owed_at)
select account_id, message_id, 1, 'rejected', reason, stage, 'none', false, at, at, 0, at from refused"""


class _Opening(NamedTuple):
    """What the first evidence makes of a message."""

    state: str
    reason: str | None
    stage: str | None
    final: bool
    attempts: str  # JSON


class _Row(NamedTuple):
    """The messages of a kind."""

    kind: Kind
    opening: _Opening
    size: int
    lists: list[str]  # what each of `_LISTED` says of each


def _list(place: int, row: _Row) -> str:
    return row.lists[place]


_TASKS: Sheet[NewTask] = Sheet(
    Column("account_id", "integer", attrgetter("account_id")),
    Column("id", "bigint", attrgetter("id")),
    Column("total", "integer", attrgetter("total")),
    Column("source", "text", attrgetter("source")),
    Column("bulk_key", "text", attrgetter("bulk_key"), null=True),
    Column("name", "text", attrgetter("name"), null=True),
    Column("validity_s", "integer", attrgetter("validity_s")),
    Column("scheduled_for", "timestamptz", attrgetter("scheduled_for"), null=True),
)
_LISTED = (
    Column("id", "bigint", attrgetter("ids")),
    Column("reference", "text", attrgetter("references"), null=True),
    Column("message_key", "text", attrgetter("message_keys"), null=True),
    Column("recipient", "text", attrgetter("recipients")),
    Column("text", "text", attrgetter("texts")),
    Column("evidence", "bytea", attrgetter("places")),
)
_AGREED = (
    Column("account_id", "integer", attrgetter("kind.common.account_id")),
    Column("task_id", "bigint", attrgetter("kind.common.task_id"), null=True),
    Column("counted", "boolean", attrgetter("kind.common.counted")),
    Column("dialect", "smallint", lambda row: DIALECT_NUMBERS[row.kind.common.dialect]),
    Column("test", "boolean", attrgetter("kind.common.test")),
    Column("sender", "text", attrgetter("kind.manner.sender")),
    Column("flash", "boolean", attrgetter("kind.manner.flash")),
    Column("traffic_class", "traffic_class", attrgetter("kind.manner.traffic_class")),
    Column("lane", "smallint", lambda row: LANE[row.kind.manner.traffic_class]),
    Column("validity_s", "integer", attrgetter("kind.manner.validity_s")),
    Column("scheduled_for", "timestamptz", attrgetter("kind.manner.scheduled_for"), null=True),
    Column("extras", "jsonb", attrgetter("kind.manner.extras"), null=True),
    Column("callback_lane", "integer", attrgetter("kind.manner.callback_lane"), null=True),
    Column("callback_each", "boolean", attrgetter("kind.manner.callback_each")),
    Column("ucs2", "boolean", lambda row: row.kind.alphabet is Alphabet.UCS2),
    Column("parts", "smallint", attrgetter("kind.parts")),
    Column("price", "bigint", attrgetter("kind.price")),
    Column("billed", "bigint", attrgetter("kind.billed")),
    Column("own_reference", "boolean", attrgetter("kind.own_reference")),
    Column("own_message_key", "boolean", attrgetter("kind.own_message_key")),
    Column("connector_id", "integer", attrgetter("kind.offer.connector_id")),
    Column("state", "delivery_state", attrgetter("opening.state")),
    Column("reason", "text", attrgetter("opening.reason"), null=True),
    Column("stage", "delivery_stage", attrgetter("opening.stage"), null=True),
    Column("final", "boolean", attrgetter("opening.final")),
    Column("attempts", "json", attrgetter("opening.attempts")),
)
_KINDS: Sheet[_Row] = Sheet(
    *_AGREED,
    Column("size", "integer", attrgetter("size")),
    *(Column(f"each_{one.name}", "text", partial(_list, place)) for place, one in enumerate(_LISTED)),
)

_PARAMETERS = iter(range(_KINDS.end, _KINDS.end + 40))


def _parameters(*types: str) -> str:
    """The next parameters, of these types."""
    return ", ".join(f"${next(_PARAMETERS)}::{one}" for one in types)


_NOW, _VERSION, _SEPARATOR = _parameters("timestamptz"), _parameters("bigint"), _parameters("text")
_BY_ACCOUNT = _parameters("integer[]", "bigint[]", "integer[]", "integer[]", "bigint[]", "bigint[]")
_PACKS = _parameters("integer[]", "bigint[]", "integer[]", "bytea[]")
_FED = _parameters("integer[]")
_COUNTERS = _parameters("integer[]", "bigint[]", "integer[]", "integer[]", "integer[]", "bigint[]")
_OWN_TASKS = _TASKS.at(next(_PARAMETERS))

_EACH = f"""unnest({
    ", ".join(array(one, f"each_{one.name}", separator=_SEPARATOR, count="size") for one in _LISTED)
}) as message ({", ".join(one.name for one in _LISTED)})"""

_SHOWN = ", ".join(one.name for one in (*_AGREED, *_LISTED))

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

# The accounts come first and everything else is made to depend on them: whoever else takes orders of one of them waits
# there, holding nothing yet. One that is closed or cannot pay is not moved, and that ends the statement.
_ADD = f"""
with per_account as materialized (
    select * from unnest({_BY_ACCOUNT}) as t (account_id, hold, held, messages, first_id, last_id)),
moved as (
    update account set balance = balance - hold from per_account
    where id = account_id and closed_at is null and (hold = 0 or balance + credit_limit >= hold)
    returning id, balance, credit_limit),
allowed as materialized (
    select insist((select count(*) from moved) = (select count(*) from per_account)
                  and coalesce({_VERSION} = (select version from catalog), true), '{NOT_AS_REMEMBERED}')),
new as materialized (
    select {_SHOWN}, coalesce(scheduled_for, {_NOW}) as due_at,
           coalesce(scheduled_for, {_NOW}) + validity_s * interval '1 second' as expires_at
    from allowed cross join {_KINDS.source} cross join lateral {_EACH}
    order by id), -- indexes grow at their ends
holds as (
    insert into ledger (account_id, at, kind, amount, messages)
    select account_id, {_NOW}, 'hold', hold, held from allowed cross join per_account where hold > 0),
counts as (
    insert into message_count as c (account_id, width, starts_at, messages, first_id, last_id)
    select account_id, width, date_trunc(width, {_NOW}), messages, first_id, last_id
    from allowed cross join per_account cross join (values ('day'), ('minute')) as t (width)
    on conflict (account_id, width, starts_at) do update
        set messages = c.messages + excluded.messages, first_id = least(c.first_id, excluded.first_id),
            last_id = greatest(c.last_id, excluded.last_id)),
{{tasks}}
messages as (
    insert into message (account_id, id, task_id, dialect, test, reference, message_key, recipient, sender, text,
                         parts, ucs2, flash, traffic_class, price, created_at, scheduled_for, expires_at, extras)
    select account_id, id, task_id, dialect, test, reference, message_key, recipient, sender, text,
           parts, ucs2, flash, traffic_class, price, {_NOW}, scheduled_for, expires_at, extras
    from new),
deliveries as (
    insert into delivery (account_id, message_id, version, state, reason, stage, done_at, price, held, reports,
                          counted_task, callback_lane, callback_each, attempts, evidence)
    select account_id, id, 1, state, reason, stage, case when final then {_NOW} end, billed,
           case when final then 0 else billed end, final::integer, case when counted then task_id end,
           callback_lane, callback_each, attempts, evidence
    from new),
keys as (
    insert into external_key (account_id, kind, key, message_id)
    select account_id, 'reference'::key_kind, reference, id from new where own_reference
    union all
    select account_id, 'message', message_key, id from new where own_message_key),
waiting as (
    insert into outbox (connector_id, lane, due_at, message_id, part, attempt, account_id, parts, expires_at)
    select connector_id, lane, due_at, id, 0, 1, account_id, parts, expires_at
    from new where connector_id <> 0),
packs as (
    insert into evidence (account_id, message_id, seq, body)
    select pack.* from allowed cross join unnest({_PACKS}) as pack)
select id, balance, credit_limit,
       (select count(pg_notify('tidings_outbox', fed::text)) from unnest({_FED}) as fed) as connectors_woken
from allowed cross join moved"""
ADD_ALONE, ADD = _ADD.format(tasks=""), _ADD.format(tasks=_TASKS_TOO)


_encode = msgspec.json.Encoder().encode


class OrderRows(CallbackRows):
    """Statements that take orders in."""

    async def keys_taken(self, keys: Sequence[tuple[int, str, str]]) -> set[tuple[int, str, str]]:
        """Which of (account id, kind, key) are used already."""
        if not keys:
            return set()
        return {tuple(row) for row in await self._connection.fetch(KEYS_TAKEN, *columns(keys, 3))}

    async def add_orders(self, new: NewOrders) -> dict[int, Funds]:
        """Lock the accounts and write all of it: tasks, messages, what waits for connectors, and the held money.

        One statement, which needs no transaction around it. Gives how the accounts stand then. Raises KeysTaken or
        NotAsRemembered, and then a transaction around it must not be committed.
        """
        if not new.messages:
            return {}
        statement, arguments = ADD_ALONE, _arguments(new)
        if new.tasks:
            statement = ADD
            arguments += (*columns(_counters(new), 6), *_TASKS.arguments(new.tasks))
        try:
            rows = await self._connection.fetch(statement, *arguments)
        except asyncpg.UniqueViolationError as taken:
            if taken.constraint_name != OWN_KEYS_ARE_UNIQUE:
                raise
            raise KeysTaken from None
        except asyncpg.PostgresError as error:
            if error.sqlstate != NOT_AS_REMEMBERED:
                raise
            raise NotAsRemembered from None
        return {row["id"]: Funds(row["balance"], row["credit_limit"], closed=False) for row in rows}

    async def add_refused(self, new: NewOrders) -> None:
        """Write the reports and callbacks of messages that were refused as they were taken."""
        refused = [(kind, some) for kind, some in new.messages.items() if kind.fault is not None]
        if refused:
            reports = [
                (kind.common.account_id, one, some.accepted.reason, some.accepted.stage, new.at)
                for kind, some in refused
                for one in some.ids
            ]
            await self._connection.execute(ADD_OPENING_REPORTS, *columns(reports, 5))
            await self.owe_callbacks(
                [
                    OwedCallback(kind.common.account_id, kind.manner.callback_lane, new.at, one, 1)
                    for kind, some in refused
                    if kind.manner.callback_lane is not None
                    for one in some.ids
                ]
            )


def _arguments(new: NewOrders) -> tuple[object, ...]:
    """What both statements are told."""
    packs = _pack(new)
    separator, joined = join(
        [one.spelt(one.of(some)) for some in new.messages.values() for one in _LISTED]  # type: ignore[arg-type]
    )
    each = iter(joined)
    openings = {id(some.accepted): some.accepted for some in new.messages.values()}
    opened = {one: _opening(accepted) for one, accepted in openings.items()}
    rows = [
        _Row(kind, opened[id(some.accepted)], len(some.ids), list(islice(each, len(_LISTED))))
        for kind, some in new.messages.items()
    ]
    return (
        *_KINDS.arguments(rows),
        new.at,
        new.version,
        separator,
        *columns(_by_account(new), 6),
        *columns(packs, 4),
        list({kind.offer.connector_id for kind in new.messages} - {0}),
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


def _by_account(new: NewOrders) -> list[tuple[int, int, int, int, int, int]]:
    """What is held and taken of each account, in the order in which all lock them."""
    found: dict[int, tuple[int, int, int]] = {}
    for kind, some in new.messages.items():
        account_id, first, last = kind.common.account_id, min(some.ids), max(some.ids)
        total, since, until = found.get(account_id, (0, first, last))
        found[account_id] = (total + len(some.ids), min(since, first), max(until, last))
    none = MoneyMove()
    holds = {account_id: new.holds.get(account_id, none) for account_id in found}
    return [
        (account_id, holds[account_id].hold, holds[account_id].held_messages, *found[account_id])
        for account_id in sorted(found)
    ]


def _opening(accepted: Evidence) -> _Opening:
    delivery = begin(accepted, account_id=0, message_id=0)
    standing = delivery.standing
    attempts = _encode(delivery.attempts).decode()
    return _Opening(standing.state, standing.reason, standing.stage, delivery.final, attempts)


def _counters(new: NewOrders) -> list[tuple[int, int, int, int, int, int]]:
    """The opening counters of tasks that keep them."""
    found: dict[tuple[int, int], dict[Bucket | str, int]] = {}
    for kind, some in new.messages.items():
        if kind.common.counted:
            assert kind.common.task_id is not None
            counter = found.setdefault((kind.common.account_id, kind.common.task_id), {})
            accepted = some.accepted
            assert accepted.claim is not None
            where = bucket(Standing(accepted.claim, accepted.reason, accepted.stage))
            counter[where] = counter.get(where, 0) + len(some.ids)
            counter["price"] = counter.get("price", 0) + kind.billed * len(some.ids)
    shown = (Bucket.WAITING, Bucket.REJECTED, Bucket.UNDELIVERABLE, "price")
    return [(*task, *(counter.get(name, 0) for name in shown)) for task, counter in found.items()]  # type: ignore[misc]
