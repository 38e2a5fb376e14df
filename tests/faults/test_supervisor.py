"""The supervisor with real child processes: what it is told, whom it starts again, in which order it stops."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tidings.app import supervisor as supervising
from tidings.app.child import Program
from tidings.app.supervisor import Backoff, Supervisor
from tidings.domain.errors import Misconfigured

DEADLINE_S = 30


class Told:
    """A pipe that the children write to, and the lines of which a test waits for."""

    def __init__(self, stream: asyncio.StreamReader, fd: int) -> None:
        self._stream, self.fd = stream, fd

    async def line(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await self._stream.readline()).decode().strip()

    async def started(self) -> int:
        word, pid = (await self.line()).split()
        assert word == "started"
        return int(pid)


@pytest.fixture
async def told() -> AsyncIterator[Told]:
    reading, writing = os.pipe()
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    yield Told(stream, writing)
    os.close(writing)
    transport.close()


def program(
    mood: str, told: Told, *, rank: int = 0, ready_within_s: float = 30, stop_within_s: float = 30
) -> Program:
    return Program(
        name=mood,
        module="obedient",
        arguments=(mood, str(told.fd)),
        environ={"PYTHONPATH": str(Path(__file__).parent)},
        inherit=(told.fd,),
        stop_rank=rank,
        ready_within_s=ready_within_s,
        stop_within_s=stop_within_s,
    )


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_start_returns_what_each_child_said(told: Told):
    async with Supervisor() as supervisor:
        said = await supervisor.start(program("calm", told), program("merry", told))

    assert said == ["I am calm", "I am merry"]


async def test_ranks_end_one_after_the_other(told: Told):
    async with Supervisor() as supervisor:
        await supervisor.start(
            program("third", told, rank=2), program("first", told), program("second", told, rank=1)
        )
        pids = [await told.started() for _ in range(3)]

    assert [await told.line() for _ in range(3)] == ["ended first", "ended second", "ended third"]
    assert not any(runs(pid) for pid in pids)


async def test_the_reason_a_child_gives_is_the_reason_shown(told: Told):
    with pytest.raises(Misconfigured, match=r"^http\.port: taken$"):
        async with Supervisor() as supervisor:
            await supervisor.start(program("refuse", told))


async def test_a_child_that_crashes_at_its_start_is_told_by_its_exit_code(told: Told):
    with pytest.raises(Misconfigured, match="crash ended with exit code 7"):
        async with Supervisor() as supervisor:
            await supervisor.start(program("crash", told))


async def test_a_child_that_is_never_ready_is_not_waited_for_for_ever(told: Told):
    with pytest.raises(Misconfigured, match=r"silent was not ready within 1 s"):
        async with Supervisor() as supervisor:
            await supervisor.start(program("silent", told, ready_within_s=1))

    assert not runs(await told.started())


async def test_when_one_child_cannot_start_the_others_are_stopped(told: Told):
    with pytest.raises(Misconfigured, match="taken"):
        async with Supervisor() as supervisor:
            await supervisor.start(program("calm", told))
            calm = await told.started()
            await supervisor.start(program("refuse", told))

    assert not runs(calm)


async def test_a_child_that_does_not_stop_is_made_to(told: Told):
    async with Supervisor() as supervisor:
        await supervisor.start(program("stubborn", told, stop_within_s=0.1))
        stubborn = await told.started()

    assert not runs(stubborn)


async def test_a_second_request_to_stop_does_not_wait(told: Told):
    async with Supervisor() as supervisor:
        await supervisor.start(program("stubborn", told, stop_within_s=10_000))
        stubborn = await told.started()
        supervisor.hurry()

    assert not runs(stubborn)


async def test_a_child_that_dies_is_started_again_and_again(told: Told, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supervising, "BACKOFF_FIRST_S", 0.01)
    async with Supervisor() as supervisor:
        await supervisor.start(program("calm", told))
        watching = asyncio.create_task(supervisor.watch())
        pids = [await told.started()]
        for _ in range(2):
            os.kill(pids[-1], signal.SIGKILL)
            pids.append(await told.started())
        watching.cancel()

    assert len(set(pids)) == 3
    assert not any(runs(pid) for pid in pids)


def test_who_dies_again_and_again_is_started_less_and_less_often():
    backoff = Backoff()

    waits = [backoff.after_a_life() for _ in range(10)]

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
