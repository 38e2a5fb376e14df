"""How many messages a minute had is added up once it is over; of a busy one it stays known batch by batch."""

import pytest

from tidings.domain.order import Dialect, Draft, OnFault, Order
from tidings.store import invariants, tallies

MOMENTS = "select messages from message_moment order by at"
TALLIES = "select count(*) from message_tally"


async def send(world, messages):
    caller = await world.gateway.caller_by_key(world.key)
    drafts = [Draft(f"3809720000{number:02d}", "BSG", "hi") for number in range(messages)]
    await world.gateway.accept(Order(caller, Dialect.NATIVE, drafts, on_fault=OnFault.SKIP, validity_s=10**6))


async def test_a_minute_is_added_up_when_it_is_over(world):
    await send(world, 1)
    world.clock.advance(61 - world.clock.now().second)  # nobody knows yet whether all of it is committed
    await world.sweep()
    assert await world.sql.fetchval(TALLIES) == 1
    world.clock.advance(5)
    await world.sweep()
    assert await world.sql.fetchval(TALLIES) == 0
    assert await invariants.check(world.sql) == []


@pytest.mark.parametrize(
    ("batches", "kept"), [((3, 4, 5), [3, 4, 5]), ((3, 4, 4), []), ((1, 1, 1, 1, 1, 1, 1, 6), [])]
)
async def test_the_moments_of_a_minute_are_kept_where_many_messages_share_them(
    world, monkeypatch, batches, kept
):
    monkeypatch.setattr(tallies, "BUSY", 12)
    monkeypatch.setattr(tallies, "PER_MOMENT", 2)
    world.clock.advance(60 - world.clock.now().second)
    for messages in batches:
        await send(world, messages)
        world.clock.advance(1)
    world.clock.advance(90)
    await world.sweep()
    assert [row["messages"] for row in await world.sql.fetch(MOMENTS)] == kept
    assert await world.sql.fetchval(TALLIES) == 0
    assert await invariants.check(world.sql) == []


async def test_what_comes_late_goes_the_way_of_its_minute(world, monkeypatch):
    monkeypatch.setattr(tallies, "BUSY", 3)
    monkeypatch.setattr(tallies, "PER_MOMENT", 2)
    soon = world.clock.now().replace(hour=23)
    for messages, expected in ((3, [3]), (1, [3, 1])):
        await send(world, messages)
        async with world.database.transaction() as tx:
            assert await tx.add_up_tallies(10, before=soon) == 1
        assert [row["messages"] for row in await world.sql.fetch(MOMENTS)] == expected
    assert await invariants.check(world.sql) == []
