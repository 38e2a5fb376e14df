"""What is served over HTTP, by configuration."""

from starlette.routing import BaseRoute

from tidings.app.config import Config
from tidings.console import routes as console
from tidings.dialects.bsg_one import routes as bsg_one
from tidings.dialects.bsg_v1 import routes as bsg_v1
from tidings.dialects.infobip import routes as infobip
from tidings.dialects.native import routes as native
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock


def served(gateway: Gateway, *, clock: Clock, config: Config) -> list[BaseRoute]:
    """The routes of every dialect, and the console's."""
    return [
        *bsg_v1.routes(gateway, clock=clock, settings=config.bsg_v1),
        *bsg_one.routes(gateway, clock=clock, settings=config.bsg_one),
        *infobip.routes(gateway, clock=clock, settings=config.infobip),
        *native.routes(gateway, clock=clock),
        *(console.routes(gateway, clock=clock) if config.console.enabled else ()),
    ]
