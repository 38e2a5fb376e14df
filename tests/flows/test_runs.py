"""Messages that are taken together wait in runs: each of them goes once, in its turn, whatever becomes of the run."""

import asyncio
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from tidings.domain.order import Dialect, Draft, OnFault, Order
from tidings.domain.outcome import Next, Refused, Taken, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.batcher import LEAST_SHARE
from tidings.flows.close import Close
from tidings.flows.dispatch import ACCOUNTS_AT_ONCE, MIN_REMAINING
from tidings.store.health import counts, late
from tidings.store.invariants import check, ended
from tidings.store.runs import LONGEST, NEXT_ORDER

LONG = "x" * 200
BUSY = Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x00000058")


async def send(world, *texts, key=None, validity_s=3600, **more):
    """The ids of the messages of one order."""
    caller = await world.gateway.caller_by_key(key or world.key)
    drafts = [Draft(f"38097{number:07d}", "BSG", text) for number, text in enumerate(texts)]
    order = Order(caller, "native", drafts, on_fault=OnFault.SKIP, validity_s=validity_s, **more)
    return [row.id for row in (await world.gateway.accept(order)).rows]


async def waiting(world):
    rows = await world.sql.fetch("select message_id, last_id from outbox order by message_id")
    return [tuple(row) for row in rows]


def ids(pairs):
    return [flight.message_id for flight, _ in pairs]


async def told(world):
    return await counts(world.sql, slack=timedelta(0))


async def test_a_large_order_waits_as_few_rows_and_is_counted_by_the_message(world):
    [first, *_] = await send(world, *["hello"] * (2 * LONGEST + 1))
    assert await waiting(world) == [
        (first, first + LONGEST - 1),
        (first + LONGEST, first + 2 * LONGEST - 1),
        (first + 2 * LONGEST, first + 2 * LONGEST),
    ]
    assert (await told(world)).queued == 2 * LONGEST + 1
    [behind] = await late(world.sql, slack=timedelta(days=-36_500))
    assert behind.messages == 2 * LONGEST + 1


async def test_messages_that_differ_wait_apart(world):
    found = await send(world, "a", "b", LONG, LONG, "c", LONG, "d", "e")
    first = found[0]
    assert await waiting(world) == [
        (first + start, first + end) for start, end in ((0, 1), (2, 3), (4, 4), (5, 5), (6, 7))
    ]
    assert await check(world.sql) == []
    await world.deliver_all()
    assert {(await world.message(one)).standing.state for one in found} == {State.DELIVERED}
    assert await check(world.sql) == []


async def test_what_was_refused_is_in_no_run(world):
    caller = await world.gateway.caller_by_key(world.key)
    drafts = [Draft(one, "BSG", "hello") for one in ("380972000001", "12", "380972000002", "380972000003")]
    order = Order(caller, "native", drafts, on_fault=OnFault.RECORD, validity_s=3600)
    one, _, two, three = [row.id for row in (await world.gateway.accept(order)).rows]
    assert await waiting(world) == [(one, one), (two, three)]
    assert await check(world.sql) == []


async def test_orders_of_one_message_wait_by_themselves_if_each_was_taken_alone(world):
    found = [(await send(world, "hello"))[0] for _ in range(3)]
    assert await waiting(world) == [(one, one) for one in found]


async def send_at_once(world, *texts):
    """The ids of the messages of as many orders, which one transaction takes."""
    assert len(texts) <= LEAST_SHARE
    return [one for [one] in await asyncio.gather(*(send(world, text) for text in texts))]


async def test_orders_of_one_message_that_were_taken_together_wait_in_a_run(world):
    await send(world, "hello")  # from here on ids are known ahead
    found = await send_at_once(world, *["hello"] * 4, LONG, *["hello"] * 3)
    rows = await world.sql.fetch("select message_id, last_id, step from outbox order by message_id offset 1")
    runs = [
        (found[0], found[3], NEXT_ORDER),
        (found[4], found[4], NEXT_ORDER),
        (found[5], found[7], NEXT_ORDER),
    ]
    assert [tuple(row) for row in rows] == runs
    assert (await told(world)).queued == 9
    assert await check(world.sql) == []
    await world.deliver_all()
    assert await ended(world.sql) == []


async def test_of_orders_that_wait_in_a_run_each_goes_once_and_the_rest_goes_on(world):
    await send(world, "hello")
    [first] = ids(await world.take())
    found = await send_at_once(world, *["hello"] * 8)
    assert ids(await world.take(4)) == found[:4]
    assert await waiting(world) == [(found[4], found[-1])]
    assert await check(world.sql) == []
    world.clock.advance(3600)
    assert await world.close_flow()._expire(2) == 2
    assert await waiting(world) == [(found[6], found[-1])]
    assert await check(world.sql) == []
    await world.close_flow().sweep()
    states = {one: (await world.message(one)).standing.state for one in [first, *found]}
    assert [one for one, state in states.items() if state is State.EXPIRED] == found[4:]
    assert await check(world.sql) == []


@pytest.mark.parametrize("text", ["hello", LONG])
async def test_a_claim_takes_the_beginning_of_a_run_and_the_next_one_goes_on(world, text):
    found = await send(world, *[text] * 10)
    room = 3 if text == "hello" else 6
    assert list(dict.fromkeys(ids(await world.take(room)))) == found[:3]
    assert await waiting(world) == [(found[3], found[-1])]
    assert await check(world.sql) == []
    assert list(dict.fromkeys(ids(await world.take()))) == found[3:]
    assert await waiting(world) == []
    assert await check(world.sql) == []


async def test_a_claim_of_some_runs_and_a_beginning_of_the_next_leaves_its_rest(world):
    found = await send(world, "a", "b", LONG, "c", "d", "e")
    assert ids(await world.take(2)) == [found[0], found[1]]  # the long one's turn is next
    assert ids(await world.take(2)) == [found[3], found[2], found[2]]
    assert await waiting(world) == [(found[4], found[5])]
    assert await check(world.sql) == []


async def test_a_run_of_one_account_does_not_hold_up_the_only_message_of_another(world):
    other = await world.other_account()
    many = await send(world, *["hello"] * (LONGEST + 500))
    world.clock.advance(1)
    [one] = await send(world, "hello", key=other.key)
    taken = ids(await world.take(10))
    assert sorted(taken) == [*many[:5], one]


async def test_shares_that_are_smaller_than_runs_are_equal(world):
    accounts = [await world.other_account(f"customer-{number}") for number in range(ACCOUNTS_AT_ONCE + 2)]
    for account in accounts:
        await send(world, *["hello"] * 5, key=account.key)
    dispatcher, taken, rounds = world.dispatcher(), Counter(), 0
    while handovers := await dispatcher.take(2 * ACCOUNTS_AT_ONCE):
        taken.update(flight.account_id for one in handovers for flight in one.flights)
        rounds += 1
        if rounds == 2:  # everybody once, and those again whose turn it was first
            assert len(taken) == len(accounts) and max(taken.values()) == 4
    assert set(taken.values()) == {5}
    assert await check(world.sql) == []


async def test_however_runs_are_split_each_message_goes_once_and_in_its_accounts_order(world):
    chance = Random(7)
    other = await world.other_account()
    sent = {world.account_id: [], other.account_id: []}
    for customer in (world, other) * 4:
        texts = chance.choices(["hello", LONG], weights=[9, 1], k=chance.randint(1, 40))
        sent[customer.account_id] += await send(world, *texts, key=customer.key)
        world.clock.advance(1)
    short = {account_id: [] for account_id in sent}
    gone, dispatcher = Counter(), world.dispatcher()
    while handovers := await dispatcher.take(chance.randint(1, 30)):
        for flight in (flight for one in handovers for flight in one.flights):
            gone[flight.message_id] += flight.part == 1
            if not flight.reference:
                short[flight.account_id].append(flight.message_id)
        assert await check(world.sql) == []
    assert gone == Counter(one for its in sent.values() for one in its)
    assert all(its == sorted(its) for its in short.values())


async def test_a_claim_locks_no_run_that_it_takes_nothing_of(world):
    await send(world, *["hello"] * (3 * LONGEST))
    async with world.database.transaction() as tx:
        claimed = await tx.claim(
            world.connector_id,
            dict.fromkeys(range(3), 0),
            courier_id=world.courier_id,
            now=world.clock.now(),
            remaining=MIN_REMAINING,
            accounts=ACCOUNTS_AT_ONCE,
            room=LONGEST,
        )
        assert sum(len(one.message_ids) for one in claimed.taken) == LONGEST
        assert len(await world.sql.fetch("select from outbox for update skip locked")) == 2


async def test_what_goes_back_to_the_queue_waits_beside_the_rest_of_its_run(world):
    found = await send(world, *["hello"] * 6)
    pairs = await world.take(4)
    said = [Taken("up1"), Unwritten("link_lost"), BUSY, Taken("up2")]
    await world.record([world.answer(flight, one) for (flight, _), one in zip(pairs, said, strict=True)])
    assert await waiting(world) == [(found[1],) * 2, (found[2],) * 2, (found[4], found[5])]
    assert await check(world.sql) == []
    world.clock.advance(2)
    assert sorted(ids(await world.take())) == [found[1], found[2], *found[4:]]
    assert await check(world.sql) == []


async def test_a_run_that_is_scheduled_waits_for_its_start(world):
    found = await send(world, *["hello"] * 5, scheduled_for=world.clock.now() + timedelta(hours=1))
    assert await world.take() == []
    world.clock.advance(3600)
    assert ids(await world.take()) == found


@pytest.mark.parametrize("text", ["hello", LONG])
async def test_what_is_left_of_a_run_expires_by_the_message_and_in_small_steps(world, text):
    found = await send(world, *[text] * 10)
    went = dict.fromkeys(ids(await world.take(2 if text == "hello" else 4)))
    world.clock.advance(3600)
    async with world.database.transaction() as tx:
        assert [one.message_id for one in await tx.overdue(now=world.clock.now(), limit=3)] == found[2:5]
    assert (await told(world)).unattended == 8
    assert await world.close_flow().sweep(limit=3) == 8
    assert await waiting(world) == []
    for one in found:
        state = (await world.message(one)).standing.state
        assert (state is State.EXPIRED) == (one not in went)
    assert await check(world.sql) == []


async def test_a_step_that_ends_in_a_run_leaves_its_rest_to_the_next(world):
    found = await send(world, *["hello"] * 10)
    world.clock.advance(3600)
    flow: Close = world.close_flow()
    assert await flow._expire(4) == 4
    assert await waiting(world) == [(found[4], found[-1])]
    assert await check(world.sql) == []
    await flow.sweep()
    assert await ended(world.sql) == []


async def test_messages_of_a_claim_that_agree_go_in_the_order_in_which_they_came(world):
    caller = await world.gateway.caller_by_key(world.key)
    for number in range(40):
        draft = Draft(
            f"3809700{(number * 7_919) % 100_000:05d}", ("One", "Two")[number % 2], f"{99 - number}"
        )
        await world.gateway.accept(Order(caller, Dialect.NATIVE, [draft], OnFault.SKIP, 3_600))
    taken = await world.dispatcher().take(30)
    assert len(taken) == 2
    for one in taken:
        ids = [flight.message_id for flight in one.flights]
        assert ids == sorted(ids)
