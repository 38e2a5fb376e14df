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
WIPE = """
delete from task; delete from task_counter; delete from message; delete from delivery; delete from evidence;
delete from external_key; delete from outbox; delete from in_flight; delete from submission; delete from orphan;
delete from report; delete from timer; delete from sweep; delete from concat_reference; delete from suspect_count;
delete from courier_lease; delete from ledger; delete from callback; delete from callback_given_up;
delete from callback_done; delete from message_count;
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
        """A customer with so much money and this plan, and nothing else."""
        await self.world.sql.execute(WIPE.format(account=self.world.account_id, units=units, plan=plan))
        self.world.clock.advance(BETWEEN_LIVES_S)
        for courier in self._couriers:
            await courier.start_anew()
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
