"""Fixtures that every folder shares: a real PostgreSQL, and a small world around the gateway."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from world import World, open_world

from tidings.store.embedded import EmbeddedPostgres
from tidings.store.migrate import migrate

TEMPLATE = "tidings_template"

# A commit passes or fails for what it is, not for what chance picked nor for how busy the machine was: the same
# examples every time. TIDINGS_TEST_RANDOM=1 looks for new ones, and remembers those that fail.
settings.register_profile(
    "same", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("random", settings.get_profile("same"), derandomize=False)
settings.load_profile("random" if os.environ.get("TIDINGS_TEST_RANDOM") else "same")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server with one migrated template database; one per test worker.

    TIDINGS_TEST_POSTGRES names one that runs already, for those who run the tests many times.
    """
    if running := os.environ.get("TIDINGS_TEST_POSTGRES"):
        yield running
        return
    folder = Path(tempfile.mkdtemp(prefix="tidings-test-", dir="/tmp"))
    folder.chmod(0o755)
    server = EmbeddedPostgres(
        folder / "pg",
        extra_settings={"fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB"},
    )
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def database_url(server_url: str, name: str) -> str:
    """The URL of another database of the same server."""
    head, _, query = server_url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}?{query}"


@asynccontextmanager
async def fresh_database(server_url: str) -> AsyncIterator[str]:
    """A migrated database of its own, copied from the template."""
    name = f"t{os.urandom(6).hex()}"
    admin = await asyncpg.connect(database_url(server_url, "postgres"))
    try:
        if not await admin.fetchval("select true from pg_database where datname = $1", TEMPLATE):
            await admin.execute(f"create database {TEMPLATE}")
            await migrate(database_url(server_url, TEMPLATE))
        await admin.execute(f"create database {name} template {TEMPLATE}")
        try:
            yield database_url(server_url, name)
        finally:
            await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[], AbstractAsyncContextManager[str]]:
    """Makes migrated databases, for tests that share one."""
    return partial(fresh_database, postgres)


@pytest.fixture
async def empty_database(postgres: str) -> AsyncIterator[str]:
    """A database that nothing but the migrations touched."""
    async with fresh_database(postgres) as url:
        yield url


@pytest.fixture
async def world(empty_database: str) -> AsyncIterator[World]:
    """A gateway on its own database, a customer with money and keys, and a carrier that does as it is told."""
    async with open_world(empty_database) as opened:
        yield opened


@pytest.fixture
def databases(postgres: str) -> Callable[[], AbstractAsyncContextManager[str]]:
    """As many databases of their own as a test wants, one after the other."""
    return lambda: fresh_database(postgres)
