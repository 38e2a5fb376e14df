"""What ties a connector to the flows."""

import asyncio
from datetime import UTC, datetime

from msgspec import structs
from test_main_job import send

from tidings.app.bell import OUTBOX, Bell, Sleepers
from tidings.app.line import CROWD, CROWDS, Line
from tidings.connectors.smpp import ids
from tidings.connectors.smpp.ids import IdForm
from tidings.domain.order import TrafficClass
from tidings.domain.status import State
from tidings.domain.text import Alphabet
from tidings.flows import points
from tidings.flows.dispatch import Handover
from tidings.flows.points import Point
from tidings.flows.ports import Singles
from tidings.flows.receive import Receive
from tidings.flows.records import Flight

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WRITES = {Point.HEARD_WRITTEN, Point.RECEIVE_COMMITTED}


FLIGHT = Flight(
    connector_id=1,
    account_id=1,
    message_id=1,
    attempt=1,
    part=1,
    try_no=1,
    courier_id=1,
    recipient="380972000001",
    sender="Tidings",
    traffic_class=TrafficClass.TRANSACTIONAL,
    written_at=NOW,
    expires_at=NOW,
    reference=0,
)


class ExactIds:
    """A connector's reading of ids, and nothing else of one."""

    def lookup_keys(self, upstream_id):
        return ids.lookup_keys(upstream_id, IdForm.EXACT)

    def suspect_keys(self, upstream_id):
        return ids.suspect_keys(upstream_id, IdForm.EXACT)


class Queue:
    """What a line claims from: crowds, then nothing, then one that came without a word."""

    def __init__(self, bell, *sizes):
        self._bell = bell
        self._sizes = list(sizes)
        self.hushed = []  # whether the bell was, at each claim
        self.empty = asyncio.Event()

    async def take(self, _room):
        self.hushed.append(self._bell.hushed)
        if not self._sizes:
            self.empty.set()
            return []
        size = self._sizes.pop(0)
        singles = Singles(1, "Tidings", Alphabet.GSM7, 60, False, ["380972000001"] * size, ["x"] * size)
        return [Handover([FLIGHT] * size, singles)] if size else []


class Roomy:
    """A connector that takes everything."""

    room = 1_000

    async def wait_room(self):
        pass

    def submit_singles(self, singles):
        pass

    async def run(self):
        await asyncio.Event().wait()

    async def close(self, within_s):
        pass


async def test_a_line_that_was_busy_looks_once_more_before_it_sleeps(world):
    rung = asyncio.Event()
    bell = Bell(world.database, OUTBOX, lambda _: rung.set())
    ringing = asyncio.create_task(bell.run())
    async with asyncio.timeout(10):
        while not rung.is_set():  # it may have to connect first
            await world.sql.execute("select pg_notify('tidings_outbox', '1')")
    queue = Queue(bell, *[CROWD + 1] * CROWDS, 0, 1)
    line = line_of(world, dispatch=queue, sleepers=Sleepers(bell), poll_s=60)
    held = asyncio.Event()
    held.set()
    working = asyncio.create_task(line._hand_over(held))
    line.use(Roomy())
    try:
        async with asyncio.timeout(10):
            await queue.empty.wait()
        assert queue.hushed == [False] * CROWDS + [True, False, False]
    finally:
        working.cancel()
        ringing.cancel()
        await asyncio.gather(working, ringing, return_exceptions=True)


async def test_what_comes_after_a_crowd_is_written_with_what_comes_right_behind_it(world):
    writes = []
    message_id = (await send(world, "380972000001")).rows[0].id
    await world.dispatch()
    [(upstream_id, part)] = world.carrier.known[message_id]
    receipt = world.receipt(upstream_id, part, "DELIVRD")
    line = line_of(world)
    points.arm(lambda point: writes.append(point) if point in WRITES else None)
    try:
        async with asyncio.timeout(10):
            await line.receipts([receipt] * (CROWD + 1))
            writes.clear()
            first = line.receipts([receipt])
            await asyncio.sleep(0)  # its write begins now
            await asyncio.gather(first, line.receipts([receipt]))
    finally:
        points.arm(None)
    assert writes == [Point.HEARD_WRITTEN]


def line_of(world, *, dispatch=None, sleepers=None, poll_s=0.1):
    line = Line(
        "x",
        dispatch=dispatch,
        hear=world.hearer(),
        receive=Receive(world.database, clock=world.clock, connector_id=world.connector_id),
        clock=world.clock,
        sleepers=sleepers or Sleepers(Bell(world.database, OUTBOX, lambda _: None)),
        claim_limit=1_000,
        poll_s=poll_s,
    )
    line.use(ExactIds())
    return line


async def test_what_comes_after_a_crowd_is_written_once_nothing_more_comes(world, monkeypatch):
    line, receipt = await _after_a_crowd(world, monkeypatch)
    async with asyncio.timeout(10):
        assert await line.receipts([receipt]) == [None]


async def test_a_line_that_has_enough_waits_for_no_more(world, monkeypatch):
    line, receipt = await _after_a_crowd(world, monkeypatch)
    writing = [line.receipts([receipt])]
    async with asyncio.timeout(20):
        while not writing[0].done():  # more comes without end
            writing.append(line.receipts([receipt]))
            await asyncio.sleep(0)
        await asyncio.gather(*writing)


async def _after_a_crowd(world, monkeypatch):
    """A line that gathers for as long as it has a reason to, and a receipt that it has written."""
    message_id = (await send(world, "380972000001")).rows[0].id
    await world.dispatch()
    [(upstream_id, part)] = world.carrier.known[message_id]
    receipt = world.receipt(upstream_id, part, "DELIVRD")
    line = line_of(world)
    await line.receipts([receipt] * (CROWD + 1))
    monkeypatch.setattr("tidings.app.line.GATHERINGS", 10**6)
    return line, receipt


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
