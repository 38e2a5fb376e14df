"""Posting to customers' servers: what counts as a yes, what is bounded, and whom nobody else waits for."""

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess

import pytest
from webhook_server import CLOSING, NO, OK, batched_server, webhook_server

from tidings.connectors.webhook import exchange
from tidings.connectors.webhook.exchange import MAX_ANSWER_OCTETS, Post
from tidings.connectors.webhook.networks import Allowed
from tidings.connectors.webhook.poster import Poster
from tidings.domain import web_address

LOOPBACK = Allowed(["127.0.0.0/8", "::1/128"])
BODY = b'{"id":"1"}'


@contextlib.asynccontextmanager
async def poster(**settings):
    wanted = {"answer_within_s": 5.0, "connections": 50, "connections_per_server": 8, "pipelined": 8}
    one = Poster(user_agent="Tidings/test", **{"allowed": LOOPBACK, **wanted, **settings})
    yield one
    await one.close()


def told(poster, url, body=BODY, *, begin_within_s=60.0):
    """The future of what is told of a post."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    address = web_address.parse(url)
    assert address is not None
    poster.post(Post(address, body, lambda *said: future.set_result(said), loop.time() + begin_within_s))
    return future


async def said(poster, url):
    async with asyncio.timeout(10):
        return await told(poster, url)


async def answered(raw, **settings):
    """What is told of a server that answers with these octets."""
    async with webhook_server(lambda _: raw) as server, poster(**settings) as posting:
        return await said(posting, server.url)


async def test_the_body_is_posted_whole_and_the_query_is_kept():
    async with webhook_server() as server, poster() as posting:
        assert await said(posting, f"{server.url}?id=12345&x=%20y#part") == (200, "")
    [one] = server.heard
    assert one.line == "POST /dlr?id=12345&x=%20y HTTP/1.1"
    assert one.headers["host"] == f"127.0.0.1:{server.port}"
    assert one.headers["content-type"] == "application/json"
    assert one.body == BODY


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (OK, (200, "")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, "")),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", (202, "")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, (200, "")),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", (500, "http_500")),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            (302, "http_302"),
        ),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", (404, "http_404")),
        (b"", (0, "disconnected")),
        (b"SSH-2.0-OpenSSH\r\n", (0, "bad_answer")),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_ANSWER_OCTETS, (0, "bad_answer")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n" + b"x" * MAX_ANSWER_OCTETS, (200, "")),
    ],
)
async def test_any_2xx_is_a_yes_and_everything_else_a_no(raw, verdict):
    assert await answered(raw) == verdict


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (None, (0, "timeout")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nslow dr", (200, "")),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 99\r\n\r\nslow dr", (500, "http_500")),
    ],
)
async def test_whoever_does_not_finish_in_time_is_judged_by_what_came(raw, verdict):
    assert await answered(raw, answer_within_s=1.0) == verdict


async def test_nobody_listening_and_a_name_that_is_none_are_told_apart():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with poster() as posting:
        assert await said(posting, f"http://127.0.0.1:{port}/") == (0, "no_connection")
        assert await said(posting, "http://nobody.invalid/") == (0, "name_not_resolved")


async def test_connections_are_kept_and_used_again():
    async with webhook_server() as server, poster(connections_per_server=2) as posting:
        assert await asyncio.gather(*(said(posting, server.url) for _ in range(20))) == [(200, "")] * 20
        assert server.connections <= 2, "the first may have told them all before the second stood"


async def test_a_kept_connection_that_the_server_has_closed_is_no_failure():
    async with webhook_server() as server, poster() as posting:
        await said(posting, server.url)
        server.answer = lambda one: b"" if one.connection == 1 else OK
        assert await said(posting, server.url) == (200, "")
        assert [one.connection for one in server.heard] == [1, 1, 2]


async def test_a_server_that_closes_after_each_answer_gets_them_all():
    closing = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with webhook_server(lambda _: closing) as server, poster(connections_per_server=2) as posting:
        assert await asyncio.gather(*(said(posting, server.url) for _ in range(9))) == [(200, "")] * 9


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 50", b"oh", b"\r\n"]
)
async def test_what_comes_behind_an_answer_is_not_taken_for_the_next_one(more):
    async with webhook_server(lambda _: OK + more) as server, poster(connections_per_server=1) as posting:
        assert await asyncio.gather(*(said(posting, server.url) for _ in range(5))) == [(200, "")] * 5
        assert len(server.heard) == 5


async def test_one_connection_reads_answers_of_every_form():
    forms = [
        OK,
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
    ]
    async with webhook_server() as server, poster(connections_per_server=1) as posting:
        server.answer = lambda _: forms[len(server.heard) % len(forms)]
        verdicts = await asyncio.gather(*(said(posting, server.url) for _ in range(8)))
        assert verdicts == [(204, ""), (202, ""), (500, "http_500"), (200, "")] * 2
        assert server.connections == 1


async def warmed(posting, url, rounds=4):
    """A server that has answered well so often that it is sent all at once."""
    for _ in range(rounds):
        await asyncio.gather(*(said(posting, url) for _ in range(8)))


async def test_a_server_that_answers_at_once_is_sent_more_and_more_together():
    async with batched_server() as server, poster(connections_per_server=1) as posting:
        for expected in ([1, 2, 4, 1], [8], [8, 8]):
            server.heard_together.clear()
            count = sum(expected)
            assert (
                await asyncio.gather(*(said(posting, server.url) for _ in range(count)))
                == [(200, "")] * count
            )
            assert server.heard_together == expected
        assert server.connections == 1


async def test_together_is_never_more_than_allowed():
    async with batched_server() as server, poster(connections_per_server=1, pipelined=1) as posting:
        await warmed(posting, server.url)
        assert set(server.heard_together) == {1}


async def test_a_server_that_takes_its_time_is_sent_one_at_a_time(monkeypatch):
    monkeypatch.setattr(exchange, "QUICK_S", 0.0)
    async with batched_server() as server, poster(connections_per_server=1) as posting:
        await warmed(posting, server.url)
        assert set(server.heard_together) == {1}


async def test_answers_to_what_was_sent_together_belong_to_it_in_its_order():
    async with batched_server() as server, poster(connections_per_server=1) as posting:
        await warmed(posting, server.url)
        server.answers = lambda bodies: [OK if body == b"good" else NO for body in bodies]
        bodies = [b"good", b"bad", b"good", b"good", b"bad", b"bad", b"good", b"bad"]
        async with asyncio.timeout(10):
            verdicts = await asyncio.gather(*(told(posting, server.url, body) for body in bodies))
        assert verdicts == [(200, "") if body == b"good" else (500, "http_500") for body in bodies]
        assert server.heard_together[-1] == len(bodies)


@pytest.mark.parametrize(
    ("answers", "failed"),
    [
        ([OK, OK, b""], {}),
        ([OK, OK], {2: (0, "timeout")}),
        ([OK, OK, b"oh"], {2: (0, "bad_answer")}),
        ([OK, CLOSING], {}),
        ([NO, b""], {0: (500, "http_500")}),
    ],
    ids=["hangs up", "falls silent", "babbles", "closes in order", "refuses and hangs up"],
)
async def test_what_stood_behind_an_answer_that_did_not_come_is_sent_again_by_itself(answers, failed):
    async with (
        batched_server() as server,
        poster(connections_per_server=1, answer_within_s=0.3) as posting,
    ):
        await warmed(posting, server.url)
        server.heard_together.clear()
        server.answers = lambda bodies: answers if len(bodies) == 8 else [OK] * len(bodies)
        waiting = [told(posting, server.url, b"%d" % number) for number in range(8)]
        async with asyncio.timeout(10):
            verdicts = await asyncio.gather(*waiting)
        assert {number: one for number, one in enumerate(verdicts) if one != (200, "")} == failed
        assert server.heard_together[0] == 8 and set(server.heard_together[1:]) == {1}
        told_again = server.bodies[-len(server.heard_together) + 1 :]
        assert told_again == sorted(told_again)


async def test_a_server_that_fails_at_what_is_sent_together_is_remembered():
    async with (
        batched_server() as server,
        poster(connections_per_server=1, answer_within_s=0.3) as posting,
    ):
        await warmed(posting, server.url)
        server.answers = lambda bodies: [OK] * min(len(bodies), 1)  # it throws away the rest
        async with asyncio.timeout(10):
            verdicts = await asyncio.gather(*(told(posting, server.url) for _ in range(8)))
        assert verdicts == [(200, ""), (0, "timeout"), *[(200, "")] * 6]
        server.heard_together.clear()
        await warmed(posting, server.url)
        assert set(server.heard_together) == {1}


async def test_an_answer_too_many_ends_a_connection_before_anything_is_sent_together():
    async with batched_server() as server, poster(connections_per_server=1) as posting:
        server.answers = lambda bodies: [OK + OK] * len(bodies)
        await warmed(posting, server.url)
        assert set(server.heard_together) == {1}


async def test_closing_tells_everyone_who_was_sent_together():
    async with batched_server() as server:
        async with poster(connections_per_server=1) as posting:
            await warmed(posting, server.url)
            server.answers = lambda _: []
            waiting = [told(posting, server.url) for _ in range(9)]
            await server.heard_so_many(8)
        async with asyncio.timeout(10):
            verdicts = await asyncio.gather(*waiting)
        assert {why for _, why in verdicts} <= {"disconnected", "not_begun"}


async def test_a_server_that_is_silent_holds_nobody_else_up():
    async with webhook_server(lambda _: None) as silent, webhook_server() as other, poster() as posting:
        waiting = [told(posting, silent.url) for _ in range(100)]
        await silent.wait_heard(8)
        assert await asyncio.gather(*(said(posting, other.url) for _ in range(20))) == [(200, "")] * 20
        assert not any(one.done() for one in waiting)
        assert silent.most_open == 8


async def test_there_are_never_more_connections_than_allowed_and_resting_ones_make_room():
    async with webhook_server() as first, webhook_server() as second, poster(connections=3) as posting:
        await asyncio.gather(*(said(posting, first.url) for _ in range(9)))
        await asyncio.gather(*(said(posting, second.url) for _ in range(9)))
        assert first.most_open <= 3 and second.connections > 0


async def test_what_cannot_begin_in_time_is_not_begun():
    async with (
        webhook_server(lambda _: None) as silent,
        poster(connections_per_server=1, answer_within_s=0.2) as posting,
    ):
        first = told(posting, silent.url)
        late = told(posting, silent.url, begin_within_s=0.0)
        async with asyncio.timeout(10):
            assert await first == (0, "timeout")
            assert await late == (0, "not_begun")
        assert len(silent.heard) == 1


async def test_closing_tells_everyone_who_waits():
    async with webhook_server(lambda _: None) as silent:
        async with poster(connections_per_server=1) as posting:
            waiting = [told(posting, silent.url) for _ in range(3)]
            await silent.wait_heard(1)
        async with asyncio.timeout(10):
            assert await asyncio.gather(*waiting) == [(0, "disconnected"), *[(0, "not_begun")] * 2]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"],  # noqa: S104
)
async def test_no_spelling_of_this_machine_is_connected_to_unless_it_is_allowed(host):
    async with webhook_server() as server, poster(allowed=Allowed()) as posting:
        verdict = await said(posting, f"http://{host}:{server.port}/")
        assert verdict in {(0, "address_refused"), (0, "name_not_resolved")}
        assert server.connections == 0


async def test_the_address_that_was_looked_at_is_the_one_connected_to(monkeypatch):
    """A name that resolves differently the second time gains nothing."""
    resolved = []

    async with webhook_server() as server, poster(allowed=lambda address: address == "192.0.2.7") as posting:

        async def resolve(host, port, **_):
            resolved.append(host)
            place = "192.0.2.7" if len(resolved) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

        loop = asyncio.get_running_loop()
        connected = []
        connect = loop.create_connection

        async def create_connection(factory, host, port, **more):
            connected.append(host)
            return await connect(factory, "127.0.0.1", server.port, **more)

        monkeypatch.setattr(loop, "getaddrinfo", resolve, raising=False)
        monkeypatch.setattr(loop, "create_connection", create_connection, raising=False)
        assert await said(posting, "http://rebinding.example/") == (200, "")
        assert connected == ["192.0.2.7"] and resolved == ["rebinding.example"]
        server.hang_up()
        posting.forget_idle()


async def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path):
    context = self_signed(tmp_path)
    if context is None:
        pytest.skip("no openssl to make a certificate with")
    async with webhook_server(ssl=context) as server, poster() as posting:
        assert await said(posting, f"https://127.0.0.1:{server.port}/") == (0, "tls_failed")
        assert server.heard == []


def self_signed(folder):
    if shutil.which("openssl") is None:
        return None
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
