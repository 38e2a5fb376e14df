"""Callbacks: owed, told by whoever leases their lane, and then delivered, tried again or given up."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from tidings.flows.records import (
    CallbackNote,
    CallbackTold,
    DueCallback,
    LaneKey,
    News,
    OwedCallback,
)
from tidings.store.callback_lanes import LaneRows
from tidings.store.callback_news import NEWS, NEWS_OF, due
from tidings.store.rows import columns, literal
from tidings.store.sheet import Column, Sheet

_OWED: Sheet[OwedCallback] = Sheet(
    Column("account_id", "integer", attrgetter("account_id")),
    Column("lane", "integer", attrgetter("lane")),
    Column("owed_at", "timestamptz", attrgetter("owed_at")),
    Column("message_id", "bigint", attrgetter("message_id")),
    Column("number", "smallint", attrgetter("number")),
)

# It is due at once.
OWED = """insert into callback (account_id, lane, due_at, message_id, number, owed_at)
    select account_id, lane, owed_at, message_id, number, owed_at from {rows}"""

NAME = (
    Column("account_id", "integer", lambda told: told.callback.lane_key[0]),
    Column("lane", "integer", lambda told: told.callback.lane_key[1]),
    Column("due_at", "timestamptz", attrgetter("callback.due_at")),
    Column("message_id", "bigint", attrgetter("callback.message_id")),
    Column("number", "smallint", attrgetter("callback.number")),
    Column("status", "smallint", attrgetter("status")),
)
"""Of a CallbackTold: what names its row, in the order of its key, and the answer."""

PLACED: Sheet[CallbackTold] = Sheet(
    Column("place", "tid", attrgetter("callback.place")),
    Column("message_id", "bigint", attrgetter("callback.message_id")),
    Column("number", "smallint", attrgetter("callback.number")),
    Column("status", "smallint", attrgetter("status")),
)
TOLD: Sheet[CallbackTold] = Sheet(*NAME)
FAILED: Sheet[CallbackTold] = Sheet(*NAME, Column("why", "text", attrgetter("why")))

# One notification a transaction, at its commit.
OWE = f"""
with owed as ({OWED.format(rows=_OWED.source)})
select pg_notify('tidings_callbacks', '')"""

WAKE = "select pg_notify('tidings_callbacks', '')"

# What is due in each lane, and what it says. `not in` looks into a table made of the ids once.
DUE = f"""
select c.account_id, c.lane, timestamptz_send(c.due_at), c.message_id, c.number, timestamptz_send(c.owed_at),
       c.tries, c.place, {NEWS}
from (
    select found.*, a.callback_url as account_url, a.currency
    from unnest($1::integer[], $2::integer[], $3::integer[]) with ordinality as l (account_id, lane, room, nth)
    cross join lateral (select * from account where id = l.account_id offset 0) a
    cross join lateral (
        select c.*, c.ctid::text as place from callback c
        where c.account_id = l.account_id and c.lane = l.lane and c.due_at <= $5
          and c.message_id not in (select unnest($4::text::bigint[]))
        order by c.due_at, c.message_id, c.number limit l.room) found
    order by l.nth limit $6) c
{NEWS_OF}"""

# Rows are found by their whole key, one by one. One that is written meanwhile has moved, and is left as it is.
FOUND = """
found as materialized (
    select c.place, n.* from {named} cross join lateral (
        select ctid as place from callback c
        where c.account_id = n.account_id and c.lane = n.lane and c.due_at = n.due_at
          and c.message_id = n.message_id and c.number = n.number offset 0) c)"""

NOTED = """
noted as (
    insert into callback_done (account_id, first_id, last_id, at, number, tries, status, message_ids)
    select account_id, min(message_id), max(message_id), {at}, number, (tries + 1)::smallint, status,
           array_agg(message_id)
    from done group by account_id, number, tries, status)
select count(*) from done"""


def _named(sheet: Sheet[Any]) -> str:
    """Its rows as `n`, found one by one."""
    return f"(select * from {sheet.source} offset 0) n"


DELIVERED = f"""
with {FOUND.format(named=_named(TOLD))}, done as (
    delete from callback c using found where c.ctid = found.place
    returning c.account_id, c.message_id, c.number, c.tries, found.status),
{NOTED.format(at=f"${TOLD.end}")}"""

# Where they were when they were read, which spares looking for them. No index knows `is not distinct from`.
DELIVERED_IN_PLACE = f"""
with done as (
    delete from callback c using {_named(PLACED)}
    where c.ctid = n.place
      and (c.message_id, c.number) is not distinct from (n.message_id, n.number)
    returning c.account_id, c.message_id, c.number, c.tries, n.status),
{NOTED.format(at=f"${PLACED.end}")}"""


class _Again(NamedTuple):
    """One that failed, and when it is tried next."""

    callback: DueCallback
    status: int
    why: str
    next_try: datetime


RETRIED: Sheet[_Again] = Sheet(
    *NAME,
    Column("why", "text", attrgetter("why")),
    Column("next_try", "timestamptz", attrgetter("next_try")),
)

RETRY = f"""
with {FOUND.format(named=_named(RETRIED))}
update callback c set due_at = n.next_try, tries = c.tries + 1, status = n.status, why = n.why
from found n where c.ctid = n.place"""

GIVE_UP = f"""
with {FOUND.format(named=_named(FAILED))}, hopeless as (
    delete from callback c using found n where c.ctid = n.place
    returning c.account_id, c.message_id, c.number, c.lane, c.tries + 1 as tries, n.status, c.owed_at, n.why)
insert into callback_given_up (account_id, message_id, number, lane, tries, status, owed_at, given_up_at, why)
select account_id, message_id, number, lane, tries, status, owed_at, ${FAILED.end}, why from hopeless"""

GIVE_UP_OLD = """
with old as (
    delete from callback where (account_id, lane, due_at, message_id, number) in (
        select c.account_id, c.lane, c.due_at, c.message_id, c.number
        from unnest($1::integer[], $2::integer[], $3::boolean[]) as l (account_id, lane, down)
        join callback c on c.account_id = l.account_id and c.lane = l.lane
        where c.owed_at < $5 and (c.tries > 0 or l.down) and c.message_id not in (select unnest($4::text::bigint[]))
        limit $7)
    returning *)
insert into callback_given_up (account_id, message_id, number, lane, tries, status, owed_at, given_up_at, why)
select account_id, message_id, number, lane, tries, status, owed_at, $6, coalesce(why, 'not_tried') from old"""

NOTES = """
select number, 'pending' as standing, due_at as at, tries, status, coalesce(why, '') as why
from callback where account_id = $1 and message_id = $2
union all
select number, 'given_up', given_up_at, tries, status, why
from callback_given_up where account_id = $1 and message_id = $2
union all
select number, 'delivered', at, tries, status, '' from callback_done
where account_id = $1 and int8range(first_id, last_id, '[]') @> $2::bigint and $2 = any(message_ids)
order by number"""

GIVEN_UP = """
select a.name as account, g.message_id, g.number, g.tries, g.status, g.why, g.owed_at, g.given_up_at
from callback_given_up g join account a on a.id = g.account_id
where $1::text is null or a.name = $1 order by g.given_up_at desc, g.message_id desc limit $2"""

PENDING = """
select a.name as account, c.message_id, c.number, c.tries, c.status, c.why, c.owed_at, c.due_at
from callback c join account a on a.id = c.account_id
where $1::text is null or a.name = $1 order by c.due_at, c.message_id limit $2"""

TRY_AGAIN = """
with again as (
    delete from callback_given_up g using account a
    where a.id = g.account_id and ($1::text is null or a.name = $1) and ($2::bigint is null or g.message_id = $2)
    returning g.account_id, g.lane, g.message_id, g.number, g.why)
insert into callback (account_id, lane, due_at, message_id, number, owed_at, why)
select account_id, lane, $3, message_id, number, $3, why from again"""


class CallbackRows(LaneRows):
    """Statements on callbacks."""

    async def owe_callbacks(self, rows: Sequence[OwedCallback]) -> None:
        """Write the callbacks, and wake who makes them."""
        if rows:
            await self._connection.execute(OWE, *_OWED.arguments(rows))

    async def due_callbacks(
        self, rooms: Mapping[LaneKey, int], in_hand: Collection[int], *, now: datetime, limit: int
    ) -> list[tuple[DueCallback, News]]:
        """What is due in leased lanes, up to so many of each, in the order of the lanes, and `limit` in all.

        None of the messages in hand; and what each says.
        """
        lanes = columns([(*key, room) for key, room in rooms.items()], 3)
        return list(map(due, await self._connection.fetch(DUE, *lanes, literal([*in_hand]), now, limit)))

    async def callbacks_delivered(self, rows: Sequence[CallbackTold], *, at: datetime) -> None:
        """They are delivered: noted, and no longer due. One that another sender has told is left as it is."""
        if rows:
            fetched = self._connection.fetchval
            if await fetched(DELIVERED_IN_PLACE, *PLACED.arguments(rows), at) < len(rows):
                await fetched(DELIVERED, *TOLD.arguments(rows), at)

    async def retry_callbacks(self, rows: Sequence[tuple[CallbackTold, datetime]]) -> None:
        """They failed; when to try each again."""
        if rows:
            again = [_Again(told.callback, told.status, told.why, next_try) for told, next_try in rows]
            await self._connection.execute(RETRY, *RETRIED.arguments(again))

    async def give_up_callbacks(self, rows: Sequence[CallbackTold], *, at: datetime) -> None:
        """They failed for the last time: kept, with the reason."""
        if rows:
            await self._connection.execute(GIVE_UP, *FAILED.arguments(rows), at)

    async def give_up_old_callbacks(
        self,
        lanes: Mapping[LaneKey, bool],
        in_hand: Collection[int],
        *,
        owed_before: datetime,
        at: datetime,
        limit: int,
    ) -> int:
        """Give up what is as old as that in leased lanes, and was tried in vain or whose server is down; how many."""
        which = columns([(*key, down) for key, down in lanes.items()], 3)
        done = await self._connection.execute(
            GIVE_UP_OLD, *which, literal([*in_hand]), owed_before, at, limit
        )
        return _count(done)

    async def callback_notes(self, account_id: int, message_id: int) -> list[CallbackNote]:
        """How a message's callbacks stand, by their numbers."""
        rows = await self._connection.fetch(NOTES, account_id, message_id)
        return [CallbackNote(*tuple(row)) for row in rows]

    async def list_callbacks(self, account: str | None, *, pending: bool, limit: int) -> list[dict[str, Any]]:
        """Those given up, the newest first; or those that wait, the next first."""
        return [
            dict(row)
            for row in await self._connection.fetch(PENDING if pending else GIVEN_UP, account, limit)
        ]

    async def try_callbacks_again(self, account: str | None, *, message_id: int | None, now: datetime) -> int:
        """Queue again what was given up, as if it were owed now; how many."""
        done = _count(await self._connection.execute(TRY_AGAIN, account, message_id, now))
        await self._connection.execute(WAKE)
        return done


def _count(tag: str) -> int:
    """How many rows a statement moved, from its command tag."""
    return int(tag.rpartition(" ")[2])
