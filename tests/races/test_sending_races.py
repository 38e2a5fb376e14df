"""Orders, claims, answers and recovery, two at a time."""

import asyncio

import pytest
from gates import WITHIN_S, race, waits

from tidings.app.house import House
from tidings.domain.errors import Fault
from tidings.domain.order import Draft, OnFault, Order, Taken
from tidings.domain.outcome import Next, Refused, Unknown
from tidings.domain.outcome import Taken as TakenUp
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.accept import FEW
from tidings.flows.close import UNHEARD_FOR
from tidings.flows.dispatch import Dispatch
from tidings.flows.points import Point
from tidings.store.flights import become_courier


async def order(world, *references, text="hello", first=1):
    caller = await world.gateway.caller_by_key(world.key)
    drafts = [
        Draft(f"38097200000{n}", "Tidings", text, reference) for n, reference in enumerate(references, first)
    ]
    return Order(caller, "native", drafts, on_fault=OnFault.SKIP, validity_s=3600)


async def sent(world, *references, text="hello", first=1):
    receipted = await world.gateway.accept(await order(world, *references, text=text, first=first))
    return [row.id for row in receipted.rows]


async def sent_one_by_one(world, *references, text="hello"):
    return [(await sent(world, one, text=text, first=n))[0] for n, one in enumerate(references, 1)]


def taken(handovers):
    return [flight.message_id for one in handovers for flight in one.flights if flight.part == 1]


async def test_a_reference_that_two_processes_accept_at_once_is_one_message(ring):
    other = await House.on(ring.database, ring.clock)
    first, second, waited = await race(
        ring,
        ring.gateway.accept(await order(ring, "same")),
        other.accept(await order(ring, "same")),
        at=Point.ACCEPT_WRITTEN,
    )
    await other.close()
    assert isinstance(first.rows[0], Taken) and second.rows == [Fault.REFERENCE_TAKEN] and waited
    assert await ring.sql.fetchval("select count(*) from message") == 1


async def test_two_processes_do_not_spend_the_same_money(ring):
    await ring.sql.execute("update ledger set amount = 200000; update account set balance = 200000")
    other = await House.on(ring.database, ring.clock)
    first, second, _ = await race(
        ring,
        ring.gateway.accept(await order(ring, "a")),
        other.accept(await order(ring, "b")),
        at=Point.ACCEPT_WRITTEN,
    )
    await other.close()
    assert isinstance(first.rows[0], Taken) and second.rows == [Fault.NO_CREDIT]
    assert (await ring.gateway.balance(ring.account_id)).amount == 0


async def test_a_small_order_does_not_wait_for_a_large_one_of_another_account(ring):
    other = await ring.other_account()
    caller = await ring.gateway.caller_by_key(other.key)
    draft = Draft("380972000001", "Tidings", "hello")
    large, small, waited = await race(
        ring,
        ring.gateway.accept(await order(ring, *map(str, range(FEW + 1)))),
        ring.gateway.accept(Order(caller, "native", [draft], on_fault=OnFault.SKIP, validity_s=3600)),
        at=Point.ACCEPT_WRITTEN,
    )
    assert len(large.rows) == FEW + 1 and isinstance(small.rows[0], Taken) and not waited


@pytest.mark.parametrize(
    ("text", "at"), [("x" * 200, Point.DISPATCH_CLAIMED), ("x", Point.DISPATCH_COMMITTED)]
)
async def test_two_couriers_claim_different_messages_and_none_waits_for_the_other(ring, text, at):
    wanted = await sent_one_by_one(ring, "a", "b", "c", text=text)
    rival = Dispatch(
        ring.database,
        clock=ring.clock,
        connector_id=ring.connector_id,
        courier_id=lambda: ring.courier_id,
    )
    first, second, waited = await race(ring, ring.dispatcher().take(1), rival.take(30), at=at)
    assert sorted(taken(first) + taken(second)) == wanted and not waited
    assert taken(first)


async def test_a_claim_passes_over_what_another_one_is_just_taking(ring):
    wanted = await sent_one_by_one(ring, "a", "b", "c")
    rival = await ring.database.connect()
    async with asyncio.timeout(WITHIN_S):
        async with rival.transaction():
            await rival.execute("select from outbox where message_id = $1 for update", wanted[0])
            taking = asyncio.create_task(ring.take())
            waited = await waits(ring, taking)
        pairs = await taking
    await rival.close()
    assert [flight.message_id for flight, _ in pairs] == wanted[1:] and not waited


@pytest.mark.parametrize(
    ("text", "at"), [("x" * 200, Point.DISPATCH_CLAIMED), ("x", Point.DISPATCH_COMMITTED)]
)
async def test_two_couriers_share_a_run_and_no_message_of_it_goes_twice(ring, text, at):
    wanted = await sent(ring, *"abcdef", text=text)
    rival = Dispatch(
        ring.database,
        clock=ring.clock,
        connector_id=ring.connector_id,
        courier_id=lambda: ring.courier_id,
    )
    first, second, waited = await race(ring, ring.dispatcher().take(4), rival.take(4), at=at)
    rest = await rival.take(30)
    assert sorted(taken(first) + taken(second) + taken(rest)) == wanted and not waited
    assert taken(first) == wanted[: 4 if text == "x" else 2]


async def test_while_a_courier_takes_from_a_run_another_one_takes_from_the_next(ring):
    runs = [await sent(ring, *names, text="x" * 200, first=3 * n) for n, names in enumerate(("abc", "def"))]
    rival = Dispatch(
        ring.database,
        clock=ring.clock,
        connector_id=ring.connector_id,
        courier_id=lambda: ring.courier_id,
    )
    first, second, waited = await race(
        ring, ring.dispatcher().take(2), rival.take(2), at=Point.DISPATCH_CLAIMED
    )
    assert (taken(first), taken(second), waited) == (runs[0][:1], runs[1][:1], False)
    assert taken(await rival.take(30)) == runs[0][1:] + runs[1][1:]


async def test_a_message_that_two_routes_lose_at_once_goes_to_the_next_one_once(ring):
    [message_id] = await sent(ring, "a", text="x" * 200)
    (one, _), (two, _) = await ring.take()
    refused = Refused(Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP, "0x0000000a")
    await race(
        ring,
        ring.record([ring.answer(one, refused)]),
        ring.record([ring.answer(two, refused)]),
        at=Point.ANSWERS_WRITTEN,
    )
    assert len((await ring.replayed(message_id)).attempts) == 2
    assert await ring.sql.fetchval("select count(*) from outbox") == 1


async def lost(world):
    """A message whose courier is gone before it recorded the answer."""
    [message_id] = await sent(world, "a")
    [(flight, _)] = await world.take()
    await world.sql.execute("select pg_advisory_unlock_all()")
    world.courier_id = await become_courier(world.sql)
    return message_id, flight


async def test_an_answer_that_comes_while_its_courier_is_buried_is_heard(ring):
    message_id, flight = await lost(ring)
    found, _, waited = await race(
        ring,
        ring.close_flow().recover(),
        ring.record([ring.answer(flight, TakenUp("up1"))]),
        at=Point.RECOVER_WRITTEN,
    )
    assert found == 1 and waited
    assert (await ring.message(message_id)).standing.state is State.SENT


async def test_who_buries_a_courier_leaves_what_is_being_answered_alone(ring):
    message_id, flight = await lost(ring)
    _, found, waited = await race(
        ring,
        ring.recorder()([ring.answer(flight, TakenUp("up1"))]),
        ring.close_flow().recover(),
        at=Point.ANSWERS_WRITTEN,
    )
    assert found == 0 and not waited
    assert (await ring.message(message_id)).standing.state is State.SENT


async def test_an_answer_that_was_folded_as_its_courier_was_buried_is_weighed_again(ring):
    message_id, flight = await lost(ring)
    _, found, _ = await race(
        ring,
        ring.record([ring.answer(flight, TakenUp("up1"))]),
        ring.close_flow().recover(),
        at=Point.HEARD_FOLDED,
    )
    assert found == 1
    assert (await ring.message(message_id)).standing.state is State.SENT
    log = await ring.gateway.timeline(ring.account_id, message_id)
    assert [line.kind for line in log] == ["accepted", "written", "doubt", "answered"]


async def test_a_timeout_noticed_after_the_second_try_says_nothing_of_that_one(ring):
    message_id, flight = await lost(ring)
    await ring.close_flow().recover()
    ring.clock.advance(61)
    await ring.sweep()
    [(again, _)] = await ring.take()
    await ring.record([ring.answer(flight, Unknown("timeout"))])
    assert again.try_no == 2
    assert (await ring.message(message_id)).standing.state is State.SENDING


async def test_a_courier_that_lives_is_not_buried(ring):
    [message_id] = await sent(ring, "a")
    await ring.take()
    assert await ring.close_flow().recover() == 0
    assert (await ring.message(message_id)).standing.state is State.SENDING


async def test_what_nobody_answers_for_is_in_doubt_in_the_end_although_its_courier_lives(ring):
    [message_id] = await sent(ring, "a")
    await ring.take()  # its confirmation was lost: no line knows of it
    ring.clock.advance(UNHEARD_FOR.total_seconds() + 1)
    assert await ring.close_flow().recover() == 1
    assert (await ring.message(message_id)).standing.state is State.IN_DOUBT
