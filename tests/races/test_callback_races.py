"""Two senders of callbacks at once, and what else wants the same rows."""

from datetime import timedelta

import pytest
from gates import race
from test_sending_races import order

from tidings.flows.callbacks import LEASE, Callbacks
from tidings.flows.points import Point


def sender(world):
    return Callbacks(
        world.database, clock=world.clock, chance=lambda: 0.5, give_up_after=timedelta(seconds=86_400)
    )


async def owed(world, *references):
    """Messages that were delivered and are to be called back; their ids."""
    await world.admin.set_callback(world.account_id, "http://customer.example/", each=False)
    await world.reopen()
    one = await order(world, *references)
    one.calls_back = True
    ids = [row.id for row in (await world.gateway.accept(one)).rows]
    await world.deliver_all()
    return ids


async def expired(world, reference):
    """A message that is to be called back as expired; its id, and what the carrier may say later."""
    await world.admin.set_callback(world.account_id, "http://customer.example/", each=False)
    await world.reopen()
    one = await order(world, reference)
    one.calls_back = True
    [message_id] = [row.id for row in (await world.gateway.accept(one)).rows]
    await world.dispatch()
    await world.says(message_id, "EXPIRED")
    return message_id


def said(turn):
    return [one.message.standing.state for one in turn.tellings]


def told(turn):
    return [one.message.id for one in turn.tellings]


async def test_two_senders_share_no_lane_and_none_waits_for_the_other(ring):
    ids = await owed(ring, "a", "b", "c")
    first, second, waited = await race(
        ring, sender(ring).turn([], limit=10), sender(ring).turn([], limit=10), at=Point.CALLBACKS_LEASED
    )
    assert told(first) == ids and told(second) == [] and not waited


async def test_a_lane_that_is_let_go_of_is_told_from_what_is_left_of_it(ring):
    """Who takes it over reads it after it was let go of, and what was told by then."""
    ids = await owed(ring, "a", "b")
    slow, quick = sender(ring), sender(ring)
    first = await slow.turn([], limit=1)
    answered = [slow.heard(one.callback, 200) for one in first.tellings]
    _, second, waited = await race(
        ring, slow.turn(answered, limit=0), quick.turn([], limit=10), at=Point.CALLBACKS_WRITTEN
    )
    assert told(second) == [] and not waited
    assert told(await quick.turn([], limit=10)) == ids[1:]


async def test_one_told_by_two_because_its_lease_was_over_is_noted_once(ring):
    await owed(ring, "a")
    slow, quick = sender(ring), sender(ring)
    late = await slow.turn([], limit=10)
    ring.clock.advance(LEASE.total_seconds())
    again = await quick.turn([], limit=10)
    assert told(late) == told(again)
    await race(
        ring,
        slow.turn([slow.heard(one.callback, 200) for one in late.tellings], limit=0),
        quick.turn([quick.heard(one.callback, 200) for one in again.tellings], limit=0),
        at=Point.CALLBACKS_WRITTEN,
    )


@pytest.mark.parametrize(("status", "why"), [(500, "http_500"), (0, "address_refused")])
async def test_a_failure_that_is_recorded_beside_a_success_undoes_nothing(ring, status, why):
    await owed(ring, "a")
    slow, quick = sender(ring), sender(ring)
    late = await slow.turn([], limit=10)
    ring.clock.advance(LEASE.total_seconds())
    again = await quick.turn([], limit=10)
    await race(
        ring,
        quick.turn([quick.heard(one.callback, 200) for one in again.tellings], limit=0),
        slow.turn([slow.heard(one.callback, status, why) for one in late.tellings], limit=0),
        at=Point.CALLBACKS_WRITTEN,
    )
    assert await ring.sql.fetchval("select count(*) from callback") == 0


async def test_giving_up_passes_over_what_is_being_told(ring):
    await owed(ring, "a")
    one = sender(ring)
    failed = await one.turn([], limit=10)
    await one.turn([one.heard(each.callback, 500, "http_500") for each in failed.tellings], limit=0)
    ring.clock.advance(86_401)
    turn, given_up, _ = await race(
        ring, one.turn([], limit=10), sender(ring).give_up_old(), at=Point.CALLBACKS_LEASED
    )
    assert len(turn.tellings) == 1 and given_up == 0


async def corrected_and_told(world, message_id, by):
    """The carrier corrects itself, and a sender has its turn."""
    await world.says(message_id, "DELIVRD")
    return await by.turn([], limit=10)


async def test_a_correction_beside_a_claim_is_told_once_and_last(ring):
    message_id = await expired(ring, "a")
    slow, quick = sender(ring), sender(ring)
    first, second, waited = await race(
        ring,
        slow.turn([], limit=10),
        corrected_and_told(ring, message_id, quick),
        at=Point.CALLBACKS_LEASED,
    )
    assert said(first) == ["delivered"], "what is read after it says it already"
    assert said(second) == [] and not waited
    last = await slow.turn([slow.heard(one.callback, 200) for one in first.tellings], limit=10)
    assert said(last) == []
    assert await ring.sql.fetchval("select count(*) from callback") == 0


async def test_a_correction_beside_the_answer_to_what_it_corrects_is_told_after_it(ring):
    message_id = await expired(ring, "a")
    slow, quick = sender(ring), sender(ring)
    first = await slow.turn([], limit=10)
    assert said(first) == ["expired"]
    answered = [slow.heard(one.callback, 200) for one in first.tellings]
    _, second, waited = await race(
        ring,
        slow.turn(answered, limit=0),
        corrected_and_told(ring, message_id, quick),
        at=Point.CALLBACKS_WRITTEN,
    )
    assert said(second) == [] and not waited, "that it is answered is not known yet"
    assert said(await quick.turn([], limit=10)) == ["delivered"]
