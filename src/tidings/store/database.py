"""The connection to PostgreSQL: a small pool, transactions, and translation of what can go wrong."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType

import asyncpg

from tidings.domain.errors import Unavailable
from tidings.flows.folded import Folded, Spelt
from tidings.store.accounts import AccountRows
from tidings.store.callbacks import CallbackRows
from tidings.store.catalog import CatalogRows
from tidings.store.connections import Connections
from tidings.store.evidence import EvidenceRows
from tidings.store.flights import FlightRows
from tidings.store.folded import FoldedRows, spell
from tidings.store.lookups import LookupRows
from tidings.store.orders import OrderRows
from tidings.store.orphans import OrphanRows
from tidings.store.outbox import OutboxRows
from tidings.store.pages import PageRows
from tidings.store.reports import ReportRows
from tidings.store.tallies import TallyRows

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

READERS = 4
"""Connections for questions. A statement answers all that were asked meanwhile, so that two are busy with those; the
others are for lists and timelines."""

SESSION = {
    "application_name": "tidings",
    "timezone": "UTC",
    # Every table that grows is asked by a key. Reading one whole is never right, however few rows the planner believes
    # in: it believes so of every table, and of every new partition, that nobody has analyzed.
    "enable_seqscan": "off",
    # Joins happen in the order in which they are written, for the same reason.
    "join_collapse_limit": "1",
    # A helper process costs more than any of these statements.
    "max_parallel_workers_per_gather": "0",
}
"""What every pooled connection is told."""

WRITING = {**SESSION, "plan_cache_mode": "force_custom_plan"}
"""A plan that was made while a table was empty is kept until somebody analyzes it. Statements that leave the planner a
choice are therefore planned each time, which costs some tenths of a millisecond for every batch."""

READING = {
    **SESSION,
    "plan_cache_mode": "force_generic_plan",
    # Where an index has the order that is asked for, it is followed: of a list only one page is read.
    "enable_sort": "off",
}
"""Questions leave the planner no choice (`tests/flows/test_plans.py`), so that one plan is right for ever. Planning
them costs ten times as much as answering them: each names three partitioned tables."""

PULLING = {**READING, "enable_nestloop": "off"}
"""Of a thousand reports the messages are read together, not one by one for each, whatever is known of their tables."""

AT_ONCE = {**READING, "enable_hashjoin": "off", "enable_mergejoin": "off", "enable_material": "off"}
"""What is written in one statement that needs no second look: new orders, claims, and what was learnt of messages. From
row to row, by key, and never by keeping a copy of a table that is believed to be empty: the only way that is right
whatever the sizes are."""

TAKERS = 5
"""Connections for these, as many as are wanted at a time: two for small orders and two for large ones; or one for
claims and two for what was said; and one more for when one has just been lost."""

PULLERS = 2
"""Connections for pulls of reports: a thousand of them keep one busy for long, and two keep two cores busy."""


class Tx(
    AccountRows,
    CatalogRows,
    EvidenceRows,
    FlightRows,
    FoldedRows,
    LookupRows,
    OrderRows,
    CallbackRows,
    OrphanRows,
    OutboxRows,
    PageRows,
    ReportRows,
    TallyRows,
):
    """One transaction; what the flows may ask of it stands in `flows.transaction`."""


class Borrowed(AbstractAsyncContextManager[Tx]):
    """A connection for a block. A class, because a generator costs more than all else that is done here."""

    __slots__ = ("_connection", "_of")

    def __init__(self, of: Connections) -> None:
        self._of = of

    async def __aenter__(self) -> Tx:
        """Take one. Raises Unavailable."""
        try:
            self._connection = await self._of.take()
        except LOST as error:
            raise _away(error) from error
        return Tx(self._connection)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back. Raises Unavailable."""
        self._of.give_back(self._connection, error)
        if isinstance(error, LOST):
            raise _away(error) from error


@asynccontextmanager
async def _transaction(connections: Connections) -> AsyncIterator[Tx]:
    try:
        async with connections.lend() as connection, connection.transaction():
            yield Tx(connection)
    except LOST as error:
        raise _away(error) from error


def _away(error: BaseException) -> Unavailable:
    return Unavailable(f"the database went away: {type(error).__name__}")


class PostgresDatabase:
    """Few connections: more of them than cores only makes it slower. Questions have their own, which nobody locks."""

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        self.url = url
        self._pool_size = pool_size
        self._prepare()

    async def open(self) -> None:
        """Connect, also after a close. Raises Unavailable."""
        self._prepare()
        async with Borrowed(self._writers):
            pass

    def _prepare(self) -> None:
        self._writers = self._connections(self._pool_size, WRITING)
        self._readers = self._connections(READERS, READING)
        self._takers = self._connections(TAKERS, AT_ONCE)
        self._pullers = self._connections(PULLERS, PULLING)

    def _connections(self, most: int, session: dict[str, str]) -> Connections:
        return Connections(self.url, most=most, session=session)

    async def close(self) -> None:
        """Give the connections back; what is under way may finish for some seconds."""
        for connections in (self._readers, self._takers, self._pullers, self._writers):
            await connections.close()

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction, committed at the end of the block. Raises Unavailable when the database is away."""
        return _transaction(self._writers)

    def accepting(self) -> AbstractAsyncContextManager[Tx]:
        """The same for orders: no statement leaves the planner a choice, so each is planned once."""
        return _transaction(self._takers)

    def calling_back(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction for callbacks, whose statements are planned once as well."""
        return _transaction(self._takers)

    def spell(self, folded: Folded) -> Spelt:
        """What a transaction's `write` sends for it."""
        return spell(folded)

    def at_once(self) -> AbstractAsyncContextManager[Tx]:
        """A connection for one statement that is a transaction of its own. Raises Unavailable."""
        return Borrowed(self._takers)

    def pulling(self) -> AbstractAsyncContextManager[Tx]:
        """The same for a pull of reports: the newest are found along an index, however many are believed to wait."""
        return Borrowed(self._pullers)

    def reading(self) -> AbstractAsyncContextManager[Tx]:
        """A connection for one statement that only reads."""
        return Borrowed(self._readers)

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
