"""`tidings orphans`: what belongs to nobody is shown, given a home, or dropped."""

import asyncio

from test_cli import Shell
from test_main_job import send

from tidings.domain.status import State


async def orphaned(world):
    """A message that was handed over, and a receipt that names nothing we know."""
    answer = await send(world, "380972000001")
    [(flight, part)] = await world.take()
    await world.record([world.answer(flight, world.carrier.submit(part, flight.message_id))])
    await world.receive([world.receipt("unheard-of", part, "DELIVRD")])
    return answer.rows[0].id


async def test_an_operator_gives_an_orphan_a_home_and_the_timeline_says_who(world):
    message_id = await orphaned(world)
    shell = Shell(world.url)
    [orphan] = await shell.aside("orphans", "list")
    assert (orphan["connector"], orphan["word"], orphan["upstream_keys"]) == (
        "carrier",
        "DELIVRD",
        ["unheard-of"],
    )
    await shell.aside("orphans", "match", "carrier", str(orphan["id"]), str(message_id))
    assert (await world.message(message_id)).standing.state is State.DELIVERED
    log = await world.gateway.timeline(world.account_id, message_id)
    assert log[-1].matched_by == "operator"
    assert await shell.aside("orphans", "list") == []


async def test_an_orphan_is_not_given_to_a_message_it_cannot_belong_to(world):
    message_id = await orphaned(world)
    stranger = (await send(world, "380979999999")).rows[0].id
    shell = Shell(world.url)
    [orphan] = await shell.aside("orphans", "list")
    for words in ([str(stranger)], [str(message_id), "--part", "2"], [str(message_id), "--attempt", "2"]):
        refused = ["orphans", "match", "carrier", str(orphan["id"]), *words]
        assert await asyncio.to_thread(shell.run, *refused) == 2
    assert len(await shell.aside("orphans", "list")) == 1


async def test_an_orphan_is_dropped_only_from_its_own_connector(world):
    await orphaned(world)
    shell = Shell(world.url)
    [orphan] = await shell.aside("orphans", "list")
    assert await shell.aside("orphans", "drop", "other", str(orphan["id"])) == {"dropped": []}
    assert await shell.aside("orphans", "drop", "carrier", str(orphan["id"])) == {"dropped": [orphan["id"]]}


async def test_an_orphan_that_nobody_claims_is_kept_for_thirty_days(world):
    await orphaned(world)
    for days, left in ((29, 1), (2, 0)):
        world.clock.advance(days * 86_400)
        await world.sweep()
        assert await world.sql.fetchval("select count(*) from orphan") == left


async def test_a_route_that_was_a_mistake_can_be_taken_back(world):
    shell = Shell(world.url)
    added = await shell.aside("route", "add", "--connector", "carrier", "--prefix", "49")
    assert await shell.aside("route", "remove", str(added["id"])) == {"removed": added["id"]}
    assert [row["prefix"] for row in await shell.aside("route", "list")] == [""]
