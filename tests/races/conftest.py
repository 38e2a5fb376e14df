"""What every race needs."""

from collections.abc import AsyncIterator

import pytest
from world import World

from tidings.store import invariants


@pytest.fixture
async def ring(world: World) -> AsyncIterator[World]:
    """The world, with a second route; whatever the order was, every promise holds afterwards."""
    other = await world.admin.add_connector("other", "smpp", {}, simulator=False)
    await world.admin.add_route(other, position=5)
    yield world
    assert await invariants.check(world.sql) == []
