"""Read-only questions: messages, tasks, pages. The account stands in every one of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import asyncpg
import msgspec

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.ids import seal
from tidings.domain.message import Message, Progress, Task
from tidings.domain.money import Units
from tidings.domain.number import country
from tidings.domain.order import NO_EXTRAS, USUAL_SOURCE, Extras
from tidings.domain.status import FINAL
from tidings.flows.records import Key, OwnKey, OwnReference
from tidings.store.deliveries import standing_as, standing_of
from tidings.store.rows import DIALECTS, Rows, columns, literal, seconds
from tidings.store.stand import BILLED, DELIVERY, STAND, delivery_among, stand

# What is written and waits for its answer is noted with that; until then the intent tells of it.
STATE = f"""case when coalesce(d.state < 'sending', true) and exists (
             select from (select doubt_since from in_flight where message_id = m.id offset 0) f
             where f.doubt_since is null)
         then 'sending' else {STAND["state"]} end as state"""

VALIDITY_S = "extract(epoch from m.expires_at - coalesce(m.scheduled_for, m.created_at))::integer"

# Keys that we made are not stored. This is asked for once in a statement, and only if it is wanted.
SEALED_WITH = "(select id_secret from installation)"

MESSAGE_FIELDS = f"""
    m.account_id, m.id, coalesce(m.task_id, m.id - 1) as task_id, m.dialect, t.source, m.test, t.bulk_key,
    m.message_key, m.reference, m.recipient, m.sender, m.text, m.parts, m.price, m.created_at, m.scheduled_for,
    m.expires_at, m.extras, {SEALED_WITH} as id_secret,
    {VALIDITY_S} as validity_s,
    a.currency, {STATE},
    {stand("reason", "stage", "confirmation", "inferred", "network_error", "held", "charged")},
    {stand("sent_at", "delivered_at", "done_at", "report_at", "read_at", "reports", "flags")}"""

# What only test traffic is asked for, its price, and what only a reference that we made needs are null for all others.
# Times come as numbers: asyncpg takes 1.5 us for a time, and there are up to four.
PROGRESS_FIELDS = f"""
    m.account_id, m.id, case when m.test then m.price end as asked, m.reference, m.recipient,
    {seconds("m.created_at")}, {seconds("m.scheduled_for")}, {STATE},
    {stand("reason", "stage", "confirmation", "inferred", "network_error")},
    coalesce(d.held + d.charged, {BILLED}) as price, {seconds("d.sent_at")}, {seconds("d.report_at")},
    case when m.reference is null then {SEALED_WITH} end as id_secret,
    (select version from catalog) as catalog_version"""

# `offset 0` makes each of these a question of its own, asked for one row after the other by the table's key, whatever
# the planner thinks of the tables' sizes.
TASK, ACCOUNT = (
    """
left join lateral (select * from task where account_id = m.account_id and id = m.task_id offset 0) t on true""",
    """
cross join lateral (select * from account where id = m.account_id offset 0) a""",
)

# An id belongs to one account only; a pair that was not asked for is left out by whoever asked. Each partition reads
# the arrays, so each array is made once. It is the least and the last id that tell which partitions this is about:
# arrays do not, and to open one costs as much as to find a message in it.
SPAN = "between $3::bigint and $4::bigint"
BY_IDS = f"""
account_id = any((select $1::text::integer[])::integer[]) and id = any((select $2::text::bigint[])::bigint[])
and id {SPAN}"""
ASKED_BY_ID = f"""
from (select * from message where {BY_IDS} offset 0) m"""
ITS_DELIVERY = delivery_among(SPAN)

ASKED_BY_KEY = """
from unnest($1::text::integer[], $2::text::key_kind[], $3::text[]) as wanted (account_id, kind, key)
cross join lateral (
    select message_id from external_key
    where account_id = wanted.account_id and kind = wanted.kind and key = wanted.key offset 0) k
cross join lateral (
    select * from message where account_id = wanted.account_id and id = k.message_id offset 0) m"""

# The ids first, and then the messages as above: that is half of what it costs row by row.
ASKED_BY_REFERENCE = """
from (select * from message where account_id = any($1::text::integer[]) and id = any(array(
          select message_id from external_key
          where account_id = any($1::text::integer[]) and kind = 'reference' and key = any($2::text[]))) offset 0) m"""

BY_ID = f"select {MESSAGE_FIELDS} {ASKED_BY_ID} {ITS_DELIVERY} {TASK} {ACCOUNT}"
BY_KEY = f"select wanted.kind::text, wanted.key, {MESSAGE_FIELDS} {ASKED_BY_KEY} {DELIVERY} {TASK} {ACCOUNT}"
PROGRESS_BY_ID = f"select {PROGRESS_FIELDS} {ASKED_BY_ID} {ITS_DELIVERY}"
PROGRESS_BY_REFERENCE = f"select {PROGRESS_FIELDS} {ASKED_BY_REFERENCE} {DELIVERY}"
CURRENCIES = "select id, currency from account where id = any($1)"

# Asked for by its first message. A task of one message keeps no counters: they are that message's standing.
TASKS = f"""
select m.account_id, m.id - 1 as id, m.dialect, t.bulk_key, t.name,
       coalesce(t.validity_s, {VALIDITY_S}) as validity_s, m.created_at,
       case when t.id is null then m.scheduled_for else t.scheduled_for end as scheduled_for,
       coalesce(t.total, 1) as total, m.test,
       m.sender, m.text, m.price as asked, c.handed_over, c.waiting, c.sent, c.delivered, c.expired,
       c.undeliverable, c.rejected, c.unknown, c.price,
       case when coalesce(t.total, 1) = 1 then {STAND["state"]} end as state,
       {stand("reason", "stage", "confirmation", "inferred", "network_error", "sent_at", "held", "charged")},
       case when t.bulk_key is null then {SEALED_WITH} end as id_secret,
       (select version from catalog) as catalog_version
from (select * from message where {BY_IDS} and coalesce(task_id = id - 1, true) offset 0) m
{TASK}
left join lateral (
    select * from task_counter where account_id = m.account_id and task_id = m.task_id offset 0) c on true
left join lateral (
    select * from delivery
    where account_id = m.account_id and message_id = m.id and message_id {SPAN}
      and coalesce(t.total, 1) = 1 offset 0) d on true"""

SEARCH_RECIPIENT = """
select id from message where account_id = $1 and recipient = $2 and recipient >= '' order by id desc limit $3"""
BULK_RANGES = """
select id + 1 as first, id + total as last from task
where account_id = $1 and bulk_key = $2 and bulk_key is not null
union all
select id + 1, id + total from task where account_id = $1 and id = $3 and bulk_key is null
union all
select id, id from message where account_id = $1 and id = $3 + 1 and task_id is null
order by first desc limit 1000"""

INSTALLATION = "select token_secret, id_secret from installation"

BUCKETS = tuple(map(str, Bucket))

at_second = datetime.fromtimestamp
decode_extras = msgspec.json.Decoder(Extras).decode


class LookupRows(Rows):
    """Statements that only read."""

    async def messages_by_id(self, keys: Sequence[Key]) -> dict[Key, Message]:
        """The messages of these keys that exist; and of those accounts some others of these ids."""
        rows = await self._connection.fetch(BY_ID, *_asked(keys))
        return {(row["account_id"], row["id"]): message_of(row) for row in rows}

    async def messages_by_key(self, keys: Sequence[OwnKey]) -> dict[OwnKey, Message]:
        """The messages of customers' own keys that exist."""
        rows = await self._connection.fetch(BY_KEY, *_asked_by_key(keys))
        return {(row["account_id"], row["kind"], row["key"]): message_of(row) for row in rows}

    async def progress_by_id(
        self, keys: Sequence[Key], currencies: Mapping[int, str]
    ) -> tuple[dict[Key, Progress], int | None]:
        """How far these messages are, as `messages_by_id`; and the catalog's version at that, if there is one.

        `currencies` are those of the accounts: they never change.
        """
        rows = await self._connection.fetch(PROGRESS_BY_ID, *_asked(keys))
        found: dict[Key, Progress] = {}
        for row in rows:
            account_id = row[0]
            found[account_id, row[1]] = progress_of(row, currencies[account_id])
        return found, rows[0][-1] if rows else None

    async def progress_by_reference(
        self, keys: Sequence[OwnReference], currencies: Mapping[int, str]
    ) -> tuple[dict[OwnReference, Progress], int | None]:
        """How far the messages of customers' own references are; and the version, as above."""
        accounts = literal(tuple({account_id for account_id, _ in keys}))
        rows = await self._connection.fetch(PROGRESS_BY_REFERENCE, accounts, [key for _, key in keys])
        found: dict[OwnReference, Progress] = {}
        for row in rows:
            account_id = row[0]
            found[account_id, row[3]] = progress_of(row, currencies[account_id])
        return found, rows[0][-1] if rows else None

    async def currencies(self, account_ids: Collection[int]) -> dict[int, str]:
        """What accounts pay in, of those that exist."""
        rows = await self._connection.fetch(CURRENCIES, list(account_ids))
        return {row[0]: row[1] for row in rows}

    async def tasks_by_id(
        self, keys: Sequence[Key], currencies: Mapping[int, str]
    ) -> tuple[dict[Key, Task], int | None]:
        """The tasks of these keys that exist, with their counters; and the version, as above."""
        firsts = [(account_id, task_id + 1) for account_id, task_id in keys]
        rows = await self._connection.fetch(TASKS, *_asked(firsts))
        found = {(row["account_id"], row["id"]): _task(row, currencies[row["account_id"]]) for row in rows}
        return found, rows[0]["catalog_version"] if rows else None

    async def ids_by_recipient(self, account_id: int, recipient: str, *, limit: int) -> list[int]:
        """The newest messages to a number."""
        return [
            row["id"] for row in await self._connection.fetch(SEARCH_RECIPIENT, account_id, recipient, limit)
        ]

    async def ranges_by_bulk(
        self, account_id: int, bulk_key: str, *, made_for: int | None
    ) -> list[tuple[int, int]]:
        """First and last message id of each task with this bulkId, newest first; at most 1,000.

        `made_for` is the task that we made this key for, if it is one of ours.
        """
        rows = await self._connection.fetch(BULK_RANGES, account_id, bulk_key, made_for)
        return [(row["first"], row["last"]) for row in rows]

    async def installation(self) -> tuple[bytes, bytes]:
        """The secrets of this installation: for tokens, and for generated ids."""
        row = await self._connection.fetchrow(INSTALLATION)
        return row["token_secret"], row["id_secret"]


def _asked(keys: Sequence[Key]) -> tuple[str, str, int, int]:
    """Account ids, ids, and the least and the last of these."""
    asked = [one for _, one in keys]
    accounts = literal(tuple({account_id for account_id, _ in keys}))
    return accounts, literal(asked), min(asked, default=0), max(asked, default=0)


def _asked_by_key(keys: Sequence[OwnKey]) -> tuple[str, str, list[str]]:
    """Account ids, kinds and keys."""
    accounts, kinds, words = columns(keys, 3)
    return literal(accounts), literal(kinds), words


def shown_price(row: asyncpg.Record, asked: Units) -> Units:
    """Held while open, then what was charged; test traffic shows what it would have cost."""
    if row["test"]:
        open_or_taken = row["state"] not in FINAL or row["sent_at"] is not None
        return asked if open_or_taken else 0
    return int(row["held"] + row["charged"])


def message_of(row: asyncpg.Record) -> Message:
    """A message from a row of MESSAGE_FIELDS."""
    return Message(
        id=row["id"],
        task_id=row["task_id"],
        dialect=DIALECTS[row["dialect"]],
        source=row["source"] or USUAL_SOURCE,
        test=row["test"],
        bulk_key=row["bulk_key"] or seal(row["id_secret"], row["task_id"]),
        message_key=row["message_key"] or seal(row["id_secret"], row["id"]),
        reference=row["reference"] or seal(row["id_secret"], row["id"]),
        recipient=row["recipient"],
        sender=row["sender"],
        text=row["text"],
        parts=row["parts"],
        validity_s=row["validity_s"],
        standing=standing_of(row),
        price=shown_price(row, row["price"]),
        currency=row["currency"],
        country=country(row["recipient"]),
        mccmnc=None,
        created_at=row["created_at"],
        scheduled_for=row["scheduled_for"],
        expires_at=row["expires_at"],
        sent_at=row["sent_at"],
        delivered_at=row["delivered_at"],
        done_at=row["done_at"],
        report_at=row["report_at"],
        read_at=row["read_at"],
        reports=row["reports"],
        flags=tuple(row["flags"] or ()),
        extras=decode_extras(row["extras"]) if row["extras"] else NO_EXTRAS,
    )


def progress_of(row: asyncpg.Record, currency: str) -> Progress:
    """How far a message is, from a row of PROGRESS_FIELDS."""
    (
        _, message_id, asked, reference, recipient, created_at, scheduled_for, state, reason, stage, confirmation,
        inferred, network_error, price, sent_at, report_at, id_secret, _
    ) = row  # fmt: skip
    if reference is None:
        reference = seal(id_secret, message_id)
    if asked is not None:
        price = asked if state not in FINAL or sent_at is not None else 0
    standing = standing_as(state, reason, stage, confirmation, inferred, network_error)
    return Progress(
        message_id,
        reference,
        recipient,
        standing,
        price,
        currency,
        at_second(created_at, UTC),
        None if scheduled_for is None else at_second(scheduled_for, UTC),
        None if sent_at is None else at_second(sent_at, UTC),
        None if report_at is None else at_second(report_at, UTC),
    )


def _task(row: asyncpg.Record, currency: str) -> Task:
    """A task; where it is one message, the counters are that message's standing."""
    if row["state"] is None:
        counters = {name: row[name] for name in BUCKETS}
        handed_over, price = row["handed_over"], row["price"]
    else:
        counters = dict.fromkeys(BUCKETS, 0)
        counters[bucket(standing_of(row))] = 1
        handed_over, price = int(row["sent_at"] is not None), shown_price(row, row["asked"])
    return Task(
        id=row["id"],
        dialect=DIALECTS[row["dialect"]],
        bulk_key=row["bulk_key"] or seal(row["id_secret"], row["id"]),
        name=row["name"],
        sender=row["sender"],
        text=row["text"],
        validity_s=row["validity_s"],
        created_at=row["created_at"],
        scheduled_for=row["scheduled_for"],
        currency=currency,
        total=row["total"],
        price=price,
        handed_over=handed_over,
        **counters,
    )
