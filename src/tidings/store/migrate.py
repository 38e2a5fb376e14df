"""Forward migrations: numbered SQL files, each applied once, in order, under a lock."""

import re
import secrets
from importlib import resources

import asyncpg

from tidings.domain.errors import Misconfigured
from tidings.store import partitions

OLDEST_SERVER = 15  # MERGE
LOCK = 0x71D1465  # any number that nobody else uses for an advisory lock in this database
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql\Z")

CREATE_HISTORY = """
create table if not exists migration (
    number integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
)"""


async def migrate(url: str) -> list[str]:
    """Bring the database up to date; the names applied now. Raises Misconfigured on a server that is too old."""
    connection = await asyncpg.connect(url)
    try:
        if connection.get_server_version().major < OLDEST_SERVER:
            raise Misconfigured(f"database.url: PostgreSQL {OLDEST_SERVER} or newer is needed")
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        return await _apply_missing(connection)
    finally:
        await connection.close()


async def pending(connection: asyncpg.Connection) -> list[str]:
    """The names of the migrations that a database lacks. Raises Misconfigured if a newer Tidings made it."""
    return [name for _, name, _ in await _missing(connection)]


async def _missing(connection: asyncpg.Connection) -> list[tuple[int, str, str]]:
    files = _files()
    if not await connection.fetchval("select to_regclass('migration') is not null"):
        return files
    done = {row["number"] for row in await connection.fetch("select number from migration")}
    unknown = done - {number for number, _, _ in files}
    if unknown:
        raise Misconfigured(
            f"database.url: this database was migrated by a newer Tidings ({max(unknown):04d})"
        )
    return [file for file in files if file[0] not in done]


async def _apply_missing(connection: asyncpg.Connection) -> list[str]:
    await connection.execute(CREATE_HISTORY)
    applied = []
    for number, name, sql in await _missing(connection):
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute("insert into migration (number, name) values ($1, $2)", number, name)
        applied.append(name)
    await _install(connection)
    return applied


async def _install(connection: asyncpg.Connection) -> None:
    """What a new database needs beyond its tables: secrets of its own and its first partitions."""
    async with connection.transaction():
        await connection.execute(
            "insert into installation (token_secret, id_secret)"
            " select $1, $2 where not exists (select from installation)",
            secrets.token_bytes(32),
            secrets.token_bytes(32),
        )
    await partitions.ensure(connection, up_to_id=1)


def _files() -> list[tuple[int, str, str]]:
    """Number, name and text of the migrations that ship with this version."""
    folder = resources.files("tidings.store") / "migrations"
    return sorted(
        (int(match[1]), entry.name.removesuffix(".sql"), entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if (match := _NAME.match(entry.name))
    )
