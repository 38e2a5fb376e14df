"""What a carrier says, heard by a courier that remembers: in one write where it can be, never on outdated ground."""

import asyncio

import pytest
from msgspec.structs import replace
from test_hand_over import send
from world import saying

from tidings.domain.errors import Unavailable
from tidings.domain.message import ReportFilter
from tidings.domain.outcome import Next, Refused, Taken, Unknown
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows import points
from tidings.flows.fold import folding
from tidings.flows.points import Point
from tidings.flows.receive import EVERY_PART, receipt_evidence
from tidings.flows.recent import Recent
from tidings.flows.records import Overtaken
from tidings.store.invariants import check

NO_SENDER = Refused(Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP, "0x0000000a")


class Watched:
    """A database that counts what is asked of it ."""

    def __init__(self, database):
        self._database = database
        self.locked = 0
        self.read = 0

    def transaction(self):
        self.locked += 1
        return self._database.transaction()

    def reading(self):
        self.read += 1
        return self._database.reading()

    def at_once(self):
        return self._database.at_once()

    def spell(self, folded):
        return self._database.spell(folded)


async def handed_over(world, recent, count=1, **more):
    """Messages that a courier with this memory has written: the submissions, in order."""
    for _ in range(count):
        await send(world, **more)
    handovers = await world.dispatcher(recent).take(100)
    return [(flight, part) for one in handovers for flight, part in zip(one.flights, one.parts, strict=True)]


def receipts(world, *said):
    return world.incoming([world.receipt(upstream_id, part, word) for upstream_id, part, word in said])


async def kinds(world, message_id):
    return [line.kind for line in await world.gateway.timeline(world.account_id, message_id)]


async def test_an_answer_and_its_receipt_that_come_together_are_one_write_without_a_question(
    world, monkeypatch
):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    hear = world.hearer(recent)
    watched = Watched(world.database)
    monkeypatch.setattr(hear, "_database", watched)
    await hear([world.answer(flight, Taken("up1"))], receipts(world, ("up1", part, "DELIVRD")))
    assert (watched.locked, watched.read) == (0, 0)
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert await kinds(world, flight.message_id) == ["accepted", "written", "answered", "receipt"]
    assert len(await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50)) == 1
    assert await check(world.sql) == []


async def test_one_courier_hears_what_another_one_wrote(world):
    [(flight, part)] = await handed_over(world, Recent())
    await world.hearer(Recent())([world.answer(flight, Taken("up1"))], [])
    await world.hearer(Recent())([], receipts(world, ("up1", part, "DELIVRD")))
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


@pytest.mark.parametrize("words", [("UNDELIV", "DELIVRD"), ("DELIVRD", "UNDELIV")])
async def test_what_is_remembered_gives_way_to_what_another_courier_has_written(world, words):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    await world.hearer(recent)([world.answer(flight, Taken("up1"))], [])
    first, second = (receipts(world, ("up1", part, word)) for word in words)
    await world.hearer(Recent())([], first)
    await world.hearer(recent)([], second)
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert [
        line.word
        for line in await world.gateway.timeline(world.account_id, flight.message_id)
        if line.kind == "receipt"
    ] == list(words)
    assert await check(world.sql) == []


async def test_one_that_was_overtaken_holds_nobody_up_and_nothing_is_written_twice(world):
    recent = Recent()
    (one, first), (two, second) = await handed_over(world, recent, count=2)
    answers = [world.answer(one, Taken("up1")), world.answer(two, Taken("up2"))]
    await world.hearer(recent)(answers, [])
    await world.hearer(Recent())([], receipts(world, ("up1", first, "UNDELIV")))
    both = receipts(world, ("up1", first, "DELIVRD"), ("up2", second, "DELIVRD"))
    await world.hearer(recent)([], both)
    await world.hearer(recent)([], both)  # the carrier was not acknowledged, and brings them again
    for flight in (one, two):
        assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
        assert (await kinds(world, flight.message_id)).count("receipt") == (2 if flight is one else 1)
    assert await check(world.sql) == []


async def test_a_refusal_beside_what_was_taken_is_weighed_by_itself(world):
    recent = Recent()
    (one, _), (two, _) = await handed_over(world, recent, count=2)
    await world.hearer(recent)([world.answer(one, NO_SENDER), world.answer(two, Taken("up2"))], [])
    assert (await world.message(one.message_id)).standing.state is State.REJECTED
    assert (await world.message(two.message_id)).standing.state is State.SENT
    assert await check(world.sql) == []


async def test_parts_that_fare_differently_are_told_in_the_order_they_were_heard(world):
    recent = Recent()
    (first, _), (second, part) = await handed_over(world, recent, text="x" * 200)
    await world.hearer(recent)(
        [world.answer(second, Taken("up2")), world.answer(first, NO_SENDER)],
        receipts(world, ("up2", part, "DELIVRD")),
    )
    log = await world.gateway.timeline(world.account_id, first.message_id)
    assert [(line.kind, line.part) for line in log if line.kind in {"answered", "refused", "receipt"}] == [
        ("answered", 2),
        ("refused", 1),
        ("receipt", 2),
    ]
    assert await check(world.sql) == []


async def test_a_receipt_is_told_after_the_refusal_of_another_part_that_came_with_it(world):
    recent = Recent()
    (first, _), (second, part) = await handed_over(world, recent, text="x" * 200)
    await world.hearer(recent)([world.answer(second, Taken("up2"))], [])
    await world.hearer(recent)([world.answer(first, NO_SENDER)], receipts(world, ("up2", part, "DELIVRD")))
    assert (await kinds(world, first.message_id))[-2:] == ["refused", "receipt"]
    assert await check(world.sql) == []


async def test_the_late_answer_of_a_submission_in_doubt_is_heard_beside_others(world):
    recent = Recent()
    (lost, _), (other, _) = await handed_over(world, recent, count=2)
    await world.hearer(recent)([world.answer(lost, Unknown("timeout"))], [])
    assert (await world.message(lost.message_id)).standing.state is State.IN_DOUBT
    await world.hearer(recent)([world.answer(lost, Taken("up1")), world.answer(other, Taken("up2"))], [])
    for flight in (lost, other):
        assert (await world.message(flight.message_id)).standing.state is State.SENT
    assert await kinds(world, lost.message_id) == ["accepted", "written", "doubt", "answered"]
    assert await check(world.sql) == []


@pytest.mark.parametrize("remembers", [True, False])
async def test_an_answer_that_is_told_again_because_its_write_seemed_to_fail_is_heard_once(world, remembers):
    recent = Recent()
    [(flight, _)] = await handed_over(world, recent)
    for memory in (recent, recent if remembers else Recent()):
        await world.hearer(memory)([world.answer(flight, Taken("up1"))], [])
    assert await kinds(world, flight.message_id) == ["accepted", "written", "answered"]
    assert await world.sql.fetchval("select count(*) from submission") == 1
    assert await check(world.sql) == []


async def test_a_courier_with_a_short_memory_hears_as_well(world):
    recent = Recent(most=1)
    pairs = await handed_over(world, recent, count=5)
    hear = world.hearer(recent)
    await hear([world.answer(flight, Taken(f"up{n}")) for n, (flight, _) in enumerate(pairs)], [])
    assert sum(recent.held(flight.message_id) is not None for flight, _ in pairs) == 1, (
        "of those that are open"
    )
    await hear([], receipts(world, *((f"up{n}", part, "DELIVRD") for n, (_, part) in enumerate(pairs))))
    for flight, _ in pairs:
        assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert sum(recent.held(flight.message_id) is not None for flight, _ in pairs) == 1, (
        "of those that have ended"
    )
    assert await check(world.sql) == []


def _lose(point):
    if point is Point.HEARD_FOLDED:
        raise Unavailable("the database went away")


async def test_what_could_not_be_written_is_not_remembered(world):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    hear = world.hearer(recent)
    await hear([world.answer(flight, Taken("up1"))], [])
    version = recent.held(flight.message_id).delivery.version
    [incoming] = receipts(world, ("up1", part, "DELIVRD"))
    points.arm(_lose)
    try:
        with pytest.raises(Unavailable):
            await hear([], [incoming])
    finally:
        points.arm(None)
    assert recent.held(flight.message_id) is None and version == 3
    await hear([], [incoming])
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


async def test_a_write_on_outdated_ground_changes_nothing(world):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    hear = world.hearer(recent)
    await hear([world.answer(flight, Taken("up1"))], [])
    async with world.database.transaction() as tx:
        held = (await tx.lock_deliveries([flight.key]))[flight.key]
    await world.hearer(Recent())([], receipts(world, ("up1", part, "UNDELIV")))
    before = await world.sql.fetch("select * from delivery"), await world.sql.fetch("select * from evidence")
    [incoming] = receipts(world, ("up1", part, "DELIVRD"))
    _, _, leg = recent.sent("up1")
    learnt = receipt_evidence(
        incoming.receipt, leg, at=incoming.at, delivery=held.delivery, reading=EVERY_PART
    )
    folded = folding({flight.key: [learnt]}, {flight.key: held}, now=world.clock.now())
    with pytest.raises(Overtaken):
        async with world.database.at_once() as tx:
            await tx.write(folded)
    assert before == (
        await world.sql.fetch("select * from delivery"),
        await world.sql.fetch("select * from evidence"),
    )


async def test_what_was_folded_on_a_write_that_failed_is_weighed_anew(world):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    hear = world.hearer(recent)
    gate, reached, failed = asyncio.Event(), asyncio.Event(), []

    async def lose_the_first(point):
        if point is Point.HEARD_FOLDED and not failed:
            failed.append(point)
            reached.set()
            await gate.wait()
            raise Unavailable("the database went away")

    answers = [world.answer(flight, Taken("up1"))]
    points.arm(lose_the_first)
    try:
        async with asyncio.timeout(10):
            first = asyncio.create_task(hear(answers, []))
            await reached.wait()
            second = asyncio.create_task(hear([], receipts(world, ("up1", part, "DELIVRD"))))
            asyncio.get_running_loop().call_soon(gate.set)
            with pytest.raises(Unavailable):
                await first
            await second
            assert (await world.message(flight.message_id)).standing.state is State.SENDING
            await hear(answers, [])
    finally:
        points.arm(None)
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


@pytest.mark.parametrize("fails", [True, False])
async def test_a_receipt_that_is_repeated_while_its_first_write_is_given_up_is_stored(world, fails):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    hear = world.hearer(recent)
    await hear([world.answer(flight, Taken("up1"))], [])
    gate, reached = asyncio.Event(), asyncio.Event()

    async def hold_the_first(point):
        if point is Point.HEARD_FOLDED and not reached.is_set():
            reached.set()
            await gate.wait()
            raise Unavailable("the database went away")

    said = receipts(world, ("up1", part, "DELIVRD"))
    points.arm(hold_the_first)
    try:
        async with asyncio.timeout(10):
            first = asyncio.create_task(hear([], said))
            await reached.wait()
            second = asyncio.create_task(hear([], said))
            asyncio.get_running_loop().call_soon(gate.set if fails else first.cancel)
            with pytest.raises(Unavailable if fails else asyncio.CancelledError):
                await first
            await second
    finally:
        points.arm(None)
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


async def test_the_next_batch_is_folded_while_one_is_written_and_written_after_it(world, monkeypatch):
    recent = Recent()
    [(flight, part)] = await handed_over(world, recent)
    hear = world.hearer(recent)
    gate, reached, folded = asyncio.Event(), asyncio.Event(), asyncio.Event()
    keep, passed = recent.keep_folded, []

    def watched(*heard):
        keep(*heard)
        if reached.is_set():
            folded.set()

    monkeypatch.setattr(recent, "keep_folded", watched)

    async def hold(point):
        passed.append(point)
        if point is Point.HEARD_FOLDED and not reached.is_set():
            reached.set()
            await gate.wait()

    points.arm(hold)
    try:
        async with asyncio.timeout(10):
            first = asyncio.create_task(hear([world.answer(flight, Taken("up1"))], []))
            await reached.wait()
            second = asyncio.create_task(hear([], receipts(world, ("up1", part, "DELIVRD"))))
            await folded.wait()
            assert recent.held(flight.message_id).delivery.state is State.DELIVERED
            assert (await world.message(flight.message_id)).standing.state is State.SENDING
            gate.set()
            await asyncio.gather(first, second)
    finally:
        points.arm(None)
    assert await kinds(world, flight.message_id) == ["accepted", "written", "answered", "receipt"]
    assert await world.sql.fetchval("select count(*) from orphan") == 0
    assert passed == [Point.HEARD_FOLDED, Point.HEARD_WRITTEN] * 2, "neither had to be weighed anew"
    assert await check(world.sql) == []


async def test_what_is_said_of_other_messages_does_not_wait_for_a_write_that_is_under_way(world):
    recent = Recent()
    (one, first), (two, second) = await handed_over(world, recent, count=2)
    hear = world.hearer(recent)
    await hear([world.answer(one, Taken("up1")), world.answer(two, Taken("up2"))], [])
    gate, reached = asyncio.Event(), asyncio.Event()

    async def hold_the_first(point):
        if point is Point.HEARD_FOLDED and not reached.is_set():
            reached.set()
            await gate.wait()

    points.arm(hold_the_first)
    try:
        async with asyncio.timeout(10):
            slow = asyncio.create_task(hear([], receipts(world, ("up1", first, "DELIVRD"))))
            await reached.wait()
            await hear([], receipts(world, ("up2", second, "DELIVRD")))
            assert (await world.message(two.message_id)).standing.state is State.DELIVERED
            assert (await world.message(one.message_id)).standing.state is State.SENT
            gate.set()
            await slow
    finally:
        points.arm(None)
    assert (await world.message(one.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


async def test_what_is_said_after_something_unusual_waits_until_that_was_weighed(world, monkeypatch):
    recent = Recent()
    (one, _), (two, second) = await handed_over(world, recent, count=2)
    hear = world.hearer(recent)
    await hear([world.answer(two, Taken("up2"))], [])
    gate, reached, folded = asyncio.Event(), asyncio.Event(), asyncio.Event()
    keep, passed = recent.keep_folded, []

    def watched(*heard):
        keep(*heard)
        if reached.is_set():
            folded.set()

    monkeypatch.setattr(recent, "keep_folded", watched)

    async def hold(point):
        passed.append(point)
        if point is Point.HEARD_FOLDED and not reached.is_set():
            reached.set()
            await gate.wait()

    points.arm(hold)
    try:
        async with asyncio.timeout(10):
            unusual = asyncio.create_task(hear([world.answer(one, NO_SENDER)], []))
            await reached.wait()
            after = asyncio.create_task(hear([], receipts(world, ("up2", second, "DELIVRD"))))
            await folded.wait()
            for _ in range(20):
                await asyncio.sleep(0)
            assert passed == [Point.HEARD_FOLDED], "nobody knows yet which messages the first is about"
            gate.set()
            await asyncio.gather(unusual, after)
    finally:
        points.arm(None)
    assert (await world.message(one.message_id)).standing.state is State.REJECTED
    assert (await world.message(two.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


async def test_what_was_written_beside_a_write_that_failed_stays(world):
    recent = Recent()
    (one, first), (two, second) = await handed_over(world, recent, count=2)
    hear = world.hearer(recent)
    await hear([world.answer(one, Taken("up1")), world.answer(two, Taken("up2"))], [])
    gate, reached = asyncio.Event(), asyncio.Event()

    async def lose_the_first(point):
        if point is Point.HEARD_FOLDED and not reached.is_set():
            reached.set()
            await gate.wait()
            raise Unavailable("the database went away")

    failed = receipts(world, ("up1", first, "DELIVRD"))
    points.arm(lose_the_first)
    try:
        async with asyncio.timeout(10):
            lost = asyncio.create_task(hear([], failed))
            await reached.wait()
            await hear([], receipts(world, ("up2", second, "DELIVRD")))
            gate.set()
            with pytest.raises(Unavailable):
                await lost
            await hear([], failed)
    finally:
        points.arm(None)
    for message in (one, two):
        assert (await world.message(message.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []


async def test_what_was_heard_first_is_told_first_although_something_beside_it_has_to_be_looked_up(world):
    recent = Recent()
    (one, first), (two, second) = await handed_over(world, recent, count=2)
    hear = world.hearer(recent)
    await hear([world.answer(one, Taken("up1"))], [])
    await world.hearer(Recent())([world.answer(two, Taken("up2"))], [])
    failed = receipts(world, ("up1", first, "UNDELIV"), ("up2", second, "DELIVRD"))
    await asyncio.gather(hear([], failed), hear([], receipts(world, ("up1", first, "DELIVRD"))))
    log = await world.gateway.timeline(world.account_id, one.message_id)
    assert [line.word for line in log if line.kind == "receipt"] == ["UNDELIV", "DELIVRD"]
    assert await check(world.sql) == []


async def test_what_is_folded_beside_something_that_cannot_be_spelt_is_not_remembered(world):
    recent = Recent()
    (one, first), (two, second) = await handed_over(world, recent, count=2)
    hear = world.hearer(recent)
    await hear([world.answer(one, Taken("up1")), world.answer(two, Taken("up2"))], [])
    good, other = receipts(world, ("up1", first, "DELIVRD"), ("up2", second, "UNDELIV"))
    bad = replace(other, receipt=saying(other.receipt, network_error=2**70))
    with pytest.raises(OverflowError):
        await hear([], [good, bad])
    await hear([], [good])
    assert (await world.message(one.message_id)).standing.state is State.DELIVERED
    assert await check(world.sql) == []
