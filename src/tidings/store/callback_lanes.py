"""The lanes in which callbacks wait, and whose each is for the time being: a sender's, who leases it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from tidings.flows.records import LaneDue, LaneKey
from tidings.store.rows import Rows, columns

LEASED_UNTIL = """(
    select leased_until from callback_lease where account_id = {of}.account_id and lane = {of}.lane) as leased_until"""

# From lane to lane by the index, however much waits in each.
LANES = f"""
with recursive lane as (
    (select account_id, lane, due_at from callback where (account_id, lane) > ($1::integer, $2::integer)
     order by account_id, lane, due_at limit 1)
    union all
    select next.account_id, next.lane, next.due_at from lane cross join lateral (
        select c.account_id, c.lane, c.due_at from callback c
        where (c.account_id, c.lane) > (lane.account_id, lane.lane)
        order by c.account_id, c.lane, c.due_at limit 1) next)
select account_id, lane, due_at, {LEASED_UNTIL.format(of="lane")} from lane limit $3"""

OLD_LANES = f"""
select c.account_id, c.lane, c.due_at, {LEASED_UNTIL.format(of="c")} from (
    select account_id, lane, min(due_at) as due_at from callback
    where owed_at < $1 and (tries > 0 or (account_id, lane) in (
        select * from unnest($2::integer[], $3::integer[]) as down (account_id, lane)))
    group by account_id, lane limit $4) c"""

# Until when it is leased is known to nobody but whoever leased it. In order, so that two cannot wait for each other.
LEASE = """
insert into callback_lease as l (account_id, lane, leased_until)
select account_id, lane, $5 from unnest($1::integer[], $2::integer[]) as n (account_id, lane) order by account_id, lane
on conflict (account_id, lane) do update set leased_until = excluded.leased_until
where l.leased_until <= $4 or l.leased_until = (
    select n.known from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as n (account_id, lane, known)
    where n.account_id = l.account_id and n.lane = l.lane)
returning account_id, lane"""

RELEASE = """
with found as materialized (
    select l.place from unnest($1::integer[], $2::integer[], $3::timestamptz[]) as n (account_id, lane, known)
    cross join lateral (
        select ctid as place from callback_lease
        where account_id = n.account_id and lane = n.lane and leased_until = n.known offset 0) l)
delete from callback_lease l using found where l.ctid = found.place"""

FORGET = "delete from callback_lease where leased_until < $1"


class LaneRows(Rows):
    """Statements on lanes."""

    async def callback_lanes(self, after: LaneKey, *, limit: int) -> list[LaneDue]:
        """Lanes in which something waits, in order, after one."""
        return [_lane(*row) for row in await self._connection.fetch(LANES, *after, limit)]

    async def lanes_of_old_callbacks(
        self, down: Collection[LaneKey], *, owed_before: datetime, limit: int
    ) -> list[LaneDue]:
        """Lanes in which something is as old as that, and was tried in vain or waits for a server that is down."""
        lanes = columns([*down], 2)
        return [_lane(*row) for row in await self._connection.fetch(OLD_LANES, owed_before, *lanes, limit)]

    async def lease_lanes(
        self, lanes: Mapping[LaneKey, datetime | None], *, now: datetime, until: datetime
    ) -> list[LaneKey]:
        """Lease those that are free, or that the asker knows to be leased until then: his own. Which it has now."""
        rows = await self._connection.fetch(LEASE, *_known(lanes), now, until)
        return [(account_id, lane) for account_id, lane in rows]

    async def release_lanes(self, lanes: Mapping[LaneKey, datetime]) -> None:
        """Let go of those that are still leased until then."""
        await self._connection.execute(RELEASE, *_known(lanes))

    async def forget_leases(self, before: datetime) -> None:
        """Forget those that ended before."""
        await self._connection.execute(FORGET, before)


def _lane(account_id: int, lane: int, due_at: datetime, leased_until: datetime | None) -> LaneDue:
    return LaneDue((account_id, lane), due_at, leased_until)


def _known(lanes: Mapping[LaneKey, datetime | None] | Mapping[LaneKey, datetime]) -> list[list[Any]]:
    """Lanes, and until when each is known to be leased, as arrays."""
    return columns([(*key, known) for key, known in lanes.items()], 3)
