"""One database with two routes that many lives are played on, one after the other."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import uvloop
from lives import Life
from outside import Courier
from world import World, open_world

from tidings.domain.money import PER_UNIT

Result = TypeVar("Result")
NewDatabase = Callable[[], AbstractAsyncContextManager[str]]

# Nothing is left of a life but ids, connectors and the account.
LEFT = "account catalog connector credential id_counter installation migration price route tariff"
LIVED = """
select oid::regclass::text from pg_class
where relkind in ('r', 'p') and not relispartition and relnamespace = 'public'::regnamespace
  and relname <> all($1::text[])"""
RICH_AGAIN = """
insert into ledger (account_id, at, kind, amount, messages) values ({account}, now(), 'topup', {units}, 0);
update account set plan = '{plan}', balance = case id when {account} then {units} else 0 end"""

BETWEEN_LIVES_S = 30 * 86_400


class Stage:
    """The world, kept open, and its event loop. A context manager."""

    def __init__(self, new_database: NewDatabase) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._opened = _open(new_database)
        self.world: World
        self._couriers: list[Courier]
        self._connectors: list[int]

    def __enter__(self) -> "Stage":
        self._runner.__enter__()
        self.world, self._couriers, self._connectors = self.wait(self._opened.__aenter__())
        return self

    def __exit__(self, *problem: object) -> None:
        try:
            self.wait(self._opened.__aexit__(None, None, None))
        finally:
            self._runner.__exit__(None, None, None)

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run something to its end."""
        return self._runner.run(coroutine)

    async def new_life(self, *, units: int = 1000 * PER_UNIT, plan: str = "accepted") -> Life:
        """A customer with so much money and this plan, and nothing else: no memory of an earlier life either."""
        sql, account = self.world.sql, self.world.account_id
        lived = await sql.fetch(LIVED, LEFT.split())
        await sql.execute("".join(f"delete from {row[0]};" for row in lived))  # noqa: S608 - of our schema
        await sql.execute(RICH_AGAIN.format(account=account, units=units, plan=plan))
        self.world.clock.advance(BETWEEN_LIVES_S)
        for courier in self._couriers:
            await courier.start_anew()
        await self.world.gateway.close()
        await self.world.reopen()
        return Life(self.world, self._couriers, self._connectors)


@asynccontextmanager
async def _open(new_database: NewDatabase) -> AsyncIterator[tuple[World, list[Courier], list[int]]]:
    async with new_database() as url, open_world(url) as world:
        other = await world.admin.add_connector("other", "smpp", {}, simulator=False)
        await world.admin.add_route(other, position=5)
        second = await world.database.connect()
        try:
            yield world, [Courier(world.sql), Courier(second)], [world.connector_id, other]
        finally:
            await second.close()
