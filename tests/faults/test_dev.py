"""`tidings dev` as a person starts it: a real process with all its children, stopped, killed, and started again."""

import asyncio
import json
import os
import re
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

COMMAND = Path(sys.executable).with_name("tidings")
DEADLINE_S = 120  # a start with initdb on a busy machine
ASK_AGAIN_S = 0.1
LAST_LINE = "Ctrl-C stops everything"
KEYS = ("live_key", "test_key", "basic_user", "basic_password")


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A directory to run `tidings dev` in, the same for all tests here: they go on with the same data."""
    directory = Path(tempfile.mkdtemp(prefix="tidings-dev-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


class Running:
    """A `tidings dev` that has told how to use it."""

    def __init__(self, checkout: Path, process: asyncio.subprocess.Process, guide: str) -> None:
        self.checkout, self.process, self.guide = checkout, process, guide
        self.facts: dict[str, str] = json.loads((checkout / ".tidings" / "dev.json").read_text())

    async def interrupted(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()

    @property
    def children(self) -> list[int]:
        """The processes that run for it, PostgreSQL's first one included."""
        postgres = int((self.checkout / ".tidings" / "pg" / "postmaster.pid").read_text().split()[0])
        running = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return sorted({postgres, *(pid for pid in running if parent_of(pid) == self.process.pid)})


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def wait_gone(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([handle], [], [], DEADLINE_S)
    finally:
        os.close(handle)
    assert ended, f"process {pid} still runs"


async def start(checkout: Path, **environ: str) -> asyncio.subprocess.Process:
    settings = {"TIDINGS_HTTP__PORT": "0", "TIDINGS_SIM__PORT": "0", **environ}
    return await asyncio.create_subprocess_exec(
        COMMAND,
        "dev",
        cwd=checkout,
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def dev(checkout: Path, **environ: str) -> AsyncIterator[Running]:
    """Start it and wait until it has told everything; at the end make sure that it is gone."""
    process = await start(checkout, **environ)
    try:
        async with asyncio.timeout(DEADLINE_S):
            guide = ""
            while LAST_LINE not in guide:
                line = (await process.stdout.readline()).decode()
                assert line, (await process.stderr.read()).decode()
                guide += line
        yield Running(checkout, process, guide)
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(DEADLINE_S):
            await process.communicate()


async def refused(checkout: Path, **environ: str) -> str:
    """What a start says that is refused with exit code 2."""
    process = await start(checkout, **environ)
    async with asyncio.timeout(DEADLINE_S):
        said, complaint = await process.communicate()
    assert process.returncode == 2, said + complaint
    assert said == b""
    return complaint.decode()


async def balance_with(http: str, key: str) -> dict[str, object]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(
            f"{http}/rest/common/balance", headers={"X-API-KEY": key}, timeout=DEADLINE_S
        )
    found: dict[str, object] = answer.json()
    return found


async def test_it_serves_writes_down_its_facts_and_stops_on_ctrl_c(checkout: Path):
    async with dev(checkout) as running:
        file = checkout / ".tidings" / "dev.json"
        assert file.stat().st_mode & 0o777 == 0o600
        assert set(running.facts) == {"http", "console", *KEYS, "smsc", "database_url"}
        async with httpx.AsyncClient(timeout=DEADLINE_S) as client:
            assert (await client.get(f"{running.facts['http']}/health/live")).status_code == 200
            assert (await client.get(f"{running.facts['http']}/health/ready")).status_code == 200
        children = running.children
        assert len(children) == 5  # PostgreSQL, the SMSC, api, courier, clerk

        assert await running.interrupted() == 0

    assert not [pid for pid in children if parent_of(pid) is not None]
    assert not (checkout / ".tidings" / "pg" / "postmaster.pid").exists()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the printed lines use curl")
async def test_the_printed_lines_work_when_pasted(checkout: Path):
    async with dev(checkout) as running:
        pasted = running.guide[running.guide.index("BSG REST") : running.guide.index("Numbers that end")]
        lines = [line for line in pasted.splitlines() if line.startswith("  ")]
        shell = await asyncio.create_subprocess_exec(
            "bash", "-e", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(DEADLINE_S):
            said, _ = await shell.communicate("\n".join(lines).encode())
        assert shell.returncode == 0

        created, status, sent, by_key, by_password, messages = map(json.loads, said.decode().split("\n")[:6])
        assert created["error"] == 0
        assert (status["error"], status["id"]) == (0, created["id"])
        assert sent["messages"][0]["status"]["groupName"] == "PENDING"
        assert "results" in by_key
        assert "results" in by_password
        assert created["id"] in {str(row["id"]) for row in messages["data"]}


async def test_the_next_start_keeps_the_keys_and_a_lost_file_makes_new_ones(checkout: Path):
    async with dev(checkout) as first:
        pass
    async with dev(checkout) as second:
        assert [second.facts[key] for key in KEYS] == [first.facts[key] for key in KEYS]
        assert (await balance_with(second.facts["http"], second.facts["live_key"]))["error"] == 0
    (checkout / ".tidings" / "dev.json").unlink()
    async with dev(checkout) as third:
        http, old, new = third.facts["http"], second.facts["live_key"], third.facts["live_key"]

        assert new != old
        assert (await balance_with(http, new))["error"] == 0
        assert (await balance_with(http, old))["error"] == 1


async def test_if_only_the_supervisor_dies_the_children_stop_and_the_next_start_needs_no_hand(checkout: Path):
    async with dev(checkout) as running:
        children = running.children
        running.process.kill()
        for pid in children:
            wait_gone(pid)

    async with dev(checkout) as again:
        assert (await balance_with(again.facts["http"], running.facts["live_key"]))["error"] == 0


async def test_if_everything_dies_at_once_the_next_start_needs_no_hand(checkout: Path):
    async with dev(checkout) as running:
        children = running.children
        for pid in [running.process.pid, *children]:
            with suppress(ProcessLookupError):  # the dying take others with them
                os.kill(pid, signal.SIGKILL)

    async with dev(checkout) as again:
        assert (await balance_with(again.facts["http"], running.facts["live_key"]))["error"] == 0


async def delivered(running: Running, reference: str) -> None:
    """Return when a message sent now is delivered; the api may refuse while its database is away."""
    headers = {"X-API-KEY": running.facts["live_key"]}
    order = {"destination": "phone", "msisdn": "380501234567", "originator": "Tidings", "body": "Hello"}
    async with (
        asyncio.timeout(DEADLINE_S),
        httpx.AsyncClient(base_url=running.facts["http"], timeout=10) as client,
    ):
        status = ""
        while status != "delivered":
            await client.put("/rest/sms/create", headers=headers, json={**order, "reference": reference})
            answer = await client.get(f"/rest/sms/reference/{reference}", headers=headers)
            status = answer.json().get("status", "") if answer.status_code == 200 else ""
            await asyncio.sleep(ASK_AGAIN_S)


async def test_what_dies_alone_comes_back_by_itself(checkout: Path):
    async with dev(checkout) as running:
        await delivered(running, "before")
        for pid in running.children:
            os.kill(pid, signal.SIGKILL)
            wait_gone(pid)

        await delivered(running, "after")

        assert running.process.returncode is None


async def test_a_second_instance_on_the_same_data_says_so_and_the_first_does_not_notice(checkout: Path):
    async with dev(checkout) as running:
        said = await refused(checkout)

        assert re.fullmatch(rf"tidings: another Tidings \(process {running.process.pid}\) uses .*\n", said)
        assert "database.data_dir" in said
        assert (await balance_with(running.facts["http"], running.facts["live_key"]))["error"] == 0


async def test_a_taken_port_names_the_setting(checkout: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = await refused(checkout, TIDINGS_HTTP__PORT=str(port))
        assert re.fullmatch(rf"tidings: http\.port \(TIDINGS_HTTP__PORT\): .*127\.0\.0\.1:{port}.*\n", said)

        said = await refused(checkout, TIDINGS_SIM__PORT=str(port))
        assert re.fullmatch(rf"tidings: simulated SMSC: 127\.0\.0\.1:{port} .*TIDINGS_SIM__PORT.*\n", said)


async def test_a_state_file_that_cannot_be_names_the_setting(checkout: Path):
    said = await refused(checkout, TIDINGS_SIM__STATE=str(checkout))
    assert "see sim.state (TIDINGS_SIM__STATE)" in said and "--state" not in said


async def test_a_mistake_in_the_configuration_stops_the_start(checkout: Path):
    assert "http.port (TIDINGS_HTTP__PORT)" in await refused(checkout, TIDINGS_HTTP__PORT="web")


async def test_a_database_that_is_not_there_names_the_setting(checkout: Path):
    said = await refused(checkout, TIDINGS_DATABASE__URL="postgresql://x:s3cret@127.0.0.1:1/tidings")

    assert "database.url (TIDINGS_DATABASE__URL)" in said
    assert "s3cret" not in said
