"""Partitions by message id, made ahead of need: retention is dropping one, and a lookup by id touches one.

Each is named by its first id in millions, in six digits; those of four digits are from before they were so large.
"""

import asyncpg

SIZE = 16_000_000
"""Ids in one partition. What asks for messages of any age pays for each one that it opens, as for a message in it, and
each connection keeps what it knows of it."""

SMALLER = {"report": 1_000_000}
"""Lists by the time of the report follow an index of whole partitions, and pass by what is not in their window."""

TABLES = ("message", "delivery", "evidence", "submission", "report", "report_pulled", "callback_done")
_HOT = {"delivery": "with (fillfactor = 42)"}
"""A batch writes all rows of a page anew, and then they are longer. The page has to hold them as they are sent beside
as they end (121 and 172 octets of a message of one part): 27 of them, which begin as 42 % of it."""

LOCK = "select pg_advisory_xact_lock(7230519)"
REACHED = r"""
select coalesce(max(substring(pg_get_expr(c.relpartbound, c.oid) from $$TO \('(\d+)'\)$$)::bigint), 0)
from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::text::regclass"""


async def ensure(connection: asyncpg.Connection, *, up_to_id: int) -> int:
    """Make every partition that ids up to `up_to_id` need, and of each table one beyond; the first id without one."""
    async with connection.transaction():
        await connection.execute(LOCK)
        return min([await _ensure(connection, table, up_to_id) for table in TABLES])


async def _ensure(connection: asyncpg.Connection, table: str, up_to_id: int) -> int:
    size = SMALLER.get(table, SIZE)
    reached: int = await connection.fetchval(REACHED, table)
    while reached < (up_to_id // size + 2) * size:
        beyond = (reached // size + 1) * size
        await _make(connection, table, reached, beyond)
        reached = beyond
    return reached


async def _make(connection: asyncpg.Connection, table: str, first: int, beyond: int) -> None:
    name = f"{table}_p{first // 1_000_000:06d}"
    # Made apart and then attached: making it in place would lock out every reader of the whole table.
    await connection.execute(
        f"create table {name} (like {table} including defaults including constraints including storage)"
        f" {_HOT.get(table, '')}"
    )
    await connection.execute(
        f"alter table {table} attach partition {name} for values from ({max(first, 1)}) to ({beyond})"
    )
