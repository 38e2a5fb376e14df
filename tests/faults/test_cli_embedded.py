"""Commands find the database of the checkout they are run in, whether it is up or rests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

import pytest

from tidings.app.cli.database import database_url
from tidings.app.config import Config, Database, Dev
from tidings.app.dev_facts import DevFacts, write
from tidings.domain.errors import Misconfigured

TIDINGS = str(Path(sys.executable).with_name("tidings"))


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A directory that PostgreSQL's user can pass, too."""
    with TemporaryDirectory(prefix="tidings-test-", dir="/tmp") as made:
        directory = Path(made)
        directory.chmod(0o755)
        yield directory


def tidings(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
    return subprocess.run(
        [TIDINGS, *words], cwd=checkout, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_database_that_rests_is_started_for_the_command_and_stopped_behind_it(checkout):
    refused = tidings(checkout, "account", "list")
    assert refused.returncode == 2 and "tidings migrate" in refused.stderr
    assert tidings(checkout, "migrate").returncode == 0
    made = tidings(checkout, "account", "create", "acme", "--currency", "EUR")
    assert made.returncode == 0, made.stderr
    assert "acme" in tidings(checkout, "account", "list").stdout
    assert not (checkout / ".tidings" / "pg" / "postmaster.pid").exists()


def test_a_database_that_is_up_is_used_as_it_is(postgres, checkout):
    [socket_dir] = parse_qs(urlsplit(postgres).query)["host"]
    config = Config(database=Database(data_dir=Path(socket_dir.removesuffix(".socket"))))
    with database_url(config) as url:
        assert url == postgres


def test_the_database_that_dev_was_told_to_use_is_used(checkout):
    directory = checkout / ".tidings"
    directory.mkdir()
    config = Config(dev=Dev(dir=checkout))
    facts = dict.fromkeys(DevFacts.__struct_fields__, "")
    write(directory / "dev.json", DevFacts(**{**facts, "database_url": "postgresql://elsewhere/tidings"}))
    with database_url(config) as url:
        assert url == "postgresql://elsewhere/tidings"
    (directory / "dev.json").unlink()
    with pytest.raises(Misconfigured, match="no database"), database_url(config):
        pass
