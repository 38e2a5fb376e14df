"""The gateway's own server, to which the answer to every question is the same: the most there can be.

The same HTTP server and the same BSG REST v1 take the same requests: they know the key, read what is asked, and answer
straight from the connection, with what the gateway once said to one of them. What it does not do is to ask anybody.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import uvicorn
import uvloop
from starlette.applications import Starlette

from bench.stand import free_port
from tidings.app import straight
from tidings.app.clock import SystemClock
from tidings.app.role import collect_seldom
from tidings.dialects.bsg_v1.routes import routes
from tidings.dialects.bsg_v1.settings import Settings
from tidings.domain.order import Account, Caller, Remembered
from tidings.flows.asking import Heard
from tidings.flows.gateway import Gateway


class Constant:
    """As much of a gateway as questions for a message by its id need."""

    def __init__(self, said: bytes) -> None:
        self._said = said
        self._anybody = Remembered(Caller(Account(1, "constant", "EUR"), 1, test=False), 1)
        self._known: dict[str, Remembered] = {}

    def remembered(self, key: str) -> Remembered:
        """Everybody is known."""
        return self._known.get(key) or self._known.setdefault(key, self._anybody)

    def tell_progress(self, _account_id: int, _message_id: int, *, heard: Heard, **_asked: object) -> bool:
        """At once."""
        heard(self._said)
        return True


@asynccontextmanager
async def served(said: bytes) -> AsyncIterator[int]:
    """The port on which a process of its own answers that."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.constant", str(port), said.decode()
    )
    try:
        for _ in range(500):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    gateway = cast(Gateway, Constant(sys.argv[2].encode()))
    served_routes = routes(gateway, clock=SystemClock(), settings=Settings())
    config = uvicorn.Config(
        Starlette(routes=served_routes), port=int(sys.argv[1]),
        http=straight.protocol(straight.doors(served_routes)), lifespan="off", log_config=None, access_log=False,
        server_header=False, proxy_headers=False,
    )  # fmt: skip
    collect_seldom()
    uvloop.run(uvicorn.Server(config).serve())
