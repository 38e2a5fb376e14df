"""Tables in partitions: that none ends before the others do, and what is found in them by time."""

import re
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec
import pytest

from tidings.store import outbox, partitions
from tidings.store.database import WRITING

BOUNDS = """
select p.relname as table, pg_get_expr(c.relpartbound, c.oid) as bound
from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
where p.relkind = 'p'"""

MESSAGES, DAYS = 60_000, 30
# Every other one is valid for ten minutes, the others for half the time that all of them span.
OF_MIXED_VALIDITY = """
insert into message (account_id, traffic_class, id, price, created_at, expires_at, dialect, parts, ucs2, flash, test,
                     recipient, sender, text, connector_id, route_id, counted, callback_each, evidence)
select 1, 'otp', n, 0, at, at + case n % 2 when 0 then interval '10 minutes' else interval '15 days' end,
       1, 1, false, false, false, '380501234567', 'Tidings', repeat('a', 60), 1, 1, false, false, ''
from generate_series(1, $1::integer) as n
cross join lateral (select $2::timestamptz + n * interval '30 days' / $1 as at) as moment"""


PARTITIONS = "select inhrelid::regclass::text from pg_inherits where inhparent = $1::text::regclass"
FORMER = """
create table {table}_p{number:04d} partition of {table} for values from ({low}) to ({high})"""


@pytest.mark.parametrize("former", [0, 3], ids=["new", "begun with smaller ones"])
async def test_all_tables_have_a_place_for_every_id_that_is_said_to_have_one(empty_database, former):
    connection = await asyncpg.connect(empty_database)
    try:
        await remake(connection, former)
        beyond = await partitions.ensure(connection, up_to_id=partitions.SIZE + 1)
        assert await partitions.ensure(connection, up_to_id=partitions.SIZE + 1) == beyond
        rows = await connection.fetch(BOUNDS)
    finally:
        await connection.close()
    ranges = {}
    for row in rows:
        low, high = map(int, re.findall(r"'(\d+)'", row["bound"]))
        ranges.setdefault(row["table"], []).append((low, high))
    assert ranges.keys() == set(partitions.TABLES)
    for table, its in ranges.items():
        its.sort()
        size = partitions.SMALLER.get(table, partitions.SIZE)
        assert [high for _, high in its[:-1]] == [low for low, _ in its[1:]]
        assert (its[0][0], its[-1][1]) == (1, (partitions.SIZE // size + 2) * size)
        assert its[-1][1] - its[-1][0] == size
        assert its[-1][1] >= beyond > partitions.SIZE + 1


async def remake(connection, former):
    """The first partitions as a former version made them, if any of them."""
    if former:
        for table in partitions.TABLES:
            for (name,) in await connection.fetch(PARTITIONS, table):
                await connection.execute(f"drop table {name}")
            size = partitions.SMALLER.get(table, 4_000_000)
            for number in range(former):
                low, high = max(number * size, 1), (number + 1) * size
                await connection.execute(FORMER.format(table=table, number=number, low=low, high=high))


async def test_the_sweep_of_deadlines_reads_few_messages_where_some_are_valid_for_long(empty_database):
    connection = await asyncpg.connect(empty_database, server_settings=WRITING)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        await connection.execute(OF_MIXED_VALIDITY, MESSAGES, first)
        await connection.execute("vacuum (analyze) message")
        now = first + timedelta(days=DAYS - 5)
        told = await connection.fetchval(
            f"explain (analyze, format json) {outbox.SILENT}", now - timedelta(minutes=10), now, 1_000
        )
    finally:
        await connection.close()
    read = sum(
        node.get("Rows Removed by Index Recheck", 0)
        + node.get("Rows Removed by Filter", 0)
        + node["Actual Rows"]
        for node in nodes(msgspec.json.decode(told)[0]["Plan"])
        if node.get("Relation Name", "").startswith("message_p")
    )
    assert 0 < read < MESSAGES / 2


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)
