"""New tasks and messages: written once, all of them in one statement."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

import asyncpg
import msgspec

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.evidence import Evidence
from tidings.domain.lifecycle import begin
from tidings.domain.message import Standing
from tidings.domain.text import Alphabet
from tidings.flows.records import (
    Funds,
    Key,
    KeysTaken,
    MoneyMove,
    NewMessage,
    NewOrders,
    NewTask,
    NotAsRemembered,
    OwedCallback,
)
from tidings.store.callbacks import CallbackRows
from tidings.store.evidence import pack
from tidings.store.rows import columns
from tidings.store.sheet import Column, Sheet

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


class _Row(NamedTuple):
    """A message and what its opening evidence makes of it."""

    message: NewMessage
    opening: "_Opening"
    evidence: str  # where it is found again


class _Opening(NamedTuple):
    """What is the same for all messages that begin alike."""

    state: str
    reason: str | None
    stage: str | None
    final: bool
    attempts: str  # JSON


_TASKS: Sheet[NewTask] = Sheet(
    Column("account_id", "integer", attrgetter("account_id")),
    Column("id", "bigint", attrgetter("id")),
    Column("total", "integer", attrgetter("total")),
    Column("dialect", "text", attrgetter("dialect")),
    Column("source", "text", attrgetter("source")),
    Column("test", "boolean", attrgetter("test")),
    Column("bulk_key", "text", attrgetter("bulk_key")),
    Column("own_bulk_key", "boolean", attrgetter("own_bulk_key")),
    Column("name", "text", attrgetter("name"), null=True),
    Column("validity_s", "integer", attrgetter("validity_s")),
    Column("scheduled_for", "timestamptz", attrgetter("scheduled_for"), null=True),
)
_MESSAGES: Sheet[_Row] = Sheet(
    Column("account_id", "integer", attrgetter("message.task.account_id")),
    Column("id", "bigint", attrgetter("message.id")),
    Column("task_id", "bigint", attrgetter("message.task.id")),
    Column("reference", "text", attrgetter("message.reference")),
    Column("own_reference", "boolean", attrgetter("message.own_reference")),
    Column("message_key", "text", attrgetter("message.message_key")),
    Column("own_message_key", "boolean", attrgetter("message.own_message_key")),
    Column("recipient", "text", attrgetter("message.recipient")),
    Column("sender", "text", attrgetter("message.draft.sender")),
    Column("text", "text", attrgetter("message.draft.text")),
    Column("parts", "smallint", lambda row: len(row.message.segments.parts)),
    Column("ucs2", "boolean", lambda row: row.message.segments.alphabet is Alphabet.UCS2),
    Column("flash", "boolean", attrgetter("message.draft.flash")),
    Column("traffic_class", "traffic_class", attrgetter("message.traffic_class")),
    Column("price", "bigint", attrgetter("message.price")),
    Column("billed", "bigint", attrgetter("message.billed")),
    Column("country", "text", attrgetter("message.country"), null=True),
    Column("scheduled_for", "timestamptz", attrgetter("message.scheduled_for"), null=True),
    Column("validity_s", "integer", attrgetter("message.validity_s")),
    Column("extras", "jsonb", attrgetter("message.extras"), null=True),
    Column("counted", "boolean", attrgetter("message.counted")),
    Column("callback_lane", "integer", attrgetter("message.callback_lane"), null=True),
    Column("callback_each", "boolean", attrgetter("message.callback_each")),
    Column("connector_id", "integer", attrgetter("message.connector_id")),
    Column("lane", "smallint", attrgetter("message.lane")),
    Column("state", "delivery_state", attrgetter("opening.state")),
    Column("reason", "text", attrgetter("opening.reason"), null=True),
    Column("stage", "delivery_stage", attrgetter("opening.stage"), null=True),
    Column("final", "boolean", attrgetter("opening.final")),
    Column("attempts", "json", attrgetter("opening.attempts")),
    Column("evidence", "bytea", attrgetter("evidence")),
    first=_TASKS.end,
)
_PARAMETERS = iter(range(_MESSAGES.end, _MESSAGES.end + 40))


def _parameters(*types: str) -> str:
    """The next parameters, of these types."""
    return ", ".join(f"${next(_PARAMETERS)}::{one}" for one in types)


_NOW, _VERSION = _parameters("timestamptz"), _parameters("bigint")
_BY_ACCOUNT = _parameters("integer[]", "bigint[]", "integer[]", "integer[]", "bigint[]", "bigint[]")
_COUNTERS = _parameters("integer[]", "bigint[]", "integer[]", "integer[]", "integer[]", "bigint[]")
_PACKS = _parameters("integer[]", "bigint[]", "integer[]", "bytea[]")
_FED = _parameters("integer[]")

NOT_AS_REMEMBERED = "TD001"
"""The code by which the statement ends itself."""

OWN_KEYS_ARE_UNIQUE = "external_key_pkey"

# The accounts come first and everything else is made to depend on them: whoever else takes orders of one of them waits
# there, holding nothing yet. One that is closed or cannot pay is not moved, and that ends the statement.
ADD = f"""
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
    select sheet.*, coalesce(scheduled_for, {_NOW}) as due_at,
           coalesce(scheduled_for, {_NOW}) + validity_s * interval '1 second' as expires_at
    from allowed cross join {_MESSAGES.source}),
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
tasks as (
    insert into task (account_id, id, total, dialect, source, test, bulk_key, own_bulk_key, name, validity_s,
                      created_at, scheduled_for)
    select account_id, id, total, dialect, source, test, bulk_key, own_bulk_key, name, validity_s,
           {_NOW}, scheduled_for
    from allowed cross join {_TASKS.source}),
counters as (
    insert into task_counter (account_id, task_id, waiting, rejected, undeliverable, price)
    select counted.* from allowed cross join unnest({_COUNTERS}) as counted),
messages as (
    insert into message (account_id, id, task_id, reference, message_key, recipient, sender, text, parts, ucs2,
                         flash, traffic_class, price, country, created_at, scheduled_for, expires_at, extras)
    select account_id, id, task_id, reference, message_key, recipient, sender, text, parts, ucs2,
           flash, traffic_class, price, country, {_NOW}, scheduled_for, expires_at, extras
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
        if not new.tasks:
            return {}
        messages = new.messages
        packs, places = pack([((one.task.account_id, one.id), 1, one.accepted) for one in messages])
        try:
            rows = await self._connection.fetch(
                ADD,
                *_TASKS.arguments(new.tasks),
                *_MESSAGES.arguments(_rows(messages, places)),
                new.at,
                new.version,
                *columns(_by_account(new), 6),
                *columns(_counters(messages), 6),
                *columns(packs, 4),
                list({one.connector_id for one in messages} - {0}),
            )
        except asyncpg.UniqueViolationError as taken:
            if taken.constraint_name != OWN_KEYS_ARE_UNIQUE:
                raise
            raise KeysTaken from None
        except asyncpg.PostgresError as error:
            if error.sqlstate != NOT_AS_REMEMBERED:
                raise
            raise NotAsRemembered from None
        return {row["id"]: Funds(row["balance"], row["credit_limit"], closed=False) for row in rows}

    async def add_refused(self, messages: Sequence[NewMessage]) -> None:
        """Write the reports and callbacks of messages that were refused as they were taken."""
        if messages:
            await self._connection.execute(ADD_OPENING_REPORTS, *columns(list(map(_report, messages)), 5))
            await self.owe_callbacks([callback for one in messages for callback in _callbacks(one)])


def _by_account(new: NewOrders) -> list[tuple[int, int, int, int, int, int]]:
    """What is held and taken of each account, in the order in which all lock them."""
    found: dict[int, tuple[int, int, int]] = {}
    for task in new.tasks:
        first, last = task.id + 1, task.id + task.total
        total, since, until = found.get(task.account_id, (0, first, last))
        found[task.account_id] = (total + task.total, min(since, first), max(until, last))
    none = MoneyMove()
    holds = {account_id: new.holds.get(account_id, none) for account_id in found}
    return [
        (account_id, holds[account_id].hold, holds[account_id].held_messages, *found[account_id])
        for account_id in sorted(found)
    ]


def _rows(messages: Sequence[NewMessage], places: Mapping[Key, bytes]) -> list[_Row]:
    """Messages that begin alike share the evidence that says so, and it is looked at once."""
    openings: dict[int, _Opening] = {}
    rows = []
    for one in messages:
        accepted = one.accepted
        opening = openings.get(id(accepted))
        if opening is None:
            opening = openings[id(accepted)] = _opening(accepted)
        rows.append(_Row(one, opening, "\\x" + places[one.task.account_id, one.id].hex()))
    return rows


def _opening(accepted: Evidence) -> _Opening:
    delivery = begin(accepted, account_id=0, message_id=0)
    standing = delivery.standing
    attempts = _encode(delivery.attempts).decode()
    return _Opening(standing.state, standing.reason, standing.stage, delivery.final, attempts)


def _counters(messages: Sequence[NewMessage]) -> list[tuple[int, int, int, int, int, int]]:
    """The opening counters of tasks that keep them."""
    found: dict[tuple[int, int], dict[Bucket | str, int]] = {}
    for one in messages:
        if one.counted:
            counter = found.setdefault((one.task.account_id, one.task.id), {})
            accepted = one.accepted
            assert accepted.claim is not None
            where = bucket(Standing(accepted.claim, accepted.reason, accepted.stage))
            counter[where] = counter.get(where, 0) + 1
            counter["price"] = counter.get("price", 0) + one.billed
    shown = (Bucket.WAITING, Bucket.REJECTED, Bucket.UNDELIVERABLE, "price")
    return [(*task, *(counter.get(name, 0) for name in shown)) for task, counter in found.items()]  # type: ignore[misc]


def _report(one: NewMessage) -> tuple[object, ...]:
    return (one.task.account_id, one.id, one.accepted.reason, one.accepted.stage, one.task.created_at)


def _callbacks(one: NewMessage) -> list[OwedCallback]:
    if one.callback_lane is None:
        return []
    return [OwedCallback(one.task.account_id, one.callback_lane, one.task.created_at, one.id, 1)]
