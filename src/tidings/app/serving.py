"""What `tidings serve` and `tidings dev` have in common: a database, its migrations, the gateway's processes."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

import asyncpg
import structlog

from tidings.app.child import Program
from tidings.app.config import FILE_VARIABLE, Config
from tidings.app.config_sources import variable
from tidings.app.listening import base_url, listen
from tidings.app.parent import HTTP_FD
from tidings.app.supervisor import Supervisor
from tidings.domain.errors import Misconfigured
from tidings.store.embedded import EmbeddedPostgres
from tidings.store.migrate import migrate
from tidings.store.postgres_place import MEMORY, choose_data_dir

log = structlog.get_logger()

Flags = Mapping[str, object]
SETTING = "database.url (TIDINGS_DATABASE__URL)"


class Role(StrEnum):
    """The gateway's processes, in the order in which they stop."""

    API = "api"
    COURIER = "courier"
    CLERK = "clerk"


STOP_RANK = {Role.API: 0, Role.COURIER: 1, Role.CLERK: 2}
SIM_STOP_RANK = 3
STOP_MARGIN_S = 5.0  # beyond what the courier may drain


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the gateway. `environ` is what its processes are told beyond our own environment."""

    config: Config
    roles: tuple[Role, ...] = tuple(Role)
    environ: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, config: Config, *, roles: tuple[Role, ...] = tuple(Role), file: Path | None, flags: Flags
    ) -> Self:
        """A start whose processes read the same file and are told the same flags as we."""
        environ = {variable(key): str(value) for key, value in flags.items() if value is not None}
        if file is not None:
            environ[FILE_VARIABLE] = str(file.absolute())
        return cls(config, roles, environ)

    def programs(self, *, database_url: str, listener: socket.socket | None) -> list[Program]:
        """The processes to run."""
        environ = {**self.environ, variable("database.url"): database_url}
        programs = [self._program(role, environ) for role in self.roles if role is not Role.API]
        if listener is not None:
            environ = {**environ, HTTP_FD: str(listener.fileno())}
            programs += [
                self._program(Role.API, environ, number=number, inherit=(listener.fileno(),))
                for number in range(1, self.config.http.workers + 1)
            ]
        return programs

    def _program(
        self, role: Role, environ: Mapping[str, str], *, number: int = 0, inherit: tuple[int, ...] = ()
    ) -> Program:
        drains_s = {
            Role.COURIER: self.config.courier.drain_s,
            Role.CLERK: self.config.callbacks.drain_s,
        }
        return Program(
            name=f"{role}-{number}" if number else str(role),
            module=f"tidings.app.role_{role}",
            environ={**MEMORY, **environ},
            inherit=inherit,
            stop_rank=STOP_RANK[role],
            stop_within_s=drains_s.get(role, 0.0) + STOP_MARGIN_S,
        )


@dataclass(frozen=True, slots=True)
class Gateway:
    """The gateway of one start, on a migrated database, about to run."""

    start: Start
    supervisor: Supervisor
    database_url: str
    listener: socket.socket | None
    data_dir: Path | None  # of the embedded PostgreSQL

    async def open(self) -> None:
        """Start its processes; returns when all of them are ready."""
        await self.supervisor.start(
            *self.start.programs(database_url=self.database_url, listener=self.listener)
        )


Body = Callable[[Gateway], Awaitable[None]]


def run(start: Start, body: Body) -> None:
    """Prepare what the gateway stands on, then run `body` until SIGINT or SIGTERM; stop everything in order.

    A second signal hurries. Raises Misconfigured.
    """
    asyncio.run(_until_signalled(start, body))


async def _until_signalled(start: Start, body: Body) -> None:
    supervisor = Supervisor()
    running = asyncio.ensure_future(_prepared(start, body, supervisor))
    signalled = asyncio.Event()

    def stop() -> None:
        supervisor.hurry() if signalled.is_set() else running.cancel()
        signalled.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # so nohup works
            asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        await running
    except asyncio.CancelledError:
        if not signalled.is_set():
            raise


async def _prepared(start: Start, body: Body, supervisor: Supervisor) -> None:
    """What may be refused is asked first: a second instance and a taken port are told before anything starts."""
    async with supervisor:
        postgres = embedded_postgres(start.config)
        if postgres is not None:
            supervisor.claim(postgres)
        with listen(start.config.http) if Role.API in start.roles else contextlib.nullcontext() as listener:
            if postgres is not None:
                log.info("starting", child="postgres", data_dir=str(postgres.data_dir))
                await supervisor.start_postgres(postgres)
            url = start.config.database.url or (postgres.url if postgres else "")
            for name in await migrate_database(url):
                log.info("migrated", migration=name)
            data_dir = postgres.data_dir if postgres else None
            await body(Gateway(start, supervisor, database_url=url, listener=listener, data_dir=data_dir))


def embedded_postgres(config: Config) -> EmbeddedPostgres | None:
    """The PostgreSQL of our own that the configuration asks for; None where it names another by its url."""
    if config.database.url is not None:
        return None
    data_dir = config.database.data_dir or choose_data_dir(config.dev.dir)
    return EmbeddedPostgres(data_dir, postgres_dir=config.database.postgres_dir)


async def migrate_database(url: str) -> list[str]:
    """Bring the database up to date; the names of the migrations applied. Raises Misconfigured."""
    try:
        return await migrate(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise Misconfigured(f"{SETTING}: cannot use this database: {error}") from error
    except asyncpg.InterfaceError as error:  # its text may show the url and the password in it
        raise Misconfigured(f"{SETTING} is not the address of a PostgreSQL") from error


async def serve(gateway: Gateway) -> None:
    """The body of `tidings serve`: the gateway's processes and nothing else."""
    await gateway.open()
    if gateway.listener is not None:
        log.info("listening", url=base_url(gateway.listener))
    await gateway.supervisor.watch()
