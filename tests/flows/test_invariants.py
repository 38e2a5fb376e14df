"""The invariants hold of a busy house, and each of them notices what breaks it."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from world import open_world

from tidings.domain.evidence import Evidence, Kind
from tidings.domain.message import ReportFilter
from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.outcome import Next, Refused
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.callbacks import ADDRESS_REFUSED, Callbacks
from tidings.store.evidence import pack
from tidings.store.invariants import BILLED, CHECKS, COUNTERS, FOLDED, SUBMITTED, check, ended

DAY_S = 86_400


async def send(world, *recipients, text="hello", test=False, customer=None, **more):
    """The ids of the messages of one order."""
    customer = customer or world.customer
    caller = await world.gateway.caller_by_key(customer.test_key if test else customer.key)
    drafts = [Draft(recipient=one, sender="BSG", text=text) for one in recipients]
    order = Order(
        caller,
        "native",
        drafts,
        on_fault=more.pop("on_fault", OnFault.SKIP),
        validity_s=DAY_S,
        calls_back=True,
        **more,
    )
    return [row.id for row in (await world.gateway.accept(order)).rows]


async def call_back(world):
    """Some callbacks are told, some cannot be, some wait."""
    flow = Callbacks(
        world.database, clock=world.clock, chance=lambda: 0.5, give_up_after=timedelta(seconds=DAY_S)
    )
    tellings = (await flow.turn([], limit=1000)).tellings
    said = [(200, ""), (0, ADDRESS_REFUSED), (500, "http_500"), (0, ADDRESS_REFUSED), (200, "")]
    told = [flow.heard(one.callback, *what) for one, what in zip(tellings, said, strict=False)]
    await flow.turn(told, limit=0)


async def settled_story(world):
    """Messages that came to every kind of end."""
    await world.admin.set_callback(world.account_id, "http://customer.example/", each=True)
    other = await world.other_account(plan="delivered_only")
    [single] = await send(world, "380972000001")
    bulk = await send(world, "380972000002", "380972000003", "380972000004", "380972000005")
    [long] = await send(world, "380972000006", text="x" * 400)
    await send(world, "380972000007", test=True)
    await send(world, "380972000008", "12", on_fault=OnFault.RECORD)
    unpaid = await send(world, "380972000009", "380972000010", customer=other)
    await world.dispatch()
    await world.says(single, "DELIVRD", "000")
    await world.says(bulk[0], "DELIVRD")
    await world.says(bulk[1], "UNDELIV", "001")
    await world.says(bulk[2], "EXPIRED")
    await world.says(bulk[2], "DELIVRD")  # a correction
    await world.says(long, "DELIVRD", part=1)
    await world.says(long, "UNDELIV", "006", part=2)
    await world.says(unpaid[0], "DELIVRD")
    world.carrier.mood = "refuse"
    await send(world, "380972000011", "380972000012")
    await world.dispatch()
    world.carrier.mood = "take"
    world.clock.advance(601)
    await world.sweep()  # the long one's open part is not waited for any longer
    await call_back(world)
    assert len(await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=3)) == 3


async def rerouted(world):
    """A message that its first route refused for its own sake waits for the next."""
    second = await world.admin.add_connector("second", "smpp", {}, simulator=True)
    await world.admin.add_route(second, position=1)
    await send(world, "380972000030", text="x" * 400)
    refused = Refused(Reason.ROUTE_CONFIG, Next.GIVE_UP, "0x0000000f ESME_RINVSYSID")
    await world.record([world.answer(flight, refused) for flight, _ in await world.take()])
    assert await world.sql.fetchval(
        "select count(*) from outbox where connector_id = $1 and attempt = 2", second
    )


async def open_story(world):
    """Messages that wait for everything that can be waited for."""
    later = world.clock.now() + timedelta(hours=1)
    await send(world, "380972000021", scheduled_for=later)
    [torn] = await send(world, "380972000022", text="x" * 400)
    await send(world, "380972000023", "380972000024")
    await world.dispatch()
    await rerouted(world)
    await world.says(torn, "UNDELIV", part=1)
    world.carrier.mood = "silent"
    await send(world, "380972000025")
    await world.dispatch()
    world.carrier.mood = "throttle"
    await send(world, "380972000026", text="x" * 400)
    await world.dispatch()
    await send(world, "380972000027")
    world.carrier.mood = "take"
    [(flight, _)] = await world.take()
    await send(world, "380972000028", "380972000029")
    return flight.message_id


async def test_everything_holds_of_a_house_where_everything_happens(world):
    assert await check(world.sql) == []
    await settled_story(world)
    assert await check(world.sql) == []
    await open_story(world)
    assert await check(world.sql) == []


async def test_everything_ends_once_the_time_has_passed(world):
    await settled_story(world)
    written = await open_story(world)
    assert [one.number for one in await ended(world.sql)] == [9]
    world.clock.advance(3601)
    await world.dispatch()
    await world.sql.execute(
        "update in_flight set courier_id = courier_id + 1000 where message_id = $1", written
    )
    for _ in range(3):  # recover, decide, and what decided again
        await world.close_flow().recover()
        world.clock.advance(DAY_S)
        await world.sweep()
        assert await check(world.sql) == []
    world.clock.advance(DAY_S)
    await world.sweep()
    assert await ended(world.sql) == []
    assert await check(world.sql) == []


AGAIN = Evidence(Kind.WRITTEN, datetime(2026, 3, 3, tzinfo=UTC), State.SENDING)
[(_, _, _, WRITTEN_AGAIN)], _ = pack([((1, 1), 5, AGAIN)])
"""A pack of the fifth evidence of any message."""

FINAL = "(account_id, message_id) = (select account_id, message_id from delivery where state = 'delivered' limit 1)"
SENT = FINAL.replace("delivered", "sent")
UNHEARD = """
(account_id, id) = (select account_id, id from message m where task_id is null and price > 0 and not exists (
    select from delivery d where d.account_id = m.account_id and d.message_id = m.id) limit 1)"""

HOUSED = "every message has its task, and its status once something was heard of it"
PRICED = "an open message holds what it was accepted for, and none costs more; test traffic is free"
HOLDS = "holds = charges + releases + what open messages hold"

CALLED = "a callback that is owed waits, was delivered, or was given up"
MISQUEUED = "what waits is as long, and valid as long, as its message"
REPORTED = "a report waits or was handed out, once"
AS_OWED = "what waits is the report that is owed"
CALLED_ONCE = "a callback is owed, and owed once"

BROKEN = [
    ("every task has its messages", "update task set total = total + 1 where total = 4"),
    (
        "every task has its messages",
        "insert into task (account_id, id, total, source, validity_s, created_at)"
        " select account_id, id - 1, 1, 'rest', 60, now() from message where task_id is null limit 1",
    ),
    (
        "every message is counted in its day and its minute",
        "update message_count set messages = messages + 1 where width = 'day'",
    ),
    (
        "every message is counted in its day and its minute",
        "update message_count set last_id = last_id - 1 where width = 'minute'",
    ),
    (
        "every message of a minute whose moments are kept is in one of them",
        "update message_count set by_moment = true where width = 'minute'",
    ),
    (
        "every message of a minute whose moments are kept is in one of them",
        "insert into message_moment select account_id, created_at, 1, id from message limit 1",
    ),
    (
        HOUSED,
        "delete from delivery where FINAL",
    ),
    (HOUSED, "delete from task where total = 4"),
    ("every open part waits where somebody will look at it", "delete from outbox where part = 0"),
    ("every open part waits where somebody will look at it", "delete from outbox where part = 2"),
    (
        "every open part waits where somebody will look at it",
        "update outbox set message_id = message_id + 1 where last_id > message_id",
    ),
    (
        "every open part waits where somebody will look at it",
        "update outbox set last_id = last_id - 1 where last_id > message_id",
    ),
    (
        "every open part waits where somebody will look at it",
        "delete from in_flight where doubt_since is null",
    ),
    (
        "what was handed over is looked at again when its receipt is overdue",
        "update sweep set reached = '2027-01-01Z'",
    ),
    ("a message with a failed part is settled at a set time", "delete from timer"),
    (
        "a part is queued once",
        "insert into outbox select connector_id, lane, due_at, message_id, last_id, 1, attempt, account_id, parts,"
        " tries, reference, expires_at from outbox where part = 0 limit 1",
    ),
    (
        "a part is queued once",
        "insert into outbox select connector_id, lane, due_at, last_id, last_id, part, attempt, account_id, parts,"
        " tries, reference, expires_at from outbox where last_id > message_id",
    ),
    (MISQUEUED, "update outbox set expires_at = expires_at + interval '1 s' where last_id > message_id"),
    (MISQUEUED, "update outbox set parts = parts + 1 where last_id > message_id"),
    (
        "only what has not left us is queued",
        "update outbox set last_id = last_id + 1 where last_id > message_id",
    ),
    (
        "only what has not left us is queued",
        "insert into outbox select s.connector_id, 1, written_at, message_id, message_id, part, attempt, account_id,"
        " 1, 1, 0, expires_at from submission s join message m using (account_id)"
        " where m.id = s.message_id and m.parts = 1 limit 1",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update delivery set state = 'read' where FINAL",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update delivery set delivered_at = delivered_at + interval '1 microsecond' where FINAL",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "delete from evidence where seq > 1",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update evidence set body = '' where seq = 1 and message_id = (select min(message_id) from evidence)",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update delivery set evidence = substr(evidence, 1, length(evidence) - 2) where FINAL",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update delivery set fingerprints = null where FINAL",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update message set evidence = '' where UNHEARD",
    ),
    (
        "a status is what its evidence folds to, by legal steps",
        "update message set connector_id = connector_id + 1 where UNHEARD",
    ),
    (
        "a part is written only when it was queued for that",
        "with again as (update delivery set version = version + 1, evidence = evidence"
        " || set_byte('\\x0005', 0, message_id::integer) where FINAL"
        " returning account_id, message_id, version)"
        " insert into evidence select account_id, message_id, version, '\\xAGAIN' from again",
    ),
    (
        "a balance is top-ups - holds + releases",
        "update account set balance = balance + 1 where name = 'other'",
    ),
    (
        "what an account was charged is what its messages were",
        "insert into ledger (account_id, at, kind, amount, messages)"
        " select id, now(), kind, 5, 1 from account, unnest('{topup,hold,charge}'::ledger_kind[]) as kind"
        " where name = 'other'",
    ),
    (HOLDS, "update message set price = price + 1 where UNHEARD"),
    (
        HOLDS,
        "insert into ledger (account_id, at, kind, amount, messages)"
        " select id, now(), kind, 5, 1 from account, unnest('{hold,topup}'::ledger_kind[]) as kind"
        " where name = 'other'",
    ),
    (
        PRICED,
        "update message set price = price - 1 where id in (select message_id from delivery where FINAL)",
    ),
    (
        PRICED,
        "update message set price = price + 1 where id in (select message_id from delivery where SENT)",
    ),
    (
        "messages of a task of several are counted, and only they",
        "update message set counted = false where counted",
    ),
    (
        "messages of a task of several are counted, and only they",
        "update message set counted = true where task_id is null and not test",
    ),
    (
        "a task's counters are a recount of its messages",
        "update task_counter set handed_over = handed_over + 1",
    ),
    ("a task's counters are a recount of its messages", "update task_counter set waiting = waiting + 1"),
    ("a task's counters are a recount of its messages", "update task_counter set price = price + 1"),
    (
        "an open message holds its price; a final one has paid what its status costs",
        "update delivery set held = held + 1 where state = 'sent'",
    ),
    (
        "an open message holds its price; a final one has paid what its status costs",
        "update delivery set charged = charged + 1 where FINAL",
    ),
    (
        "a final message owes its reports, numbered from 1; an open one none",
        "delete from report where FINAL",
    ),
    (
        "a final message owes its reports, numbered from 1; an open one none",
        "update report set number = 3 where number = 2",
    ),
    (
        "a final message owes its reports, numbered from 1; an open one none",
        "update delivery set reports = 1 where SENT",
    ),
    ("the last report says what the message says now", "update report set state = 'expired' where FINAL"),
    (
        REPORTED,
        "delete from report_due where message_id = (select max(message_id) from report_due)",
    ),
    (REPORTED, "update report_pulled set message_ids[1] = message_ids[2]"),
    (
        REPORTED,
        "insert into report_pulled select account_id, message_id, now(), array[message_id], array[number]"
        " from report_due limit 1",
    ),
    (
        REPORTED,
        "update report_due set number = 3 where message_id = (select max(message_id) from report_due)",
    ),
    (AS_OWED, "update report_due set done_at = done_at - interval '1 s'"),
    (
        CALLED,
        "delete from callback where message_id = (select min(message_id) from callback where number = 1)",
    ),
    (CALLED, "delete from callback_done"),
    (CALLED, "delete from callback_given_up"),
    (CALLED, "update message set callback_lane = 1 where callback_lane is null"),
    (
        CALLED_ONCE,
        "insert into callback select account_id, lane, now(), message_id, 3, 0, 0, now() from callback limit 1",
    ),
    (
        CALLED_ONCE,
        "insert into callback select account_id, lane, now(), message_id, 0, 0, 0, now() from callback"
        " where number = 1 and (account_id, message_id) in"
        " (select account_id, message_id from delivery where sent_at is null) limit 1",
    ),
    (
        CALLED_ONCE,
        "insert into callback select account_id, lane, now(), message_id, 0, 0, 0, now() from callback"
        " where number = 0 limit 1",
    ),
    (
        CALLED_ONCE,
        "update message set callback_lane = null where id in (select message_id from delivery where SENT)",
    ),
    (
        "an id is one message",
        "insert into message (account_id, id, task_id, dialect, test, recipient, sender, text, parts, ucs2, flash,"
        " traffic_class, price, created_at, expires_at, connector_id, route_id, counted, callback_each, evidence)"
        " select account_id + 1, id, task_id, dialect, test, recipient, sender, text, parts, ucs2, flash,"
        " traffic_class, price, created_at, expires_at, connector_id, route_id, counted, callback_each, evidence"
        " from message limit 1",
    ),
    (
        "a key stands for the message that has it",
        "insert into external_key select account_id, 'reference', 'no such', id from message limit 1",
    ),
    (
        "what belongs to a message has that message's account",
        "update submission set account_id = account_id + 1",
    ),
    (
        "what belongs to a message has that message's account",
        "update in_flight set account_id = account_id + 1 where decide_at is not null",
    ),
    ("money belongs to an account", "insert into ledger values (99, default, now(), 'charge', 1, 1)"),
]


FOLLOWS = {
    HOUSED: {
        "every open part waits where somebody will look at it",
        "a status is what its evidence folds to, by legal steps",
        "what an account was charged is what its messages were",
        HOLDS,
        "a task's counters are a recount of its messages",
        "messages of a task of several are counted, and only they",
        "a final message owes its reports, numbered from 1; an open one none",
        CALLED_ONCE,
    },
    MISQUEUED: {"only what has not left us is queued"},
    PRICED: {"an open message holds its price; a final one has paid what its status costs"},
    "only what has not left us is queued": {"what belongs to a message has that message's account"},
    "what belongs to a message has that message's account": {HOUSED},
    "a part is written only when it was queued for that": {
        "a status is what its evidence folds to, by legal steps"
    },
    "messages of a task of several are counted, and only they": {
        "a task's counters are a recount of its messages"
    },
    "an open message holds its price; a final one has paid what its status costs": {
        PRICED,
        "what an account was charged is what its messages were",
        HOLDS,
        "a task's counters are a recount of its messages",
    },
    "an id is one message": {
        "every message is counted in its day and its minute",
        "every open part waits where somebody will look at it",
        "a status is what its evidence folds to, by legal steps",
        HOLDS,
        HOUSED,
    },
    "a final message owes its reports, numbered from 1; an open one none": {CALLED, REPORTED},
    "the last report says what the message says now": {AS_OWED},
    CALLED: {CALLED_ONCE},
}
"""What cannot but break with it."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def busy(new_database):
    """A world in which everything has happened. Its data are the module's: changes must not be committed."""
    async with new_database() as url, open_world(url) as world:
        await settled_story(world)
        await open_story(world)
        yield world


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("promise", "breach"), BROKEN)
async def test_a_broken_promise_is_noticed(busy, promise, breach):
    transaction = busy.sql.transaction()
    await transaction.start()
    try:
        await busy.sql.execute(
            breach.replace("FINAL", FINAL)
            .replace("SENT", SENT)
            .replace("UNHEARD", UNHEARD)
            .replace("AGAIN", WRITTEN_AGAIN.hex())
        )
        found = {one.promise: one for one in await check(busy.sql)}
    finally:
        await transaction.rollback()
    assert promise in found
    assert found.keys() - {promise} <= FOLLOWS.get(promise, set())
    assert found[promise].found >= len(found[promise].examples) > 0


def test_every_promise_is_known_to_be_noticed():
    told_again = {promise for _, promise in (FOLDED, SUBMITTED, BILLED, COUNTERS)}
    assert {one.promise for one in CHECKS} | told_again == {promise for promise, _ in BROKEN}


async def test_a_message_that_arrived_stays_arrived(world):
    [message_id] = await send(world, "380972000001")
    await world.dispatch()
    await world.says(message_id, "DELIVRD")
    await world.says(message_id, "UNDELIV")
    assert await check(world.sql) == []
