"""What the flows ask of the database: one Protocol a use case, all answered by one transaction.

The store implements them; nobody else does. They exist so that imports keep pointing inwards. Every call takes and
gives whole batches. Keys of messages are (account id, message id).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from tidings.flows.callback_transaction import CallbackTx
from tidings.flows.folded import Folded, Spelt
from tidings.flows.read_transaction import ReadTx, ReportTx
from tidings.flows.records import (
    Addressee,
    Catalog,
    Claimed,
    Content,
    Flight,
    Funds,
    Held,
    Key,
    Match,
    MoneyMove,
    NewOrders,
    Orphan,
    Unanswered,
    Waiting,
)


class FoldTx(Protocol):
    """Status and all that moves with it."""

    async def lock_deliveries(self, keys: Iterable[Key]) -> dict[Key, Held]:
        """The deliveries, locked in one order until the transaction ends."""
        ...

    async def write(self, folded: Folded | Spelt) -> None:
        """Write it all. Raises Overtaken: then the transaction must not be committed."""
        ...


class CatalogTx(Protocol):
    """What operators configured."""

    async def catalog_version(self) -> int:
        """Which version is in force."""
        ...

    async def load_catalog(self) -> Catalog:
        """Routes, prices and tariffs."""
        ...


class AcceptTx(FoldTx, CatalogTx, Protocol):
    """Taking orders."""

    async def lock_accounts(self, account_ids: Iterable[int]) -> tuple[dict[int, Funds], int]:
        """The accounts, locked until the transaction ends, and the catalog's version. Others take no orders."""
        ...

    async def move_money(self, moves: dict[int, MoneyMove], at: datetime) -> None:
        """Move balances and write the ledger, by account."""
        ...

    async def keys_taken(self, keys: Sequence[tuple[int, str, str]]) -> set[tuple[int, str, str]]:
        """Which of (account id, kind, key) are used already."""
        ...

    async def add_orders(self, new: NewOrders) -> None:
        """Write all of it: tasks, messages, what waits for connectors, and at last the held money.

        One statement, which needs no transaction around it. Raises KeysTaken or NotAsRemembered, and then a transaction
        around it must not be committed.
        """
        ...

    async def ring(self, connectors: Collection[int]) -> None:
        """Wake the couriers of these connectors."""
        ...

    async def add_refused(self, new: NewOrders) -> None:
        """Write the reports and callbacks of messages that were refused as they were taken."""
        ...


class DispatchTx(FoldTx, CatalogTx, Protocol):
    """Handing over."""

    async def claim(
        self,
        connector_id: int,
        after: Mapping[int, int],
        *,
        courier_id: int,
        now: datetime,
        remaining: timedelta,
        accounts: int,
        room: int,
    ) -> Claimed:
        """Turn what is due, goes out for the first time and is of one part into the intent to write it.

        From each lane an equal share of so many accounts, from those `after` one of that lane on; `remaining` as of
        `due`. At most `room` messages, the others that are as urgent among them, which are left.
        """
        ...

    async def next_references(self, connector_id: int, long: Mapping[str, int]) -> dict[str, list[int]]:
        """Numbers (1..255) for so many long messages to each recipient, that the last ones did not have."""
        ...

    async def due(
        self,
        connector_id: int,
        lane: int,
        accounts: Sequence[int],
        *,
        now: datetime,
        remaining: timedelta,
        limit: int,
    ) -> list[tuple[Waiting, Content]]:
        """What of a lane may go to a connector now; locked, others skip it.

        What remains of its validity must be more than `remaining`, or than half of what did when it became due.

        An equal share for each of the accounts, oldest first.
        """
        ...

    async def take_off(
        self, rows: Sequence[Waiting], *, courier_id: int, now: datetime, references: Mapping[int, int]
    ) -> None:
        """Turn rows of `due` into the intent to write their parts; `references` by message id.

        Of an account's they must be the first ones: what waits in the same place as they is left there behind them.
        """
        ...

    async def take_from_outbox(self, rows: Sequence[Waiting]) -> None:
        """Remove rows that this transaction has locked, of those in one place the first ones."""
        ...

    async def put_in_outbox(self, rows: Sequence[Waiting]) -> None:
        """Queue again."""
        ...

    async def overdue(self, *, now: datetime, limit: int) -> list[Waiting]:
        """What still waits although its validity is over; locked."""
        ...

    async def addressees(self, keys: Sequence[Key]) -> dict[Key, Addressee]:
        """Where the messages go."""
        ...

    async def end_flights(self, rows: Sequence[Flight]) -> dict[Flight, bool]:
        """Remove the submissions whose fate is known; those that were still there, and whether in doubt."""
        ...

    async def unanswered(self, keys: Iterable[Key]) -> set[Key]:
        """Those of the messages of which a submission may still be answered."""
        ...

    async def doubt_flights(self, rows: Sequence[tuple[Flight, datetime]], *, since: datetime) -> set[Flight]:
        """Mark submissions as in doubt; the policy decides at the given time. Those that were not yet in doubt."""
        ...

    async def wake_orphans(self, rows: Sequence[tuple[int, str]], *, at: datetime) -> None:
        """Try orphans of a connector again now whose recipient ends in these digits."""
        ...

    async def add_submissions(self, rows: Sequence[Match]) -> None:
        """Submissions that were taken, under the key their receipts will name."""
        ...

    async def orphans_named(self, connector_id: int, keys: Sequence[str]) -> list[Orphan]:
        """Receipts that came before the answers to these upstream keys; locked."""
        ...

    async def drop_orphans(self, rows: Sequence[Orphan]) -> None:
        """They are matched."""
        ...

    async def deserted(self, *, written_before: datetime, limit: int) -> list[Flight]:
        """Unanswered submissions of couriers that are no more, or from before that time; locked."""
        ...

    async def undecided(self, *, now: datetime, limit: int) -> list[Flight]:
        """Submissions in doubt whose wait is over; locked."""
        ...

    async def decide_flights(self, rows: Sequence[Flight]) -> None:
        """Their policy has decided; they stay matchable."""
        ...


class ReceiveTx(DispatchTx, Protocol):
    """Receipts."""

    async def matches(self, connector_id: int, keys: Sequence[str]) -> list[Match]:
        """Submissions under these keys, newest first."""
        ...

    async def unanswered_to(self, connector_id: int, tails: Sequence[str]) -> list[Unanswered]:
        """Submissions without an answer to recipients that end in these digits (`receive.TAIL` of them)."""
        ...

    async def count_suspects(self, connector_id: int, forms: Mapping[str, int]) -> None:
        """Receipts that only another id form found, by form."""
        ...

    async def keep_orphans(self, rows: Sequence[tuple[Orphan, bytes, datetime]]) -> None:
        """Keep receipts nobody claims: orphan, fingerprint, next retry."""
        ...

    async def orphan(self, connector_id: int, orphan_id: int) -> Orphan | None:
        """One orphan; locked."""
        ...

    async def orphans_due(self, connector_id: int, *, now: datetime, limit: int) -> list[Orphan]:
        """Orphans to try again; locked."""
        ...

    async def retry_orphans(self, rows: Sequence[tuple[Orphan, datetime | None]]) -> None:
        """When to try these again; None = not by itself."""
        ...


class CloseTx(DispatchTx, Protocol):
    """Deadlines."""

    async def silent(self, *, expired_before: datetime, after: datetime, limit: int) -> list[Key]:
        """Messages that left us, are open, and whose validity ended in the window.

        Without those of which a submission may still be answered, or decided about.
        """
        ...

    async def first_expiry_in_flight(self) -> datetime | None:
        """When the first validity ends of what may still be answered, or decided about."""
        ...

    async def add_up_tallies(self, limit: int, *, before: datetime) -> int:
        """Add what batches of orders took before then to the counts of days and minutes; how many batches."""
        ...

    async def age_out(self, *, before: datetime) -> None:
        """Delete orphans, and submissions in doubt, that found no match since."""
        ...

    async def forget_reports(self, *, owed_before: datetime, limit: int) -> int:
        """Delete up to `limit` owed reports that nobody can pull any more; how many."""
        ...

    async def swept_to(self, name: str) -> datetime | None:
        """How far a sweep has come."""
        ...

    async def sweep_reached(self, name: str, at: datetime) -> None:
        """Remember how far a sweep has come."""
        ...

    async def settle_due(self, *, now: datetime, limit: int) -> list[Key]:
        """Messages whose settle wait is over; their timers are removed."""
        ...


class Tx(AcceptTx, ReceiveTx, CloseTx, ReportTx, CallbackTx, Protocol):
    """One transaction."""


class Database(Protocol):
    """Where transactions come from."""

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction: committed at the end of the block, rolled back if it raises.

        Raises Unavailable when the database cannot be reached or ended the connection.
        """
        ...

    def accepting(self) -> AbstractAsyncContextManager[AcceptTx]:
        """The same, for orders."""
        ...

    def spell(self, folded: Folded) -> Spelt:
        """What `write` sends for it, which may be done long before."""
        ...

    def at_once(self) -> AbstractAsyncContextManager[Tx]:
        """A connection for one statement, which is a transaction of its own. Raises Unavailable."""
        ...

    def pulling(self) -> AbstractAsyncContextManager[ReportTx]:
        """The same, for a pull of reports."""
        ...

    def calling_back(self) -> AbstractAsyncContextManager[CallbackTx]:
        """A transaction for callbacks."""
        ...

    def reading(self) -> AbstractAsyncContextManager[ReadTx]:
        """A connection for questions, without a transaction of their own. Raises Unavailable."""
        ...
