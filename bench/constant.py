"""The HTTP server that the gateway uses, around what always answers the same: the most there can be.

It takes the same requests and answers them the same way, straight from the connection, with an answer that the gateway
gave to one of them. What it does not do is to look at the key, and to ask anybody.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from bench.stand import free_port
from tidings.app import straight
from tidings.dialects.plain import Answered, answer


class Constant:
    """Answers each question with the same."""

    def __init__(self, said: bytes) -> None:
        self._said = said

    def straight(self, _path: str, _key: str, answered: Answered) -> bool:
        """At once."""
        answered(self._said)
        return True

    def take(self, _path: str, _key: str, _body: bytes, _answered: Answered) -> bool:
        """Nothing is taken."""
        return False

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """What is not asked straight."""
        await answer(send, self._said)


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
    constant = Constant(sys.argv[2].encode())
    settings = uvicorn.Config(
        constant, port=int(sys.argv[1]), http=straight.protocol({b"rest": constant}), lifespan="off",
        log_config=None, access_log=False, server_header=False, proxy_headers=False,
    )  # fmt: skip
    uvloop.run(uvicorn.Server(settings).serve())
