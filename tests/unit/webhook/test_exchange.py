"""One connection to a customer's server: in whatever pieces its answers come, each is told once and as it was."""

import asyncio

import pytest
from webhook_server import OK

from tidings.connectors.webhook.exchange import Exchange, Post
from tidings.domain import web_address

SAME_LENGTH = OK.replace(b" 200 ", b" 500 ")
AROUND = b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % (2 * len(OK))
"""The head of an answer in whose body others stand."""


class Line(asyncio.Transport):
    """What octets leave by."""

    def __init__(self):
        super().__init__()
        self.ended = False

    def write(self, data):
        pass

    def is_closing(self):
        return self.ended

    def close(self):
        self.ended = True

    abort = close


class Owner:
    """Nobody else wants the connection."""

    def free(self, exchange):
        pass

    def gone(self, exchange, unheard, *, stumbled):
        pass


class Talk:
    """A connection that stands, and what is told of what was sent on it."""

    def __init__(self):
        self.line, self.told = Line(), []
        self.exchange = Exchange(Owner(), user_agent="Tidings/test", answer_within_s=5)
        self.exchange.connection_made(self.line)

    def said(self, *pieces, to=1):
        """What is told of so many requests when these octets come."""
        address = web_address.parse("http://customer.example/")
        self.told = []
        self.exchange.send(
            [Post(address, b"{}", lambda *said: self.told.append(said), 0.0) for _ in range(to)]
        )
        for piece in pieces:
            self.exchange.data_received(piece)
        return [status for status, _ in self.told]


@pytest.fixture
async def talk():
    """One whose server has said the usual before."""
    one = Talk()
    assert one.said(OK) == [200]
    return one


@pytest.mark.parametrize("cut", range(1, len(OK)))
async def test_an_answer_may_come_in_pieces(talk, cut):
    for _ in range(2):
        assert talk.said(OK[:cut], OK[cut:]) == [200]
    assert talk.said(OK + OK[:cut], OK[cut:] + OK, to=3) == [200, 200, 200]


async def test_an_answer_that_is_as_long_as_the_usual_one_is_read(talk):
    assert talk.said(SAME_LENGTH) == [500]
    assert talk.said(OK + SAME_LENGTH, to=2) == [200, 500]
    assert talk.said(SAME_LENGTH + OK, to=2) == [500, 200]
    assert talk.said(OK) == [200]


async def test_what_stands_in_the_body_of_an_answer_is_none(talk):
    assert talk.said(AROUND, OK, OK) == [500]
    assert talk.said(OK + AROUND, OK + OK, to=2) == [200, 500]
    assert talk.said(OK + AROUND, OK, OK, to=2) == [200, 500]
    assert talk.said(OK) == [200]


async def test_an_answer_that_ends_the_connection_is_not_the_usual_one():
    talk = Talk()
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert talk.said(closing) == [200]
    assert talk.line.ended


async def test_more_answers_than_were_asked_for_end_the_connection(talk):
    assert talk.said(OK + OK) == [200]
    assert talk.line.ended
