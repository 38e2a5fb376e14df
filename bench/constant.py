"""The HTTP server that the gateway uses, around an application that always answers the same: the most there can be."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
import uvloop

from bench.stand import free_port

ANSWER = (
    b'{"error":0,"errorDescription":"No errors","id":"12345678","msisdn":"380501234567","reference":"bench-000012345",'
    b'"time_in":"2026-01-01 00:00:00","time_sent":"2026-01-01 00:00:00","time_dr":"2026-01-01 00:00:00",'
    b'"status":"delivered","price":0.021,"currency":"EUR"}'
)
HEADERS = [(b"content-length", b"%d" % len(ANSWER)), (b"content-type", b"application/json")]

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(_scope: object, _receive: object, send: Send) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


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
    settings = uvicorn.Config(
        application, port=int(sys.argv[1]), http="httptools", lifespan="off", log_config=None, access_log=False,
        server_header=False, proxy_headers=False,
    )  # fmt: skip
    uvloop.run(uvicorn.Server(settings).serve())
