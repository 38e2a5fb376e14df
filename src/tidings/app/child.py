"""One child process: started, heard until it is ready, stopped within a deadline."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from tidings.app.parent import FAILED, PARENT_PID, READY_FD
from tidings.domain.errors import Misconfigured

log = structlog.get_logger()

STOP_FAILED_WITHIN_S = 1.0  # a child that never was ready has nothing to bring to an end


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `environ` is added to ours; `inherit` are file descriptors that the child gets."""

    name: str
    module: str  # run as `python -m`
    arguments: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    inherit: tuple[int, ...] = ()
    stop_rank: int = 0  # at a stop, lower ranks end before higher ones are asked to
    ready_within_s: float = 60.0
    stop_within_s: float = 10.0

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", self.module, *self.arguments]


class Child:
    """A running program. It has a session of its own: Ctrl-C in the terminal reaches only the supervisor."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self) -> str:
        """Run the program; returns what it said when it was ready. Raises Misconfigured if it never was."""
        reading, writing = os.pipe()
        try:
            self._spawn(writing)
        finally:
            os.close(writing)
        try:
            said = await _first_line(reading, within_s=self.program.ready_within_s)
        except TimeoutError:
            said = f"{FAILED}{self.program.name} was not ready within {self.program.ready_within_s:g} s"
        if said and not said.startswith(FAILED):
            log.info("started", child=self.program.name, pid=self.pid)
            return said
        await self.stop(within_s=STOP_FAILED_WITHIN_S)
        raise Misconfigured(said.removeprefix(FAILED) or self._ended_early())

    def _spawn(self, ready_fd: int) -> None:
        known = {PARENT_PID: str(os.getpid()), READY_FD: str(ready_fd)}
        self._process = subprocess.Popen(  # noqa: S603
            self.program.command,
            env={**os.environ, **self.program.environ, **known},
            pass_fds=(ready_fd, *self.program.inherit),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _ended_early(self) -> str:
        code = self._process.returncode if self._process else None
        return (
            f"{self.program.name} ended with exit code {code} before it was ready; what it said stands above"
        )

    async def ended(self) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        assert self._process is not None, "not started"
        if self._process.poll() is None:
            await process_ended(self._process.pid)
        return self._process.wait()

    async def stop(self, *, within_s: float | None = None) -> None:
        """Ask it to stop; when the time is over, make it."""
        if self._process is None or self.pid is None:
            return
        allowed_s = self.program.stop_within_s if within_s is None else within_s
        self._process.terminate()
        # Whoever stops it may have been cancelled, where `asyncio.timeout` fails in Python 3.11.2.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ended(), allowed_s)
        if self.pid is not None:
            log.warning("killed", child=self.program.name, pid=self.pid, allowed_s=allowed_s)
            self.kill()
            await self.ended()

    def kill(self) -> None:
        """End it now, and whatever it started."""
        if self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)


async def process_ended(pid: int) -> None:
    """Return when a child of ours has ended, without reaping it and without polling."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = os.pidfd_open(pid)
    loop.add_reader(handle, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def _first_line(reading: int, *, within_s: float) -> str:
    """The line that comes through the pipe; empty if it is closed without one. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    try:
        async with asyncio.timeout(within_s):
            line = await stream.readline()
    finally:
        transport.close()
    return line.decode("utf-8", "replace").strip()
