"""Read-only questions: messages, tasks, pages. The account stands in every one of them."""

from collections.abc import Sequence

import asyncpg
import msgspec

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.message import Message, MessageFilter, MessagePage, Sort, Task
from tidings.domain.money import Units
from tidings.domain.order import NO_EXTRAS, Dialect, Extras
from tidings.domain.status import FINAL
from tidings.flows.records import Key
from tidings.store.deliveries import standing_of
from tidings.store.rows import Rows, columns

# What is written and waits for its answer is noted with that; until then the intent tells of it.
STATE = """case when d.state < 'sending' and exists (select from in_flight f where f.message_id = d.message_id
                                                                       and f.doubt_since is null)
         then 'sending' else d.state::text end as state"""

MESSAGE_FIELDS = f"""
    m.account_id, m.id, m.task_id, t.dialect, t.source, t.test, t.bulk_key, m.message_key, m.reference, m.recipient,
    m.sender, m.text, m.parts, m.price, m.country, m.created_at, m.scheduled_for, m.expires_at, m.extras,
    extract(epoch from m.expires_at - coalesce(m.scheduled_for, m.created_at))::integer as validity_s,
    a.currency, {STATE}, d.reason, d.stage::text, d.confirmation::text, d.inferred, d.network_error, d.held,
    d.charged, d.sent_at, d.delivered_at, d.done_at, d.report_at, d.read_at, d.flags"""

MESSAGE_TABLES = """
    join delivery d on d.account_id = m.account_id and d.message_id = m.id
    join task t on t.account_id = m.account_id and t.id = m.task_id
    join account a on a.id = m.account_id"""

BY_ID = f"""
select {MESSAGE_FIELDS}
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, id)
join message m using (account_id, id) {MESSAGE_TABLES}"""

IDS_BY_KEY = """
select k.account_id, k.kind::text, k.key, k.message_id
from unnest($1::integer[], $2::key_kind[], $3::text[]) as wanted (account_id, kind, key)
join external_key k using (account_id, kind, key)"""

TASKS = """
select t.account_id, t.id, t.dialect, t.bulk_key, t.name, t.validity_s, t.created_at, t.scheduled_for, t.total,
       a.currency, m.sender, m.text, c.handed_over, c.waiting, c.sent, c.delivered, c.expired, c.undeliverable,
       c.rejected, c.unknown, c.price
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, id)
join task t using (account_id, id)
join account a on a.id = t.account_id
join message m on m.account_id = t.account_id and m.id = t.id + 1
left join task_counter c on c.account_id = t.account_id and c.task_id = t.id"""

# The messages of a task follow its own id, so that a task is a range of ids.
MATCHING = """
from message m join delivery d on d.account_id = m.account_id and d.message_id = m.id
left join task w on w.account_id = m.account_id and w.id = $4
where m.account_id = $1 and m.created_at >= $2 and m.created_at <= $3
  and ($4::bigint is null or (m.id > w.id and m.id <= w.id + w.total))
  and ($5::bigint is null or m.id = $5)"""

COUNT = f"select count(*) {MATCHING}"
PAGE = f"select m.id {MATCHING} order by {{order}} limit $6 offset $7"
ORDERS = {
    "id": "m.id {way}",
    "recipient": "m.recipient {way}, m.id {way}",
    "delivered": "d.report_at {way} nulls last, m.id {way}",
}

SEARCH_RECIPIENT = "select id from message where account_id = $1 and recipient = $2 order by id desc limit $3"
BULK_RANGES = """
select id + 1 as first, id + total as last from task where account_id = $1 and bulk_key = $2
order by id desc limit 1000"""

INSTALLATION = "select token_secret, id_secret from installation"

_decode_extras = msgspec.json.Decoder(Extras).decode


class LookupRows(Rows):
    """Statements that only read."""

    async def messages_by_id(self, keys: Sequence[Key]) -> dict[Key, Message]:
        """The messages of these keys that exist."""
        rows = await self._connection.fetch(BY_ID, *columns(keys, 2))
        return {(row["account_id"], row["id"]): message_of(row) for row in rows}

    async def ids_by_key(self, keys: Sequence[tuple[int, str, str]]) -> dict[tuple[int, str, str], int]:
        """Message ids of customers' own (account id, kind, key)."""
        rows = await self._connection.fetch(IDS_BY_KEY, *columns(keys, 3))
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    async def tasks_by_id(self, keys: Sequence[Key]) -> dict[Key, Task]:
        """The tasks of these keys that exist, with their counters."""
        rows = await self._connection.fetch(TASKS, *columns(keys, 2))
        alone = [(row["account_id"], row["id"] + 1) for row in rows if row["total"] == 1]
        messages = await self.messages_by_id(alone) if alone else {}
        return {
            (row["account_id"], row["id"]): _task(row, messages.get((row["account_id"], row["id"] + 1)))
            for row in rows
        }

    async def page(
        self, account_id: int, where: MessageFilter, *, sort: Sort, limit: int, offset: int
    ) -> MessagePage:
        """A slice of the messages that meet a filter."""
        matching = (account_id, where.created_from, where.created_to, where.task_id, where.id)
        total = await self._connection.fetchval(COUNT, *matching)
        order = ORDERS[sort.by].format(way="desc" if sort.descending else "asc")
        rows = await self._connection.fetch(PAGE.format(order=order), *matching, limit, offset)
        ids = [row["id"] for row in rows]
        found = await self.messages_by_id([(account_id, one) for one in ids])
        return MessagePage([found[account_id, one] for one in ids], total)

    async def ids_by_recipient(self, account_id: int, recipient: str, *, limit: int) -> list[int]:
        """The newest messages to a number."""
        return [
            row["id"] for row in await self._connection.fetch(SEARCH_RECIPIENT, account_id, recipient, limit)
        ]

    async def ranges_by_bulk(self, account_id: int, bulk_key: str) -> list[tuple[int, int]]:
        """First and last message id of each task with this bulkId, newest first; at most 1,000."""
        rows = await self._connection.fetch(BULK_RANGES, account_id, bulk_key)
        return [(row["first"], row["last"]) for row in rows]

    async def installation(self) -> tuple[bytes, bytes]:
        """The secrets of this installation: for tokens, and for generated ids."""
        row = await self._connection.fetchrow(INSTALLATION)
        return row["token_secret"], row["id_secret"]


def shown_price(row: asyncpg.Record) -> Units:
    """Held while open, then what was charged; test traffic shows what it would have cost."""
    if row["test"]:
        open_or_taken = row["state"] not in FINAL or row["sent_at"] is not None
        return int(row["price"]) if open_or_taken else 0
    return int(row["held"] + row["charged"])


def message_of(row: asyncpg.Record) -> Message:
    """A message from a row of MESSAGE_FIELDS."""
    return Message(
        id=row["id"],
        task_id=row["task_id"],
        dialect=Dialect(row["dialect"]),
        source=row["source"],
        test=row["test"],
        bulk_key=row["bulk_key"],
        message_key=row["message_key"],
        reference=row["reference"],
        recipient=row["recipient"],
        sender=row["sender"],
        text=row["text"],
        parts=row["parts"],
        validity_s=row["validity_s"],
        standing=standing_of(row),
        price=shown_price(row),
        currency=row["currency"],
        country=row["country"],
        mccmnc=None,
        created_at=row["created_at"],
        scheduled_for=row["scheduled_for"],
        expires_at=row["expires_at"],
        sent_at=row["sent_at"],
        delivered_at=row["delivered_at"],
        done_at=row["done_at"],
        report_at=row["report_at"],
        read_at=row["read_at"],
        flags=tuple(row["flags"] or ()),
        extras=_decode_extras(row["extras"]) if row["extras"] else NO_EXTRAS,
    )


def _task(row: asyncpg.Record, alone: Message | None) -> Task:
    """A task; where it is one message, the counters are that message's standing."""
    if alone is None:
        counters = {str(one): row[str(one)] for one in Bucket}
        handed_over, price = row["handed_over"], row["price"]
    else:
        counters = {str(one): int(one is bucket(alone.standing)) for one in Bucket}
        handed_over, price = int(alone.sent_at is not None), alone.price
    return Task(
        id=row["id"],
        dialect=Dialect(row["dialect"]),
        bulk_key=row["bulk_key"],
        name=row["name"],
        sender=row["sender"],
        text=row["text"],
        validity_s=row["validity_s"],
        created_at=row["created_at"],
        scheduled_for=row["scheduled_for"],
        currency=row["currency"],
        total=row["total"],
        price=price,
        handed_over=handed_over,
        **counters,
    )
