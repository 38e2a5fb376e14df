"""What the gateway's processes have in common: `python -m tidings.app.role_api`, `…role_courier`, `…role_clerk`.

Each is a module of its own and imports what it needs: what all of them import, each of them holds in memory.
"""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Coroutine

import structlog
import uvloop

from tidings.app import logs, parent
from tidings.app.config import Config, load
from tidings.domain.errors import Misconfigured, Unavailable
from tidings.store.database import PostgresDatabase

Work = Callable[[PostgresDatabase, Config], Awaitable[None]]
DATABASE_WITHIN_S = 60.0
GARBAGE_EVERY = 20_000  # objects; Python's 700 is less than one batch of requests makes

log = structlog.get_logger("role")


def main(role: str, work: Work) -> None:
    """Do a role's work until SIGTERM or SIGINT, or until the supervisor is gone."""
    parent.tie_to_parent()
    config = load()
    logs.configure(level=config.log.level, format=config.log.format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(work, config))
    except (Misconfigured, Unavailable) as wrong:
        parent.say_failed(str(wrong))
        log.error("stopped", role=role, why=str(wrong))
        raise SystemExit(1) from wrong


async def _run(work: Work, config: Config) -> None:
    assert config.database.url is not None, "a role is told its database"
    database = PostgresDatabase(config.database.url, pool_size=config.database.pool_size)
    await _open(database)
    try:
        await work(database, config)
    finally:
        await database.close()


async def _open(database: PostgresDatabase) -> None:
    """Connect; a database that is just starting is waited for."""
    deadline = asyncio.get_running_loop().time() + DATABASE_WITHIN_S
    while True:
        try:
            await database.open()
            return
        except Unavailable:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.2)


def collect_seldom() -> None:
    """Looking for garbage took a fifth of a busy role's time, and there are hardly any cycles to be found."""
    gc.freeze()  # what is there now stays, and need not be looked at again and again
    gc.set_threshold(GARBAGE_EVERY)


async def until_stopped(work: Coroutine[None, None, None], *, ready: asyncio.Event) -> None:
    """Run until a signal asks to stop or the supervisor is gone; then cancel and wait for the drain."""
    collect_seldom()
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    watching = asyncio.create_task(parent.watch_parent(task.cancel))
    announcing = asyncio.create_task(_announce(ready))
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")
    finally:
        watching.cancel()
        announcing.cancel()


async def _announce(ready: asyncio.Event) -> None:
    await ready.wait()
    parent.say_ready()
