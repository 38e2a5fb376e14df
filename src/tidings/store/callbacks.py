"""Callbacks: owed, claimed under a lease, and then delivered, tried again or given up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from tidings.flows.records import CallbackNote, CallbackTold, DueCallback, LaneKey, OwedCallback
from tidings.store.callback_news import NewsRows, moment
from tidings.store.rows import Fields, columns, fields, table
from tidings.store.sheet import Column, Sheet

NAME = fields(
    "account_id integer", "lane integer", "due_at timestamptz", "message_id bigint", "number smallint"
)
"""What names a row, in the order of its key."""

PLACED = fields("place tid", "message_id bigint", "number smallint", "status smallint")
TOLD = (*NAME, *fields("status smallint"))
FAILED = (*NAME, *fields("status smallint", "why text"))
RETRIED = (*FAILED, *fields("next_try timestamptz"))

OWED_COLUMNS = (
    Column("account_id", "integer", attrgetter("account_id")),
    Column("lane", "integer", attrgetter("lane")),
    Column("owed_at", "timestamptz", attrgetter("owed_at")),
    Column("message_id", "bigint", attrgetter("message_id")),
    Column("number", "smallint", attrgetter("number")),
    Column("follows", "boolean", attrgetter("follows")),
)
"""Of an OwedCallback: it is due at once."""

OWED = """insert into callback (account_id, lane, due_at, message_id, number, follows, owed_at)
    select account_id, lane, owed_at, message_id, number, follows, owed_at from {rows}"""

_OWED: Sheet[OwedCallback] = Sheet(*OWED_COLUMNS)

# One notification a transaction, at its commit.
OWE = f"""
with owed as ({OWED.format(rows=_OWED.source)})
select pg_notify('tidings_callbacks', '')"""

WAKE = "select pg_notify('tidings_callbacks', '')"

# From lane to lane by the index, however much waits in each.
LANES = """
with recursive lane as (
    (select account_id, lane, due_at from callback where (account_id, lane) > ($1::integer, $2::integer)
     order by account_id, lane, due_at limit 1)
    union all
    select next.account_id, next.lane, next.due_at from lane cross join lateral (
        select c.account_id, c.lane, c.due_at from callback c
        where (c.account_id, c.lane) > (lane.account_id, lane.lane)
        order by c.account_id, c.lane, c.due_at limit 1) next)
select account_id, lane, due_at from lane limit $3"""

# An earlier one of the message is being told. The first report's that was not tried in vain is in no index of
# messages, but due since the report was owed. `offset 0`: asked row by row, whatever the planner thinks of the sizes.
OVERTAKES = """
exists (select from callback b
        where b.account_id = c.account_id and b.message_id = c.message_id and (b.number <> 1 or b.why is not null)
          and b.number < c.number and b.leased_until > $4 offset 0)
or c.number > 1 and exists (
    select from report r cross join lateral (
        select from callback b
        where b.account_id = r.account_id and b.lane = c.lane and b.due_at = r.owed_at
          and b.message_id = r.message_id and b.number = 1 and b.leased_until > $4 offset 0) b
    where r.account_id = c.account_id and r.message_id = c.message_id and r.number = 1 offset 0)"""

# What is due is found and locked first, and what was locked is where it was found.
CLAIM = f"""
with due as materialized (
    select found.place from unnest($1::integer[], $2::integer[], $3::integer[]) with ordinality
                        as l (account_id, lane, room, nth)
    cross join lateral (
        select ctid as place from callback c
        where c.account_id = l.account_id and c.lane = l.lane and c.due_at <= $4
          and (c.leased_until is null or c.leased_until <= $4)
          and not (c.follows and ({OVERTAKES}))
        order by c.due_at, c.message_id, c.number limit l.room
        for no key update skip locked) found
    order by l.nth limit $5)
update callback c set leased_until = $6 from due where c.ctid = due.place
returning c.account_id, c.lane, timestamptz_send(c.due_at), c.message_id, c.number, timestamptz_send(c.owed_at),
          c.tries, c.ctid"""

# Rows are found by their whole key, one by one. One that is written meanwhile has moved, and is left as it is.
FOUND = """
found as materialized (
    select c.place, n.* from {named} as n cross join lateral (
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

DELIVERED = f"""
with {FOUND}, done as (
    delete from callback c using found where c.ctid = found.place
    returning c.account_id, c.message_id, c.number, c.tries, found.status),
{NOTED}"""

# Where they were when they were claimed, which spares looking for them. No index knows `is not distinct from`.
DELIVERED_IN_PLACE = f"""
with done as (
    delete from callback c using {{named}} as n
    where c.ctid = n.place
      and (c.message_id, c.number) is not distinct from (n.message_id, n.number)
    returning c.account_id, c.message_id, c.number, c.tries, n.status),
{NOTED}"""

RETRY = f"""
with {FOUND}
update callback c set due_at = n.next_try, tries = c.tries + 1, status = n.status, why = n.why, leased_until = null
from found n where c.ctid = n.place"""

GIVE_UP = f"""
with {FOUND}, hopeless as (
    delete from callback c using found n where c.ctid = n.place
    returning c.account_id, c.message_id, c.number, c.lane, c.tries + 1 as tries, n.status, c.owed_at, n.why)
insert into callback_given_up (account_id, message_id, number, lane, tries, status, owed_at, given_up_at, why)
select account_id, message_id, number, lane, tries, status, owed_at, {{at}}, why from hopeless"""

RETURN = f"""
with {FOUND}
update callback c set leased_until = null from found n where c.ctid = n.place"""

GIVE_UP_OLD = """
with old as (
    delete from callback where (account_id, lane, due_at, message_id, number) in (
        select c.account_id, c.lane, c.due_at, c.message_id, c.number from callback c
        where c.owed_at < $1 and (c.leased_until is null or c.leased_until <= $2)
          and (c.tries > 0 or (c.account_id, c.lane) in (
              select * from unnest($3::integer[], $4::integer[]) as down (account_id, lane)))
        limit $5 for update skip locked)
    returning *)
insert into callback_given_up (account_id, message_id, number, lane, tries, status, owed_at, given_up_at, why)
select account_id, message_id, number, lane, tries, status, owed_at, $2, coalesce(why, 'not_tried') from old"""

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
insert into callback (account_id, lane, due_at, message_id, number, follows, owed_at, why)
select account_id, lane, $3, message_id, number, number > 0, $3, why from again"""


class CallbackRows(NewsRows):
    """Statements on callbacks."""

    async def owe_callbacks(self, rows: Sequence[OwedCallback]) -> None:
        """Write the callbacks, and wake who makes them."""
        if rows:
            await self._connection.execute(OWE, *_OWED.arguments(rows))

    async def callback_lanes(self, after: LaneKey, *, limit: int) -> list[tuple[LaneKey, datetime]]:
        """Lanes in which something waits, in order, after one; with the earliest due time of each."""
        rows = await self._connection.fetch(LANES, *after, limit)
        return [((row[0], row[1]), row[2]) for row in rows]

    async def claim_callbacks(
        self, rooms: Mapping[LaneKey, int], *, now: datetime, leased_until: datetime, limit: int
    ) -> list[DueCallback]:
        """Take up to so many due callbacks of each lane, in the order of the lanes, and `limit` in all.

        None of a message of which an earlier one is being told.
        """
        if not rooms:
            return []
        lanes = columns([(*key, room) for key, room in rooms.items()], 3)
        rows = await self._connection.fetch(CLAIM, *lanes, now, limit, leased_until)
        return [
            DueCallback(account_id, lane, moment(due_at), message_id, number, moment(owed_at), tries, place)
            for account_id, lane, due_at, message_id, number, owed_at, tries, place in rows
        ]

    async def callbacks_delivered(self, rows: Sequence[CallbackTold], *, at: datetime) -> None:
        """They are delivered: noted, and no longer due. One that another sender has told is left as it is."""
        if not rows:
            return
        placed = [(c.place, c.message_id, c.number, one.status) for one in rows for c in (one.callback,)]
        if await self._told(DELIVERED_IN_PLACE, placed, PLACED, at) < len(rows):
            await self._told(DELIVERED, [(*_name(one), one.status) for one in rows], TOLD, at)

    async def _told(
        self, statement: str, rows: Sequence[tuple[object, ...]], of: Fields, at: datetime
    ) -> int:
        named, values = table(rows, of)
        done: int = await self._connection.fetchval(
            statement.format(named=named, at=f"${len(values) + 1}"), *values, at
        )
        return done

    async def retry_callbacks(self, rows: Sequence[tuple[CallbackTold, datetime]]) -> None:
        """They failed; when to try each again."""
        if rows:
            named, values = table(
                [(*_name(one), one.status, one.why, next_try) for one, next_try in rows], RETRIED
            )
            await self._connection.execute(RETRY.format(named=named), *values)

    async def give_up_callbacks(self, rows: Sequence[CallbackTold], *, at: datetime) -> None:
        """They failed for the last time: kept, with the reason."""
        if rows:
            named, values = table([(*_name(one), one.status, one.why) for one in rows], FAILED)
            await self._connection.execute(GIVE_UP.format(named=named, at=f"${len(values) + 1}"), *values, at)

    async def give_up_old_callbacks(
        self, lanes: Sequence[LaneKey], *, owed_before: datetime, at: datetime, limit: int
    ) -> int:
        """Give up what is as old as that, was tried in vain, or waits in one of these lanes; how many."""
        done = await self._connection.execute(GIVE_UP_OLD, owed_before, at, *columns(lanes, 2), limit)
        return _count(done)

    async def return_callbacks(self, rows: Sequence[DueCallback]) -> None:
        """They were claimed and not tried: anybody may take them."""
        if rows:
            named, values = table([_row(one) for one in rows], NAME)
            await self._connection.execute(RETURN.format(named=named), *values)

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


def _row(one: DueCallback) -> tuple[object, ...]:
    """What names its row."""
    return (one.account_id, one.lane, one.due_at, one.message_id, one.number)


def _name(told: CallbackTold) -> tuple[object, ...]:
    return _row(told.callback)


def _count(tag: str) -> int:
    """How many rows a statement moved, from its command tag."""
    return int(tag.rpartition(" ")[2])
