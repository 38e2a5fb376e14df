"""Partitions by message id, made ahead of need: retention is dropping one, and a lookup by id touches one."""

import asyncpg

SIZE = 4_000_000
"""Ids in one partition."""

SMALLER = {"report": 1_000_000}
"""Lists by the time of the report follow an index of whole partitions, and pass by what is not in their window."""

TABLES = ("message", "delivery", "evidence", "submission", "report", "report_pulled", "callback_done")
_HOT = {"delivery": "with (fillfactor = 42)"}
"""A batch writes all rows of a page anew, and then they are longer. The page has to hold them as they are sent beside
as they end (121 and 172 octets of a message of one part): 27 of them, which begin as 42 % of it."""

LOCK = "select pg_advisory_xact_lock(7230519)"
EXISTING = "select to_regclass($1) is not null"


async def ensure(connection: asyncpg.Connection, *, up_to_id: int) -> int:
    """Make every partition that ids up to `up_to_id`, and one partition beyond, need; the first id without one."""
    beyond = (up_to_id // SIZE + 2) * SIZE
    async with connection.transaction():
        await connection.execute(LOCK)
        for table in TABLES:
            size = SMALLER.get(table, SIZE)
            for number in range(beyond // size):
                await _ensure_one(connection, table, number, size)
    return beyond


async def _ensure_one(connection: asyncpg.Connection, table: str, number: int, size: int) -> None:
    name = f"{table}_p{number:04d}"
    if await connection.fetchval(EXISTING, name):
        return
    # Made apart and then attached: making it in place would lock out every reader of the whole table.
    await connection.execute(
        f"create table {name} (like {table} including defaults including constraints including storage)"
        f" {_HOT.get(table, '')}"
    )
    await connection.execute(
        f"alter table {table} attach partition {name}"
        f" for values from ({max(number * size, 1)}) to ({(number + 1) * size})"
    )
