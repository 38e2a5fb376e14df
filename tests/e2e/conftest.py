"""One running plant for all tests that leave it in peace, and customers on it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from customer import SHORTEST_VALIDITY_S, SILENT, Customer, number_at
from plant import Plant, running


@contextmanager
def place() -> Iterator[Path]:
    """A directory where PostgreSQL's own user can get."""
    directory = Path(tempfile.mkdtemp(prefix="tidings-e2e-", dir="/tmp"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def directory() -> Iterator[Path]:
    """For a plant of one's own."""
    with place() as directory:
        yield directory


@pytest.fixture(scope="session")
def quiet_plant() -> Iterator[Plant]:
    """See `plant`."""
    with place() as directory, running(directory, sim=("--late-delay", "1")) as plant:
        yield plant


@pytest.fixture(scope="session")
def unheard_of(quiet_plant: Plant) -> Iterator[tuple[Customer, int]]:
    """A message whose carrier will never say anything, sent first of all: its validity, the shortest that can be
    asked for, is over when it is looked at."""
    with Customer(quiet_plant, "patient") as customer:
        customer.one_send(number_at(0, SILENT), validity_seconds=SHORTEST_VALIDITY_S)
        [item] = customer.one_list()
        yield customer, item["id"]


@pytest.fixture(scope="session")
def plant(quiet_plant: Plant, unheard_of: tuple[Customer, int]) -> Plant:
    """A plant for all tests that leave it in peace; receipts that come late come after a second."""
    return quiet_plant
