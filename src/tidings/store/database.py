"""The connection to PostgreSQL: a small pool, transactions, and translation of what can go wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tidings.domain.errors import Unavailable
from tidings.store.accounts import AccountRows
from tidings.store.catalog import CatalogRows
from tidings.store.deliveries import DeliveryRows
from tidings.store.flights import FlightRows
from tidings.store.lookups import LookupRows
from tidings.store.orders import OrderRows
from tidings.store.orphans import OrphanRows
from tidings.store.outbox import OutboxRows
from tidings.store.reports import ReportRows

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.TransactionRollbackError,
    OSError,
    TimeoutError,
)
"""The database is away, ended the connection, or undid the transaction for another one's sake (a deadlock). Whether
a commit under way took hold is then not known."""

COMMAND_TIMEOUT_S = 60.0

SESSION = {
    "application_name": "tidings",
    "timezone": "UTC",
    # A plan that was made while a table was empty is kept until somebody analyzes it, and reads all of what has come
    # since: on a new database, and in every new partition, one lookup took half a minute.
    "plan_cache_mode": "force_custom_plan",
    # Joins happen in the order in which they are written. Of a table that was not analyzed yet the planner thinks that
    # an account has few rows in it, and then it begins with all of them.
    "join_collapse_limit": "1",
}
"""What every pooled connection is told."""


class Tx(
    AccountRows,
    CatalogRows,
    DeliveryRows,
    FlightRows,
    LookupRows,
    OrderRows,
    OrphanRows,
    OutboxRows,
    ReportRows,
):
    """One transaction; what the flows may ask of it stands in `flows.transaction`."""


async def _keep_session(connection: asyncpg.Connection) -> None:
    """Nothing to reset: no session state is ever set, and a reset costs a round trip at each release."""


class PostgresDatabase:
    """A pool of few connections: more of them than cores only makes it slower."""

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        self.url = url
        self._pool_size = pool_size
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Connect. Raises Unavailable."""
        try:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=self._pool_size,
                reset=_keep_session,
                command_timeout=COMMAND_TIMEOUT_S,
                server_settings=SESSION,
            )
        except LOST as error:
            raise Unavailable(f"the database cannot be reached: {type(error).__name__}") from error

    async def close(self) -> None:
        """Give the connections back; what is under way may finish for some seconds."""
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), timeout=5)
            except TimeoutError:
                self._pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A transaction, committed at the end of the block. Raises Unavailable when the database is away."""
        assert self._pool is not None, "open() first"
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                yield Tx(connection)
        except LOST as error:
            raise Unavailable(f"the database went away: {type(error).__name__}") from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A connection for one statement that only reads."""
        assert self._pool is not None, "open() first"
        try:
            async with self._pool.acquire() as connection:
                yield Tx(connection)
        except LOST as error:
            raise Unavailable(f"the database went away: {type(error).__name__}") from error

    async def answers(self) -> bool:
        """Whether the database can be asked right now."""
        try:
            async with self.reading() as tx:
                await tx.installation()
        except Unavailable:
            return False
        return True

    async def connect(self) -> asyncpg.Connection:
        """A connection of its own, for what lives as long as a process: locks and LISTEN. Raises Unavailable."""
        try:
            return await asyncpg.connect(self.url, server_settings={"application_name": "tidings"})
        except LOST as error:
            raise Unavailable(f"the database cannot be reached: {type(error).__name__}") from error
