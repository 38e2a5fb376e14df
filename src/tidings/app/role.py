"""One process of the gateway: `python -m tidings.app.role api|courier|clerk`."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Coroutine

import structlog
import uvicorn
import uvloop

from tidings.app import logs, parent, straight
from tidings.app.clerk import Clerk
from tidings.app.clock import SystemClock
from tidings.app.config import Config, load
from tidings.app.courier import Courier
from tidings.app.house import House
from tidings.app.http import build
from tidings.app.served import served
from tidings.domain.errors import Misconfigured, Unavailable
from tidings.store.database import PostgresDatabase

ROLES = ("api", "courier", "clerk")
DATABASE_WITHIN_S = 60.0
GARBAGE_EVERY = 20_000  # objects; Python's 700 is less than one batch of requests makes

log = structlog.get_logger("role")


def main(role: str) -> None:
    """Run a role until SIGTERM or SIGINT, or until the supervisor is gone."""
    parent.tie_to_parent()
    config = load()
    logs.configure(level=config.log.level, format=config.log.format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(role, config))
    except (Misconfigured, Unavailable) as wrong:
        parent.say_failed(str(wrong))
        log.error("stopped", role=role, why=str(wrong))
        raise SystemExit(1) from wrong


async def _run(role: str, config: Config) -> None:
    assert config.database.url is not None, "a role is told its database"
    database = PostgresDatabase(config.database.url, pool_size=config.database.pool_size)
    await _open(database)
    try:
        match role:
            case "api":
                await _api(database, config)
            case "courier":
                courier = Courier(database, config, SystemClock())
                await _until_stopped(courier.run(), ready=courier.ready)
            case "clerk":
                ready = asyncio.Event()
                ready.set()
                await _until_stopped(Clerk(database, config, SystemClock()).run(), ready=ready)
            case _:
                raise Misconfigured(f"there is no role {role!r}: {', '.join(ROLES)}")
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


class _Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell the supervisor."""
        await super().startup(sockets)
        parent.say_ready()


async def _api(database: PostgresDatabase, config: Config) -> None:
    """Serve HTTP on the supervisor's socket, or on one of our own."""
    clock = SystemClock()
    house = await House.on(database, clock)
    routes = served(house, clock=clock, config=config)
    app = build(routes, ready=database.answers)
    server = _Server(
        uvicorn.Config(
            app,
            host=config.http.host,
            port=config.http.port,
            http=straight.protocol(straight.doors(routes)),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # nobody asks for the client's address or scheme
            timeout_graceful_shutdown=10,
            backlog=2048,
        )
    )
    _collect_seldom()
    inherited = parent.listening_socket()
    serving = asyncio.create_task(server.serve(sockets=[inherited] if inherited else None))
    watching = asyncio.create_task(parent.watch_parent(lambda: setattr(server, "should_exit", True)))
    await serving
    watching.cancel()
    await house.close()


def _collect_seldom() -> None:
    """Looking for garbage took a fifth of a busy role's time, and there are hardly any cycles to be found."""
    gc.freeze()  # what is there now stays, and need not be looked at again and again
    gc.set_threshold(GARBAGE_EVERY)


async def _until_stopped(work: Coroutine[None, None, None], *, ready: asyncio.Event) -> None:
    """Run until a signal asks to stop or the supervisor is gone; then cancel and wait for the drain."""
    _collect_seldom()
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


if __name__ == "__main__":
    main(sys.argv[1])
