"""The sender of callbacks at work: real HTTP to a customer's server, in the words of the API a message came by."""

import asyncio
import contextlib

import pytest
from webhook_server import OK, webhook_server

from tidings.app.callbacks import CallbackSender
from tidings.app.config import Callbacks, Config
from tidings.store import invariants

FIRST = 380972920000


@contextlib.asynccontextmanager
async def sending(world, **settings):
    """A sender that runs, and is stopped in order."""
    config = Config(callbacks=Callbacks(**{"allow_networks": ["127.0.0.0/8"], "poll_s": 0.05, **settings}))
    task = asyncio.create_task(CallbackSender(world.database, config, world.clock).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send(world, url, *, rows=1, first=FIRST, **members):
    body = {
        "destination": "phones",
        "phones": [{"msisdn": str(first + n), "reference": f"r{first + n}"} for n in range(rows)],
        "originator": "BSG",
        "body": "Hi",
        "callback_url": url,
        **members,
    }
    answer = (await world.http.post("/rest/sms/create", json=body, headers={"X-API-KEY": world.key})).json()
    found = answer["result"] if isinstance(answer["result"], list) else [answer["result"]]
    return [int(row["id"]) for row in found]


async def recorded(world):
    """Until no callback waits any more."""
    await until(world, "select not exists (select from callback)")


async def until(world, question):
    """Until the database says yes."""
    async with asyncio.timeout(20):
        while not await world.sql.fetchval(question):
            pass


async def standings(world, message_id):
    async with world.database.reading() as tx:
        return [one.standing for one in await tx.callback_notes(world.account_id, message_id)]


async def test_the_customers_server_hears_the_status_object_of_a_message(world):
    async with webhook_server() as server, sending(world):
        [message_id] = await send(world, f"{server.url}?id=12345", first=380972920001)
        await world.deliver_all()
        [heard] = await server.wait_heard(1)
        await recorded(world)
    assert heard.line == "POST /dlr?id=12345 HTTP/1.1"
    moment = heard.json["time_dr"]
    assert heard.json == {
        "error": 0,
        "errorDescription": "No errors",
        "id": str(message_id),
        "msisdn": "380972920001",
        "reference": "r380972920001",
        "time_in": moment,
        "time_sent": moment,
        "time_dr": moment,
        "status": "delivered",
        "price": "0.0200000",
        "currency": "EUR",
    }
    assert moment == "2026-03-02 12:00:00"
    assert await standings(world, message_id) == ["delivered"]
    assert await invariants.check(world.sql) == []


async def test_messages_of_test_keys_are_called_back_as_well(world):
    async with webhook_server() as server, sending(world):
        body = {"destination": "phone", "msisdn": str(FIRST), "originator": "BSG", "body": "Hi"}
        await world.http.post(
            "/rest/sms/create",
            json={**body, "callback_url": server.url},
            headers={"X-API-KEY": world.test_key},
        )
        await world.deliver_all()
        [heard] = await server.wait_heard(1)
    assert heard.json["status"] == "delivered"


async def test_hundreds_are_told_over_a_few_kept_connections_and_each_once(world):
    async with webhook_server() as server, sending(world, connections_per_server=4):
        ids = await send(world, server.url, rows=300)
        await world.deliver_all()
        heard = await server.wait_heard(300)
        await recorded(world)
        assert server.connections <= 4
    assert sorted(int(one.json["id"]) for one in heard) == ids
    assert await invariants.check(world.sql) == []


async def test_what_is_owed_after_a_busy_time_is_told_at_once(world):
    """While many come nobody is woken for each; after that somebody is."""
    async with webhook_server() as server, sending(world, poll_s=60):
        for busy in range(1, 3):
            await send(world, server.url, rows=31, first=FIRST + busy * 1000)
            await send(world, server.url, rows=31, first=FIRST + busy * 1000 + 500)
            await world.deliver_all()
            await recorded(world)
        for one in range(3):
            heard = len(server.heard)
            await send(world, server.url, first=FIRST + one)
            await world.deliver_all()
            await server.wait_heard(heard + 1)
            await recorded(world)
        assert len(server.heard) == 2 * 62 + 3


async def test_a_private_address_is_refused_and_visibly_given_up(world):
    async with webhook_server() as server, sending(world, allow_networks=[]):
        [message_id] = await send(world, server.url)
        await world.deliver_all()
        await recorded(world)
        assert server.connections == 0
    assert await standings(world, message_id) == ["given_up"]


async def test_a_failure_is_tried_again_when_its_time_has_come(world):
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    async with webhook_server(lambda _: busy) as server, sending(world):
        [message_id] = await send(world, server.url)
        await world.deliver_all()
        await server.wait_heard(1)
        await until(world, "select tries > 0 from callback")
        server.answer = lambda _: OK
        world.clock.advance(7)
        await server.wait_heard(2)
        await recorded(world)
    assert await standings(world, message_id) == ["delivered"]


async def test_a_silent_server_does_not_delay_another_customers(world):
    other = await world.other_account()
    async with (
        webhook_server(lambda _: None) as silent,
        webhook_server() as lively,
        sending(world, drain_s=0),
    ):
        await send(world, silent.url, rows=200)
        await world.deliver_all()
        await silent.wait_heard(10)
        body = {"destination": "phone", "msisdn": str(FIRST), "originator": "BSG", "body": "Hi"}
        await world.http.post(
            "/rest/sms/create", json={**body, "callback_url": lively.url}, headers={"X-API-KEY": other.key}
        )
        await world.deliver_all()
        await lively.wait_heard(1)


async def test_what_is_in_hand_at_a_stop_may_still_be_answered(world):
    async with (
        webhook_server(lambda _: None) as server,
        sending(world, connections_per_server=1, drain_s=5) as task,
    ):
        await send(world, server.url, rows=3)
        await world.deliver_all()
        await server.wait_heard(1)
        task.cancel()
        await asyncio.sleep(0)
        server.answer = lambda _: OK
        server.writers[0].write(OK)
        await asyncio.gather(task, return_exceptions=True)
    assert await world.sql.fetchval("select count(*) from callback") == 0


async def test_what_cannot_be_told_before_a_stop_waits_for_the_next_sender(world):
    async with webhook_server(lambda _: None) as server:
        async with sending(world, connections_per_server=1, drain_s=0):
            await send(world, server.url, rows=3)
            await world.deliver_all()
            await server.wait_heard(1)
        assert await world.sql.fetchval("select count(*) from callback") == 3
        assert await world.sql.fetchval("select count(*) from callback_lease") == 0
        server.answer = lambda _: OK
        world.clock.advance(10)
        async with sending(world):
            await recorded(world)
        assert len({one.json["id"] for one in server.heard}) == 3
    assert await invariants.check(world.sql) == []


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "http://user:pass@x.example/", "http://x.example:0/", "x" * 501]
)
async def test_a_bad_callback_url_is_7_and_named(world, url):
    body = {"destination": "phone", "msisdn": str(FIRST), "originator": "BSG", "body": "Hi"}
    answer = await world.http.post(
        "/rest/sms/create", json={**body, "callback_url": url}, headers={"X-API-KEY": world.key}
    )
    assert answer.json() == {"error": 7, "errorDescription": "Invalid or missing parameters: callback_url"}
