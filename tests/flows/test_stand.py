"""What was accepted and not heard of since has no row of its delivery, and nobody sees a difference."""

from datetime import timedelta

import pytest

from tidings.domain.evidence import Kind
from tidings.domain.message import MessageFilter, Sort
from tidings.domain.order import Dialect, Draft, Extras, OnFault, Order
from tidings.domain.outcome import Taken
from tidings.flows.folded import Folded
from tidings.flows.recent import Recent
from tidings.store.deliveries import spell_attempts
from tidings.store.invariants import check

LONG = "x" * 400
DELIVERIES = "select message_id, attempts::text, held from delivery order by message_id"


async def send(world, *recipients, key=None, text="hello", **more):
    """The message ids of an order, and its task's."""
    caller = await world.gateway.caller_by_key(key or world.key)
    extras = Extras(callback_url="http://customer.example/")
    drafts = [Draft(one, "Tidings", text, extras=extras) for one in recipients]
    on_fault = more.pop("on_fault", OnFault.SKIP)
    order = Order(caller, Dialect.NATIVE, drafts, on_fault, 86_400, calls_back=True, **more)
    taken = await world.gateway.accept(order)
    return [one.id for one in taken.rows], taken.task_id


@pytest.fixture
async def waiting(world):
    """Messages of every kind that wait: alone, in a task, long, later, for nothing; by task."""
    later = world.clock.now() + timedelta(hours=1)
    orders = [
        await send(world, "380972000001"),
        await send(world, "380972000002", "380972000003", "380972000004"),
        await send(world, "380972000005", text=LONG),
        await send(world, "380972000006", scheduled_for=later),
        await send(world, "380972000007", "380972000008", text=LONG, scheduled_for=later),
        await send(world, "380972000009", key=world.test_key),
    ]
    return {task_id: ids for ids, task_id in orders}


async def seen(world, waiting):
    """Everything that anybody is told of them."""
    ids = [one for its in waiting.values() for one in its]
    keys = [(world.account_id, one) for one in ids]
    now = world.clock.now()
    currencies = {world.account_id: world.currency}
    tasks = [(world.account_id, task_id) for task_id in waiting]
    everything = MessageFilter(created_from=now - timedelta(days=1), created_to=now)
    of_task = [MessageFilter(everything.created_from, now, task_id=task_id) for task_id in waiting]
    sort = Sort("delivered", descending=True)
    async with world.database.reading() as tx:
        return (
            await tx.messages_by_id(keys),
            await tx.progress_by_id(keys, currencies),
            await tx.tasks_by_id(tasks, currencies),
            await tx.stands(keys),
            [await tx.log_of(*key) for key in keys],
            [
                await tx.page_ids(world.account_id, where, sort=sort, limit=50, offset=0)
                for where in [everything, *of_task]
            ],
        )


async def locked(world, ids):
    async with world.database.transaction() as tx:
        return await tx.lock_deliveries([(world.account_id, one) for one in ids])


async def test_what_waits_has_no_row_and_looks_as_if_it_had_one(world, waiting):
    before = await seen(world, waiting)
    assert await world.sql.fetch(DELIVERIES) == []
    assert await check(world.sql) == []

    held = await locked(world, [one for its in waiting.values() for one in its])

    rows = await world.sql.fetch(DELIVERIES)
    assert [row["message_id"] for row in rows] == sorted(message_id for _, message_id in held)
    assert await seen(world, waiting) == before
    assert await check(world.sql) == []


async def test_what_waits_begins_as_its_evidence_says(world, waiting):
    held = await locked(world, [one for its in waiting.values() for one in its])
    for row in await world.sql.fetch(DELIVERIES):
        its = held[world.account_id, row["message_id"]]
        assert its.delivery == await world.replayed(row["message_id"])
        assert row["attempts"] == spell_attempts(its.delivery.attempts)
        assert row["held"] == its.held == its.price


async def test_a_claim_says_how_a_message_stands_without_looking(world, waiting):
    world.clock.advance(3_601)
    recent = Recent()
    await world.dispatcher(recent).take(100)
    short = [one for its in waiting.values() for one in its if recent.held(one) is not None]
    assert len(short) == 6, "those of one part"
    async with world.database.reading() as tx:
        stands = await tx.stands([(world.account_id, one) for one in short])
    for one in short:
        claimed, (stored, _) = recent.held(one), stands[one]
        assert claimed.delivery.message_id == stored.delivery.message_id == 0
        assert claimed == stored
    assert await world.sql.fetch(DELIVERIES) == []


async def test_what_is_kept_as_refused_has_ended_and_has_its_row(world):
    [kept], _ = await send(world, "12", on_fault=OnFault.RECORD)
    assert [row["message_id"] for row in await world.sql.fetch(DELIVERIES)] == [kept]
    assert (await world.message(kept)).reports == 1
    assert await check(world.sql) == []


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("locked_before", [True, False])
async def test_the_first_word_is_written_whether_there_is_a_row_or_not(
    world, waiting, remembers, locked_before
):
    """Somebody may have locked it and learnt nothing; one batch has messages of both kinds."""
    recent = Recent()
    handovers = await world.dispatcher(recent).take(100)
    flights = [flight for one in handovers for flight in one.flights]
    if locked_before:
        await locked(world, [one.message_id for one in flights[::2]])
    hear = world.hearer(recent if remembers else Recent())
    await hear([world.answer(one, Taken(f"up{n}")) for n, one in enumerate(flights)], [])
    for one in flights:
        kinds = [line.kind for line in await world.gateway.timeline(world.account_id, one.message_id)]
        assert kinds[:2] == [Kind.ACCEPTED, Kind.WRITTEN]
    assert await check(world.sql) == []


async def test_nothing_is_added_where_nothing_was_heard(world, waiting):
    async with world.database.transaction() as tx:
        await tx.write(Folded(world.clock.now()))
    assert await world.sql.fetch(DELIVERIES) == []
