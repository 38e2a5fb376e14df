"""The HTTP server that the gateway uses, around what always answers the same, and straight: the most there can be."""

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

ANSWER = (
    b'{"error":0,"errorDescription":"No errors","id":"12345678","msisdn":"380501234567","reference":"bench-000012345",'
    b'"time_in":"2026-01-01 00:00:00","time_sent":"2026-01-01 00:00:00","time_dr":"2026-01-01 00:00:00",'
    b'"status":"delivered","price":0.021,"currency":"EUR"}'
)


class Constant:
    """Answers each question with the same."""

    def straight(self, _path: str, _key: str, answered: Answered) -> bool:
        """At once."""
        answered(ANSWER)
        return True

    def take(self, _path: str, _key: str, _body: bytes, _answered: Answered) -> bool:
        """Nothing is taken."""
        return False

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """What is not asked straight."""
        await answer(send, ANSWER)


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port on which a process of its own answers."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.constant", str(port))
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
    constant = Constant()
    settings = uvicorn.Config(
        constant, port=int(sys.argv[1]), http=straight.protocol({b"rest": constant}), lifespan="off",
        log_config=None, access_log=False, server_header=False, proxy_headers=False,
    )  # fmt: skip
    uvloop.run(uvicorn.Server(settings).serve())
