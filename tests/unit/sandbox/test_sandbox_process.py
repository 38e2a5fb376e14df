"""`tidings sim smsc` as a process: told where it listens, stopped, killed, started again."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from esme import DEADLINE_S, Esme, message, simulated

from tidings.connectors.sandbox.truth import read_truth
from tidings.connectors.smpp.codes import Command

COMMAND = Path(sys.executable).with_name("tidings")


class Running:
    """A process that has said where it listens."""

    def __init__(self, process: asyncio.subprocess.Process, said: str) -> None:
        self.process, self.said = process, said

    @property
    def port(self) -> int:
        found = re.search(r":(\d+)", self.said)
        assert found, self.said
        return int(found[1])

    async def ended_by(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


async def start(*options: object, **environ: str) -> asyncio.subprocess.Process:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("TIDINGS_")}
    pipe = asyncio.subprocess.PIPE
    arguments = ["sim", "smsc", *map(str, options)]
    return await asyncio.create_subprocess_exec(
        COMMAND, *arguments, env={**ours, **environ}, stdout=pipe, stderr=pipe
    )


@asynccontextmanager
async def running(*options: object, **environ: str) -> AsyncIterator[Running]:
    process = await start("--port", 0, "--receipt-delay", 0, *options, **environ)
    try:
        async with asyncio.timeout(DEADLINE_S):
            said = (await process.stdout.readline()).decode()
            assert said, (await process.stderr.read()).decode()
        yield Running(process, said)
    finally:
        if process.returncode is None:
            process.kill()
        async with asyncio.timeout(DEADLINE_S):
            await process.communicate()


async def refused(*options: object, **environ: str) -> str:
    """What a start says that is refused with exit code 2."""
    process = await start(*options, **environ)
    async with asyncio.timeout(DEADLINE_S):
        said, complaint = await process.communicate()
    assert (process.returncode, said) == (2, b""), complaint
    return complaint.decode()


async def test_it_says_where_it_listens_and_unbinds_on_sigterm():
    async with running() as smsc:
        assert smsc.said == f"smsc listening on 127.0.0.1:{smsc.port} system_id=tidings\n"
        esme = await Esme.bound(smsc.port)
        await esme.submit("31612345678")
        await esme.told()
        assert await smsc.ended_by(signal.SIGTERM) == 0
        await esme.seen(lambda pdu: pdu.command_id == Command.UNBIND)
        await esme.closed()


async def test_it_says_so_in_json_and_takes_its_password_from_a_file(tmp_path: Path):
    (tmp_path / "password").write_text("s3cret\n")
    options = ("--json", "--system-id", "me", "--password-file", tmp_path / "password")
    async with running(*options, TIDINGS_SIM_PASSWORD="not this") as smsc:
        where = json.loads(smsc.said)
        assert where == {"host": "127.0.0.1", "port": where["port"], "system_id": "me"}
        await Esme.bound(where["port"], system_id="me", password="s3cret")
        assert await smsc.ended_by(signal.SIGINT) == 0


async def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path):
    state = tmp_path / "state"
    async with running("--state", state, "--receipt-delay", 60) as smsc:
        esme = await Esme.bound(smsc.port)
        submitted = [esme.send(message("31612345678")) for _ in range(2000)]
        await esme.answer(submitted[99])
        await smsc.ended_by(signal.SIGKILL)
        await esme.closed()
    answered = {pdu.message_id for pdu in esme.arrived if pdu.command_id == Command.SUBMIT_SM_RESP}

    assert len(answered) >= 100
    assert {str(number) for number in read_truth(state).messages} >= answered


async def test_open_receipts_are_told_after_a_kill(tmp_path: Path):
    state = tmp_path / "state"
    async with running("--state", state) as smsc:
        esme = await Esme.bound(smsc.port)
        ids = {(await esme.submit("31612345678")).message_id for _ in range(10)}
        acknowledged = (await esme.told()).id
        await esme.receipt()
        assert await smsc.ended_by(signal.SIGKILL) == -signal.SIGKILL
    async with running("--state", state) as smsc:
        esme = await Esme.bound(smsc.port)
        told = set()
        while ids - {acknowledged} - told:  # the acknowledged one may come again: it raced with the kill
            told.add((await esme.told()).id)
        assert await smsc.ended_by(signal.SIGTERM) == 0

    truth = read_truth(state)
    assert told <= ids
    assert truth.unsettled() == []
    assert (truth.summary().taken, truth.summary().acknowledged) == (10, 10)


async def test_a_taken_port_is_said_so_and_the_option_is_named():
    async with simulated() as other:
        complaint = await refused("--port", other.port)

    assert complaint.startswith(f"tidings: 127.0.0.1:{other.port} is taken")
    assert "--port" in complaint
    assert "Traceback" not in complaint


async def test_a_password_that_smpp_cannot_carry_is_refused():
    assert "at most 8 octets" in await refused(TIDINGS_SIM_PASSWORD="123456789")


async def test_it_stops_when_its_parent_is_gone():
    code = (
        "import os, subprocess, sys\n"
        "me = str(os.getpid())\n"
        f"child = subprocess.Popen([{str(COMMAND)!r}, 'sim', 'smsc', '--port', '0'],\n"
        "    env={**os.environ, 'TIDINGS_PARENT_PID': me}, stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.readline()\n"
        "os._exit(0)\n"
    )
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)
    async with asyncio.timeout(DEADLINE_S):
        child = Running(parent, (await parent.stdout.readline()).decode())
        esme = await Esme.bound(child.port)
        await parent.communicate(b"\n")
        await esme.closed()
