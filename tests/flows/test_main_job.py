"""The whole way of one message, and of many."""

from tidings.domain.delivery import Flag
from tidings.domain.message import ReportFilter
from tidings.domain.order import Draft, OnFault, Order, Taken
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.reports import WINDOW
from tidings.store.invariants import check


def order(caller, *recipients, text="hello", **more):
    drafts = [Draft(recipient=one, sender="BSG", text=text) for one in recipients]
    return Order(
        caller=caller,
        dialect="bsg_v1",
        drafts=drafts,
        on_fault=OnFault.SKIP,
        validity_s=259_200,
        **more,
    )


async def send(world, *recipients, **more):
    caller = await world.gateway.caller_by_key(world.key)
    answer = await world.gateway.accept(order(caller, *recipients, **more))
    assert all(isinstance(row, Taken) for row in answer.rows), answer.rows
    return answer


async def test_a_message_is_accepted_handed_over_delivered_charged_and_reported_once(world):
    answer = await send(world, "380972000001")
    message_id = answer.rows[0].id
    assert (await world.message(message_id)).standing.state is State.QUEUED
    assert (await world.gateway.balance(world.account_id)).amount == 9_999_800_000

    await world.dispatch()
    assert (await world.message(message_id)).standing.state is State.SENT
    await world.says(message_id, "DELIVRD", "000")

    message = await world.message(message_id)
    assert message.standing.state is State.DELIVERED
    assert message.price == 200_000
    assert message.sent_at and message.delivered_at and message.report_at
    reports = await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50)
    assert [one.id for one in reports] == [message_id]
    assert await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50) == []
    replayed = await world.replayed(message_id)
    assert replayed.standing == message.standing


async def test_a_lost_answer_is_in_doubt_and_its_receipt_still_finds_it(world):
    answer = await send(world, "380972000001")
    message_id = answer.rows[0].id
    world.carrier.mood = "silent"
    await world.dispatch()
    assert (await world.message(message_id)).standing.state is State.IN_DOUBT

    await world.says(message_id, "DELIVRD")
    assert (await world.message(message_id)).standing.state is State.DELIVERED
    world.clock.advance(3600)
    await world.sweep()
    assert await world.dispatch() == 0, "what is delivered is not sent again"


async def test_a_doubt_nobody_resolves_is_sent_again_once_and_flagged(world):
    answer = await send(world, "380972000001")
    world.carrier.mood = "silent"
    await world.dispatch()
    world.clock.advance(61)
    await world.sweep()
    world.carrier.mood = "take"
    await world.dispatch()
    assert len(world.carrier.submissions) == 2
    assert Flag.POSSIBLE_DUPLICATE in (await world.replayed(answer.rows[0].id)).flags


async def test_silence_past_validity_and_grace_ends_as_no_receipt_and_is_charged(world):
    answer = await send(world, "380972000001")
    await world.dispatch()
    world.clock.advance(259_200 + 86_400 + 1)
    await world.sweep()
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.standing.reason) == (State.NO_RECEIPT, Reason.NO_RECEIPT)
    assert message.report_at is None
    assert message.price == 200_000


async def test_what_never_left_expires_in_the_queue_and_is_not_charged(world):
    answer = await send(world, "380972000001")
    world.clock.advance(259_200)
    await world.sweep()
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.standing.reason) == (State.EXPIRED, Reason.EXPIRED_IN_QUEUE)
    assert message.price == 0
    assert (await world.gateway.balance(world.account_id)).amount == 10_000_000_000


async def test_a_receipt_before_its_answer_is_applied_with_the_answer(world):
    answer = await send(world, "380972000001")
    message_id = answer.rows[0].id
    [(flight, part)] = await world.take()
    outcome = world.carrier.submit(part, message_id)
    await world.says(message_id, "DELIVRD")
    assert (await world.message(message_id)).standing.state is State.SENDING
    await world.record([world.answer(flight, outcome)])
    assert (await world.message(message_id)).standing.state is State.DELIVERED
    assert await world.sql.fetchval("select count(*) from orphan") == 0


async def test_a_long_message_is_delivered_when_every_part_is(world):
    answer = await send(world, "380972000001", text="x" * 400)
    message_id = answer.rows[0].id
    await world.dispatch()
    assert [part.part for part in world.carrier.submissions] == [1, 2, 3]
    await world.says(message_id, "DELIVRD", part=1)
    await world.says(message_id, "DELIVRD", part=2)
    assert (await world.message(message_id)).standing.state is State.SENT
    await world.says(message_id, "DELIVRD", part=3)
    message = await world.message(message_id)
    assert message.standing.state is State.DELIVERED
    assert message.price == 600_000


async def test_a_correction_owes_a_second_report_and_moves_the_counters(world):
    answer = await send(world, "380972000001", "380972000002")
    first, second = (row.id for row in answer.rows)
    await world.dispatch()
    await world.says(first, "EXPIRED")
    await world.says(second, "DELIVRD")
    task = await world.gateway.task(world.account_id, answer.task_id)
    assert (task.handed_over, task.delivered, task.expired) == (2, 1, 1)
    await world.says(first, "DELIVRD")
    task = await world.gateway.task(world.account_id, answer.task_id)
    assert (task.handed_over, task.delivered, task.expired) == (2, 2, 0)
    reports = await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50)
    assert sorted((one.id, one.standing.state) for one in reports) == [
        (first, State.DELIVERED),
        (first, State.EXPIRED),
        (second, State.DELIVERED),
    ]


async def test_reports_that_nobody_asked_for_in_time_are_forgotten_and_only_they(world):
    """Their messages say still how they ended."""
    sent = await send(world, "380972000001")
    await world.deliver_all()
    world.clock.advance(WINDOW.total_seconds() / 2)
    again = await send(world, "380972000002")
    await world.deliver_all()
    world.clock.advance(WINDOW.total_seconds() / 2 + 1)
    await world.close_flow().sweep(limit=1)
    assert await world.sql.fetchval("select count(*) from report_due") == 1
    assert await check(world.sql) == []
    assert (await world.message(sent.rows[0].id)).standing.state is State.DELIVERED
    reports = await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50)
    assert [one.id for one in reports] == [again.rows[0].id]


async def test_a_repeated_receipt_changes_nothing_and_is_stored_once(world):
    answer = await send(world, "380972000001")
    message_id = answer.rows[0].id
    await world.dispatch()
    for _ in range(3):
        await world.says(message_id, "DELIVRD")
    assert (await world.replayed(message_id)).version == 4
    assert len(await world.gateway.pull_reports(world.account_id, ReportFilter(), limit=50)) == 1
