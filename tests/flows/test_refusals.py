"""What becomes of a message that a carrier refuses: how often it is tried again, when, and where."""

from datetime import timedelta

import pytest
from test_main_job import send
from test_matching import second_route

from tidings.connectors.smpp.words import refused
from tidings.domain.outcome import Taken, Unknown, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.ports import PART_REFUSED
from tidings.store import invariants


async def waits_after(world, status):
    """Refuse a message with a status again and again; how long it waited after each refusal, and how it ended."""
    answer = await send(world, "380972000001")
    waits = []
    for _ in range(20):
        [(flight, _)] = await world.take()
        await world.record([world.answer(flight, refused(status, b""))])
        due_at = await world.sql.fetchval("select min(due_at) from outbox")
        if due_at is None:
            break
        waits.append((due_at - world.clock.now()).total_seconds())
        world.clock.advance(waits[-1])
    standing = (await world.message(answer.rows[0].id)).standing
    assert await invariants.check(world.sql) == []
    return waits, standing.state, standing.reason


EXHAUSTED = (State.FAILED, Reason.SUBMIT_RETRIES_EXHAUSTED)


@pytest.mark.parametrize(
    ("status", "waits", "end"),
    [
        (0x08, [30, 60, 120, 240], EXHAUSTED),
        (0x14, [60, 120, 180, 180, 180], (State.FAILED, Reason.DEST_QUEUE_FULL)),
        (0x45, [30], (State.REJECTED, Reason.SMSC_REFUSED)),
        (0x62, [1], (State.FAILED, Reason.ROUTE_CONFIG)),
        (0x64, [30, 60, 120, 240], EXHAUSTED),
        (0x499, [30, 60], EXHAUSTED),
        (0x0B, [], (State.REJECTED, Reason.SMSC_REFUSED_NUMBER)),
        (0xFE, [], (State.UNDELIVERABLE, Reason.UNSPECIFIED_FAILURE)),
    ],
)
async def test_a_refusal_is_tried_again_as_often_as_its_status_is_worth(world, status, waits, end):
    assert await waits_after(world, status) == (waits, *end)


@pytest.mark.parametrize("status", [0x58, 0x04, 0x0E])
async def test_what_is_not_the_messages_fault_is_tried_until_its_validity_ends(world, status):
    waits, state, reason = await waits_after(world, status)
    assert len(waits) == 20 and (state, reason) == (State.SENDING, None)
    world.clock.advance(timedelta(hours=73).total_seconds())
    await world.sweep()
    [row] = await world.sql.fetch("select state::text, reason::text from delivery")
    assert tuple(row) == ("expired", "expired_in_queue")


@pytest.mark.parametrize("status", [0x0E, 0x101])
async def test_a_refused_account_sends_the_message_by_the_next_route(world, status):
    second = await second_route(world)
    answer = await send(world, "380972000001")
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, refused(status, b""))])
    assert await world.sql.fetchval("select count(*) from outbox where connector_id = $1", second) == 1
    assert await world.take() == [], "the refused route has nothing more to do"
    world.connector_id = second
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, Taken("other1"))])
    assert (await world.message(answer.rows[0].id)).standing.state is State.SENT
    assert await invariants.check(world.sql) == []


async def test_a_session_out_of_step_is_no_reason_for_another_route(world):
    second = await second_route(world)
    await send(world, "380972000001")
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, refused(0x04, b""))])
    assert await world.sql.fetchval("select count(*) from outbox where connector_id = $1", second) == 0


async def test_a_refused_account_keeps_what_it_may_have_taken_on_its_own_route(world):
    second = await second_route(world)
    await send(world, "380972000001", text="x" * 300)
    (first, _), (rest, _) = await world.take()
    await world.record([world.answer(first, Taken("a1")), world.answer(rest, refused(0x0E, b""))])
    assert await world.sql.fetchval("select count(*) from outbox where connector_id = $1", second) == 0
    assert await world.sql.fetchval("select count(*) from outbox") == 1


@pytest.mark.parametrize(
    ("then", "rerouted"),
    [(refused(0x0A, b""), 1), (Unwritten(PART_REFUSED), 1), (Taken("a2"), 0), (Unknown("timeout"), 0)],
)
async def test_the_next_route_is_not_asked_before_all_that_is_being_written_is_known(world, then, rerouted):
    second = await second_route(world)
    await send(world, "380972000001", text="x" * 300)
    (first, _), (rest, _) = await world.take()
    await world.record([world.answer(first, refused(0x0A, b""))])
    queued = "select count(*) from outbox where connector_id = $1"
    assert await world.sql.fetchval(queued, second) == 0, "the other part may be on its way to the handset"
    await world.record([world.answer(rest, then)])
    assert await world.sql.fetchval(queued, second) == rerouted
    assert await invariants.check(world.sql) == []
