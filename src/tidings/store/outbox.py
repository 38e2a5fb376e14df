"""What waits for a connector."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from tidings.domain.order import TrafficClass
from tidings.flows.records import Content, Key, Waiting
from tidings.store.rows import Rows, columns

FIELDS = "account_id, message_id, attempt, part, parts, lane, due_at, expires_at, connector_id"

DUE = f"""
select {FIELDS} from outbox
where connector_id = $1 and lane = any('{{0,1,2}}') and due_at <= $2 and expires_at > $2
order by lane, due_at, message_id, part limit $3
for update skip locked"""

OVERDUE = f"""
select {FIELDS} from outbox where expires_at <= $1 order by expires_at limit $2
for update skip locked"""

TAKE = """
delete from outbox o
using unnest($1::integer[], $2::smallint[], $3::timestamptz[], $4::bigint[], $5::smallint[])
      as t (connector_id, lane, due_at, message_id, part)
where o.connector_id = t.connector_id and o.lane = t.lane and o.due_at = t.due_at
  and o.message_id = t.message_id and o.part = t.part"""

PUT = f"""
insert into outbox ({FIELDS})
select * from unnest($1::integer[], $2::bigint[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[],
                     $7::timestamptz[], $8::timestamptz[], $9::integer[])"""

CONTENTS = """
select m.account_id, m.id, m.recipient, m.sender, m.text, m.ucs2, m.flash, m.traffic_class::text,
       t.test, m.scheduled_for is not null as scheduled
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, id)
join message m using (account_id, id)
join task t on t.account_id = m.account_id and t.id = m.task_id"""

PLACES = """
select m.account_id, m.id as message_id, m.parts, m.traffic_class::text, m.created_at, m.expires_at
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, id)
join message m using (account_id, id)"""

# The handset joins parts by (sender, reference): a counter per recipient keeps two long messages apart.
NEXT_REFERENCES = """
insert into concat_reference as c (connector_id, recipient, reference)
select $1, recipient, 1 + (random() * 254)::integer from unnest($2::text[]) as t (recipient)
on conflict (connector_id, recipient) do update
    set reference = (c.reference - 1 + ($3::integer[])[array_position($2, c.recipient)]) % 255 + 1
returning recipient, reference"""

SETTLE_DUE = """
delete from timer where (account_id, message_id, kind) in (
    select account_id, message_id, kind from timer where due_at <= $1 order by due_at limit $2
    for update skip locked)
returning account_id, message_id"""

# What expired since the last sweep, and what was in doubt when that passed by.
SILENT = """
select d.account_id, d.message_id
from message m join delivery d on d.account_id = m.account_id and d.message_id = m.id
where m.expires_at > $1 and m.expires_at <= $2
  and (d.state in ('in_doubt', 'sent', 'enroute', 'at_carrier') or d.state = 'sending' and d.sent_at is not null)
union
select d.account_id, d.message_id
from in_flight f join message m on m.account_id = f.account_id and m.id = f.message_id
join delivery d on d.account_id = m.account_id and d.message_id = m.id
where f.doubt_since is not null and m.expires_at <= $2 and d.state < 'delivered'
order by 1, 2 limit $3"""

SWEPT_TO = "select reached from sweep where name = $1"
SWEEP_REACHED = """
insert into sweep (name, reached) values ($1, $2)
on conflict (name) do update set reached = greatest(sweep.reached, excluded.reached)"""


class OutboxRows(Rows):
    """Statements on what waits, for a connector or for a deadline."""

    async def due(self, connector_id: int, *, now: datetime, limit: int) -> list[Waiting]:
        """What may go to a connector now, most urgent first; locked, others skip it."""
        return [_waiting(row) for row in await self._connection.fetch(DUE, connector_id, now, limit)]

    async def overdue(self, *, now: datetime, limit: int) -> list[Waiting]:
        """What still waits although its validity is over; locked."""
        return [_waiting(row) for row in await self._connection.fetch(OVERDUE, now, limit)]

    async def take_from_outbox(self, rows: Sequence[Waiting]) -> None:
        """Remove what is written now, or will not be any more."""
        if rows:
            keys = [(row.connector_id, row.lane, row.due_at, row.message_id, row.part) for row in rows]
            await self._connection.execute(TAKE, *columns(keys, 5))

    async def put_in_outbox(self, rows: Sequence[Waiting]) -> None:
        """Queue again."""
        if rows:
            await self._connection.execute(PUT, *columns([msgspec.structs.astuple(row) for row in rows], 9))

    async def contents(self, keys: Sequence[Key]) -> dict[Key, Content]:
        """What the messages say."""
        rows = await self._connection.fetch(CONTENTS, *columns(keys, 2))
        return {
            (row["account_id"], row["id"]): Content(
                recipient=row["recipient"],
                sender=row["sender"],
                text=row["text"],
                ucs2=row["ucs2"],
                flash=row["flash"],
                test=row["test"],
                scheduled=row["scheduled"],
                traffic_class=TrafficClass(row["traffic_class"]),
            )
            for row in rows
        }

    async def next_references(self, connector_id: int, long: Mapping[str, int]) -> dict[str, list[int]]:
        """Numbers (1..255) for so many long messages to each recipient, that the last ones did not have."""
        if not long:
            return {}
        rows = await self._connection.fetch(NEXT_REFERENCES, connector_id, *columns(sorted(long.items()), 2))
        return {
            row["recipient"]: [(row["reference"] - 1 - n) % 255 + 1 for n in range(long[row["recipient"]])]
            for row in rows
        }

    async def waiting_of(self, keys: Sequence[Key], lanes: dict[TrafficClass, int]) -> dict[Key, Waiting]:
        """How these messages would stand in the outbox."""
        rows = await self._connection.fetch(PLACES, *columns(keys, 2))
        return {
            (row["account_id"], row["message_id"]): Waiting(
                account_id=row["account_id"],
                message_id=row["message_id"],
                attempt=1,
                part=0,
                parts=row["parts"],
                lane=lanes[TrafficClass(row["traffic_class"])],
                due_at=row["created_at"],
                expires_at=row["expires_at"],
                connector_id=0,
            )
            for row in rows
        }

    async def settle_due(self, *, now: datetime, limit: int) -> list[Key]:
        """Messages whose settle wait is over; their timers are removed."""
        return [tuple(row) for row in await self._connection.fetch(SETTLE_DUE, now, limit)]

    async def silent(self, *, expired_before: datetime, after: datetime, limit: int) -> list[Key]:
        """Messages that left us, are open, and whose validity ended in the window."""
        return [tuple(row) for row in await self._connection.fetch(SILENT, after, expired_before, limit)]

    async def swept_to(self, name: str) -> datetime | None:
        """How far a sweep has come."""
        reached: datetime | None = await self._connection.fetchval(SWEPT_TO, name)
        return reached

    async def sweep_reached(self, name: str, at: datetime) -> None:
        """Remember how far a sweep has come."""
        await self._connection.execute(SWEEP_REACHED, name, at)


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(*tuple(row))
