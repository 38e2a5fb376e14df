"""The courier: a line for every enabled connector, and a number that tells others it lives."""

import asyncio
import contextlib
import random
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from tidings.app import connectors
from tidings.app.bell import OUTBOX, Bell, Sleepers
from tidings.app.config import Config
from tidings.app.line import PAUSE_S, Line
from tidings.app.waits import waits
from tidings.domain.errors import Misconfigured, Unavailable
from tidings.flows.answers import RecordAnswers
from tidings.flows.catalog import CatalogCache
from tidings.flows.close import Close
from tidings.flows.dispatch import Dispatch
from tidings.flows.hear import Hear
from tidings.flows.ports import Binds, Clock
from tidings.flows.receive import PartsReceipted, Reading, Receive
from tidings.flows.recent import Recent
from tidings.store.admin import Admin
from tidings.store.database import PostgresDatabase
from tidings.store.flights import become_courier, hold_courier

LEASE_S = 10.0
RENEW_S = 2.0
"""A carrier account's rate is divided between the couriers whose lease on it is fresh. A courier that comes to an
account that others use waits one renewal before it submits, so that they have made room."""

NOT_YET = Binds(wanted=0, up=0)
"""Of a line that is about to start."""

RELOAD_S = 30.0
"""How often connectors are looked at again although nobody said they changed."""

log = structlog.get_logger("courier")


class Courier:
    """Runs until cancelled."""

    def __init__(self, database: PostgresDatabase, config: Config, clock: Clock) -> None:
        self._database = database
        self._config = config
        self._clock = clock
        self._held = asyncio.Event()
        self._changed = asyncio.Event()
        self._number = 0
        self._catalog = CatalogCache()
        self._bell = Bell(database, OUTBOX, lambda connector_id: self._wake(int(connector_id)))
        self._sleepers = Sleepers(self._bell)
        self._lines: dict[int, tuple[dict[str, Any], Line, asyncio.Task[None]]] = {}
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Keep the number held and the lines up; drain them when cancelled."""
        close = Close(self._database, clock=self._clock, waits=waits(self._config))
        alive = asyncio.create_task(self._stay_alive())
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(_outlived_by(alive))
                work.create_task(self._bell.run())
                await self._held.wait()
                await close.recover()
                work.create_task(self._keep_lines())
                work.create_task(self._keep_leases())
        finally:
            await self._drain()
            alive.cancel()  # not before: whose number is free is dead, and what it wrote is in doubt
            await asyncio.gather(alive, return_exceptions=True)

    async def _drain(self) -> None:
        """End the lines in order, then give back our part of each account's rate."""
        tasks = [task for _, _, task in self._lines.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            async with self._database.transaction() as tx:
                await tx.end_leases(self._number, now=self._clock.now())

    async def _keep_leases(self) -> None:
        """Renew our leases and take our part of each account's rate."""
        while True:
            with contextlib.suppress(Unavailable):
                for connector_id, holders in (await self._renew(list(self._lines))).items():
                    if connector_id in self._lines:
                        self._lines[connector_id][1].share(holders)
            await asyncio.sleep(RENEW_S)

    async def _renew(self, connector_ids: list[int]) -> dict[int, int]:
        now = self._clock.now()
        binds = {one: self._lines[one][1].binds() for one in connector_ids if one in self._lines}
        async with self._database.transaction() as tx:
            return await tx.renew_leases(
                [(one, binds.get(one, NOT_YET)) for one in connector_ids],
                self._number,
                now=now,
                until=now + timedelta(seconds=LEASE_S),
            )

    async def _stay_alive(self) -> None:
        """Hold our number on a connection of its own, and listen there; take it up again when it breaks."""
        while True:
            try:
                connection = await self._database.connect()
            except Unavailable as away:
                log.warning("database_away", why=str(away))
                await asyncio.sleep(PAUSE_S)
                continue
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _, lost=lost: lost.set())
            try:
                await self._introduce(connection)
                self._held.set()
                await lost.wait()
            finally:
                self._held.clear()
                await _close_quietly(connection)

    async def _introduce(self, connection: asyncpg.Connection) -> None:
        if not (self._number and await hold_courier(connection, self._number)):
            self._number = await become_courier(connection)
        await connection.add_listener("tidings_connectors", lambda *_: self._changed.set())
        log.info("courier", number=self._number)

    def _wake(self, connector_id: int) -> None:
        """Something new is in a connector's queue."""
        if connector_id in self._lines:
            self._lines[connector_id][1].wake.set()

    async def _keep_lines(self) -> None:
        """Start, stop and restart lines as the connectors in the database say."""
        while True:
            self._changed.clear()
            try:
                connection = await self._database.connect()
                try:
                    rows = await Admin(connection).connectors()
                finally:
                    await _close_quietly(connection)
                await self._arrange({row["id"]: row for row in rows if row["enabled"]})
            except Unavailable as away:
                log.warning("database_away", why=str(away))
                await asyncio.sleep(PAUSE_S)
                continue
            self.ready.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RELOAD_S):
                    await self._changed.wait()

    async def _arrange(self, wanted: dict[int, dict[str, Any]]) -> None:
        for connector_id, (row, _, task) in list(self._lines.items()):
            if task.done() and not task.cancelled():
                task.result()  # a line that broke stops the courier, loudly; recovery takes over
            if wanted.get(connector_id) != row:
                del self._lines[connector_id]
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        new = [connector_id for connector_id in wanted if connector_id not in self._lines]
        if new and any(holders > 1 for holders in (await self._renew(new)).values()):
            await asyncio.sleep(RENEW_S)
        for connector_id in new:
            self._start(connector_id, wanted[connector_id])

    def _start(self, connector_id: int, row: dict[str, Any]) -> None:
        recent = Recent()
        dispatch = Dispatch(
            self._database,
            clock=self._clock,
            connector_id=connector_id,
            courier_id=lambda: self._number,
            recent=recent,
        )
        reading = Reading(PartsReceipted(row["settings"].get("receipt_parts", PartsReceipted.EACH)))
        record = RecordAnswers(
            self._database,
            clock=self._clock,
            connector_id=connector_id,
            waits=waits(self._config),
            catalog=self._catalog,
            reading=reading,
        )
        receive = Receive(self._database, clock=self._clock, connector_id=connector_id, reading=reading)
        hear = Hear(self._database, clock=self._clock, record=record, receive=receive, recent=recent)
        line = Line(
            row["name"],
            dispatch=dispatch,
            hear=hear,
            receive=receive,
            clock=self._clock,
            sleepers=self._sleepers,
            claim_limit=self._config.courier.claim_limit,
            poll_s=self._config.courier.poll_s,
        )
        try:
            connector = connectors.build(
                row,
                clock=self._clock,
                random=random.Random(),  # noqa: S311 - spreads reconnects, guards nothing
                upstream=line,
                answer_timeout_s=self._config.courier.answer_timeout_s,
            )
        except Misconfigured as wrong:
            log.error("connector_misconfigured", connector=row["name"], why=str(wrong))
            return
        line.use(connector)
        task = asyncio.create_task(line.run(held=self._held, drain_s=self._config.courier.drain_s))
        task.add_done_callback(lambda _: self._changed.set())
        self._lines[connector_id] = (row, line, task)


async def _close_quietly(connection: asyncpg.Connection) -> None:
    if not connection.is_closed():
        try:
            await connection.close(timeout=2)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()


async def _outlived_by(task: "asyncio.Task[None]") -> None:
    """Fail when the task does; being cancelled leaves it running."""
    await asyncio.shield(task)
