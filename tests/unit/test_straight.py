"""Questions answered straight, over real sockets: in their order, and as any other answer looks."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Mount, Route
from uvicorn.server import ServerState

from tidings.app import straight

QUESTION = b"GET /rest/sms/7 HTTP/1.1\r\nHost: tidings\r\nX-API-KEY: k\r\n\r\n"
WITHIN_S = 5


ORDER = b'{"destination":"phone"}'


def order(body=ORDER, *fields):
    """A POST."""
    head = (b"POST /rest/sms/create HTTP/1.1", b"X-API-KEY: k", b"Content-Length: %d" % len(body), *fields)
    return b"\r\n".join((*head, b"", body))


def key_of(fields):
    head = straight.head_of(fields)
    return head and head.key


class Desk:
    """Both ways to an answer. `held` keeps straight answers back; `knows` is whether there are any."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.called: list[str] = []
        self.bodies: list[bytes] = []
        self.fault: Exception | None = None
        self.knows = self.will_tell = True
        self.held: asyncio.Event | None = None

    def straight(self, path, key, answered):
        if not self.will_tell:
            return False
        self.asked.append((path, key))
        if self.held is None:
            asyncio.get_running_loop().call_soon(self._answer, path, answered)
        else:
            self.waiting = asyncio.create_task(self._answer_later(path, answered))
        return True

    def take(self, path, key, body, answered):
        self.bodies.append(body)
        return self.straight(path, key, answered)

    async def _answer_later(self, path, answered):
        await self.held.wait()
        self._answer(path, answered)

    def _answer(self, path, answered):
        answered(b'{"straight":"%b"}' % path.encode() if self.knows else None, fault=self.fault)

    async def __call__(self, scope, receive, send):
        body = (await receive())["body"]
        self.called.append(scope["path"])
        said = b'{"called":"%b"}' % (scope["path"].encode() + body)
        headers = [(b"content-length", b"%d" % len(said)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": said})


class Client:
    """Speaks and listens on one connection."""

    def __init__(self, reader, writer) -> None:
        self.reader, self.writer = reader, writer

    def say(self, *octets: bytes) -> None:
        self.writer.write(b"".join(octets))

    async def hear(self):
        """Head fields and body of the next answer."""
        async with asyncio.timeout(WITHIN_S):
            status, *lines = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
            assert status == b"HTTP/1.1 200 OK"
            fields = dict(line.split(b": ", 1) for line in lines)
            return fields, await self.reader.readexactly(int(fields[b"content-length"]))

    async def ended(self) -> bool:
        async with asyncio.timeout(WITHIN_S):
            return await self.reader.read() == b""


async def until(so):
    """Return once it is so: what a socket brings has no other sign."""
    async with asyncio.timeout(WITHIN_S):
        while not so():  # noqa: ASYNC110
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(desk, **settings):
    """A port, and the connections there are."""
    config = uvicorn.Config(desk, lifespan="off", log_config=None, server_header=False, **settings)
    config.load()
    state = ServerState()
    made = straight.protocol({b"rest": desk})
    server = await asyncio.get_running_loop().create_server(
        lambda: made(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1], state
    finally:
        server.close()
        for one in list(state.connections):
            one.transport.abort()


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
async def served(desk):
    async with serving(desk) as found:
        yield found


@pytest.fixture
async def client(served):
    reader, writer = await asyncio.open_connection("127.0.0.1", served[0])
    yield Client(reader, writer)
    writer.close()


async def test_a_question_is_answered_as_the_application_would(client, desk, served):
    served[1].default_headers = [(b"date", b"today")]
    client.say(QUESTION)
    fields, body = await client.hear()
    assert body == b'{"straight":"/rest/sms/7"}'
    assert (desk.asked, desk.called) == ([("/rest/sms/7", "k")], [])
    desk.will_tell = False
    client.say(QUESTION)
    assert (await client.hear())[0].keys() == fields.keys()
    assert (fields[b"date"], fields[b"content-type"]) == (b"today", b"application/json")
    served[1].default_headers = [(b"date", b"tomorrow")]
    desk.will_tell = True
    client.say(QUESTION)
    assert (await client.hear())[0][b"date"] == b"tomorrow"


async def test_what_is_not_known_straight_is_asked_in_the_ordinary_way(client, desk):
    desk.knows = False
    client.say(QUESTION)
    assert (await client.hear())[1] == b'{"called":"/rest/sms/7"}'
    assert (len(desk.asked), len(desk.called)) == (1, 1)


@pytest.mark.parametrize(
    "request_",
    [
        QUESTION.replace(b"GET", b"POST"),
        QUESTION.replace(b"/rest", b"/api"),
        QUESTION.replace(b"/7", b"/7?a=b"),
        QUESTION.replace(b"/7", b"/%37"),
        QUESTION.replace(b"/7", b"//7"),
        QUESTION.replace(b"/7", b"/7/"),
        QUESTION.replace(b"X-API-KEY", b"X-Other"),
        QUESTION.replace(b"Host: tidings", b"Connection: close"),
        QUESTION.replace(b"Host: tidings", b"Content-Length: 0"),
        QUESTION.replace(b"Host: tidings", b"A: \xe9"),
        QUESTION.replace(b"Host: tidings", b"A: " + b"x" * 3_000),
    ],
)
async def test_what_is_unusual_goes_the_ordinary_way(client, desk, request_):
    client.say(request_)
    assert b"called" in (await client.hear())[1]
    assert desk.asked == []


@pytest.mark.parametrize("at", [1, 10, 30, len(QUESTION) - 1])
async def test_a_question_that_comes_in_pieces_is_put_together(client, served, at):
    client.say(QUESTION[:at])
    await client.writer.drain()
    await until(lambda: any(one._reading for one in served[1].connections))
    client.say(QUESTION[at:], QUESTION)
    assert [(await client.hear())[1] for _ in range(2)] == [b'{"called":"/rest/sms/7"}'] * 2


async def test_a_body_is_not_taken_for_a_question(client, desk, served):
    client.say(b"POST /rest/sms HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(QUESTION))
    await until(lambda: any(one._reading for one in served[1].connections))
    client.say(QUESTION)
    assert QUESTION.split(b"\r\n")[0] in (await client.hear())[1]
    assert desk.asked == []


async def test_questions_that_come_together_or_meanwhile_are_answered_in_their_order(client, desk):
    desk.held = asyncio.Event()
    client.say(QUESTION)
    await until(lambda: desk.asked)
    client.say(QUESTION.replace(b"/7", b"/8"), QUESTION.replace(b"/7", b"/9").replace(b"GET", b"POST"))
    client.say(QUESTION.replace(b"/7", b"/10"))
    await client.writer.drain()
    desk.held.set()
    answers = [(await client.hear())[1] for _ in range(4)]
    assert [answer.split(b"/")[-1] for answer in answers] == [b'7"}', b'8"}', b'9"}', b'10"}']


async def test_an_order_is_taken_straight(client, desk):
    client.say(order())
    _, body = await client.hear()
    assert body == b'{"straight":"/rest/sms/create"}'
    assert (desk.asked, desk.bodies, desk.called) == ([("/rest/sms/create", "k")], [ORDER], [])


async def test_an_order_that_is_not_taken_straight_goes_the_ordinary_way_with_its_body(client, desk):
    desk.knows = False
    client.say(order())
    assert (await client.hear())[1] == b'{"called":"/rest/sms/create' + ORDER + b'"}'


@pytest.mark.parametrize(
    "request_",
    [
        order(b"x" * (straight.MOST_BODY_OCTETS + 1)),
        order(ORDER, b"Content-Length: %d" % len(ORDER)),
        order(ORDER, b"Expect: 100-continue"),
        order(ORDER).replace(b"POST", b"PUT"),
    ],
)
async def test_an_unusual_order_is_not_taken_straight(client, desk, request_):
    client.say(request_)
    async with asyncio.timeout(WITHIN_S):
        await client.reader.readuntil(b"\r\n\r\n")
    assert desk.asked == []


@pytest.mark.parametrize("at", [5, 40, 80, 100])
async def test_an_order_that_comes_in_pieces_is_put_together(client, desk, served, at):
    client.say(order()[:at])
    await until(lambda: served[1].connections and next(iter(served[1].connections)).parser is not None)
    await client.writer.drain()
    client.say(order()[at:])
    assert ORDER in (await client.hear())[1] or desk.bodies == [ORDER]


async def test_two_orders_in_one_piece_are_two(client, desk):
    client.say(order(), order(b'{"destination":"otp"}'))
    assert ORDER in (await client.hear())[1]
    assert b'{"destination":"otp"}' in (await client.hear())[1]
    assert desk.asked == []


async def test_a_fault_of_our_own_is_a_500_and_is_logged(client, desk, caplog):
    desk.fault = RuntimeError("lost")
    client.say(order())
    async with asyncio.timeout(WITHIN_S):
        assert (await client.reader.readline()).startswith(b"HTTP/1.1 500 ")


async def test_a_stop_answers_first_and_says_so(client, desk, served):
    desk.held = asyncio.Event()
    client.say(QUESTION)
    await until(lambda: desk.asked)
    [connection] = served[1].connections
    connection.shutdown()
    desk.held.set()
    fields, body = await client.hear()
    assert (fields[b"connection"], body) == (b"close", b'{"straight":"/rest/sms/7"}')
    assert await client.ended()


async def test_a_stop_answers_in_the_ordinary_way_too(client, desk, served):
    desk.held, desk.knows = asyncio.Event(), False
    client.say(QUESTION)
    await until(lambda: desk.asked)
    [connection] = served[1].connections
    connection.shutdown()
    desk.held.set()
    fields, _ = await client.hear()
    assert fields[b"connection"] == b"close"
    assert await client.ended()


async def test_a_stop_while_nothing_is_asked_ends_the_connection(client, served):
    client.say(QUESTION)
    await client.hear()
    [connection] = served[1].connections
    connection.shutdown()
    assert await client.ended()


async def test_who_has_gone_is_not_answered(client, desk, served):
    desk.held = asyncio.Event()
    client.say(QUESTION)
    await until(lambda: desk.asked)
    client.writer.transport.abort()
    await until(lambda: not served[1].connections)
    desk.held.set()
    await desk.waiting


async def test_a_connection_that_is_quiet_is_closed_and_one_that_asks_is_not(desk):
    async with serving(desk, timeout_keep_alive=0.05) as (port, state):
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        client.say(QUESTION)
        await client.hear()
        [connection] = state.connections
        desk.held = asyncio.Event()
        client.say(QUESTION)
        await until(lambda: len(desk.asked) == 2)
        connection.timeout_keep_alive_handler()  # it comes while an answer is under way
        desk.held.set()
        await client.hear()
        connection.timeout_keep_alive_handler()  # and soon after one
        assert not connection.transport.is_closing()
        assert await client.ended()
        client.writer.close()


async def test_only_what_answers_straight_has_a_door(desk):
    found = straight.doors([Mount("/rest", desk), Mount("/api", desk.__call__), Route("/x", desk.__call__)])
    assert found == {b"rest": desk}


names = st.from_regex(rb"[A-Za-z-]{1,8}", fullmatch=True)
values = st.from_regex(rb"[ \t]*[!-~ ]{0,10}", fullmatch=True)


@given(st.lists(st.tuples(names, values), max_size=4), st.binary(max_size=6))
def test_a_head_has_the_key_that_its_first_field_of_that_name_has(fields, noise):
    head = b"".join(b"%b:%b\r\n" % field for field in fields) + b"\r\n"
    key = key_of(head)
    found = [value.strip().decode() for name, value in fields if name.lower() == b"x-api-key"]
    assert key is None or key == found[0]
    assert key_of(head + noise + b"\r\n\r\n") is None or b"\r\n\r\n" not in head
    assert key_of(b"X-Api-Key: k\r\n" + head) in (None, "k")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n",
        b"X-API-KEY: k\r\n",
        b"X-API-KEY k\r\n\r\n",
        b"X-API-KEY : k\r\n\r\n",
        b" X-API-KEY: k\r\n\r\n",
        b"X-API-KEY: \r\n\r\n",
        b"X-API-KEY: k\r\n folded\r\n\r\n",
        b"X-API-KEY: k\r\nA: b\nc\r\n\r\n",
        b"X-API-KEY: k\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"X-API-KEY: k\r\n\r\nX-API-KEY: k\r\n\r\n",
    ],
)
def test_no_key_is_read_from_a_head_that_is_not_plain(head):
    assert key_of(head) is None


def test_a_key_is_read_in_any_case_and_beside_what_is_usual():
    assert (
        key_of(b"Accept: */*\r\nx-Api-KEY:  k \r\nConnection: keep-alive\r\nUser-Agent: x/1 (y)\r\n\r\n")
        == "k"
    )
