"""Many delivered messages of the past, copied inside the database from some that really went through.

What is copied keeps its size and its shape; ids, times, numbers and keys of its own are moved. The copies have the
ids below the first real one and are the older the smaller their id, like a past that this gateway has lived.
"""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import asyncpg

from bench.load import BadRun
from tidings.store import partitions

LONGEST_PAST_DAYS = 80  # the vendors' lists go back three months
IDS_PER_MESSAGE = 2  # a message that came alone is a task, too
AT_LEAST = 1_000  # real messages to copy from
PIECE = 4_000_000  # ids that one of two connections copies at a time
TOGETHER = 20_000  # ids of one age: a bulk request is of one moment
PACKED = {"callback_done", "report_pulled"}  # of the past nobody is called back
SMALL = ("task", "task_counter", "external_key")
ID_OF = {"message": "id", "task": "id", "task_counter": "task_id"}  # of others it is message_id
ID_COLUMNS = {"message_id", "task_id"}

COLUMNS = """
select attname, atttypid::regtype::text from pg_attribute
where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = '' order by attnum"""
RANGE = "select min(coalesce(task_id, id - 1)), max(id), count(*) from message where account_id = $1"
START_AT = "update id_counter set next = greatest(next, $1) where name = 'id'"
CHARGED = "select coalesce(sum(charged), 0), count(*) from delivery where account_id = $1 and message_id < $2"
BOOK = """
insert into ledger (account_id, at, kind, amount, messages)
select $1, now(), kind, $2, $3 from unnest('{hold,charge}'::ledger_kind[]) as kind"""
# Somebody has fetched their reports since.
PULLED = """
insert into report_pulled (account_id, last_id, at, message_ids, numbers)
select account_id, max(message_id), max(owed_at), array_agg(message_id), array_agg(number)
from report where account_id = $1 and message_id < $2 group by account_id, message_id / 2000"""
PAY = "update account set balance = balance - $2 where id = $1"
# What is read last stays, where the memory is too little for all of it.
ASKED = ("report!_p%", "task%", "external!_key%", "message!_p%", "delivery!_p%")
READ = """
select pg_prewarm(oid) from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'i') and relname like $1 escape '!' order by oid"""
COUNT = """
insert into message_count as c (account_id, width, starts_at, messages, first_id, last_id)
select account_id, width, date_trunc(width, created_at, 'UTC'), count(*), min(id), max(id)
from message, unnest('{day,minute}'::text[]) as width where account_id = $1 and id < $2 group by 1, 2, 3
on conflict (account_id, width, starts_at) do update
    set messages = c.messages + excluded.messages, first_id = least(c.first_id, excluded.first_id)"""

# What is unique, or would make an index smaller than it is when it comes again and again. `n` is the copy's number.
KEY = "case length(t.{0}) when 32 then lpad(to_hex(n), 6, '0') || substr(t.{0}, 7) else t.{0} || '-' || n end"
RECIPIENT = (
    "left(t.{0}, -7) || lpad(((right(t.{0}, 7)::bigint + n::bigint * 7368787) % 10000000)::text, 7, '0')"
)
CHANGED = {
    "reference": KEY,
    "message_key": KEY,
    "key": KEY,
    "bulk_key": KEY,
    "upstream_key": KEY,
    "recipient": RECIPIENT,
    "callback_lane": "null",
}


class Past(NamedTuple):
    """Which ids are copied, how often, and how far back."""

    account_id: int
    first_id: int  # of the real ones; what is below are copies
    width: int  # ids of one copy
    copies: int

    def age(self, id_column: str) -> str:
        """How much older a copy is than what it is a copy of: they fill the past evenly."""
        place = f"((t.{id_column} - {self.first_id}) / {TOGETHER} * {TOGETHER})::float8 / {self.width}"
        return f"interval '{LONGEST_PAST_DAYS * 86_400 / self.copies} seconds' * (n - {place})"

    def moved(self, name: str, kind: str, *, id_column: str) -> str:
        """The value of a copy's column."""
        if name in CHANGED:
            return CHANGED[name].format(name)
        if name == id_column or name in ID_COLUMNS:
            return f"t.{name} - n::bigint * {self.width}"
        return f"t.{name} - {self.age(id_column)}" if kind == "timestamp with time zone" else f"t.{name}"


class Job(NamedTuple):
    """The copies of one table with ids from `low` to below `high`: of a piece, or all."""

    table: str
    low: int
    high: int


async def make_room(connection: asyncpg.Connection, messages: int) -> None:
    """Let the first real message have an id above those of so many copies. To be called before anything is sent."""
    await connection.execute(START_AT, messages * IDS_PER_MESSAGE + PIECE)


async def fill(url: str, *, account_id: int, messages: int) -> Past:
    """Store so many more messages of an account whose real ones are all delivered. Raises BadRun."""
    connections = [await asyncpg.connect(url) for _ in range(2)]
    try:
        past = await _past(connections[0], account_id, messages)
        jobs = _jobs(past)
        await asyncio.gather(*(_work(connection, past, jobs) for connection in connections))
        await _settle(connections[0], past)
        await keep_in_memory(connections[0])
        return past
    finally:
        for connection in connections:
            await connection.close()


async def _past(connection: asyncpg.Connection, account_id: int, messages: int) -> Past:
    first, last, real = await connection.fetchrow(RANGE, account_id)
    if real is None or real < AT_LEAST:
        raise BadRun(f"{real or 0} messages are too few to make many of them")
    past = Past(account_id, first, width=last - first + 1, copies=-(-messages // real))
    if past.copies * past.width >= first:
        raise BadRun(f"there is no room for {past.copies} copies of {past.width} ids below {first}")
    return past


def _jobs(past: Past) -> Iterator[Job]:
    lowest = past.first_id - past.copies * past.width
    for low in range(lowest - lowest % PIECE, past.first_id, PIECE):
        high = min(low + PIECE, past.first_id)
        yield from (Job(table, low, high) for table in partitions.TABLES if table not in PACKED)
    yield from (Job(table, 0, past.first_id) for table in SMALL)


async def _work(connection: asyncpg.Connection, past: Past, jobs: Iterator[Job]) -> None:
    await connection.execute("set synchronous_commit = off")
    for job in jobs:
        await _copy(connection, past, job)


async def _copy(connection: asyncpg.Connection, past: Past, job: Job) -> None:
    columns = [tuple(row) for row in await connection.fetch(COLUMNS, job.table)]
    id_column = ID_OF.get(job.table, "message_id")
    values = ", ".join(past.moved(name, kind, id_column=id_column) for name, kind in columns)
    new_id = f"{id_column} - n::bigint * {past.width}"
    await connection.execute(f"""
        create temp table template as select * from {job.table}
        where account_id = {past.account_id} and {id_column} >= {past.first_id} order by {id_column}""")
    # Copy by copy: the other way round a page would have messages of each age, and nothing would lie beside its next.
    await connection.execute(f"""
        insert into {job.table} ({", ".join(name for name, _ in columns)}) select {values}
        from generate_series({past.copies}, 1, -1) as n
        cross join lateral (
            select * from template where {new_id} >= {job.low} and {new_id} < {job.high} offset 0) as t""")
    await connection.execute("drop table template")


async def _settle(connection: asyncpg.Connection, past: Past) -> None:
    """Money, counts, and what PostgreSQL would come to know of its tables by itself."""
    charged, count = await connection.fetchrow(CHARGED, past.account_id, past.first_id)
    await connection.execute(BOOK, past.account_id, charged, count)
    await connection.execute(PAY, past.account_id, charged)
    await connection.execute(COUNT, past.account_id, past.first_id)
    await connection.execute(PULLED, past.account_id, past.first_id)
    await connection.execute("vacuum (analyze, buffer_usage_limit 0)")
    await connection.execute("checkpoint")


async def keep_in_memory(connection: asyncpg.Connection) -> None:
    """Have PostgreSQL read what questions are about, as it would have of what is asked for every day."""
    await connection.execute("create extension if not exists pg_prewarm")
    for pattern in ASKED:
        await connection.execute(READ, pattern)
