"""Where one submission is in doubt and another to the same number is not, a receipt goes where its id belongs."""

from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.outcome import Taken, Unknown
from tidings.domain.status import State
from tidings.flows.receive import Incoming, Receive
from tidings.store.flights import FlightRows

RECIPIENT = "380972000001"


async def two(world):
    """Two messages to one number, both written; the first is in doubt."""
    caller = await world.gateway.caller_by_key(world.key)
    drafts = [Draft(recipient=RECIPIENT, sender="BSG", text=text) for text in ("one", "two")]
    await world.gateway.accept(
        Order(caller, "native", drafts, on_fault=OnFault.REFUSE_ALL, validity_s=86_400)
    )
    (doubted, _), (answered, part) = await world.take()
    await world.record([world.answer(doubted, Unknown("timeout"))])
    return doubted, answered, part


async def states(world, *flights):
    return [(await world.message(flight.message_id)).standing.state for flight in flights]


def receive(world):
    return Receive(world.database, clock=world.clock, connector_id=world.connector_id)


async def test_an_id_in_another_form_is_worth_more_than_a_doubt(world):
    doubted, answered, part = await two(world)
    await world.record([world.answer(answered, Taken("26", b""))])

    receipt = world.receipt("1a", part, "DELIVRD")
    await receive(world)([Incoming(receipt, world.clock.now(), ["1a"], {"26": "resp_dec_receipt_hex"}.copy)])

    assert await states(world, doubted, answered) == [State.IN_DOUBT, State.DELIVERED]


async def test_an_answer_that_is_recorded_while_its_receipt_is_placed_is_seen(world, monkeypatch):
    doubted, answered, part = await two(world)
    unanswered_to = FlightRows.unanswered_to

    async def recorded_first(self, *arguments):
        monkeypatch.undo()
        await world.record([world.answer(answered, Taken("26", b""))])
        return await unanswered_to(self, *arguments)

    monkeypatch.setattr(FlightRows, "unanswered_to", recorded_first)
    receipt = world.receipt("26", part, "DELIVRD")
    await receive(world)([Incoming(receipt, world.clock.now(), ["26"])])

    assert await states(world, doubted, answered) == [State.IN_DOUBT, State.DELIVERED]
