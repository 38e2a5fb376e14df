"""Callbacks: who is owed one, who claims it, and what becomes of it."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from tidings.domain.callback import FIRST_ROOM
from tidings.domain.order import Dialect, Draft, Extras, OnFault, Order
from tidings.flows.callbacks import ADDRESS_REFUSED, LEASE, Callbacks
from tidings.store import invariants
from tidings.store.callback_news import moment

URL = "http://customer.example/dlr"
DAY_S = 86_400


@pytest.fixture
def sender(world):
    return new_sender(world)


def new_sender(world):
    return Callbacks(
        world.database, clock=world.clock, chance=lambda: 0.5, give_up_after=timedelta(seconds=DAY_S)
    )


async def send(world, reference, *, key=None, url=URL, rows=1, **members):
    """Messages by v1; their ids."""
    body = {
        "destination": "phones",
        "originator": "BSG",
        "body": "Hi",
        "phones": [{"msisdn": str(380972920000 + n), "reference": f"{reference}{n}"} for n in range(rows)],
        **members,
    }
    if url:
        body["callback_url"] = url
    answer = (
        await world.http.post("/rest/sms/create", json=body, headers={"X-API-KEY": key or world.key})
    ).json()
    rows = answer["result"] if isinstance(answer["result"], list) else [answer["result"]]
    return [int(row["id"]) for row in rows]


async def tell(sender, turn, status=200, why=""):
    """Record that all of a turn's callbacks were told with this answer."""
    return await sender.turn(heard(sender, turn, status, why), limit=0)


def heard(sender, turn, status=200, why=""):
    return [sender.heard(one.callback, status, why) for one in turn.tellings]


def said(turn):
    return [one.message.standing.state for one in turn.tellings]


async def notes(world, message_id):
    async with world.database.reading() as tx:
        found = await tx.callback_notes(world.account_id, message_id)
    return [(one.number, one.standing, one.tries, one.status, one.why) for one in found]


async def holds(world):
    assert await invariants.check(world.sql) == []


async def test_a_final_status_is_told_once_to_the_url_of_the_request(world, sender):
    [message_id] = await send(world, "a")
    assert (await sender.turn([], limit=10)).tellings == []
    await world.deliver_all()
    turn = await sender.turn([], limit=10)
    [telling] = turn.tellings
    assert (telling.message.id, telling.to.origin, telling.to.target) == (
        message_id,
        "http://customer.example",
        "/dlr",
    )
    assert telling.message.standing.state == "delivered"
    await tell(sender, turn)
    assert await notes(world, message_id) == [(1, "delivered", 1, 200, "")]
    world.clock.advance(DAY_S)
    assert (await sender.turn([], limit=10)).tellings == []
    await holds(world)


async def test_a_request_without_a_url_uses_the_accounts_and_an_account_without_one_is_not_called(
    world, sender
):
    await send(world, "silent", url=None)
    await world.admin.set_callback(world.account_id, "https://customer.example/all", each=False)
    [by_account] = await send(world, "a", url=None)
    [by_request] = await send(world, "b")
    await world.deliver_all()
    told = {one.message.id: one.to for one in (await sender.turn([], limit=10)).tellings}
    assert {key: to.target for key, to in told.items()} == {by_account: "/all", by_request: "/dlr"}
    await holds(world)


async def test_the_accounts_url_counts_as_it_is_when_it_is_called(world, sender):
    await world.admin.set_callback(world.account_id, "https://old.example/", each=False)
    first, second = await send(world, "a", url=None, rows=2)
    await world.deliver_all()
    await world.admin.set_callback(world.account_id, "https://new.example/", each=False)
    turn = await sender.turn([], limit=1)
    assert turn.tellings[0].to.host == "new.example"
    await world.admin.set_callback(world.account_id, None, each=False)
    assert (await sender.turn([], limit=10)).tellings == []
    assert await notes(world, second) == [(1, "given_up", 1, 0, "no_url")]
    assert first != second
    await holds(world)


async def test_other_apis_do_not_call_back(world, sender):
    await world.admin.set_callback(world.account_id, URL, each=True)
    answer = await world.http.post(
        "/sms/2/text/advanced",
        json={"messages": [{"from": "BSG", "destinations": [{"to": "380972920000"}], "text": "Hi"}]},
        headers={"Authorization": f"App {world.key}"},
    )
    assert answer.status_code == 200
    await world.deliver_all()
    assert (await sender.turn([], limit=10)).tellings == []
    await holds(world)


async def test_an_account_may_also_be_told_of_handing_over(world, sender):
    await world.admin.set_callback(world.account_id, URL, each=True)
    [message_id] = await send(world, "a", url=None)
    await world.dispatch()
    turn = await sender.turn([], limit=10)
    assert [(one.callback.number, one.message.standing.state) for one in turn.tellings] == [(0, "sent")]
    await tell(sender, turn)
    await world.says(message_id, "DELIVRD")
    await tell(sender, await sender.turn([], limit=10))
    assert [note[:2] for note in await notes(world, message_id)] == [(0, "delivered"), (1, "delivered")]
    await holds(world)


async def test_what_has_ended_before_it_was_told_as_handed_over_is_told_once(world, sender):
    await world.admin.set_callback(world.account_id, URL, each=True)
    [message_id] = await send(world, "a", url=None)
    await world.deliver_all()
    turn = await sender.turn([], limit=10)
    assert [one.callback.number for one in turn.tellings] == [1]
    await tell(sender, turn)
    assert await notes(world, message_id) == [(0, "delivered", 1, 0, ""), (1, "delivered", 1, 200, "")]
    await holds(world)


async def test_a_correction_is_told_as_well(world, sender):
    [message_id] = await send(world, "a")
    await world.dispatch()
    await world.says(message_id, "UNDELIV")
    world.clock.advance(601)
    await world.sweep()
    first = await sender.turn([], limit=10)
    await tell(sender, first)
    await world.says(message_id, "DELIVRD")
    second = await sender.turn([], limit=10)
    said = [one.message.standing.state for one in (*first.tellings, *second.tellings)]
    assert said == ["undeliverable", "delivered"]
    assert [one.callback.number for one in second.tellings] == [2]
    await holds(world)


async def test_a_failed_callback_is_tried_again_after_growing_pauses_and_then_given_up(world, sender):
    [message_id] = await send(world, "a")
    await world.deliver_all()
    pauses = []
    while (due_at := await world.sql.fetchval("select due_at from callback")) is not None:
        sender = new_sender(world)  # which knows nothing of a server that is down
        pauses.append((due_at - world.clock.now()).total_seconds())
        if pauses[-1] > 0:
            world.clock.advance(pauses[-1] - 1)
            assert (await sender.turn([], limit=10)).tellings == []
            world.clock.advance(1)
        turn = await sender.turn([], limit=10)
        await tell(sender, turn, 500, "http_500")
        await holds(world)
    assert pauses[:5] == [0, 5, 15, 45, 135]
    assert max(pauses) == 3600 and sum(pauses) <= DAY_S
    assert await notes(world, message_id) == [(1, "given_up", len(pauses), 500, "http_500")]


async def test_what_was_given_up_can_be_tried_again(world, sender):
    [message_id] = await send(world, "a")
    await world.deliver_all()
    await tell(sender, await sender.turn([], limit=10), 0, ADDRESS_REFUSED)
    assert await notes(world, message_id) == [(1, "given_up", 1, 0, "address_refused")]
    await holds(world)
    async with world.database.transaction() as tx:
        assert await tx.try_callbacks_again("acme", message_id=None, now=world.clock.now()) == 1
    await tell(sender, await sender.turn([], limit=10))
    assert await notes(world, message_id) == [(1, "delivered", 1, 200, "")]
    await holds(world)


async def test_a_claim_is_a_lease_that_ends_with_its_holder(world, sender):
    [message_id] = await send(world, "a")
    await world.deliver_all()
    assert len((await sender.turn([], limit=10)).tellings) == 1  # and dies
    other = new_sender(world)
    world.clock.advance(LEASE.total_seconds() - 1)
    assert (await other.turn([], limit=10)).tellings == []
    world.clock.advance(1)
    turn = await other.turn([], limit=10)
    assert [one.message.id for one in turn.tellings] == [message_id]
    await tell(other, turn)
    await holds(world)


async def test_two_that_told_the_same_note_it_once(world, sender):
    [message_id] = await send(world, "a")
    await world.deliver_all()
    slow = await sender.turn([], limit=10)
    world.clock.advance(LEASE.total_seconds())
    other = new_sender(world)
    quick = await other.turn([], limit=10)
    await tell(other, quick)
    await tell(sender, slow)
    assert await notes(world, message_id) == [(1, "delivered", 1, 200, "")]
    await holds(world)


async def test_what_was_told_after_another_had_claimed_it_is_not_told_once_more(world, sender):
    [message_id] = await send(world, "a")
    await world.deliver_all()
    slow = await sender.turn([], limit=10)
    world.clock.advance(LEASE.total_seconds())
    await new_sender(world).turn([], limit=10)  # and dies
    await tell(sender, slow)
    world.clock.advance(LEASE.total_seconds())
    assert (await new_sender(world).turn([], limit=10)).tellings == []
    assert await notes(world, message_id) == [(1, "delivered", 1, 200, "")]


async def test_what_stands_where_a_callback_stood_is_not_taken_for_it(world, sender):
    await send(world, "a", rows=2)
    await world.deliver_all()
    one, other = [telling.callback for telling in (await sender.turn([], limit=10)).tellings]
    there = replace(one, place=other.place)  # its row has moved, and another was written in its place
    await sender.turn([sender.heard(there, 200)], limit=0)
    assert await notes(world, one.message_id) == [(1, "delivered", 1, 200, "")]
    assert [standing for _, standing, *_ in await notes(world, other.message_id)] == ["pending"]


async def test_what_is_given_back_is_anybodys_at_once(world, sender):
    await send(world, "a")
    await world.deliver_all()
    turn = await sender.turn([], limit=10)
    await sender.give_back([one.callback for one in turn.tellings])
    assert len((await new_sender(world).turn([], limit=10)).tellings) == 1


async def test_a_customer_with_a_thousand_callbacks_does_not_delay_another_with_one(world, sender):
    other = await world.other_account()
    await send(world, "many", rows=300)
    await world.deliver_all()
    world.clock.advance(1)
    await send(world, "one", key=other.key)
    await world.deliver_all()
    turn = await sender.turn([], limit=100)
    accounts = [one.callback.lane_key[0] for one in turn.tellings]
    assert accounts.count(world.account_id) == FIRST_ROOM
    assert accounts.count(other.account_id) == 1


async def test_turns_that_are_full_go_round_the_lanes(world, sender):
    others = [world.customer, *[await world.other_account(f"c{n}") for n in range(3)]]
    for one in others:
        await send(world, "a", key=one.key, rows=5)
    await world.deliver_all()
    seen = []
    for _ in range(4):
        turn = await sender.turn([], limit=5)
        assert turn.more
        seen.append({one.callback.lane_key[0] for one in turn.tellings})
    assert seen == [{one.account_id} for one in others]


async def test_a_server_that_fails_is_asked_less_and_one_that_answers_more(world, sender):
    await send(world, "a", rows=200)
    await world.deliver_all()
    turn = await sender.turn([], limit=1000)
    assert len(turn.tellings) == FIRST_ROOM
    turn = await sender.turn(heard(sender, turn), limit=1000)
    assert len(turn.tellings) == 2 * FIRST_ROOM
    await tell(sender, turn, 0, "no_connection")
    assert (await sender.turn([], limit=1000)).tellings == []
    world.clock.advance(1)
    turn = await sender.turn([], limit=1000)
    assert len(turn.tellings) == 1, "one asks whether it is back"
    await tell(sender, turn)
    assert len((await sender.turn([], limit=1000)).tellings) == 2
    await holds(world)


async def test_what_waits_too_long_for_a_server_that_is_down_is_given_up(world, sender):
    ids = await send(world, "a", rows=40)
    await world.deliver_all()
    await tell(sender, await sender.turn([], limit=1000), 0, "no_connection")
    assert await sender.give_up_old() == 0
    world.clock.advance(DAY_S + 1)
    assert await new_sender(world).give_up_old() == FIRST_ROOM, "what was never tried may be another's to try"
    assert await sender.give_up_old() == 40 - FIRST_ROOM
    assert {(await notes(world, one))[0][4] for one in ids} == {"no_connection", "not_tried"}
    await holds(world)


@pytest.mark.parametrize("remembered", [False, True])
async def test_a_message_refused_as_it_is_taken_is_told_too(world, sender, remembered):
    if remembered:
        await send(world, "before")
    caller = await world.gateway.caller_by_key(world.key)
    draft = Draft("12", "BSG", "Hi", extras=Extras(callback_url=URL))
    order = Order(caller, Dialect.BSG_V1, [draft], OnFault.RECORD, 3600, calls_back=True)
    await world.gateway.accept(order)
    turn = await sender.turn([], limit=10)
    assert [one.message.standing.state for one in turn.tellings] == ["rejected"]
    await holds(world)


async def test_no_callback_of_a_message_is_told_while_another_is_in_hand(world, sender):
    await world.admin.set_callback(world.account_id, URL, each=True)
    [message_id] = await send(world, "a", url=None)
    await world.dispatch()
    first = await sender.turn([], limit=10)
    assert said(first) == ["sent"]
    await world.says(message_id, "DELIVRD")
    for one in (sender, new_sender(world)):
        assert said(await one.turn([], limit=10)) == []
    assert said(await sender.turn(heard(sender, first), limit=10)) == ["delivered"]


@pytest.mark.parametrize("failed_before", [0, 1, 2])
async def test_a_correction_waits_for_what_it_corrects(world, sender, failed_before):
    [message_id] = await send(world, "a")
    await world.dispatch()
    await world.says(message_id, "EXPIRED")
    for _ in range(failed_before):
        await tell(sender, await sender.turn([], limit=10), 500, "http_500")
        world.clock.advance(60)
    first = await sender.turn([], limit=10)
    assert said(first) == ["expired"]
    await world.says(message_id, "DELIVRD")
    for one in (sender, new_sender(world)):
        assert said(await one.turn([], limit=10)) == []
    assert said(await sender.turn(heard(sender, first), limit=10)) == ["delivered"]


async def test_a_correction_waits_no_longer_than_the_lease_of_what_it_corrects(world, sender):
    [message_id] = await send(world, "a")
    await world.dispatch()
    await world.says(message_id, "EXPIRED")
    await sender.turn([], limit=10)  # and dies
    await world.says(message_id, "DELIVRD")
    world.clock.advance(LEASE.total_seconds())
    other = new_sender(world)
    turn = await other.turn([], limit=10)
    assert said(turn) == ["delivered"]
    await tell(other, turn)
    assert await notes(world, message_id) == [(1, "delivered", 1, 0, ""), (2, "delivered", 1, 200, "")]
    await holds(world)


async def test_what_is_corrected_before_it_was_told_is_told_once_and_not_after_its_pause(world, sender):
    [message_id] = await send(world, "a")
    await world.dispatch()
    await world.says(message_id, "EXPIRED")
    await tell(sender, await sender.turn([], limit=10), 500, "http_500")
    await world.says(message_id, "DELIVRD")
    turn = await sender.turn([], limit=10)
    assert said(turn) == ["delivered"], "at once: it does not wait for the other's next try"
    await tell(sender, turn)
    world.clock.advance(60)
    assert said(await sender.turn([], limit=10)) == []
    assert await notes(world, message_id) == [(1, "delivered", 2, 0, ""), (2, "delivered", 1, 200, "")]
    await holds(world)


async def test_what_is_tried_again_by_hand_is_waited_for_as_well(world, sender):
    [message_id] = await send(world, "a")
    await world.dispatch()
    await world.says(message_id, "EXPIRED")
    await tell(sender, await sender.turn([], limit=10), 0, ADDRESS_REFUSED)
    world.clock.advance(1)
    async with world.database.transaction() as tx:
        await tx.try_callbacks_again("acme", message_id=message_id, now=world.clock.now())
    assert said(await sender.turn([], limit=10)) == ["expired"]
    await world.says(message_id, "DELIVRD")
    assert said(await sender.turn([], limit=10)) == []


async def test_a_lane_is_one_senders_while_he_has_something_of_it_in_hand(world, sender):
    await send(world, "a", rows=3)
    await world.deliver_all()
    turn = await sender.turn([], limit=1)
    await sender.turn([], limit=0)
    other = new_sender(world)
    assert (await other.turn([], limit=10)).tellings == []
    await tell(sender, turn)
    assert len((await other.turn([], limit=10)).tellings) == 2
    await holds(world)


async def test_a_lane_of_which_something_is_in_hand_stays_its_senders(world, sender):
    """However long it takes until it is empty."""
    await send(world, "a", rows=20)
    await world.deliver_all()
    turn = await sender.turn([], limit=1)
    for _ in range(9):
        world.clock.advance(LEASE.total_seconds() / 4)
        turn = await sender.turn(heard(sender, turn), limit=1)
        assert len(turn.tellings) == 1
        assert (await new_sender(world).turn([], limit=10)).tellings == []


async def test_a_sender_that_slept_does_not_go_on_with_a_lane_that_is_anothers(world, sender):
    await send(world, "a", rows=3)
    await world.deliver_all()
    slept = await sender.turn([], limit=1)
    world.clock.advance(LEASE.total_seconds())
    assert len((await new_sender(world).turn([], limit=1)).tellings) == 1
    assert (await sender.turn(heard(sender, slept), limit=10)).tellings == []
    world.clock.advance(LEASE.total_seconds())
    assert len((await sender.turn([], limit=10)).tellings) == 2
    await holds(world)


async def test_leases_of_the_dead_are_forgotten(world, sender):
    await send(world, "a")
    await world.deliver_all()
    await sender.turn([], limit=1)  # and dies
    world.clock.advance(LEASE.total_seconds() - 1)
    await new_sender(world).give_up_old()
    assert await world.sql.fetchval("select count(*) from callback_lease") == 1
    world.clock.advance(LEASE.total_seconds() + 2)
    await new_sender(world).give_up_old()
    assert await world.sql.fetchval("select count(*) from callback_lease") == 0


async def test_nothing_is_given_up_that_is_being_told(world, sender):
    await send(world, "a", rows=2)
    await world.deliver_all()
    await tell(sender, await sender.turn([], limit=10), 500, "http_500")
    world.clock.advance(DAY_S + 1)
    turn = await sender.turn([], limit=1)
    assert len(turn.tellings) == 1
    assert await new_sender(world).give_up_old() == 0, "the lane is another's"
    assert await sender.give_up_old() == 1
    await tell(sender, turn)
    await holds(world)


async def test_those_that_have_to_wait_do_not_hold_up_the_lane(world, sender):
    waiting = await send(world, "a", rows=FIRST_ROOM)
    await world.dispatch()
    for message_id in waiting:
        await world.says(message_id, "EXPIRED")
    first = await sender.turn([], limit=1000)
    for message_id in waiting:
        await world.says(message_id, "DELIVRD")
    [last] = await send(world, "b")
    await world.deliver_all()
    one = first.tellings[0]
    turn = await sender.turn([sender.heard(one.callback, 200)], limit=1000)
    assert [one.message.id for one in turn.tellings] == [one.message.id, last]


@pytest.mark.parametrize("year", [1970, 1999, 2000, 2026, 2999])
async def test_times_are_read_to_the_microsecond(world, year):
    for time in (datetime(year, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)):
        assert moment(await world.sql.fetchval("select timestamptz_send($1::timestamptz)", time)) == time
