"""Head and body of an answer leave together, and a head that has no body leaves all the same."""

import asyncio

import pytest

from tidings.app.one_write import Joining

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire:
    """A transport that notes what is done to it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


@pytest.fixture
async def wire():
    return Wire()


@pytest.fixture
async def transport(wire):
    return Joining(wire, asyncio.get_running_loop())


async def test_head_and_body_are_one_write(wire, transport):
    transport.write(HEAD)
    transport.write(b"{}")
    await asyncio.sleep(0)
    assert wire.done == [HEAD + b"{}"]


async def test_a_head_without_body_leaves_on_the_next_turn(wire, transport):
    transport.write(HEAD)
    assert wire.done == []
    await asyncio.sleep(0)
    assert wire.done == [HEAD]
    transport.write(b"{}")
    assert wire.done == [HEAD, b"{}"]


async def test_an_interim_answer_leaves_at_once(wire, transport):
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert wire.done == [b"HTTP/1.1 100 Continue\r\n\r\n"]


async def test_closing_sends_what_was_kept(wire, transport):
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert wire.done == [HEAD, "closed"]
    assert transport.is_closing()
