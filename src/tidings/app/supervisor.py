"""Runs the gateway's processes: starts them in order, starts the dead again, stops them in the reverse order."""

import asyncio
import time
from typing import Self

import structlog

from tidings.app.child import Child, Program, process_ended
from tidings.domain.errors import Misconfigured
from tidings.store.embedded import EmbeddedPostgres

log = structlog.get_logger()

BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
HEALTHY_AFTER_S = 60.0  # a child that lived this long begins with a short backoff again


class Supervisor:
    """An async context: what was started in it is stopped at its end, by rank, and PostgreSQL last of all."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._postgres: EmbeddedPostgres | None = None
        self._hurried = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for rank in sorted({child.program.stop_rank for child in self._children}):
            await self._stop([child for child in self._children if child.program.stop_rank == rank])
        if self._postgres is not None:
            for pause_s in self._postgres.stopping():
                await asyncio.sleep(pause_s)

    def claim(self, postgres: EmbeddedPostgres) -> None:
        """Make its data ours, before anything starts. Raises Misconfigured if another Tidings has them."""
        self._postgres = postgres
        postgres.claim()

    async def start_postgres(self, postgres: EmbeddedPostgres) -> None:
        """Start the embedded PostgreSQL. Raises Misconfigured."""
        self._postgres = postgres
        for pause_s in postgres.starting():
            await asyncio.sleep(pause_s)

    async def start(self, *programs: Program) -> list[str]:
        """Start programs at once; returns what each said when ready. Raises Misconfigured if one never was."""
        children = [Child(program) for program in programs]
        self._children += children
        return await asyncio.gather(*(child.start() for child in children))

    async def _stop(self, children: list[Child]) -> None:
        await asyncio.gather(*(child.stop(within_s=0 if self._hurried else None) for child in children))

    def hurry(self) -> None:
        """Somebody asks again to stop: end every child now. The database still stops in order."""
        self._hurried = True
        for child in self._children:
            child.kill()

    async def watch(self) -> None:
        """Start again whatever dies, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for child in self._children:
                tasks.create_task(self._keep(child))
            if self._postgres is not None:
                tasks.create_task(self._keep_postgres(self._postgres))

    async def _keep(self, child: Child) -> None:
        backoff = Backoff()
        while True:
            code = await child.ended()
            pause_s = backoff.after_a_life()
            log.error("ended", child=child.program.name, exit_code=code, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            try:
                await child.start()
            except Misconfigured as error:
                log.error("not started", child=child.program.name, reason=str(error))

    async def _keep_postgres(self, postgres: EmbeddedPostgres) -> None:
        backoff = Backoff()
        while True:
            if postgres.pid is not None:
                await process_ended(postgres.pid)
            pause_s = backoff.after_a_life()
            log.error("ended", child="postgres", again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            try:
                await self.start_postgres(postgres)
            except Misconfigured as error:
                log.error("not started", child="postgres", reason=str(error))


class Backoff:
    """How long to wait before the next start: longer each time, short again after a healthy life."""

    def __init__(self) -> None:
        self._next_s = BACKOFF_FIRST_S
        self._born = time.monotonic()

    def after_a_life(self) -> float:
        """Seconds to wait now that it has ended."""
        lived_s = time.monotonic() - self._born
        pause_s = BACKOFF_FIRST_S if lived_s > HEALTHY_AFTER_S else self._next_s
        self._next_s = min(pause_s * 2, BACKOFF_MOST_S)
        self._born = time.monotonic() + pause_s
        return pause_s
