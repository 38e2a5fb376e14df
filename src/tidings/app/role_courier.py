"""The process that speaks with carriers: `python -m tidings.app.role_courier`."""

from tidings.app.clock import SystemClock
from tidings.app.config import Config
from tidings.app.courier import Courier
from tidings.app.role import main, until_stopped
from tidings.store.database import PostgresDatabase


async def work(database: PostgresDatabase, config: Config) -> None:
    """Keep the connectors until stopped."""
    courier = Courier(database, config, SystemClock())
    await until_stopped(courier.run(), ready=courier.ready)


if __name__ == "__main__":
    main("courier", work)
