"""A caller who is remembered is believed only together with what the database says of the question itself."""

import asyncio

import pytest
from v1_customer import FIRST, phone

from tidings.app.house import House
from tidings.dialects.body import Body, BodyTooLarge
from tidings.dialects.bsg_v1 import answers
from tidings.domain.errors import Outdated
from tidings.domain.order import Dialect, Draft, OnFault, Order, Taken

UNKNOWN_KEY = {"error": 1, "errorDescription": "Invalid API key"}
QUESTIONS = (
    "sms/{id}",
    "sms/ours",
    "sms/reference/ours",
    "sms/task/{task_id}",
    "sms/2",
    "sms/reference/nobodys",
    "sms/task/2",
    "sms/no/such",
)


@pytest.fixture
async def taken(customer):
    """Its message; the gateway remembers the customer from now on."""
    return await customer.phone(reference="ours")


async def test_a_remembered_caller_is_answered_without_a_question_of_its_own(
    world, customer, taken, monkeypatch
):
    async def never(*_):
        raise AssertionError("asked who that is")

    monkeypatch.setattr(House, "caller_by_key", never)
    assert (await customer.get(f"sms/{taken['id']}"))["reference"] == "ours"
    assert (await customer.get("sms/ours"))["id"] == taken["id"]
    assert (await customer.get("sms/reference/ours"))["id"] == taken["id"]
    assert (await customer.get(f"sms/task/{int(taken['id']) - 1}"))["originator"] == "BSG"
    assert (await customer.phone(reference="next"))["error"] == 0


async def test_a_revoked_key_is_told_nothing_else_although_it_is_remembered(world, customer, taken):
    await world.admin.revoke_all(world.account_id)
    for question in QUESTIONS:
        answer = await world.http.get(
            f"/rest/{question.format(id=taken['id'], task_id=int(taken['id']) - 1)}",
            headers={"X-API-KEY": world.key},
        )
        assert answer.json() == UNKNOWN_KEY, question
    for members in (phone(reference="late"), phone(originator=""), {"destination": "nobody"}):
        answer = await world.http.post("/rest/sms/create", json=members, headers={"X-API-KEY": world.key})
        assert answer.json() == UNKNOWN_KEY
    assert await world.sql.fetchval("select count(*) from message") == 1


async def test_an_account_is_judged_as_it_is_now_although_it_is_remembered(world, customer, taken):
    await world.sql.execute("update account set senders = '{other}'")
    await world.sql.execute("update catalog set version = version + 1")
    assert (await customer.phone(reference="late"))["error"] != 0
    assert (await customer.phone(reference="late", originator="other"))["error"] == 0


async def test_whoever_was_remembered_before_the_catalog_moved_is_outdated(world, customer, taken):
    gateway, before = world.gateway, world.gateway.remembered(world.key)
    account_id, message_id = before.caller.account.id, int(taken["id"])
    await world.sql.execute("update catalog set version = version + 1")
    with pytest.raises(Outdated):
        await gateway.progress(account_id, message_id, as_of=before.as_of)
    with pytest.raises(Outdated):
        await gateway.accept(order_of(before.caller), as_of=before.as_of)
    assert await world.sql.fetchval("select count(*) from message") == 1
    assert (await customer.phone(reference="late"))["error"] == 0
    now = gateway.remembered(world.key)
    assert now.as_of == before.as_of + 1
    assert await gateway.progress(account_id, message_id, as_of=now.as_of)
    outdated, current = await asyncio.gather(
        gateway.accept(order_of(before.caller), as_of=before.as_of),
        gateway.accept(order_of(now.caller), as_of=now.as_of),
        return_exceptions=True,
    )
    assert isinstance(outdated, Outdated)
    assert isinstance(current.rows[0], Taken)
    assert await world.sql.fetchval("select count(*) from message") == 3


def order_of(caller):
    draft = Draft(recipient=str(FIRST), sender="BSG", text="Hi")
    return Order(caller, Dialect.BSG_V1, [draft], OnFault.SKIP, validity_s=3600)


async def test_what_is_not_there_confirms_nobody(world, customer, taken):
    remembered = world.gateway.remembered(world.key)
    account_id, as_of = remembered.caller.account.id, remembered.as_of
    for missing in (0, int(taken["id"]) + FIRST):
        assert await world.gateway.progress(account_id, missing) is None
        with pytest.raises(Outdated):
            await world.gateway.progress(account_id, missing, as_of=as_of)
        assert await world.gateway.task(account_id, missing) is None
        with pytest.raises(Outdated):
            await world.gateway.task(account_id, missing, as_of=as_of)
    for missing in ("nobodys", "no\x00ne"):
        assert await world.gateway.progress_by_reference(account_id, missing) is None
        with pytest.raises(Outdated):
            await world.gateway.progress_by_reference(account_id, missing, as_of=as_of)


async def test_a_body_is_the_same_however_often_it_is_read():
    chunks = [b"abc", b"def"]

    async def receive():
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    body = Body(receive)
    assert [await body.read(6), await body.read(6)] == [b"abcdef"] * 2

    chunks = [b"abcd", b"ef"]
    body = Body(receive)
    for _ in range(2):  # what follows the limit is never taken for the whole
        with pytest.raises(BodyTooLarge):
            await body.read(3)
    assert chunks == [b"ef"]


async def test_asked_straight_only_what_is_found_for_a_caller_as_he_is_now_is_answered(
    world, customer, stranger, taken
):
    known = [f"/rest/sms/{taken['id']}", "/v1.0/sms/reference/ours", f"/rest/sms/task/{int(taken['id']) - 1}"]
    assert all([await customer.straight(path) for path in known])
    assert [await stranger.straight(path) for path in known] == [None] * 3  # nobody knows him yet
    await stranger.phone(reference="theirs")
    assert [await stranger.straight(path) for path in known] == [None] * 3
    assert b'"theirs"' in await stranger.straight("/rest/sms/reference/theirs")
    await world.admin.revoke_all(world.account_id)
    assert [await customer.straight(path) for path in known] == [None] * 3


@pytest.mark.parametrize(
    "path",
    [
        "/rest/sms",
        "/rest",
        "/rest/sms/",
        "/rest/sms/task/",
        "/rest/sms/reference",
        "/rest/sms/reference/",
        "/rest/sms/other/{id}",
        "/rest/sms/task/{id}/1",
        "/rest/sms/reference/{id}/1",
        "/rest/sms/reference/n%6f",
        "/rest/sms/reference/" + "x" * 300,
        "/rest/sms/99999999999999999999",
        "/rest/common/{id}",
        "/rest/sms/balance",
        "/rest/sms/2wayIncoming",
    ],
)
async def test_what_is_no_such_question_is_not_answered_straight(customer, taken, path):
    assert await customer.straight(path.format(id=taken["id"])) is None


async def test_what_cannot_be_said_is_left_to_the_ordinary_way(customer, taken, monkeypatch):
    """And so is what nobody knows at the moment."""

    def broken(_):
        raise ZeroDivisionError

    path = f"/rest/sms/{taken['id']}"
    with monkeypatch.context() as broken_for_now:
        broken_for_now.setattr(answers, "sms", broken)
        assert await customer.straight(path) is None
    assert await customer.straight(path)
    await customer.world.database.close()
    assert await customer.straight(path) is None
    await customer.world.database.open()
