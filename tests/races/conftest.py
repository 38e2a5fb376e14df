"""What every race needs."""

from collections.abc import AsyncIterator

import pytest
from rivals import order
from world import World

from tidings.app.house import House
from tidings.store import invariants


@pytest.fixture
async def ring(world: World) -> AsyncIterator[World]:
    """The world, with more routes; whatever the order was, every promise holds afterwards."""
    for name in ("second", "third"):
        connector_id = await world.admin.add_connector(name, "smpp", {}, simulator=False)
        await world.admin.add_route(connector_id, position=5)
    yield world
    assert await invariants.check(world.sql) == []


@pytest.fixture
async def rival(ring: World) -> AsyncIterator[House]:
    """Another process; both have seen the account."""
    house = await House.on(ring.database, ring.clock)
    await order(ring, ring.gateway, "seen by one")
    await order(ring, house, "seen by both")
    yield house
    await house.close()
