"""A receipt that came while its submission still waited for an answer is found once the answer counts as lost."""

from datetime import timedelta

from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.outcome import Unknown
from tidings.domain.status import State
from tidings.flows.receive import Receive


async def test_a_receipt_kept_before_the_doubt_resolves_it_before_the_policy_does(world):
    caller = await world.gateway.caller_by_key(world.key)
    draft = Draft(recipient="380972000001", sender="BSG", text="hello")
    await world.gateway.accept(
        Order(caller, "native", [draft], on_fault=OnFault.REFUSE_ALL, validity_s=86_400)
    )
    [(flight, part)] = await world.take()
    world.clock.advance(2)
    await world.receive([world.receipt("never-answered", part, "DELIVRD")])
    receive = Receive(world.database, clock=world.clock, connector_id=world.connector_id)
    for _ in range(58):  # until a minute has passed without an answer
        world.clock.advance(1)
        assert await receive.retry_orphans() == 0

    await world.record([world.answer(flight, Unknown("timeout"))])

    assert await receive.retry_orphans() == 1
    assert (await world.message(flight.message_id)).standing.state is State.DELIVERED
    world.clock.advance(timedelta(minutes=2).total_seconds())
    await world.sweep()
    assert await world.take() == [], "nothing is sent again"
