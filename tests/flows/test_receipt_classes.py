"""What a carrier's DELIVRD is worth, told in every vocabulary: while it is open, and once nothing more comes."""

import pytest
from test_main_job import send

from tidings.connectors.smpp.words import ReceiptClass, Trust
from tidings.dialects.bsg_one import words as bsg_one
from tidings.dialects.bsg_v1 import words as bsg_v1
from tidings.dialects.infobip import words as infobip
from tidings.dialects.infobip.settings import Preferences
from tidings.domain.delivery import Flag
from tidings.domain.status import State
from tidings.store import invariants

CARRIER = {
    "open": (State.AT_CARRIER, "sent", "sent", 2),
    "closed": (State.NO_RECEIPT, "unknown", "unknown", 2),
}
TOLD = {
    ReceiptClass.HANDSET: dict.fromkeys(("open", "closed"), (State.DELIVERED, "delivered", "delivered", 5)),
    ReceiptClass.CARRIER: CARRIER,
    ReceiptClass.NONE: CARRIER,
    # A word that is made up vouches for nothing: it ends as if the carrier had been silent.
    ReceiptClass.UNTRUSTED: {
        "open": (State.AT_CARRIER, "sent", "sent", 2),
        "closed": (State.NO_RECEIPT, "unknown", "unknown", 29),
    },
}
"""Our state, the words of BSG REST v1 and BSG One API, and the id of Infobip's status."""


async def delivrd(world, receipt_class):
    """A message that the carrier says is delivered."""
    answer = await send(world, "380972000001")
    await world.dispatch()
    message_id = answer.rows[0].id
    [(upstream_id, part)] = world.carrier.known[message_id]
    await world.receive([world.receipt(upstream_id, part, "DELIVRD", "000", Trust(receipt_class))])
    return message_id


async def told(world, message_id):
    standing = (await world.message(message_id)).standing
    infobips = infobip.status(standing, Preferences()).id
    return standing.state, bsg_v1.status_word(standing), bsg_one.status(standing), infobips


async def nothing_more_comes(world):
    world.clock.advance(3 * 72 * 3600)
    await world.sweep()


@pytest.mark.parametrize("receipt_class", ReceiptClass)
async def test_delivrd_is_told_as_what_the_carrier_certifies(world, receipt_class):
    message_id = await delivrd(world, receipt_class)
    assert await told(world, message_id) == TOLD[receipt_class]["open"]
    await nothing_more_comes(world)
    assert await told(world, message_id) == TOLD[receipt_class]["closed"]
    assert await invariants.check(world.sql) == []


@pytest.mark.parametrize("receipt_class", ReceiptClass)
async def test_only_the_word_of_a_carrier_that_makes_it_up_is_flagged(world, receipt_class):
    message_id = await delivrd(world, receipt_class)
    flagged = {Flag.UNTRUSTED_RECEIPT} if receipt_class is ReceiptClass.UNTRUSTED else set()
    assert (await world.replayed(message_id)).flags == flagged
    assert set((await world.message(message_id)).flags) == flagged


async def test_the_negative_word_of_a_carrier_that_makes_up_good_news_counts(world):
    answer = await send(world, "380972000001")
    await world.dispatch()
    message_id = answer.rows[0].id
    [(upstream_id, part)] = world.carrier.known[message_id]
    for word in ("DELIVRD", "UNDELIV"):
        await world.receive([world.receipt(upstream_id, part, word, None, Trust(ReceiptClass.UNTRUSTED))])
    assert (await world.message(message_id)).standing.state is State.UNDELIVERABLE


async def test_an_untrusted_receipt_that_waited_for_its_answer_is_still_untrusted(world):
    await send(world, "380972000001")
    [(flight, part)] = await world.take()
    taken = world.carrier.submit(part, flight.message_id)
    early = world.receipt(taken.upstream_id, part, "DELIVRD", "000", Trust(ReceiptClass.UNTRUSTED))
    await world.receive([early])
    assert await world.sql.fetchval("select count(*) from orphan") == 1
    await world.record([world.answer(flight, taken)])
    assert (await world.replayed(flight.message_id)).flags == {Flag.UNTRUSTED_RECEIPT}
