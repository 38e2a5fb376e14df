"""What ties a connector to the flows."""

import asyncio

from msgspec import structs
from test_main_job import send

from tidings.app.line import Line
from tidings.connectors.smpp import ids
from tidings.connectors.smpp.ids import IdForm
from tidings.domain.status import State
from tidings.flows.receive import Receive


class ExactIds:
    """A connector's reading of ids, and nothing else of one."""

    def lookup_keys(self, upstream_id):
        return ids.lookup_keys(upstream_id, IdForm.EXACT)

    def suspect_keys(self, upstream_id):
        return ids.suspect_keys(upstream_id, IdForm.EXACT)


def line_of(world):
    line = Line(
        "x",
        dispatch=None,
        hear=world.hearer(),
        receive=Receive(world.database, clock=world.clock, connector_id=world.connector_id),
        clock=world.clock,
        claim_limit=10,
        poll_s=0.1,
    )
    line.use(ExactIds())
    return line


async def test_a_receipt_that_cannot_be_stored_does_not_keep_its_neighbours_from_it(world):
    answers = [await send(world, f"38097200000{n}") for n in (1, 2)]
    message_ids = [answer.rows[0].id for answer in answers]
    await world.dispatch()
    [first, last] = [
        world.receipt(upstream_id, part, "DELIVRD")
        for message_id in message_ids
        for upstream_id, part in world.carrier.known[message_id]
    ]
    bad = structs.replace(first, upstream_id="a NUL\0", recipient="380970000000")
    async with asyncio.timeout(10):
        told = await line_of(world).receipts([first, bad, last])
    assert [one is None for one in told] == [True, False, True]
    for message_id in message_ids:
        assert (await world.message(message_id)).standing.state is State.DELIVERED
