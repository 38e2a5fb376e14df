"""New tasks and messages: written once, set by set."""

from collections.abc import Sequence

import msgspec

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.lifecycle import begin
from tidings.domain.message import Standing
from tidings.flows.records import NewMessage, NewTask
from tidings.store.evidence import ADD_PACKS, pack
from tidings.store.rows import Rows, columns

KEYS_TAKEN = """
select k.account_id, k.kind::text, k.key
from unnest($1::integer[], $2::key_kind[], $3::text[]) as wanted (account_id, kind, key)
join external_key k using (account_id, kind, key)"""

ADD_TASKS = """
insert into task (account_id, id, total, dialect, source, test, bulk_key, name, validity_s, created_at, scheduled_for)
select * from unnest($1::integer[], $2::bigint[], $3::integer[], $4::text[], $5::text[], $6::boolean[], $7::text[],
                     $8::text[], $9::integer[], $10::timestamptz[], $11::timestamptz[])"""

ADD_COUNTERS = """
insert into task_counter (account_id, task_id, waiting, rejected, undeliverable, price)
select * from unnest($1::integer[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[])"""

ADD_MESSAGES = """
insert into message (account_id, id, task_id, reference, message_key, recipient, sender, text, parts, ucs2, flash,
                     traffic_class, price, country, created_at, scheduled_for, expires_at, extras)
select * from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::text[], $9::smallint[], $10::boolean[], $11::boolean[], $12::traffic_class[], $13::bigint[],
                     $14::text[], $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::jsonb[])"""

ADD_DELIVERIES = """
insert into delivery (account_id, message_id, version, state, reason, stage, done_at, price, held, reports,
                      counted_task, attempts, evidence)
select * from unnest($1::integer[], $2::bigint[], $3::integer[], $4::delivery_state[], $5::text[],
                     $6::delivery_stage[], $7::timestamptz[], $8::bigint[], $9::bigint[], $10::smallint[],
                     $11::bigint[], $12::json[], $13::bytea[])"""

ADD_KEYS = """
insert into external_key (account_id, kind, key, message_id)
select * from unnest($1::integer[], $2::key_kind[], $3::text[], $4::bigint[])"""

ADD_WAITING = """
insert into outbox (connector_id, lane, due_at, message_id, part, attempt, account_id, parts, expires_at)
select connector_id, lane, due_at, message_id, 0, 1, account_id, parts, expires_at
from unnest($1::integer[], $2::smallint[], $3::timestamptz[], $4::bigint[], $5::integer[], $6::smallint[],
            $7::timestamptz[]) as t (connector_id, lane, due_at, message_id, account_id, parts, expires_at)"""

ADD_OPENING_REPORTS = """
insert into report (account_id, message_id, number, state, reason, stage, confirmation, inferred, sent_at, done_at,
                    price, owed_at)
select account_id, message_id, 1, 'rejected', reason, stage, 'none', false, at, at, 0, at
from unnest($1::integer[], $2::bigint[], $3::text[], $4::delivery_stage[], $5::timestamptz[])
     as t (account_id, message_id, reason, stage, at)"""

WAKE = "select pg_notify('tidings_outbox', '')"

_encode = msgspec.json.Encoder().encode


class OrderRows(Rows):
    """Statements that take orders in."""

    async def keys_taken(self, keys: Sequence[tuple[int, str, str]]) -> set[tuple[int, str, str]]:
        """Which of (account id, kind, key) are used already."""
        if not keys:
            return set()
        return {tuple(row) for row in await self._connection.fetch(KEYS_TAKEN, *columns(keys, 3))}

    async def add_orders(self, tasks: Sequence[NewTask], messages: Sequence[NewMessage]) -> None:
        """Write tasks, counters, messages, deliveries, evidence, keys and what waits for connectors."""
        if not tasks:
            return
        execute = self._connection.execute
        await execute(ADD_TASKS, *columns([msgspec.structs.astuple(task) for task in tasks], 11))
        counters = _counters(messages)
        if counters:
            await execute(ADD_COUNTERS, *columns(counters, 6))
        await execute(ADD_MESSAGES, *columns([_message(one) for one in messages], 18))
        packs, places = pack([((one.account_id, one.id), 1, one.accepted) for one in messages])
        await execute(ADD_PACKS, *columns(packs, 4))
        deliveries = [(*_delivery(one), places[one.account_id, one.id]) for one in messages]
        await execute(ADD_DELIVERIES, *columns(deliveries, 13))
        keys = [key for one in messages for key in _keys(one)]
        if keys:
            await execute(ADD_KEYS, *columns(keys, 4))
        refused = [_report(one) for one in messages if not one.connector_id]
        if refused:
            await execute(ADD_OPENING_REPORTS, *columns(refused, 5))
        waiting = [_waiting(one) for one in messages if one.connector_id]
        if waiting:
            await execute(ADD_WAITING, *columns(waiting, 7))
            await execute(WAKE)


def _counters(messages: Sequence[NewMessage]) -> list[tuple[int, int, int, int, int, int]]:
    """The opening counters of tasks that keep them."""
    found: dict[tuple[int, int], dict[Bucket | str, int]] = {}
    for one in messages:
        if one.counted:
            counter = found.setdefault((one.account_id, one.task_id), {})
            accepted = one.accepted
            assert accepted.claim is not None
            where = bucket(Standing(accepted.claim, accepted.reason, accepted.stage))
            counter[where] = counter.get(where, 0) + 1
            counter["price"] = counter.get("price", 0) + one.billed
    shown = (Bucket.WAITING, Bucket.REJECTED, Bucket.UNDELIVERABLE, "price")
    return [(*task, *(counter.get(name, 0) for name in shown)) for task, counter in found.items()]  # type: ignore[misc]


def _message(one: NewMessage) -> tuple[object, ...]:
    return (
        one.account_id,
        one.id,
        one.task_id,
        one.reference,
        one.message_key,
        one.recipient,
        one.sender,
        one.text,
        one.parts,
        one.ucs2,
        one.flash,
        one.traffic_class,
        one.price,
        one.country,
        one.created_at,
        one.scheduled_for,
        one.expires_at,
        one.extras.decode() if one.extras else None,
    )


def _delivery(one: NewMessage) -> tuple[object, ...]:
    delivery = begin(one.accepted, account_id=one.account_id, message_id=one.id)
    standing = delivery.standing
    return (
        one.account_id,
        one.id,
        delivery.version,
        standing.state,
        standing.reason,
        standing.stage,
        delivery.done_at,
        one.billed,
        0 if delivery.final else one.billed,
        1 if delivery.final else 0,
        one.task_id if one.counted else None,
        _encode(delivery.attempts).decode(),
    )


def _keys(one: NewMessage) -> list[tuple[int, str, str, int]]:
    keys = []
    if one.own_reference:
        keys.append((one.account_id, "reference", one.reference, one.id))
    if one.own_message_key:
        keys.append((one.account_id, "message", one.message_key, one.id))
    return keys


def _report(one: NewMessage) -> tuple[object, ...]:
    return (one.account_id, one.id, one.accepted.reason, one.accepted.stage, one.created_at)


def _waiting(one: NewMessage) -> tuple[object, ...]:
    due_at = one.scheduled_for or one.created_at
    return (one.connector_id, one.lane, due_at, one.id, one.account_id, one.parts, one.expires_at)
