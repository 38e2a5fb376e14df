"""A child process that tells customers' servers: `python -m dying_clerk DATABASE_URL NOW [POINT]`.

It kills itself with SIGKILL when it first reaches the point, and otherwise runs until it is stopped.
"""

import asyncio
import os
import signal
import sys
from datetime import datetime

from tidings.app.callbacks import CallbackSender
from tidings.app.config import Callbacks, Config
from tidings.flows import points
from tidings.flows.points import Point
from tidings.store.database import PostgresDatabase


class Standing:
    """A clock that stands still."""

    def __init__(self, now: str) -> None:
        self._now = datetime.fromisoformat(now)

    def now(self) -> datetime:
        return self._now


def die_at(point: Point) -> None:
    def die(reached: Point) -> None:
        if reached is point:
            os.kill(os.getpid(), signal.SIGKILL)

    points.arm(die)


async def main(url: str, now: str) -> None:
    database = PostgresDatabase(url, pool_size=1)
    await database.open()
    config = Config(callbacks=Callbacks(allow_networks=["127.0.0.0/8"], poll_s=0.05))
    await CallbackSender(database, config, Standing(now)).run()


if __name__ == "__main__":
    if len(sys.argv) > 3:
        die_at(Point(sys.argv[3]))
    asyncio.run(main(sys.argv[1], sys.argv[2]))
