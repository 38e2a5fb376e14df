"""One running plant for all tests that leave it in peace, and customers on it."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from customer import Customer, Opener
from plant import Plant, running

_names = (f"customer-{n}" for n in itertools.count(1))


@pytest.fixture(scope="session")
def plant() -> Iterator[Plant]:
    """`tidings serve` and `tidings sim smsc`; receipts that come late come after a second."""
    directory = Path(tempfile.mkdtemp(prefix="tidings-e2e-", dir="/tmp"))
    try:
        with running(directory, sim=("--late-delay", "1")) as plant:
            yield plant
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def open_account(plant: Plant) -> Iterator[Opener]:
    """Makes a customer with money, a price and a live key."""
    opened: list[Customer] = []

    def make() -> Customer:
        opened.append(Customer(plant, plant.account(next(_names))))
        return opened[-1]

    yield make
    for customer in opened:
        customer.close()


@pytest.fixture
def customer(open_account: Opener) -> Customer:
    """A customer of one's own."""
    return open_account()
