"""How the house stands: what waits, for how long, and who is there to do something about it."""

from collections import Counter
from datetime import datetime, timedelta

import asyncpg
import msgspec

from tidings.store.deliveries import PART_PLACES
from tidings.store.flights import COURIER_LOCK
from tidings.store.runs import MESSAGES

NEWEST_LONG = 20_000
"""Long messages that are looked at."""

FEWEST_LONG, MOSTLY = 20, 0.95
"""How many long messages a connector must have had, and which share of them with a receipt for one part alone."""

COURIERS = f"""
select objid::integer from pg_locks
where locktype = 'advisory' and classid = {COURIER_LOCK} and objsubid = 2 and granted
  and database = (select oid from pg_database where datname = current_database())"""

COUNTS = f"""
with courier as ({COURIERS})
select (select count(*) from in_flight where doubt_since is null) as written,
       (select count(*) from in_flight where doubt_since is null
                                         and courier_id not in (select objid from courier)) as deserted,
       (select count(*) from in_flight where decide_at is not null) as in_doubt,
       (select count(*) from in_flight where doubt_since is not null and decide_at is null) as unconfirmed,
       (select count(*) from orphan where retry_at is not null) as orphans_waiting,
       (select count(*) from orphan where retry_at is null) as orphans_given_up,
       (select coalesce(sum({MESSAGES}), 0)::bigint from outbox) as queued,
       (select count(*) from courier) as couriers,
       (select coalesce(sum({MESSAGES}), 0)::bigint from outbox
        where expires_at < now() - $1::interval)
         + (select count(*) from in_flight where decide_at < now() - $1::interval)
         + (select count(*) from timer where due_at < now() - $1::interval) as unattended,
       (select count(*) from callback) as callbacks_waiting,
       (select count(*) from callback where due_at < now() - $1::interval) as callbacks_late,
       (select count(*) from callback_given_up) as callbacks_given_up,
       (select max(next) - 1 from id_counter) as last_id"""

# What should have gone out by now, by the connector that should have taken it.
LATE = f"""
select c.name, c.enabled, sum({MESSAGES})::bigint as messages, min(o.due_at) as since
from outbox o join connector c on c.id = o.connector_id
where o.due_at < now() - $1::interval group by c.name, c.enabled order by since"""

# Counted for ever: what the setting has become meanwhile is not suspected any more.
SUSPECTED = """
select c.name, s.form, s.found from suspect_count s join connector c on c.id = s.connector_id
where s.form <> coalesce(c.settings ->> 'id_form', 'exact') order by s.found desc"""

# Long messages whose receipts must have come by now: the newest whose validity, and a day of grace, is over. What a
# carrier said of a part stays with it when the deadline closes it.
LONELY = f"""
with long as (
    select a.attempt ->> 0 as connector_id,
           (select count(*) from json_array_elements(a.attempt -> 3) as p (part)
            where part ->> {PART_PLACES["state"]} in ('delivered', 'read')
                  or part ->> {PART_PLACES["stage"]} = 'network'
                  or part ->> {PART_PLACES["confirmation"]} <> 'none') as told
    from message m join delivery d on d.account_id = m.account_id and d.message_id = m.id
         cross join lateral (select d.attempts -> -1) as a (attempt)
    where m.expires_at between now() - interval '8 days' and now() - interval '1 day'
      and m.parts > 1 and d.sent_at is not null and d.done_at is not null limit {NEWEST_LONG})
select c.name, count(*) as messages, count(*) filter (where told = 1) as told_once
from long join connector c on c.id = long.connector_id::integer
where coalesce(c.settings ->> 'receipt_parts', 'each') = 'each'
group by c.id, c.name
having count(*) >= {FEWEST_LONG} and count(*) filter (where told = 1) > count(*) * {MOSTLY} order by c.id"""

# Each courier that works on a connector has sessions of its own.
BOUND = """
select c.name, count(l.courier_id)::integer as couriers, coalesce(sum(l.binds), 0)::integer as binds,
       coalesce(sum(l.bound), 0)::integer as bound, max(l.trouble) as trouble,
       coalesce(jsonb_agg(l.counts) filter (where l.counts is not null), '[]')::text as counts
from connector c left join courier_lease l on l.connector_id = c.id and l.until > now()
where c.enabled group by c.id, c.name order by c.id"""

SET_UP = """
select exists (select from account where closed_at is null) as accounts,
       exists (select from connector where enabled) as connectors,
       exists (select from route r join connector c on c.id = r.connector_id where c.enabled) as routes"""


class Counts(msgspec.Struct, frozen=True):
    """How much there is of what may wait."""

    queued: int  # messages, or parts of them, that wait for a connector, due or not
    written: int  # submissions whose answer is waited for
    deserted: int  # of these, written by couriers that are no more
    in_doubt: int  # submissions whose answer was lost; their traffic class's policy will decide
    unconfirmed: int  # policy has decided; a receipt may still name them
    orphans_waiting: int  # receipts of no submission we know, tried again
    orphans_given_up: int  # and not tried again by themselves
    unattended: int  # deadlines that passed without anybody looking: a clerk does
    couriers: int  # running now
    callbacks_waiting: int  # to be told to customers' servers, now or again later
    callbacks_late: int  # of these, due and not told: a server is slow or down, or no clerk is running
    callbacks_given_up: int  # not tried again by themselves
    last_id: int


class Late(msgspec.Struct, frozen=True):
    """A connector that does not take what is due."""

    connector: str
    enabled: bool
    messages: int
    since: datetime


class Suspected(msgspec.Struct, frozen=True):
    """A connector whose receipts are found under another form of id than it is set to."""

    connector: str
    form: str
    receipts: int


class Lonely(msgspec.Struct, frozen=True):
    """A connector that is set to give receipts for each part of long messages, and gives nearly all of them one."""

    connector: str
    messages: int
    told_once: int


class Bound(msgspec.Struct, frozen=True):
    """How the sessions of a connector that is switched on stand, as its couriers said some seconds ago."""

    connector: str
    couriers: int  # that work on it
    binds: int  # sessions that there are to be
    bound: int
    trouble: str | None  # why some are missing
    counts: dict[str, int]  # of what happened since its couriers' start


class SetUp(msgspec.Struct, frozen=True):
    """Whether there is what sending needs."""

    accounts: bool
    connectors: bool
    routes: bool


async def counts(connection: asyncpg.Connection, *, slack: timedelta) -> Counts:
    """How much waits; `slack` is how late a deadline may be looked at."""
    row = await connection.fetchrow(COUNTS, slack)
    return Counts(**{name: row[name] for name in Counts.__struct_fields__})


async def late(connection: asyncpg.Connection, *, slack: timedelta) -> list[Late]:
    """The connectors that have not taken what was due `slack` ago, the oldest first."""
    return [Late(*row) for row in map(tuple, await connection.fetch(LATE, slack))]


async def suspected(connection: asyncpg.Connection) -> list[Suspected]:
    """The connectors whose form of id seems wrong, the surest first."""
    return [Suspected(*row) for row in map(tuple, await connection.fetch(SUSPECTED))]


async def lonely_receipts(connection: asyncpg.Connection) -> list[Lonely]:
    """The connectors that seem to give a long message one receipt, whatever they were asked for."""
    return [Lonely(*row) for row in map(tuple, await connection.fetch(LONELY))]


async def bound(connection: asyncpg.Connection) -> list[Bound]:
    """How the sessions of every connector stand that is switched on."""
    return [
        Bound(
            row["name"], row["couriers"], row["binds"], row["bound"], row["trouble"], _summed(row["counts"])
        )
        for row in await connection.fetch(BOUND)
    ]


def _summed(counts: str) -> dict[str, int]:
    """The counts of several couriers, as one."""
    total: Counter[str] = Counter()
    for one in msgspec.json.decode(counts, type=list[dict[str, int]]):
        total.update(one)
    return dict(sorted(total.items()))


async def set_up(connection: asyncpg.Connection) -> SetUp:
    """Whether accounts, connectors and routes are there."""
    return SetUp(*tuple(await connection.fetchrow(SET_UP)))
