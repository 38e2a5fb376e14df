"""Receipts and answers cross each other on their way into the database; the carrier's order is kept all the same."""

import asyncio

from tidings.domain.message import ReportFilter
from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.status import State
from tidings.flows.receive import Incoming, Receive
from tidings.flows.records import Orphan


async def submitted(world):
    """A message whose bytes have left; its submission."""
    caller = await world.gateway.caller_by_key(world.key)
    draft = Draft(recipient="380972000001", sender="BSG", text="hello")
    order = Order(caller, "native", [draft], on_fault=OnFault.REFUSE_ALL, validity_s=3600)
    await world.gateway.accept(order)
    [(flight, part)] = await world.take()
    return flight, part, world.carrier.submit(part, flight.message_id)


async def reported(world):
    reports = await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50)
    return [report.standing.state for report in reports]


async def test_a_receipt_that_missed_its_answer_is_heard_before_the_one_that_follows_it(world):
    flight, part, outcome = await submitted(world)
    await world.record([world.answer(flight, outcome)])
    delivered = world.receipt(outcome.upstream_id, part, "DELIVRD")
    orphan = Orphan(world.connector_id, 0, [outcome.upstream_id], {}, 0, world.clock.now(), delivered)
    async with world.database.transaction() as tx:
        await tx.keep_orphans([(orphan, delivered.fingerprint(), world.clock.now())])

    await world.says(flight.message_id, "UNDELIV", "001")

    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert await reported(world) == [State.DELIVERED], "nobody was told that it failed"


async def test_a_receipt_and_an_answer_that_cannot_see_each_other_still_meet_at_once(world, empty_database):
    flight, part, outcome = await submitted(world)
    receive = Receive(world.database, clock=world.clock, connector_id=world.connector_id)
    receipt = world.receipt(outcome.upstream_id, part, "DELIVRD")

    async with world.sql.transaction():
        await world.sql.execute(
            "lock table orphan in share mode"
        )  # the receipt has looked, and cannot be kept
        receiving = asyncio.create_task(
            receive([Incoming(receipt, world.clock.now(), [outcome.upstream_id])])
        )
        await waits_for_the_lock(world)
        await world.record([world.answer(flight, outcome)])
    async with asyncio.timeout(10):
        await receiving

    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED


async def waits_for_the_lock(world):
    blocked = "select exists (select from pg_locks where relation = 'orphan'::regclass and not granted)"
    async with asyncio.timeout(10):
        while not await world.sql.fetchval(blocked):
            pass
