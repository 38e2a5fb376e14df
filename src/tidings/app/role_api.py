"""The process that answers HTTP: `python -m tidings.app.role_api`."""

import asyncio
import socket

import uvicorn

from tidings.app import parent, straight
from tidings.app.clock import SystemClock
from tidings.app.config import Config
from tidings.app.house import House
from tidings.app.http import build
from tidings.app.role import collect_seldom, main
from tidings.app.served import served
from tidings.store.database import PostgresDatabase


class _Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell the supervisor."""
        await super().startup(sockets)
        parent.say_ready()


async def work(database: PostgresDatabase, config: Config) -> None:
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
    collect_seldom()
    inherited = parent.listening_socket()
    serving = asyncio.create_task(server.serve(sockets=[inherited] if inherited else None))
    watching = asyncio.create_task(parent.watch_parent(lambda: setattr(server, "should_exit", True)))
    await serving
    watching.cancel()
    await house.close()


if __name__ == "__main__":
    main("api", work)
