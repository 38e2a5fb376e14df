"""The simulated SMSC of `tidings dev`: a process of its own, configured by the section [sim]."""

import asyncio
import signal

import uvloop

from tidings.app import config
from tidings.app.config_sources import variable
from tidings.app.parent import say_failed, say_ready, tie_to_parent, watch_parent
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.sandbox.smsc import SimulatedSmsc
from tidings.domain.errors import Misconfigured


async def simulate(settings: Settings) -> None:
    """Run until SIGTERM, or until the supervisor is gone. Says the port to the supervisor when it listens."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    watching = asyncio.ensure_future(watch_parent(stop.set))
    async with SimulatedSmsc(settings) as running:
        say_ready(str(running.port))
        running.failed.add_done_callback(lambda _: stop.set())
        await stop.wait()
    watching.cancel()
    if running.failed.done():
        raise Misconfigured(f"cannot write sim.state ({settings.state}): {running.failed.result()}")


def main() -> None:
    """Run it."""
    tie_to_parent()
    try:
        uvloop.run(simulate(config.load().sim))
    except Misconfigured as error:
        say_failed(f"simulated SMSC: {_as_settings(str(error))}")
        raise SystemExit(2) from None


def _as_settings(text: str) -> str:
    """The simulator's errors name the flags of `tidings sim smsc`; here the same are settings."""
    for name in ("host", "port", "state"):
        text = text.replace(f"--{name}", f"sim.{name} ({variable(f'sim.{name}')})")
    return text


if __name__ == "__main__":
    main()
