"""Lists of messages show the same whichever way they are read."""

import random
from datetime import timedelta
from itertools import product

import pytest

from tidings.domain.message import MessageFilter, Sort
from tidings.domain.order import Dialect, Draft, OnFault, Order
from tidings.store import invariants, pages, tallies

HALF_DAYS = 5


@pytest.fixture(
    params=product([0, 9, 1_000], [1, tallies.BUSY]), ids="{0[0]} added up, {0[1]} are many".format
)
async def busy(world, request, monkeypatch):
    """Messages of some days, some of them reported in another order than they were created in; and another's.

    The last ones wait: nothing was heard of them. Of the others, so many tallies are counted by day and minute, and
    those of a minute with so many messages kept.
    """
    added_up, many = request.param
    monkeypatch.setattr(tallies, "BUSY", many)
    monkeypatch.setattr(tallies, "PER_MOMENT", 0)
    chance = random.Random(7)
    other = await world.other_account()

    async def send():
        world.clock.advance(chance.choice([1, 20, 3_600, 43_200 * HALF_DAYS / 12]))
        for customer in (world.customer, other):
            caller = await world.gateway.caller_by_key(customer.key)
            drafts = [
                Draft(f"3809720000{chance.randrange(100):02d}", "BSG", "hi")
                for _ in range(chance.choice([1, 1, 3]))
            ]
            order = Order(caller, Dialect.NATIVE, drafts, on_fault=OnFault.SKIP, validity_s=10**6)
            await world.gateway.accept(order)

    for _ in range(24):
        await send()
    async with world.database.transaction() as tx:
        done = await tx.add_up_tallies(added_up, before=world.clock.now() + timedelta(seconds=1))
    assert done == min(added_up, 48)
    assert bool(await world.sql.fetchval("select count(*) from message_moment")) == (done and many == 1)
    assert await invariants.check(world.sql) == []
    await world.dispatch()
    known = list(world.carrier.known)
    chance.shuffle(known)
    for message_id in known[:40]:
        world.clock.advance(1)
        await world.says(message_id, chance.choice(["DELIVRD", "UNDELIV"]))
    for message_id in known[:5]:
        world.clock.advance(1)
        await world.says(message_id, "DELIVRD")  # some of them corrections
    for _ in range(4):
        await send()
    return world


async def everything(world):
    ids = await world.sql.fetch("select id from message where account_id = $1 order by id", world.account_id)
    return [await world.message(row["id"]) for row in ids]


def in_order(messages, sort):
    """What a list must show."""
    sign = -1 if sort.descending else 1
    if sort.by == "id":
        return sorted(messages, key=lambda one: sign * one.id)
    if sort.by == "recipient":
        return sorted(messages, key=lambda one: (sign * int(one.recipient), sign * one.id))
    return sorted(
        messages,
        key=lambda one: (
            one.report_at is None,
            sign * one.report_at.timestamp() if one.report_at else 0,
            sign * one.id,
        ),
    )


@pytest.mark.parametrize("few", [0, 10**6], ids=["along indexes", "sorted"])
@pytest.mark.parametrize("by", ["id", "recipient", "delivered"])
async def test_a_window_shows_what_was_created_in_it(busy, monkeypatch, by, few):
    monkeypatch.setattr(pages, "FEW", few)
    messages = await everything(busy)
    begin, now = messages[0].created_at, busy.clock.now()
    windows = [(begin, now), (begin + timedelta(seconds=1), now), (messages[5].created_at,) * 2]
    windows += [(begin + timedelta(hours=9, seconds=17), begin + timedelta(hours=40, seconds=3))]
    windows += [(one.created_at - timedelta(seconds=30), one.created_at) for one in messages[::7]]
    for start, end in windows:
        wanted = [one for one in messages if start <= one.created_at <= end]
        for descending in (False, True):
            sort = Sort(by, descending)
            page = await busy.gateway.messages(
                busy.account_id, MessageFilter(start, end), sort=sort, limit=500, offset=0
            )
            assert page.total == len(wanted)
            assert [one.id for one in page.rows] == [one.id for one in in_order(wanted, sort)]
            for offset in range(3, len(wanted), 7):  # of reports, some pages end behind the last
                part = await busy.gateway.messages(
                    busy.account_id, MessageFilter(start, end), sort=sort, limit=7, offset=offset
                )
                assert part.rows == page.rows[offset : offset + 7]


@pytest.mark.parametrize("by", ["id", "recipient", "delivered"])
async def test_a_task_shows_its_messages(busy, by):
    messages = await everything(busy)
    begin, now = messages[0].created_at, busy.clock.now()
    for task_id in {one.task_id for one in messages}:
        wanted = [one for one in messages if one.task_id == task_id]
        where = MessageFilter(begin, now, task_id=task_id)
        for descending in (False, True):
            sort = Sort(by, descending)
            page = await busy.gateway.messages(busy.account_id, where, sort=sort, limit=500, offset=0)
            assert [one.id for one in page.rows] == [one.id for one in in_order(wanted, sort)]
            assert page.total == len(wanted)
            for offset in range(len(wanted)):  # the reported come first, and pages end among them or behind
                part = await busy.gateway.messages(busy.account_id, where, sort=sort, limit=1, offset=offset)
                assert part.rows == page.rows[offset : offset + 1]
        before = MessageFilter(begin, wanted[0].created_at - timedelta(seconds=1), task_id=task_id)
        page = await busy.gateway.messages(busy.account_id, before, sort=Sort(by), limit=50, offset=0)
        assert (page.rows, page.total) == ([], 0)


async def test_a_report_knows_when_its_message_was_reported(busy):
    times = await busy.sql.fetch("""
        select r.report_at, d.report_at from report r
        join delivery d on d.account_id = r.account_id and d.message_id = r.message_id and d.reports = r.number""")
    assert len(times) > HALF_DAYS and all(ours == its is not None for ours, its in times)
