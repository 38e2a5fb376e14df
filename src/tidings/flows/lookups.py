"""Questions that change nothing, grouped per tick of the loop: one statement answers all that were asked meanwhile."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from tidings.domain import ids
from tidings.domain.errors import Outdated
from tidings.domain.evidence import Evidence
from tidings.domain.message import (
    Balance,
    Message,
    MessageFilter,
    MessagePage,
    Progress,
    ReportFilter,
    Sort,
    Task,
)
from tidings.domain.replay import replay
from tidings.flows.asking import Asking, Heard, Seen
from tidings.flows.batcher import Batcher
from tidings.flows.callers import MAX_KEY
from tidings.flows.dispatch import as_written
from tidings.flows.read_transaction import ReadTx
from tidings.flows.records import CallbackNote, Key, Named, OwnKey, OwnReference
from tidings.flows.transaction import Database

Found = TypeVar("Found")

SeenProgress = tuple[Progress | None, int | None]
"""A message, and which version of the catalog was in force as it was read."""

SeenTask = tuple[Task | None, int | None]
"""The same of a task."""

Said = Callable[[Found], bytes]
"""Puts what was found into the words of whoever asked."""


class Lookups:
    """The flow. Every question names the account; a foreign id and an unknown one get the same answer."""

    def __init__(self, database: Database, *, id_secret: bytes) -> None:
        self._database = database
        self.id_secret = id_secret
        self._messages: Batcher[Key, Message | None] = Batcher(self._messages_by_id, lanes=2)
        self._owned: Batcher[OwnKey, Message | None] = Batcher(self._messages_by_key, lanes=2)
        self._progress: Batcher[Key, SeenProgress] = Batcher(self._progress_by_id, lanes=2)
        self._own_progress: Batcher[OwnReference, SeenProgress] = Batcher(
            self._progress_by_reference, lanes=2
        )
        self._tasks: Batcher[Key, SeenTask] = Batcher(self._tasks_by_id, lanes=2)
        self._progress_asked: Asking[Key, Progress] = Asking(self._find_progress)
        self._own_progress_asked: Asking[OwnReference, Progress] = Asking(self._find_own_progress)
        self._tasks_asked: Asking[Key, Task] = Asking(self._find_tasks)
        self._currencies: dict[int, str] = {}  # of the accounts that asked

    async def balance(self, account_id: int) -> Balance:
        """What an account has."""
        async with self._database.reading() as tx:
            return await tx.balance(account_id)

    async def currency(self, account_id: int) -> str:
        """What an account pays in."""
        if account_id not in self._currencies:
            async with self._database.reading() as tx:
                await self._currencies_of([(account_id, None)], tx)
        return self._currencies[account_id]

    async def message(self, account_id: int, message_id: int) -> Message | None:
        """One message by its id."""
        if not 0 < message_id <= ids.MAX_ID:
            return None
        return await self._messages.put((account_id, message_id))

    async def message_by_reference(self, account_id: int, reference: str) -> Message | None:
        """One message by its reference, chosen or generated."""
        message = await self._keyed(account_id, "reference", reference)
        return message if message and message.reference == reference else None

    async def message_by_key(self, account_id: int, message_key: str) -> Message | None:
        """One message by its messageId, chosen or generated."""
        message = await self._keyed(account_id, "message", message_key)
        return message if message and message.message_key == message_key else None

    async def progress(
        self, account_id: int, message_id: int, *, as_of: int | None = None
    ) -> Progress | None:
        """How far a message is, by its id. Raises Outdated."""
        if not 0 < message_id <= ids.MAX_ID:
            return _current(None, None, as_of)
        return _current(*await self._progress.put((account_id, message_id)), as_of)

    async def progress_by_reference(
        self, account_id: int, reference: str, *, as_of: int | None = None
    ) -> Progress | None:
        """How far a message is, by its reference. Raises Outdated."""
        if not _may_be_key(reference):
            return _current(None, None, as_of)
        made = ids.unseal(self.id_secret, reference)
        progress, version = await (
            self._progress.put((account_id, made))
            if made
            else self._own_progress.put((account_id, reference))
        )
        return _current(progress if progress and progress.reference == reference else None, version, as_of)

    def tell_progress(
        self, account_id: int, message_id: int, *, as_of: int, said: Said[Progress], heard: Heard
    ) -> bool:
        """Tell how far a message is, by its id, without a task of its own; False: nobody will be told.

        Only what is found as that version of the catalog is in force is told.
        """
        return 0 < message_id <= ids.MAX_ID and self._progress_asked.ask(
            (account_id, message_id), as_of=as_of, said=said, heard=heard
        )

    def tell_progress_by_reference(
        self, account_id: int, reference: str, *, as_of: int, said: Said[Progress], heard: Heard
    ) -> bool:
        """The same by its reference."""
        if not _may_be_key(reference):
            return False
        made = ids.unseal(self.id_secret, reference)
        if made is None:
            asked = (account_id, reference)
            return self._own_progress_asked.ask(asked, as_of=as_of, said=said, heard=heard)
        its = partial(_said_if_its, reference, said)
        return self._progress_asked.ask((account_id, made), as_of=as_of, said=its, heard=heard)

    def tell_task(self, account_id: int, task_id: int, *, as_of: int, said: Said[Task], heard: Heard) -> bool:
        """The same of a task."""
        return 0 < task_id <= ids.MAX_ID and self._tasks_asked.ask(
            (account_id, task_id), as_of=as_of, said=said, heard=heard
        )

    async def task(self, account_id: int, task_id: int, *, as_of: int | None = None) -> Task | None:
        """One task with its counters. Raises Outdated."""
        if not 0 < task_id <= ids.MAX_ID:
            return _current(None, None, as_of)
        return _current(*await self._tasks.put((account_id, task_id)), as_of)

    async def messages(
        self, account_id: int, where: MessageFilter, *, sort: Sort, limit: int, offset: int
    ) -> MessagePage:
        """A page of messages; a reference or an id stands for at most one."""
        if where.reference is not None or where.id is not None:
            message = await (
                self.message(account_id, where.id or 0)
                if where.reference is None
                else self.message_by_reference(account_id, where.reference)
            )
            rows = [message] if message and _meets(message, where) else []
            return MessagePage(rows[offset : offset + limit], len(rows))
        async with self._database.reading() as tx:
            found, total = await tx.page_ids(account_id, where, sort=sort, limit=limit, offset=offset)
            messages = await tx.messages_by_id([(account_id, one) for one in found]) if found else {}
        return MessagePage([messages[account_id, one] for one in found], total)

    async def messages_to(self, account_id: int, recipient: str, *, limit: int) -> list[Message]:
        """The newest messages to a number."""
        async with self._database.reading() as tx:
            found = await tx.ids_by_recipient(account_id, recipient, limit=limit)
            messages = await tx.messages_by_id([(account_id, one) for one in found])
        return [messages[account_id, one] for one in found]

    async def messages_of(self, account_id: int, task: Task, *, limit: int) -> list[Message]:
        """The first messages of a task; their ids follow its own."""
        wanted = [(account_id, task.id + number) for number in range(1, min(task.total, limit) + 1)]
        async with self._database.reading() as tx:
            messages = await tx.messages_by_id(wanted)
        return [messages[key] for key in wanted if key in messages]

    async def messages_of_bulk(self, account_id: int, bulk_key: str, *, limit: int) -> list[Message]:
        """The first messages of the newest task with this bulkId."""
        async with self._database.reading() as tx:
            made_for = ids.unseal(self.id_secret, bulk_key)
            ranges = await tx.ranges_by_bulk(account_id, bulk_key, made_for=made_for)
            wanted = [(account_id, one) for first, last in ranges[:1] for one in range(first, last + 1)][
                :limit
            ]
            messages = await tx.messages_by_id(wanted) if wanted else {}
        return [messages[key] for key in wanted if key in messages]

    async def timeline(self, account_id: int, message_id: int) -> list[Evidence]:
        """What happened to a message, oldest first, with the raw octets; also what it waits for an answer to."""
        async with self._database.reading() as tx:
            log = await tx.log_of(account_id, message_id)
            written = await tx.being_written(account_id, message_id) if log else []
        if written:
            attempts = replay(log, account_id=account_id, message_id=message_id).attempts
            for flight in written:
                part = attempts[flight.attempt - 1].parts[flight.part - 1]
                log += [evidence for evidence, _ in as_written(flight, part)]
        return log

    async def callbacks(self, account_id: int, message_id: int) -> list[CallbackNote]:
        """How a message's callbacks stand, by their numbers."""
        async with self._database.reading() as tx:
            return await tx.callback_notes(account_id, message_id)

    async def named(self, account_id: int, where: ReportFilter) -> Named:
        """The message ids that a report filter's messageId and bulkId stand for."""
        ids_named = ranges = None
        if where.message_key is not None:
            found = await self.message_by_key(account_id, where.message_key)
            ids_named = [found.id] if found else []
        if where.bulk_key is not None:
            async with self._database.reading() as tx:
                made_for = ids.unseal(self.id_secret, where.bulk_key)
                ranges = await tx.ranges_by_bulk(account_id, where.bulk_key, made_for=made_for)
        return Named(ids_named, ranges)

    async def _keyed(self, account_id: int, kind: str, key: str) -> Message | None:
        """The message of a key; a generated key carries its id."""
        if not _may_be_key(key):
            return None
        made = ids.unseal(self.id_secret, key)
        return await (self.message(account_id, made) if made else self._owned.put((account_id, kind, key)))

    async def _messages_by_id(self, keys: list[Key]) -> list[Message | None]:
        async with self._database.reading() as tx:
            found = await tx.messages_by_id(sorted(set(keys)))
        return [found.get(key) for key in keys]

    async def _progress_by_id(self, keys: list[Key]) -> list[SeenProgress]:
        found, version = await self._find_progress(keys)
        return [(found.get(key), version) for key in keys]

    async def _progress_by_reference(self, keys: list[OwnReference]) -> list[SeenProgress]:
        found, version = await self._find_own_progress(keys)
        return [(found.get(key), version) for key in keys]

    async def _tasks_by_id(self, keys: list[Key]) -> list[SeenTask]:
        found, version = await self._find_tasks(keys)
        return [(found.get(key), version) for key in keys]

    async def _find_progress(self, keys: Sequence[Key]) -> Seen[Key, Progress]:
        async with self._database.reading() as tx:
            return await tx.progress_by_id(keys, await self._currencies_of(keys, tx))

    async def _find_own_progress(self, keys: Sequence[OwnReference]) -> Seen[OwnReference, Progress]:
        async with self._database.reading() as tx:
            return await tx.progress_by_reference(keys, await self._currencies_of(keys, tx))

    async def _find_tasks(self, keys: Sequence[Key]) -> Seen[Key, Task]:
        async with self._database.reading() as tx:
            return await tx.tasks_by_id(keys, await self._currencies_of(keys, tx))

    async def _currencies_of(self, keys: Sequence[tuple[int, object]], tx: ReadTx) -> dict[int, str]:
        """Those of the accounts that ask. They never change."""
        missing = {account_id for account_id, _ in keys} - self._currencies.keys()
        if missing:
            self._currencies |= await tx.currencies(missing)
        return self._currencies

    async def _messages_by_key(self, keys: list[OwnKey]) -> list[Message | None]:
        async with self._database.reading() as tx:
            found = await tx.messages_by_key(sorted(set(keys)))
        return [found.get(key) for key in keys]


def _current(found: Found | None, version: int | None, as_of: int | None) -> Found | None:
    """What was found. Raises Outdated if whoever asked was remembered, and this does not confirm it."""
    if as_of is not None and (found is None or version != as_of):
        raise Outdated
    return found


def _said_if_its(reference: str, said: Said[Progress], found: Progress) -> bytes:
    """Whoever asks by a reference that we made asks by an id. Raises KeyError: that message has another one."""
    if found.reference != reference:
        raise KeyError(reference)
    return said(found)


def _may_be_key(key: str) -> bool:
    """Whether the database may be asked for it."""
    return 0 < len(key) <= MAX_KEY and "\x00" not in key


def _meets(message: Message, where: MessageFilter) -> bool:
    """Whether a message meets the conditions beside its reference."""
    return (
        where.created_from <= message.created_at <= where.created_to
        and where.task_id in (None, message.task_id)
        and where.id in (None, message.id)
    )
