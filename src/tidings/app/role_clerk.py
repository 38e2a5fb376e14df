"""The process that keeps deadlines and tells customers' servers: `python -m tidings.app.role_clerk`."""

import asyncio

from tidings.app.clerk import Clerk
from tidings.app.clock import SystemClock
from tidings.app.config import Config
from tidings.app.role import main, until_stopped
from tidings.store.database import PostgresDatabase


async def work(database: PostgresDatabase, config: Config) -> None:
    """Look what is due until stopped."""
    ready = asyncio.Event()
    ready.set()
    await until_stopped(Clerk(database, config, SystemClock()).run(), ready=ready)


if __name__ == "__main__":
    main("clerk", work)
