"""Answers that come when the policy has decided already: of two copies, any yes counts, a no only for its own."""

import pytest
from test_main_job import send

from tidings.domain.outcome import Next, Refused, Taken, Unknown
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.store.invariants import check

THROTTLED = Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x00000058")
BUSY = Refused(Reason.SUBMIT_RETRIES_EXHAUSTED, Next.RETRY, "0x00000008")
WRONG = Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0000000b")


async def resent(world):
    """A message whose first copy's answer was lost and whose second waits in the queue; the first copy."""
    answer = await send(world, "380972000001")
    [(first, _)] = await world.take()
    await world.record([world.answer(first, Unknown("timeout"))])
    world.clock.advance(61)
    await world.sweep()
    return answer.rows[0].id, first


async def test_a_late_yes_spares_the_second_copy(world):
    message_id, first = await resent(world)
    await world.record([world.answer(first, Taken("up1"))])
    assert (await world.message(message_id)).standing.state is State.SENT
    assert await world.take() == []
    assert await check(world.sql) == []


@pytest.mark.parametrize("late", [THROTTLED, BUSY, WRONG], ids=["throttled", "busy", "refused"])
async def test_a_late_no_leaves_one_second_copy_in_the_queue(world, late):
    message_id, first = await resent(world)
    await world.record([world.answer(first, late)])
    assert await check(world.sql) == []
    [(second, _)] = await world.take()
    assert second.try_no == 2
    await world.record([world.answer(second, Taken("up2"))])
    assert (await world.message(message_id)).standing.state is State.SENT
    world.clock.advance(3600)
    assert await world.take() == []


@pytest.mark.parametrize("late", [THROTTLED, BUSY, WRONG], ids=["throttled", "busy", "refused"])
async def test_a_late_no_does_not_disturb_the_copy_that_is_written(world, late):
    message_id, first = await resent(world)
    [(second, _)] = await world.take()
    await world.record([world.answer(first, late)])
    assert (await world.message(message_id)).standing.state is State.SENDING
    await world.record([world.answer(second, Taken("up2"))])
    assert (await world.message(message_id)).standing.state is State.SENT
    world.clock.advance(3600)
    assert await world.take() == []
    assert await check(world.sql) == []


async def test_throttles_do_not_use_up_the_retries(world):
    answer = await send(world, "380972000001")
    for refusal in [THROTTLED] * 6 + [BUSY] * 4:
        [(flight, _)] = await world.take()
        await world.record([world.answer(flight, refusal)])
        world.clock.advance(300)
    message = await world.message(answer.rows[0].id)
    assert message.standing.state is State.SENDING
    [(flight, _)] = await world.take()
    await world.record([world.answer(flight, BUSY)])
    message = await world.message(answer.rows[0].id)
    assert (message.standing.state, message.standing.reason) == (
        State.FAILED,
        Reason.SUBMIT_RETRIES_EXHAUSTED,
    )


async def test_an_account_in_debt_still_sends_tests(world):
    debtor = await world.account("debtor", balance="0")
    await world.sql.execute("update account set balance = -1 where id = $1", debtor.account_id)
    body = {"destination": "phone", "msisdn": "380972000001", "originator": "BSG", "body": "x"}
    answers = [
        (await world.http.post("/rest/sms/create", json=body, headers={"X-API-KEY": key})).json()["error"]
        for key in (debtor.test_key, debtor.key)
    ]
    assert answers == [0, 8]
