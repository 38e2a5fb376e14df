"""Take an order: judge each recipient, hold the money, and write it all in one commit before anybody is answered.

Many orders share a transaction, and as a rule that is one statement. What it takes was judged by the accounts as the
last one left them; it moves their money when all the rest is written, and ends itself if they have changed too much for
that. So several may be under way, also for one account. What was ended is judged anew with the accounts locked, and
nobody else takes orders of them meanwhile.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Protocol

from msgspec.structs import replace

from tidings.domain.errors import Refusal, Unavailable
from tidings.domain.order import Order, PlainOrder, Receipted
from tidings.flows.batcher import Batcher, SharingBatcher
from tidings.flows.catalog import CatalogCache
from tidings.flows.judge import Judge
from tidings.flows.judge_plain import NotPlain, write_plain
from tidings.flows.ledger import Ledger
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.prepare import Prepared, PreparedPlain, prepare, prepare_large, wanted_keys
from tidings.flows.records import Catalog, Funds, KeysTaken, NotAsRemembered
from tidings.flows.rings import Rings
from tidings.flows.transaction import Database

MOST_WAITING = 200_000
"""Recipients that may wait for their transaction in either queue: twenty of the largest orders, in 70 MB at most."""

PATIENCE_S = 20.0
"""An order that has waited so long is refused as long as its sender still listens; it may be sent again."""

FEW = 50
"""Recipients of a small order: it is looked at in one go, and does not queue behind large ones. Of either kind two
statements may be under way, so that we judge and spell the one while the database writes the other."""

_Ready = Prepared | PreparedPlain


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
        self._rings = Rings(self._ring)
        self._funds: dict[int, Funds] = {}  # by account, as last seen
        # One large order after the other: the first is written while we see to the next.
        self._looking = asyncio.Lock()
        self._small = self._batcher(SharingBatcher)
        self._large = self._batcher(Batcher)

    def _batcher(self, kind: type[Batcher[_Ready, Receipted]]) -> Batcher[_Ready, Receipted]:
        return kind(
            self._run,
            weigh=attrgetter("size"),
            max_waiting=MOST_WAITING,
            patience_s=PATIENCE_S,
            lanes=2,
        )

    async def __call__(self, order: Order | PlainOrder, *, as_of: int | None = None) -> Receipted:
        """The order's answer, after the commit. Raises Refusal (REFUSE_ALL only), Unavailable, or Outdated."""
        if not order.size:
            raise ValueError("an order has at least one recipient")
        if order.size <= FEW:
            prepared = prepare(order, as_of=as_of)
        else:
            async with self._looking:
                prepared = await prepare_large(order, as_of=as_of)
        prepared.first_id = await self._ids.reserve(prepared.size + 1)
        return await (self._small if prepared.size <= FEW else self._large).put(prepared)

    def straight(
        self, order: Order | PlainOrder, *, as_of: int, told: Callable[[Receipted | BaseException], None]
    ) -> bool:
        """The same for whoever waits in no task; False, and nothing is done, if that cannot be, or all is refused."""
        first_id = self._ids.at_once(order.size + 1) if 0 < order.size <= FEW else None
        if first_id is None:
            return False
        try:
            prepared = prepare(order, as_of=as_of)
            prepared.first_id = first_id
            self._small.tell(prepared, told)
        except Refusal:
            return False
        except Unavailable as error:
            told(error)
        return True

    async def close(self) -> None:
        """Finish what waits."""
        await self._small.close()
        await self._large.close()
        await self._rings.close()
        await self._ids.close()

    async def _ring(self, connectors: Collection[int]) -> None:
        async with self._database.at_once() as tx:
            await tx.ring(connectors)

    async def _run(self, batch: list[_Ready]) -> list[Receipted | Exception]:
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

    async def _take_as_remembered(self, batch: list[_Ready]) -> list[Receipted | Exception]:
        """By accounts and catalog as they were last seen; the one statement that writes it also confirms that.

        Nobody is refused by memory alone, so what it says may be wrong: of statements that end in another order than
        that of their answers, or of one that failed. Raises NotAsRemembered or KeysTaken; then nothing was done.
        """
        try:
            judge = self._judge_remembered(batch)
            answers = judge_all(judge, batch)
        except NotPlain:
            judge = self._judge_remembered(batch)
            answers = [judge.write(one.in_full()) for one in batch]
        if judge.ledger.short or judge.refused or not judge.rows.new.messages:
            raise NotAsRemembered
        judge.rows.new.version = judge.as_of
        self._funds |= judge.ledger.funds  # for those who are judged while this is under way
        with self._rings.around(judge.rows.new.feeds) as judge.rows.new.rings:
            async with self._database.at_once() as tx:
                await tx.add_orders(judge.rows.new)
        await pause(Point.ACCEPT_COMMITTED)
        return answers

    def _judge_remembered(self, batch: list[_Ready]) -> Judge:
        """Who judges by memory. Raises NotAsRemembered."""
        catalog = self._catalog.remembered
        accounts = {one.account_id for one in batch}
        if catalog is None or not accounts <= self._funds.keys():
            raise NotAsRemembered
        funds = {account_id: replace(self._funds[account_id]) for account_id in accounts}
        return self._judge(Ledger(funds, set()), catalog, as_of=catalog.version)

    def _judge(self, ledger: Ledger, catalog: Catalog, *, as_of: int) -> Judge:
        return Judge(ledger, catalog, as_of=as_of, secret=self._secret, now=self._clock.now())

    async def _take(self, batch: list[_Ready], *, ask_for_keys: bool) -> list[Receipted | Exception]:
        """With the accounts locked while we judge, recipient by recipient."""
        orders = [one.in_full() for one in batch]
        async with self._database.accepting() as tx:
            funds, version = await tx.lock_accounts({one.account_id for one in orders})
            catalog = await self._catalog.current(tx, version)
            taken = await tx.keys_taken(wanted_keys(orders)) if ask_for_keys else set()
            judge = self._judge(Ledger(funds, taken), catalog, as_of=version)
            answers = [judge.write(one) for one in orders]
            judge.rows.new.rings = judge.rows.new.feeds
            await tx.add_orders(judge.rows.new)
            await tx.add_refused(judge.rows.new)
            await pause(Point.ACCEPT_WRITTEN)
        await pause(Point.ACCEPT_COMMITTED)
        self._funds |= funds
        return answers


def judge_all(judge: Judge, batch: Sequence[_Ready]) -> list[Receipted | Exception]:
    """Each order in the way it came. Plain ones last: they see if an order before them took what was theirs.

    Raises NotPlain.
    """
    plain = [one for one in batch if isinstance(one, PreparedPlain)]
    if len(plain) == len(batch):
        return [*write_plain(judge, plain)]
    answers: dict[int, Receipted | Exception] = {
        one.first_id: judge.write(one) for one in batch if isinstance(one, Prepared)
    }
    answers |= {one.first_id: answer for one, answer in zip(plain, write_plain(judge, plain), strict=True)}
    return [answers[one.first_id] for one in batch]
