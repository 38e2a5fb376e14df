"""Tidings as its users run it: `tidings serve` with a PostgreSQL of its own, `tidings sim smsc`, the command line.

Everything is a process of its own that is reached only as a user reaches it; the one exception is `sql`, by
which tests look at what no user is shown.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import httpx
from noted import PACKS, Noted, noted

from tidings.connectors.sandbox.settings import PASSWORD
from tidings.connectors.sandbox.truth import Truth, read_truth
from tidings.store.embedded import EmbeddedPostgres

TIDINGS = Path(sys.executable).with_name("tidings")
POLL_S = 0.02
BULK_POLL_S = 0.2  # where asking costs the gateway something
START_WITHIN_S = 60.0
STOP_WITHIN_S = 40.0

SHORT_WAITS = {
    "TIDINGS_COURIER__DOUBT_WAIT_S": "4",
    "TIDINGS_COURIER__DOUBT_WAIT_OTP_S": "1",
    "TIDINGS_COURIER__RECEIPT_GRACE_S": "0.1",
    "TIDINGS_COURIER__POLL_S": "0.2",
    "TIDINGS_CLERK__SWEEP_S": "0.2",
}

Fact = TypeVar("Fact")


def until(
    fact: Callable[[], Fact], *, within_s: float, what: str | Callable[[], str], every_s: float = POLL_S
) -> Fact:
    """Ask again and again until `fact` answers something true; that answer. Fails when the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(every_s)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours, without what somebody may have set for their own Tidings."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
    return {**ours, **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Smsc:
    """A simulated SMSC, which outlives whatever happens to the gateway."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._state = directory / "smsc.state"
        self.password_file = directory / "smsc.password"
        self.password_file.write_text(PASSWORD)
        self._process = subprocess.Popen(
            [TIDINGS, "sim", "smsc", "--port", "0", "--state", self._state, "--json", *options],
            env=environment({}),
            cwd=directory,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        where = json.loads(self._process.stdout.readline())
        self.host, self.port, self.system_id = where["host"], where["port"], where["system_id"]

    def truth(self) -> Truth:
        """What it took, what became of it and what it told, by its state file."""
        return read_truth(self._state)

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(STOP_WITHIN_S) == 0
        assert self._process.stdout is not None
        self._process.stdout.close()


class Served:
    """`tidings serve` on a data directory; may be stopped, killed and started again on the same data and port."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self.data_dir = directory / "pg"
        self.log_file = directory / "serve.log"
        self._directory = directory
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.database_url = EmbeddedPostgres(self.data_dir).url
        self._settings = {
            "TIDINGS_DATABASE__DATA_DIR": str(self.data_dir),
            "TIDINGS_HTTP__PORT": str(self._port),
            **SHORT_WAITS,
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """What it, and the command line beside it, are told."""
        return environment(self._settings)

    def start(self) -> None:
        """Return when it serves."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [TIDINGS, "serve"], env=self.environ, cwd=self._directory, stdout=log, stderr=log
            )
        until(self._ready, within_s=START_WITHIN_S, what="tidings serve is ready")

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"tidings serve ended:\n{self.log_file.read_text()[-4000:]}"
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health/ready").status_code == 200
        return False

    def ask_to_stop(self) -> None:
        assert self._process is not None
        self._process.terminate()

    def ended(self) -> int:
        """Wait until it has stopped by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(STOP_WITHIN_S)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.ask_to_stop()
            assert self.ended() == 0, self.log_file.read_text()[-4000:]

    def kill(self) -> int:
        """kill -9 of everything it consists of, PostgreSQL included, at one moment; how many processes."""
        assert self._process is not None and self._process.poll() is None
        tree = _frozen(self._process.pid)
        for pid in tree:
            os.kill(pid, signal.SIGKILL)
        self._process.wait(STOP_WITHIN_S)
        until(lambda: not any(map(_runs, tree)), within_s=STOP_WITHIN_S, what="the killed are gone")
        return len(tree)


def _frozen(root: int) -> list[int]:
    """The process and all below it, stopped, so that none of them sees another one die."""
    stopped: list[int] = []
    while news := [pid for pid in _tree(root) if pid not in stopped]:
        for pid in news:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped += news
    return [pid for pid in stopped if _runs(pid)]


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _runs(pid: int) -> bool:
    """Whether the process is there and no mere entry that waits for its parent to notice."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


@dataclass(frozen=True)
class Account:
    """A customer's account, and what proves who it is."""

    name: str
    key: str
    test_key: str


class Plant:
    """A gateway and a carrier, joined: what one installation of Tidings is."""

    def __init__(self, directory: Path, smsc: Smsc, served: Served) -> None:
        self.directory, self.smsc, self.served = directory, smsc, served

    def cli(self, *words: str) -> Any:
        """What `tidings ... --json` answers, run beside the gateway as an operator does."""
        return self._asked(*words, exit_codes=(0,))

    def _asked(self, *words: str, exit_codes: tuple[int, ...] = (0, 1)) -> Any:
        done = subprocess.run(
            [TIDINGS, *words, "--json"],
            env=self.served.environ,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in exit_codes, f"tidings {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout)

    def join(self) -> None:
        """Make the simulated SMSC the carrier of everything."""
        self.cli(
            *("connector", "add", "simulator", "--simulator"),
            *("--host", self.smsc.host, "--port", str(self.smsc.port), "--system-id", self.smsc.system_id),
            *("--password-file", str(self.smsc.password_file)),
            *("--receipt-class", "handset", "--err-is-map", "--window", "200"),
        )
        self.cli("route", "add", "--connector", "simulator")

    def account(self, name: str, *, balance: str = "1000") -> Account:
        """An account with money, a price of 0.02 for a part to anywhere, and keys."""
        made = self.cli("account", "create", name, "--currency", "EUR", "--topup", balance, "--with-keys")
        self.cli("price", "set", name, "default", "0.02")
        return Account(name, key=made["live_key"], test_key=made["test_key"])

    def broken_promises(self) -> Any:
        """What `tidings doctor` finds that must never be."""
        return self._asked("doctor", "--all")["violations"]

    def sql(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of the gateway's database."""

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.served.database_url)
            try:
                rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
                return rows
            finally:
                await connection.close()

        return asyncio.run(ask())

    def evidence(self) -> list[Noted]:
        """All of it, message by message, in order."""
        return noted(self.sql(PACKS))


@contextlib.contextmanager
def running(directory: Path, *, sim: tuple[str, ...] = (), **settings: str) -> Iterator[Plant]:
    """A plant that runs, with the simulated SMSC as its only carrier. `sim`: options of `tidings sim smsc`;
    `settings`: further environment of `tidings serve`."""
    smsc = Smsc(directory, *sim)
    try:
        served = Served(directory, settings)
        try:
            served.start()
            plant = Plant(directory, smsc, served)
            plant.join()
            yield plant
        finally:
            served.stop()
    finally:
        smsc.stop()
