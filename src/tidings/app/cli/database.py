"""Where a command finds the database: the configured one, else the one of this checkout."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from tidings.app import dev_facts
from tidings.app.cli.invocation import Invocation
from tidings.app.clock import SystemClock
from tidings.app.config import Config
from tidings.app.house import House
from tidings.app.serving import SETTING, embedded_postgres
from tidings.domain.errors import Misconfigured, Unavailable
from tidings.store.admin import Admin
from tidings.store.database import LOST, PostgresDatabase
from tidings.store.embedded import EmbeddedPostgres
from tidings.store.migrate import pending
from tidings.store.postgres_place import SOCKET_NAME

Answer = TypeVar("Answer")

POOL_SIZE = 2


@dataclass(frozen=True, slots=True)
class Desk:
    """What a command works at: the operators' statements, and the gateway's use cases."""

    url: str
    connection: asyncpg.Connection

    @property
    def admin(self) -> Admin:
        """The operators' statements."""
        return Admin(self.connection)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[PostgresDatabase]:
        """Transactions, for the flows."""
        database = PostgresDatabase(self.url, pool_size=POOL_SIZE)
        await database.open()
        try:
            yield database
        finally:
            await database.close()

    @asynccontextmanager
    async def house(self) -> AsyncIterator[House]:
        """The gateway, for what its customers may do too."""
        async with self.database() as database:
            house = await House.on(database, SystemClock())
            yield house
            await house.close()


def ask(
    invocation: Invocation, question: Callable[[Desk], Awaitable[Answer]], *, any_version: bool = False
) -> Answer:
    """The answer of a question to the database of this command. Raises Misconfigured, Unavailable.

    `any_version`: also ask a database that is not migrated.
    """
    with database_url(invocation.config()) as url:
        return asyncio.run(_asked(url, question, any_version=any_version))


@contextmanager
def database_url(config: Config) -> Iterator[str]:
    """The database's address: as configured; else our own PostgreSQL's, started for this command if it rests."""
    if config.database.url is not None:
        yield config.database.url
        return
    postgres = embedded_postgres(config)
    assert postgres is not None, "without a url there is one of our own"
    if _runs(postgres):
        yield postgres.url
    elif config.database.data_dir is None and (url := _url_of_last_dev(config, postgres)):
        yield url
    elif (postgres.data_dir / "PG_VERSION").exists():
        with postgres:
            yield postgres.url
    else:
        raise Misconfigured(
            f"there is no database in {postgres.data_dir} yet: `tidings migrate` makes one, `tidings dev` one with "
            f"a demo account; or set {SETTING} to one of yours"
        )


def _runs(postgres: EmbeddedPostgres) -> bool:
    """Whether `tidings serve` or `tidings dev` keeps this PostgreSQL up."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(postgres.socket_dir / SOCKET_NAME))
        except PermissionError:
            raise Misconfigured(
                f"the database in {postgres.data_dir} is another user's: run this command as that user or as root"
            ) from None
        except OSError:
            return False
    return True


def _url_of_last_dev(config: Config, postgres: EmbeddedPostgres) -> str | None:
    """The database of the last `tidings dev` here, where that was told to use another one than ours."""
    facts = dev_facts.read(config.dev.dir / ".tidings" / "dev.json")
    url = facts["database_url"] if facts else postgres.url
    return None if url == postgres.url else url


async def _asked(url: str, question: Callable[[Desk], Awaitable[Answer]], *, any_version: bool) -> Answer:
    connection = await _connect(url)
    try:
        if not any_version and await pending(connection):
            raise Misconfigured(
                "the database is not up to date: `tidings migrate` brings it there, as `serve` and `dev` do too"
            )
        return await question(Desk(url, connection))
    except LOST as error:
        raise Unavailable(f"the database went away: {type(error).__name__}") from error
    finally:
        await connection.close(timeout=5)


async def _connect(url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(url, timeout=10, server_settings={"application_name": "tidings cli"})
    except asyncpg.InterfaceError as error:  # its text may show the url and the password in it
        raise Misconfigured(f"{SETTING} is not the address of a PostgreSQL") from error
    except LOST as error:
        raise Unavailable(
            f"{SETTING}: the database cannot be reached ({error or type(error).__name__})"
        ) from error
    except asyncpg.PostgresError as error:
        raise Misconfigured(f"{SETTING}: cannot use this database: {error}") from error
