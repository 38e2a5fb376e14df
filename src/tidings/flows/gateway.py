"""The one object that dialects, console and CLI talk to: every use case they may start."""

from collections.abc import Callable, Sequence
from typing import Protocol

from tidings.domain.evidence import Evidence
from tidings.domain.message import (
    Balance,
    Message,
    MessageFilter,
    MessagePage,
    Progress,
    Report,
    ReportFilter,
    Sort,
    Task,
)
from tidings.domain.order import Caller, Order, PlainOrder, Receipted, Remembered
from tidings.flows.asking import Heard
from tidings.flows.lookups import Said
from tidings.flows.records import CallbackNote


class Gateway(Protocol):
    """The use cases in front of the house. Every call is made for one account."""

    async def caller_by_key(self, key: str) -> Caller | None:
        """Who an API key (`live_…`, `test_…`) belongs to; None if unknown, revoked, or its account is closed."""
        ...

    def remembered(self, key: str) -> Remembered | None:
        """Who an API key belonged to when that was last looked at; costs nothing, and is to be confirmed: `as_of`."""
        ...

    async def caller_by_password(self, username: str, password: str) -> Caller | None:
        """Who a user name and password belong to; None as above."""
        ...

    async def caller_by_credential(self, credential_id: int) -> Caller | None:
        """Who a credential id (of a verified token) belongs to; None if it was revoked since."""
        ...

    async def token_secret(self) -> bytes:
        """The key that signs and checks our tokens; it lives in the database."""
        ...

    async def accept(self, order: Order | PlainOrder, *, as_of: int | None = None) -> Receipted:
        """Take an order: returns after the commit. Raises Refusal, Unavailable.

        With `as_of` the order is taken only if that version of the catalog is in force as it is written. Raises
        Outdated.
        """
        ...

    def accept_straight(
        self, order: Order | PlainOrder, *, as_of: int, told: Callable[[Receipted | BaseException], None]
    ) -> bool:
        """Take a small order and tell what `accept` gives or raises, after the commit and without a task for it.

        False: nothing was done, and it is to be given in the ordinary way.
        """
        ...

    async def balance(self, account_id: int) -> Balance:
        """What the account has now."""
        ...

    async def message(self, account_id: int, message_id: int) -> Message | None:
        """One message by its id; a foreign id and an unknown one are both None."""
        ...

    async def message_by_reference(self, account_id: int, reference: str) -> Message | None:
        """One message by the customer's (or the generated) reference."""
        ...

    async def progress(
        self, account_id: int, message_id: int, *, as_of: int | None = None
    ) -> Progress | None:
        """How far a message is, by its id; as `message`, and cheaper.

        With `as_of` the answer is a message as that version of the catalog is in force. Raises Outdated, also if
        there is no such message.
        """
        ...

    async def progress_by_reference(
        self, account_id: int, reference: str, *, as_of: int | None = None
    ) -> Progress | None:
        """How far a message is, by its reference; `as_of` as above."""
        ...

    async def task(self, account_id: int, task_id: int, *, as_of: int | None = None) -> Task | None:
        """One task with its counters; `as_of` as above."""
        ...

    def tell_progress(
        self, account_id: int, message_id: int, *, as_of: int, said: Said[Progress], heard: Heard
    ) -> bool:
        """Have `heard` told what is `said` of what `progress` gives, as soon as that is known, without a task for it.

        False: nobody will be told. None is told where there is no such message, or another version of the catalog is
        in force, or nobody knows, or `said` raises: then it is to be asked for in the ordinary way.
        """
        ...

    def tell_progress_by_reference(
        self, account_id: int, reference: str, *, as_of: int, said: Said[Progress], heard: Heard
    ) -> bool:
        """The same of `progress_by_reference`."""
        ...

    def tell_task(self, account_id: int, task_id: int, *, as_of: int, said: Said[Task], heard: Heard) -> bool:
        """The same of `task`."""
        ...

    async def messages(
        self, account_id: int, where: MessageFilter, *, sort: Sort, limit: int, offset: int
    ) -> MessagePage:
        """A page of messages."""
        ...

    async def pull_reports(self, account_id: int, where: ReportFilter, *, limit: int) -> Sequence[Report]:
        """Owed reports of the last 48 hours, newest first; each is handed out once, ever."""
        ...

    async def search(self, account_id: int, asked: str, *, limit: int) -> Sequence[Message]:
        """Messages by any id (message, task, reference, messageId, bulkId) or recipient; at most `limit`."""
        ...

    async def timeline(self, account_id: int, message_id: int) -> Sequence[Evidence]:
        """What happened to a message, oldest first, raw octets included; empty for a foreign or unknown id."""
        ...

    async def callbacks(self, account_id: int, message_id: int) -> Sequence[CallbackNote]:
        """How a message's callbacks stand; empty for a foreign or unknown id."""
        ...
