"""The gateway itself: the flows, wired to one database."""

from collections.abc import Callable, Sequence

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
from tidings.flows.accept import Accept
from tidings.flows.asking import Heard
from tidings.flows.callers import Callers
from tidings.flows.lookups import Lookups, Said
from tidings.flows.ports import Clock
from tidings.flows.records import CallbackNote
from tidings.flows.reports import PullReports
from tidings.store.database import PostgresDatabase
from tidings.store.ids import IdBlocks


class House:
    """Implements `flows.gateway.Gateway`: every use case that dialects, console and CLI may start."""

    def __init__(
        self, accept: Accept, *, callers: Callers, lookups: Lookups, pull: PullReports, token_secret: bytes
    ) -> None:
        self._accept = accept
        self._callers = callers
        self._lookups = lookups
        self._pull = pull
        self._token_secret = token_secret

    @classmethod
    async def on(cls, database: PostgresDatabase, clock: Clock) -> "House":
        """The gateway on an open, migrated database."""
        async with database.reading() as tx:
            token_secret, id_secret = await tx.installation()
        lookups = Lookups(database, id_secret=id_secret)
        accept = Accept(database, clock=clock, new_ids=IdBlocks(database), id_secret=id_secret)
        pull = PullReports(database, clock=clock, lookups=lookups)
        return cls(accept, callers=Callers(database), lookups=lookups, pull=pull, token_secret=token_secret)

    async def close(self) -> None:
        """Finish what was taken."""
        await self._accept.close()

    async def caller_by_key(self, key: str) -> Caller | None:
        """Who an API key belongs to."""
        return await self._callers.by_key(key)

    def remembered(self, key: str) -> Remembered | None:
        """Who an API key belonged to."""
        return self._callers.remembered(key)

    async def caller_by_password(self, username: str, password: str) -> Caller | None:
        """Who a user name and password belong to."""
        return await self._callers.by_password(username, password)

    async def caller_by_credential(self, credential_id: int) -> Caller | None:
        """Who a credential belongs to."""
        return await self._callers.by_credential(credential_id)

    async def token_secret(self) -> bytes:
        """The key that signs our tokens."""
        return self._token_secret

    async def accept(self, order: Order | PlainOrder, *, as_of: int | None = None) -> Receipted:
        """Take an order."""
        return await self._accept(order, as_of=as_of)

    def accept_straight(
        self, order: Order | PlainOrder, *, as_of: int, told: Callable[[Receipted | BaseException], None]
    ) -> bool:
        """Take a small order."""
        return self._accept.straight(order, as_of=as_of, told=told)

    async def balance(self, account_id: int) -> Balance:
        """What an account has."""
        return await self._lookups.balance(account_id)

    async def message(self, account_id: int, message_id: int) -> Message | None:
        """One message by its id."""
        return await self._lookups.message(account_id, message_id)

    async def message_by_reference(self, account_id: int, reference: str) -> Message | None:
        """One message by its reference."""
        return await self._lookups.message_by_reference(account_id, reference)

    async def progress(
        self, account_id: int, message_id: int, *, as_of: int | None = None
    ) -> Progress | None:
        """How far a message is, by its id."""
        return await self._lookups.progress(account_id, message_id, as_of=as_of)

    async def progress_by_reference(
        self, account_id: int, reference: str, *, as_of: int | None = None
    ) -> Progress | None:
        """How far a message is, by its reference."""
        return await self._lookups.progress_by_reference(account_id, reference, as_of=as_of)

    async def task(self, account_id: int, task_id: int, *, as_of: int | None = None) -> Task | None:
        """One task with its counters."""
        return await self._lookups.task(account_id, task_id, as_of=as_of)

    def tell_progress(
        self, account_id: int, message_id: int, *, as_of: int, said: Said[Progress], heard: Heard
    ) -> bool:
        """Have told how far a message is, by its id."""
        return self._lookups.tell_progress(account_id, message_id, as_of=as_of, said=said, heard=heard)

    def tell_progress_by_reference(
        self, account_id: int, reference: str, *, as_of: int, said: Said[Progress], heard: Heard
    ) -> bool:
        """Have told how far a message is, by its reference."""
        return self._lookups.tell_progress_by_reference(
            account_id, reference, as_of=as_of, said=said, heard=heard
        )

    def tell_task(self, account_id: int, task_id: int, *, as_of: int, said: Said[Task], heard: Heard) -> bool:
        """Have told of one task with its counters."""
        return self._lookups.tell_task(account_id, task_id, as_of=as_of, said=said, heard=heard)

    async def messages(
        self, account_id: int, where: MessageFilter, *, sort: Sort, limit: int, offset: int
    ) -> MessagePage:
        """A page of messages."""
        return await self._lookups.messages(account_id, where, sort=sort, limit=limit, offset=offset)

    async def pull_reports(self, account_id: int, where: ReportFilter, *, limit: int) -> Sequence[Report]:
        """Owed reports, each handed out once."""
        return await self._pull(account_id, where, limit=limit)

    async def search(self, account_id: int, asked: str, *, limit: int) -> list[Message]:
        """Messages by any id, reference, bulkId or number, newest first."""
        found: dict[int, Message] = {}
        candidates = [
            await self._lookups.message_by_reference(account_id, asked),
            await self._lookups.message_by_key(account_id, asked),
        ]
        if asked.isascii() and asked.isdigit():
            candidates.append(await self._lookups.message(account_id, int(asked)))
            task = await self._lookups.task(account_id, int(asked))
            candidates += await self._lookups.messages_of(account_id, task, limit=limit) if task else []
        candidates += await self._lookups.messages_to(account_id, asked.lstrip("+"), limit=limit)
        candidates += await self._lookups.messages_of_bulk(account_id, asked, limit=limit)
        for message in candidates:
            if message is not None:
                found[message.id] = message
        return list(found.values())[:limit]

    async def timeline(self, account_id: int, message_id: int) -> list[Evidence]:
        """What happened to a message."""
        return await self._lookups.timeline(account_id, message_id)

    async def callbacks(self, account_id: int, message_id: int) -> list[CallbackNote]:
        """How a message's callbacks stand."""
        return await self._lookups.callbacks(account_id, message_id)
