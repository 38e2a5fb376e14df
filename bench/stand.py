"""What is measured, as an operator runs it: `tidings serve` on a PostgreSQL of its own, and the simulated SMSC."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.load import BadRun
from bench.processes import descendants, is_running
from tidings.store.embedded import EmbeddedPostgres
from tidings.store.lifeline import die_with_parent

TIDINGS = str(Path(sys.executable).with_name("tidings"))
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 60.0
POLL_S = 0.02
RECEIPTS_UNANSWERED = 1_000  # that the simulated SMSC lets stand at a time
LOG_LINES_SHOWN = 15
EXPECTED = "smpp_connect_failed"  # while nobody listens on the carrier's port


class Stand:
    """Both processes, in a directory that PostgreSQL's user may pass. Stop them with `stop`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.http_port = free_port()
        self.smsc_port = 0
        self._data_dir = directory / "pg"
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")},
            "TIDINGS_DATABASE__DATA_DIR": str(self._data_dir),
            "TIDINGS_HTTP__PORT": str(self.http_port),
            "TIDINGS_LOG__LEVEL": "warning",
            "TIDINGS_CALLBACKS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
        }
        self._gateway: subprocess.Popen[bytes] | None = None
        self._simulator: subprocess.Popen[bytes] | None = None

    @property
    def database_url(self) -> str:
        """Where its PostgreSQL is asked how far things are."""
        return EmbeddedPostgres(self._data_dir).url

    @property
    def pids(self) -> Mapping[str, Any]:
        """What the meter wants to know."""
        assert self._gateway is not None and self._simulator is not None, "start it first"
        return {"gateway_pids": [self._gateway.pid], "simulator_pid": self._simulator.pid}

    async def start(self) -> None:
        """Start both; they are ready then."""
        await self.start_gateway()
        self._simulator, said = self._spawn_simulator()
        self.smsc_port = int(json.loads(said)["port"])

    async def start_gateway(self) -> float:
        """Start the gateway; how many seconds it took until it was ready."""
        began = time.perf_counter()
        with self._log_file.open("ab") as log:
            self._gateway = self._spawn("serve", stdout=log, stderr=log)
        while not await _is_ready(self.http_port):
            if self._gateway.poll() is not None or time.perf_counter() - began > READY_WITHIN_S:
                raise BadRun(f"the gateway does not start:\n{self.log_tail()}")
            await asyncio.sleep(POLL_S)
        return time.perf_counter() - began

    def stop_gateway(self) -> None:
        """Stop it in order."""
        _stop(self._gateway)
        self._gateway = None

    def kill_gateway(self) -> None:
        """kill -9 of all its processes at one moment, PostgreSQL included; they are gone then."""
        assert self._gateway is not None, "start it first"
        pids = [one.pid for one in descendants(self._gateway.pid)]
        for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none sees another one die
            for pid in pids:
                os.kill(pid, number)
        self._gateway.wait()
        while any(map(is_running, pids)):
            time.sleep(POLL_S)
        self._gateway = None

    def stop(self) -> None:
        """Stop everything."""
        self.stop_gateway()
        _stop(self._simulator)

    def tidings(self, *arguments: str) -> dict[str, object]:
        """Run a command of `tidings` as an operator would; its answer."""
        done = subprocess.run(
            [TIDINGS, *arguments, "--json"],
            env=self._environ, cwd=self.directory, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BadRun(f"tidings {' '.join(arguments)}: {done.stderr.strip()}")
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def log_tail(self) -> str:
        """The last that the gateway said."""
        lines = [
            one for one in self._log_file.read_text("utf-8", "replace").splitlines() if EXPECTED not in one
        ]
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    @property
    def _log_file(self) -> Path:
        return self.directory / "serve.log"

    def _spawn_simulator(self) -> tuple[subprocess.Popen[bytes], bytes]:
        window = ("--deliver-window", str(RECEIPTS_UNANSWERED))
        process = self._spawn("sim", "smsc", "--port", "0", "--json", *window, stdout=subprocess.PIPE)
        assert process.stdout is not None
        return process, process.stdout.readline()

    def _spawn(self, *arguments: str, **streams: object) -> subprocess.Popen[bytes]:
        parent_pid = os.getpid()
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            [TIDINGS, *arguments],
            env=self._environ,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            preexec_fn=lambda: die_with_parent(signal.SIGTERM, parent_pid=parent_pid),  # noqa: PLW1509
            **streams,
        )


def free_port() -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /health/ready HTTP/1.1\r\nHost: tidings\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def _stop(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
