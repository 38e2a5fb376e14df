"""A request of one message has no row beside that message, and is a task like any other to whoever asks."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from tidings.domain import ids
from tidings.domain.message import MessageFilter, ReportFilter, Sort
from tidings.domain.order import NO_EXTRAS, Dialect, Draft, Extras, OnFault, Order, Taken, TrafficClass
from tidings.store.operator import find_messages, find_tasks

DAY_S = 86_400


async def sent(world, *drafts, **more):
    """The order's answer."""
    caller = await world.gateway.caller_by_key(more.pop("key", world.key))
    order = Order(caller, Dialect.INFOBIP, list(drafts), OnFault.SKIP, DAY_S, **more)
    return await world.gateway.accept(order)


def draft(number=1, **more):
    return Draft(f"3809720000{number:02d}", "Shop", "Hello", **more)


async def tasks_stored(world):
    return await world.sql.fetchval("select count(*) from task")


async def test_what_came_alone_is_a_task_by_the_id_before_its_own(world):
    receipted = await sent(world, draft(reference="r-1"))
    assert await tasks_stored(world) == 0
    [taken] = receipted.rows
    message = await world.message(taken.id)
    task = await world.gateway.task(world.account_id, receipted.task_id)
    assert (message.task_id, message.id) == (receipted.task_id, receipted.task_id + 1)
    assert (message.dialect, message.source, message.test, message.country) == (
        Dialect.INFOBIP,
        "rest",
        False,
        "UA",
    )
    assert (task.id, task.dialect, task.total, task.name) == (receipted.task_id, Dialect.INFOBIP, 1, None)
    assert (task.waiting, task.delivered, task.validity_s) == (1, 0, DAY_S)
    assert (task.sender, task.text, task.price) == ("Shop", "Hello", taken.price)
    assert (task.created_at, task.scheduled_for) == (message.created_at, None)
    await world.deliver_all()
    task = await world.gateway.task(world.account_id, receipted.task_id)
    assert (task.waiting, task.delivered, task.handed_over) == (0, 1, 1)


async def test_keys_that_we_made_are_shown_alike_wherever_they_are_asked_for(world):
    receipted = await sent(world, draft())
    [taken] = receipted.rows
    assert taken.reference == taken.message_key != receipted.bulk_key
    assert await world.sql.fetchval("select reference is null and message_key is null from message")
    message = await world.message(taken.id)
    task = await world.gateway.task(world.account_id, receipted.task_id)
    assert {message.bulk_key, task.bulk_key} == {receipted.bulk_key}
    assert (message.reference, message.message_key) == (taken.reference, taken.message_key)
    progress = await world.gateway.progress_by_reference(world.account_id, taken.reference)
    assert (progress.id, progress.reference) == (taken.id, taken.reference)
    assert await world.gateway.message_by_reference(world.account_id, taken.reference) == message
    for asked in (taken.message_key, receipted.bulk_key, str(taken.id), str(receipted.task_id)):
        assert list(await world.gateway.search(world.account_id, asked, limit=5)) == [message]
    await world.deliver_all()
    [report] = await world.gateway.pull_reports(
        world.account_id, ReportFilter(bulk_key=receipted.bulk_key, message_key=taken.message_key), limit=5
    )
    assert (report.id, report.bulk_key, report.message_key) == (
        taken.id,
        receipted.bulk_key,
        taken.message_key,
    )


async def test_a_key_that_we_made_for_another_finds_nothing(world):
    other = await world.other_account()
    [mine], theirs = (await sent(world, draft())).rows, await sent(world, draft(2), key=other.key)
    for asked in (theirs.rows[0].reference, theirs.bulk_key):
        assert list(await world.gateway.search(world.account_id, asked, limit=5)) == []
    own = await sent(world, draft(3, reference="own", message_key="own-key"))
    made = ids.seal(await secret(world), own.rows[0].id)
    assert await world.gateway.message_by_reference(world.account_id, made) is None
    assert await world.gateway.progress_by_reference(world.account_id, made) is None
    assert (await world.gateway.message_by_reference(world.account_id, mine.reference)).id == mine.id


async def secret(world):
    return await world.sql.fetchval("select id_secret from installation")


async def test_a_list_of_the_task_shows_its_message_and_no_other(world):
    alone, several = await sent(world, draft()), await sent(world, draft(2), draft(3))
    now = world.clock.now()

    async def shown(task_id):
        where = MessageFilter(now - timedelta(hours=1), now, task_id=task_id)
        page = await world.gateway.messages(world.account_id, where, sort=Sort(), limit=9, offset=0)
        assert page.total == len(page.rows)
        return [one.id for one in page.rows]

    assert await shown(alone.task_id) == [alone.rows[0].id]
    assert await shown(several.task_id) == [one.id for one in several.rows]
    assert await shown(several.task_id + 1) == await shown(alone.task_id - 1) == []
    assert await world.gateway.task(world.account_id, several.task_id + 1) is None
    assert await world.gateway.task(world.account_id, alone.task_id - 1) is None


@pytest.mark.parametrize(
    "more",
    [
        {"bulk_key": "bulk-1"},
        {"name": "Spring"},
        {"source": "cli"},
        {"scheduled_for": timedelta(hours=-1)},
    ],
    ids=lambda more: next(iter(more)),
)
async def test_what_the_message_does_not_say_of_its_order_is_kept_beside_it(world, more):
    if "scheduled_for" in more:
        more = {"scheduled_for": world.clock.now() + more["scheduled_for"]}
    receipted = await sent(world, draft(), **more)
    assert await tasks_stored(world) == 1
    task = await world.gateway.task(world.account_id, receipted.task_id)
    message = await world.message(receipted.rows[0].id)
    assert (task.total, task.waiting, message.task_id) == (1, 1, receipted.task_id)
    assert (task.bulk_key, task.name) == (receipted.bulk_key, more.get("name"))
    assert task.scheduled_for == more.get("scheduled_for")
    assert (message.bulk_key, message.source) == (receipted.bulk_key, more.get("source", "rest"))
    assert message.scheduled_for is None


async def test_a_validity_and_a_start_of_its_own_are_the_messages_and_not_the_tasks(world):
    start = world.clock.now() + timedelta(hours=2)
    receipted = await sent(world, draft(validity_s=60, scheduled_for=start))
    task = await world.gateway.task(world.account_id, receipted.task_id)
    message = await world.message(receipted.rows[0].id)
    assert (task.validity_s, task.scheduled_for) == (DAY_S, None)
    assert (message.validity_s, message.scheduled_for) == (60, start)


async def test_a_start_that_order_and_message_share_needs_no_row(world):
    start = world.clock.now() + timedelta(hours=2)
    receipted = await sent(world, draft(), scheduled_for=start)
    assert await tasks_stored(world) == 0
    task = await world.gateway.task(world.account_id, receipted.task_id)
    assert (task.validity_s, task.scheduled_for, task.waiting) == (DAY_S, start, 1)


async def test_the_only_one_that_was_taken_came_alone(world):
    receipted = await sent(world, draft(), Draft("nobody", "Shop", "Hello"))
    [taken, _] = receipted.rows
    assert isinstance(taken, Taken) and taken.id == receipted.task_id + 1
    assert await tasks_stored(world) == 0
    assert (await world.gateway.task(world.account_id, receipted.task_id)).total == 1


async def test_operators_find_it_by_all_its_names(world):
    receipted = await sent(world, draft())
    named = await sent(world, draft(2), draft(3), bulk_key="bulk-1")
    [taken] = receipted.rows
    task, message = (world.account_id, receipted.task_id), (world.account_id, taken.id)
    for asked in (str(receipted.task_id), receipted.bulk_key):
        assert await find_tasks(world.sql, asked) == [task]
    for asked in (str(taken.id), taken.message_key):
        assert await find_messages(world.sql, asked) == [message]
    made = ids.seal(await secret(world), named.task_id)  # its customer chose another
    assert await find_tasks(world.sql, made) == []
    for asked in (str(named.task_id), "bulk-1"):
        assert await find_tasks(world.sql, asked) == [(world.account_id, named.task_id)]


async def test_what_came_together_keeps_what_tells_it_apart(world):
    callers = [await world.gateway.caller_by_key(key) for key in (world.key, world.test_key)]
    start = world.clock.now() + timedelta(hours=2)
    ways = itertools.product(
        callers,
        (Dialect.NATIVE, Dialect.INFOBIP),
        (60, DAY_S),
        (None, start),
        (None, TrafficClass.OTP),
        (False, True),
        ("Shop", "Other"),
        (NO_EXTRAS, Extras(callback_url="https://example.com/x", callback_data="d")),
    )
    orders = [
        Order(
            caller,
            dialect,
            [Draft("380972000001", sender, "Hello", extras=extras)],
            OnFault.SKIP,
            validity_s,
            scheduled_for=later,
            traffic_class=traffic_class,
            calls_back=calls_back,
            shows_keys=calls_back,
        )
        for caller, dialect, validity_s, later, traffic_class, calls_back, sender, extras in ways
    ]
    answers = await asyncio.gather(*(world.gateway.accept(one) for one in orders))
    assert await world.sql.fetchval("select count(distinct created_at) < count(*) / 20 from message")
    for order, answer in zip(orders, answers, strict=True):
        [taken], [asked] = answer.rows, order.drafts
        message = await world.message(taken.id)
        assert (message.dialect, message.test) == (order.dialect, order.caller.test)
        assert (message.validity_s, message.scheduled_for) == (order.validity_s, order.scheduled_for)
        assert (message.sender, message.extras) == (asked.sender, asked.extras)
        stored = await world.sql.fetchrow(
            "select traffic_class::text, callback_lane from message where id = $1", taken.id
        )
        assert stored["traffic_class"] == (order.traffic_class or TrafficClass.TRANSACTIONAL)
        assert (stored["callback_lane"] is not None) == (order.calls_back and asked.extras is not NO_EXTRAS)
        keys = (message.message_key, message.bulk_key) if order.shows_keys else ("", "")
        assert (taken.message_key, answer.bulk_key, taken.reference) == (*keys, message.reference)
