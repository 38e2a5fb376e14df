"""The clerk: what is due by the clock, and callbacks."""

import asyncio

import structlog

from tidings.app.callbacks import CallbackSender
from tidings.app.config import Config
from tidings.app.waits import waits
from tidings.domain.errors import Unavailable
from tidings.flows.close import Close
from tidings.flows.ports import Clock
from tidings.store.database import PostgresDatabase

log = structlog.get_logger("clerk")


class Clerk:
    """Runs until cancelled. Any number of clerks may run at once."""

    def __init__(self, database: PostgresDatabase, config: Config, clock: Clock) -> None:
        self._close = Close(database, clock=clock, waits=waits(config))
        self._every_s = config.clerk.sweep_s
        self._callbacks = CallbackSender(database, config, clock)

    async def run(self) -> None:
        """Both at once; each ends when the other fails."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._sweep())
            work.create_task(self._callbacks.run())

    async def _sweep(self) -> None:
        """Recover what dead couriers left, and close what is overdue, again and again."""
        while True:
            try:
                recovered = await self._close.recover()
                moved = await self._close.sweep()
                if recovered or moved:
                    log.info("swept", recovered=recovered, moved=moved)
            except Unavailable as away:
                log.warning("database_away", why=str(away))
            await asyncio.sleep(self._every_s)
