"""A PostgreSQL of our own: our child, on a data directory, stopped with us, safe to kill at any time."""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

from tidings.domain.errors import Misconfigured
from tidings.store.lifeline import die_with_parent
from tidings.store.postgres_data import NAME, check_place, ensure_data, no_start
from tidings.store.postgres_place import (
    Installation,
    Runner,
    environment,
    find_installation,
    make_private,
    passable,
    runner_for,
    socket_dir_for,
)

READY_WITHIN_S = 60.0
RELEASED_WITHIN_S = 30.0  # what a killed server left running must be gone by then
FAST_STOP_WITHIN_S = 30.0
QUIT_WITHIN_S = 5.0
POLL_S = 0.01
LOG_MAX_BYTES = 10 * 1024 * 1024
LEFTOVER = "pre-existing shared memory block"  # what PostgreSQL says while processes of a killed server live

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "1GB",
    "min_wal_size": "1GB",  # a file of the log that is made anew keeps everybody from committing for 20 ms
    "max_connections": "50",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # An error's detail shows the row at fault: customers' references and phone numbers stay out of the log.
    "log_error_verbosity": "terse",
}


BUFFERS_PERCENT = 40
BUFFERS_MB = (128, 16_384)


def shared_buffers(memory_mb: int) -> str:
    """What PostgreSQL keeps of its tables: two fifths of the memory, but no less than its default, and 16 GB at most.

    A lookup of any message stored needs five pages. One that is not here is copied from the system's cache, at 4 us;
    but that cache is the system's to take back, and then it is read from the disk, which can do that some thousand
    times a second. PostgreSQL's manual calls two fifths the most that may pay.
    """
    least, most = BUFFERS_MB
    return f"{min(max(memory_mb * BUFFERS_PERCENT // 100, least), most)}MB"


def memory_mb(limit_file: Path = Path("/sys/fs/cgroup/memory.max")) -> int:
    """What this machine has, or this container may use."""
    all_of_it = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = int(limit_file.read_text())
    except (OSError, ValueError):  # there is no such file, or no limit
        limit = all_of_it
    return min(limit, all_of_it) >> 20


class EmbeddedPostgres:
    """One PostgreSQL server on `data_dir`, reachable only over a unix socket at `url`.

    Beside the data directory stand `<name>.lock` (one Tidings per data), `<name>.log` and `<name>.socket/`.
    Started by root, the server runs as the owner of the data, else as `postgres` or `nobody`; every directory
    above `data_dir` must let that user pass. There is no password: the socket's directory has mode 0700 and
    belongs to the server's user, so only that user and root get in; under `nobody`, anything else that runs
    as `nobody` does too.

    The server is told by the kernel when the thread that called `start` ends: start it from the main thread.
    `extra_settings` are PostgreSQL's own (`{"fsync": "off"}` for tests) and win over SETTINGS.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        postgres_dir: Path | None = None,
        extra_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.socket_dir = socket_dir_for(self.data_dir)
        self.log_file = self.data_dir.with_name(f"{self.data_dir.name}.log")
        self._lock_file = self.data_dir.with_name(f"{self.data_dir.name}.lock")
        self._postgres_dir = postgres_dir
        self._settings = {
            **SETTINGS,
            "shared_buffers": shared_buffers(memory_mb()),
            **(extra_settings or {}),
            "unix_socket_directories": str(self.socket_dir),
        }
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """How asyncpg and libpq reach the database."""
        return f"postgresql://{NAME}@/{NAME}?host={quote(str(self.socket_dir), safe='/')}"

    @property
    def pid(self) -> int | None:
        """The server's process id; None if it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Return when the server takes connections. Raises Misconfigured with what the operator can do."""
        for pause_s in self.starting():
            time.sleep(pause_s)

    def stop(self) -> None:
        """Stop the server, with a checkpoint if that ends within FAST_STOP_WITHIN_S; release the data."""
        for pause_s in self.stopping():
            time.sleep(pause_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def starting(self) -> Iterator[float]:
        """`start` in steps: yields how long to pause before going on. For callers with an event loop."""
        assert self.pid is None, "this server runs already"
        self.claim()
        try:
            runner = runner_for(self.data_dir)
            check_place(self.data_dir, runner)
            installation = find_installation(self._postgres_dir, runner)
            ensure_data(self.data_dir, installation, runner=runner, durable=self._settings["fsync"] != "off")
            make_private(self.socket_dir, runner)
            yield from self._until_ready(installation, runner)
        except BaseException:
            self._kill()
            self._release_lock()
            raise

    def stopping(self) -> Iterator[float]:
        """`stop` in steps, as `starting`."""
        for signum, within_s in ((signal.SIGINT, FAST_STOP_WITHIN_S), (signal.SIGQUIT, QUIT_WITHIN_S)):
            if self._process is None or self._process.poll() is not None:
                break
            self._process.send_signal(signum)
            deadline = time.monotonic() + within_s
            while self._process.poll() is None and time.monotonic() < deadline:
                yield POLL_S
        self._kill()
        self._release_lock()

    # -- one Tidings per data directory ----------------------------------------------------------------------

    def claim(self) -> None:
        """Make the data ours until `stop`; `start` does it too. Raises Misconfigured if another Tidings has them."""
        if self._lock is not None:
            return
        passable(self._lock_file.parent)
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode("ascii", "replace").strip()
            os.close(lock)
            raise Misconfigured(
                f"another Tidings (process {holder or 'unknown'}) uses the data in {self.data_dir}: stop it, "
                "or set database.data_dir (TIDINGS_DATABASE__DATA_DIR) to another directory"
            ) from None
        os.truncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- the process -----------------------------------------------------------------------------------------

    def _until_ready(self, installation: Installation, runner: Runner) -> Iterator[float]:
        released_by = time.monotonic() + RELEASED_WITHIN_S
        while True:
            yield from self._predecessor_gone(released_by)
            log_start = self._spawn(installation, runner)
            deadline = time.monotonic() + READY_WITHIN_S
            while not self._is_ready() and self.pid is not None and time.monotonic() < deadline:
                yield POLL_S
            if self._is_ready():
                return
            said = self._log_since(log_start)
            if self.pid is not None or LEFTOVER not in said or time.monotonic() > released_by:
                raise no_start(self.data_dir, said, log_file=self.log_file)
            yield 0.1

    def _predecessor_gone(self, deadline: float) -> Iterator[float]:
        """Wait until the server of a killed Tidings has stopped; remove the marks of one that was killed too.

        Those name a process by its number, which may be another process's by now: PostgreSQL would give up.
        While nobody has that number, `postmaster.pid` is left to PostgreSQL, whose own checks need it.
        """
        pid_file = self.data_dir / "postmaster.pid"
        while _server_on(self.data_dir, pid := _first_number(pid_file)) and time.monotonic() < deadline:
            yield POLL_S
        if pid is not None and Path(f"/proc/{pid}").exists() and not _server_on(self.data_dir, pid):
            pid_file.unlink(missing_ok=True)
        for mark in self.socket_dir.iterdir():
            mark.unlink()

    def _spawn(self, installation: Installation, runner: Runner) -> int:
        """Start the server; returns where its log begins. In a session of its own: Ctrl-C is not for it."""
        parent_pid = os.getpid()

        def follow() -> None:
            if not die_with_parent(signal.SIGINT, parent_pid=parent_pid):
                os._exit(1)

        command = [str(installation.program("postgres")), "-D", str(self.data_dir)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_MAX_BYTES:
            self.log_file.replace(self.log_file.with_name(f"{self.log_file.name}.1"))
        self.log_file.touch(mode=0o600)
        with self.log_file.open("ab") as log:
            log_start = log.tell()
            self._process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
                command,
                cwd="/",
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=follow,  # noqa: PLW1509  the death signal must be set after the change of user
                **runner.as_user(),
            )
        return log_start

    def _is_ready(self) -> bool:
        """PostgreSQL writes its state into line 8 of its lock file; `pg_ctl -w` waits for the same."""
        with contextlib.suppress(OSError):
            lines = (self.data_dir / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    def _log_since(self, start: int) -> str:
        with self.log_file.open("rb") as log:
            log.seek(start)
            return log.read(LOG_MAX_BYTES).decode("utf-8", "replace")

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _first_number(pid_file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(pid_file.read_text().split()[0])
    return None


def _server_on(data_dir: Path, pid: int | None) -> bool:
    """Whether that process is a PostgreSQL on these data: a server works in its data directory."""
    with contextlib.suppress(FileNotFoundError, PermissionError):  # ended, or another user's and so not ours
        return Path(f"/proc/{pid}/cwd").readlink() == data_dir.resolve()
    return False
