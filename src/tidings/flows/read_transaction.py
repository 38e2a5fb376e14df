"""What questions ask of the database, and pulls of reports; see `flows.transaction`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidings.domain.evidence import Evidence
from tidings.domain.message import Balance, Message, MessageFilter, Progress, Report, ReportFilter, Sort, Task
from tidings.flows.folded import Stored
from tidings.flows.records import (
    CallbackNote,
    Flight,
    Held,
    Key,
    KnownCaller,
    Named,
    OwnKey,
    OwnReference,
)


class ReadTx(Protocol):
    """Questions that change nothing."""

    async def stands(self, keys: Sequence[Key]) -> dict[int, tuple[Held, bytes]]:
        """How messages stand, of which others may write at any time, and the fingerprints of their receipts, joined.

        What is held is shared by messages that stand alike: its id and fingerprints say nothing.
        """
        ...

    async def stored(self, connector_id: int, keys: Sequence[str]) -> list[Stored]:
        """Submissions under these keys, newest first, with the same of their messages."""
        ...

    async def accounts_waiting(
        self, connector_id: int, after: Mapping[int, int], *, now: datetime, limit: int
    ) -> dict[int, list[int]]:
        """By lane, the accounts with something due for a connector: those `after` one of that lane, then the others."""
        ...

    async def catalog_version(self) -> int:
        """Which version of what operators configured is in force."""
        ...

    async def callers_by_hash(self, hashes: list[bytes]) -> list[KnownCaller]:
        """Who these hashed keys belong to; revoked ones and closed accounts are left out."""
        ...

    async def callers_by_name(self, usernames: list[str]) -> list[KnownCaller]:
        """Who these user names belong to."""
        ...

    async def callers_by_id(self, credential_ids: list[int]) -> list[KnownCaller]:
        """Who these credentials belong to."""
        ...

    async def balance(self, account_id: int) -> Balance:
        """What an account has."""
        ...

    async def messages_by_id(self, keys: Sequence[Key]) -> dict[Key, Message]:
        """The messages of these keys that exist."""
        ...

    async def messages_by_key(self, keys: Sequence[OwnKey]) -> dict[OwnKey, Message]:
        """The messages of customers' own keys that exist."""
        ...

    async def progress_by_id(
        self, keys: Sequence[Key], currencies: Mapping[int, str]
    ) -> tuple[dict[Key, Progress], int | None]:
        """How far the messages of these keys are that exist; the catalog's version at that, if one exists.

        `currencies` are those of all these accounts.
        """
        ...

    async def progress_by_reference(
        self, keys: Sequence[OwnReference], currencies: Mapping[int, str]
    ) -> tuple[dict[OwnReference, Progress], int | None]:
        """How far the messages of customers' own references are that exist; and the version, as above."""
        ...

    async def currencies(self, account_ids: Collection[int]) -> dict[int, str]:
        """What accounts pay in, of those that exist."""
        ...

    async def tasks_by_id(
        self, keys: Sequence[Key], currencies: Mapping[int, str]
    ) -> tuple[dict[Key, Task], int | None]:
        """The tasks of these keys that exist, with their counters; and the version, as above."""
        ...

    async def ranges_by_bulk(
        self, account_id: int, bulk_key: str, *, made_for: int | None
    ) -> list[tuple[int, int]]:
        """First and last message id of each task with this bulkId, newest first; at most 1,000.

        `made_for` is the task that we made this key for, if it is one of ours.
        """
        ...

    async def page_ids(
        self, account_id: int, where: MessageFilter, *, sort: Sort, limit: int, offset: int
    ) -> tuple[list[int], int]:
        """The ids of a slice of the messages in a window or a task, and how many there are in all."""
        ...

    async def ids_by_recipient(self, account_id: int, recipient: str, *, limit: int) -> list[int]:
        """The newest messages to a number."""
        ...

    async def log_of(self, account_id: int, message_id: int) -> list[Evidence]:
        """A message's evidence, oldest first."""
        ...

    async def being_written(self, account_id: int, message_id: int) -> list[Flight]:
        """A message's submissions whose answer is waited for, and which its evidence does not tell of yet."""
        ...

    async def callback_notes(self, account_id: int, message_id: int) -> list[CallbackNote]:
        """How a message's callbacks stand, by their numbers."""
        ...

    async def installation(self) -> tuple[bytes, bytes]:
        """The secrets of this installation: for tokens, and for generated ids."""
        ...


class ReportTx(ReadTx, Protocol):
    """One-time reports."""

    async def claim_reports(
        self,
        account_id: int,
        where: ReportFilter,
        *,
        named: Named,
        since: datetime,
        now: datetime,
        limit: int,
        currency: str,
        id_secret: bytes,
    ) -> list[Report]:
        """Take up to `limit` owed reports for this caller alone, newest first.

        `currency` is the account's, and keys that we made are made anew with `id_secret`.
        """
        ...
