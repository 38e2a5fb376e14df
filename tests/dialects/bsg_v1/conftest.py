"""Customers of BSG REST v1."""

import pytest
from v1_customer import Customer


@pytest.fixture
async def customer(world):
    """The world's own account."""
    return Customer(world, world.key)


@pytest.fixture
async def stranger(world):
    """Another account."""
    other = await world.other_account("stranger")
    return Customer(world, other.key)
