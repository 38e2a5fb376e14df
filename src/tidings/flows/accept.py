"""Take an order: judge each recipient, hold the money, and write it all in one commit before anybody is answered.

Many orders share a transaction, and as a rule that is one statement. What it takes was judged by the accounts as the
last one left them; it moves their money when all the rest is written, and ends itself if they have changed too much for
that. So several may be under way, also for one account. What was ended is judged anew with the accounts locked, and
nobody else takes orders of them meanwhile.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

from msgspec.structs import replace

from tidings.domain import number
from tidings.domain.errors import Fault, Refusal, Unavailable
from tidings.domain.order import Draft, OnFault, Order, Receipted
from tidings.domain.text import Segments, segment
from tidings.flows.batcher import Batcher, SharingBatcher
from tidings.flows.catalog import CatalogCache
from tidings.flows.judge import RANK, Candidate, Judge, Ledger, Prepared, wanted_keys
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.records import Funds, KeysTaken, NotAsRemembered
from tidings.flows.transaction import Database

MOST_WAITING = 200_000
"""Recipients that may wait for their transaction in either queue: twenty of the largest orders, in 70 MB at most."""

PATIENCE_S = 20.0
"""An order that has waited so long is refused as long as its sender still listens; it may be sent again."""

FEW = 50
"""Recipients of a small order: it is looked at in one go, and does not queue behind large ones. Of either kind two
statements may be under way, so that we judge and spell the one while the database writes the other."""

CHUNK = 500
"""Recipients that are looked at before others have their turn: one large order must not stop the small ones."""


class Ids(Protocol):
    """Where ids come from."""

    async def reserve(self, count: int) -> int:
        """The first of `count` consecutive ids that nobody else has."""
        ...

    def at_once(self, count: int) -> int | None:
        """The same, unless it takes a while."""
        ...

    async def close(self) -> None:
        """Nobody will ask for more."""
        ...


class Accept:
    """The flow. One instance a process; its batcher groups the orders of all callers."""

    def __init__(self, database: Database, *, clock: Clock, new_ids: Ids, id_secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._ids = new_ids
        self._secret = id_secret
        self._catalog = CatalogCache()
        self._funds: dict[int, Funds] = {}  # by account, as last seen
        # One large order after the other: the first is written while we see to the next.
        self._looking = asyncio.Lock()
        self._small = self._batcher(SharingBatcher)
        self._large = self._batcher(Batcher)

    def _batcher(self, kind: type[Batcher[Prepared, Receipted]]) -> Batcher[Prepared, Receipted]:
        return kind(
            self._run,
            weigh=lambda one: len(one.rows),
            max_waiting=MOST_WAITING,
            patience_s=PATIENCE_S,
            lanes=2,
        )

    async def __call__(self, order: Order, *, as_of: int | None = None) -> Receipted:
        """The order's answer, after the commit. Raises Refusal (REFUSE_ALL only), Unavailable, or Outdated."""
        if not order.drafts:
            raise ValueError("an order has at least one recipient")
        if len(order.drafts) <= FEW:
            rows = await _candidates(order)
        else:
            async with self._looking:
                rows = await _candidates(order)
        _look_over(rows, order)
        first_id = await self._ids.reserve(len(rows) + 1)
        batcher = self._small if len(rows) <= FEW else self._large
        return await batcher.put(Prepared(order, first_id, rows, as_of))

    def straight(
        self, order: Order, *, as_of: int, told: Callable[[Receipted | BaseException], None]
    ) -> bool:
        """The same for whoever waits in no task; False, and nothing is done, if that cannot be, or all is refused."""
        first_id = self._ids.at_once(len(order.drafts) + 1) if 0 < len(order.drafts) <= FEW else None
        if first_id is None:
            return False
        rows = [_candidate(draft, order.max_parts) for draft in order.drafts]
        try:
            _look_over(rows, order)
            self._small.tell(Prepared(order, first_id, rows, as_of), told)
        except Refusal:
            return False
        except Unavailable as error:
            told(error)
        return True

    async def close(self) -> None:
        """Finish what waits."""
        await self._small.close()
        await self._large.close()
        await self._ids.close()

    async def _run(self, batch: list[Prepared]) -> list[Receipted | Exception]:
        """Nearly always all is as it was last seen and every key new: what else may be is asked only then."""
        try:
            return await self._take_as_remembered(batch)
        except KeysTaken:
            return await self._take(batch, ask_for_keys=True)
        except NotAsRemembered:
            pass
        try:
            return await self._take(batch, ask_for_keys=False)
        except KeysTaken:
            return await self._take(batch, ask_for_keys=True)

    async def _take_as_remembered(self, batch: list[Prepared]) -> list[Receipted | Exception]:
        """By accounts and catalog as they were last seen; the one statement that writes it also confirms that.

        Nobody is refused by memory alone, so what it says may be wrong: of statements that end in another order than
        that of their answers, or of one that failed. Raises NotAsRemembered or KeysTaken; then nothing was done.
        """
        catalog = self._catalog.remembered
        accounts = {one.order.caller.account.id for one in batch}
        if catalog is None or not accounts <= self._funds.keys():
            raise NotAsRemembered
        funds = {account_id: replace(self._funds[account_id]) for account_id in accounts}
        judge = Judge(Ledger(funds, set()), catalog, secret=self._secret, now=self._clock.now())
        answers = [judge.write(one, as_of=catalog.version) for one in batch]
        if judge.ledger.short or judge.refused or not judge.new.messages:
            raise NotAsRemembered
        judge.new.version = catalog.version
        self._funds |= funds  # for those who are judged while this is under way
        async with self._database.at_once() as tx:
            await tx.add_orders(judge.new)
        await pause(Point.ACCEPT_COMMITTED)
        return answers

    async def _take(self, batch: list[Prepared], *, ask_for_keys: bool) -> list[Receipted | Exception]:
        """With the accounts locked while we judge."""
        async with self._database.accepting() as tx:
            accounts = {one.order.caller.account.id for one in batch}
            funds, version = await tx.lock_accounts(accounts)
            catalog = await self._catalog.current(tx, version)
            taken = await tx.keys_taken(wanted_keys(batch)) if ask_for_keys else set()
            judge = Judge(Ledger(funds, taken), catalog, secret=self._secret, now=self._clock.now())
            answers = [judge.write(one, as_of=version) for one in batch]
            await tx.add_orders(judge.new)
            await tx.add_refused(judge.new)
            await pause(Point.ACCEPT_WRITTEN)
        await pause(Point.ACCEPT_COMMITTED)
        self._funds |= funds
        return answers


def _look_over(rows: Sequence[Candidate], order: Order) -> None:
    """See what is wrong with recipients beside others."""
    if order.unique_recipients and len(rows) > 1:
        _find_repeated(rows)
    if order.on_fault is OnFault.REFUSE_ALL:
        _refuse_any(rows)


async def _candidates(order: Order) -> list[Candidate]:
    rows: list[Candidate] = []
    for start in range(0, len(order.drafts), CHUNK):
        if start:
            await asyncio.sleep(0)
        rows += [_candidate(draft, order.max_parts) for draft in order.drafts[start : start + CHUNK]]
    return rows


def _candidate(draft: Draft, max_parts: int) -> Candidate:
    fault = draft.fault
    recipient = draft.recipient
    if ("\x00" in draft.text or "\x00" in draft.sender) and (
        fault is None or RANK[Fault.TEXT_INVALID] < RANK[fault]
    ):
        fault = Fault.TEXT_INVALID  # no carrier takes it and no database stores it
    try:
        recipient = number.digits_of(recipient)
    except number.NumberFault as bad:
        if fault is None or RANK[bad.fault] < RANK[fault]:
            fault = bad.fault
    segments = _segments(draft.text, draft.ucs2)
    if len(segments.parts) > max_parts and (fault is None or RANK[Fault.TEXT_TOO_LONG] < RANK[fault]):
        fault = Fault.TEXT_TOO_LONG
    return Candidate(draft, recipient, segments, fault)


@lru_cache(maxsize=256)
def _segments(text: str, ucs2: bool) -> Segments:
    return segment(text, ucs2=ucs2)


def _find_repeated(rows: Sequence[Candidate]) -> None:
    """Mark the second and later row of a number."""
    seen: set[str] = set()
    for row in rows:
        if row.recipient in seen and (row.fault is None or RANK[Fault.RECIPIENT_REPEATED] < RANK[row.fault]):
            row.fault = Fault.RECIPIENT_REPEATED
        seen.add(row.recipient)


def _refuse_any(rows: Sequence[Candidate]) -> None:
    for index, row in enumerate(rows):
        if row.fault is not None:
            raise Refusal(row.fault, row=index)
