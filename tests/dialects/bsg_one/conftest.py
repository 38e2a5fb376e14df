"""Customers of the One API, logged in."""

import pytest
from one_customer import login


@pytest.fixture
async def customer(world):
    """The world's own account."""
    return await login(world, world.key)


@pytest.fixture
async def stranger(world):
    """Another account."""
    other = await world.other_account("stranger")
    return await login(world, other.key)
