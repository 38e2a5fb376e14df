"""Which dialects are served."""

import msgspec
from starlette.routing import BaseRoute

from tidings.dialects.bsg_one import routes as bsg_one_routes
from tidings.dialects.bsg_one.settings import Settings as BsgOneSettings
from tidings.dialects.bsg_v1 import routes as bsg_v1_routes
from tidings.dialects.bsg_v1.settings import Settings as BsgV1Settings
from tidings.dialects.infobip import routes as infobip_routes
from tidings.dialects.infobip.settings import Settings as InfobipSettings
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock


class DialectSettings(msgspec.Struct, frozen=True):
    """Each dialect's own settings."""

    bsg_v1: BsgV1Settings = BsgV1Settings()
    bsg_one: BsgOneSettings = BsgOneSettings()
    infobip: InfobipSettings = InfobipSettings()


def dialect_routes(
    gateway: Gateway, *, clock: Clock, settings: DialectSettings = DialectSettings()  # noqa: B008
) -> list[BaseRoute]:
    """The routes of every dialect."""
    return [
        *bsg_v1_routes.routes(gateway, clock=clock, settings=settings.bsg_v1),
        *bsg_one_routes.routes(gateway, clock=clock, settings=settings.bsg_one),
        *infobip_routes.routes(gateway, clock=clock, settings=settings.infobip),
    ]
