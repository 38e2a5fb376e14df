"""What a message takes on disk: bounds that are a little above what it takes, so that nothing grows unseen."""

from tidings.domain.order import Draft, OnFault, Order
from tidings.domain.outcome import Taken

MESSAGES, BATCH = 2_000, 200
PER_DELIVERY, PER_KEY = 345, 45
"""Octets of a delivered message's row, with what its pages keep free for writing all rows of one anew; and of its key,
which a row that had to leave its page has several of."""

PAGES = "select pg_relation_size('delivery_p000000'), pg_relation_size('delivery_p000000_pkey')"
SPELT = "select distinct attempts::text from delivery"


async def _take(world, count):
    drafts = [Draft(f"38097{n:07d}", "Tidings", "x" * 60, reference=f"reference-{n}") for n in range(count)]
    caller = await world.gateway.caller_by_key(world.key)
    await world.gateway.accept(Order(caller, "native", drafts, OnFault.SKIP, 86_400))


async def test_deliveries_that_a_batch_writes_anew_stay_on_their_pages(world):
    await _take(world, MESSAGES)

    while pairs := await world.take(BATCH):
        sent = [(part, f"up{flight.message_id}", flight) for flight, part in pairs]
        await world.record([world.answer(flight, Taken(name)) for _, name, flight in sent])
        await world.receive([world.receipt(name, part, "DELIVRD", "000") for part, name, _ in sent])

    rows, keys = await world.sql.fetchrow(PAGES)
    assert rows / MESSAGES <= PER_DELIVERY
    assert keys / MESSAGES <= PER_KEY


async def test_what_has_not_happened_to_a_message_takes_no_room(world):
    await _take(world, 1)
    [(flight, _)] = await world.take(1)

    assert await world.sql.fetchval(SPELT) is None
    async with world.database.transaction() as tx:
        await tx.lock_deliveries([flight.key])
    assert await world.sql.fetchval(SPELT) == '[[1,1,false,[["queued"]]]]'
    await world.record([world.answer(flight, Taken("up"))])
    assert await world.sql.fetchval(SPELT) == '[[1,1,true,[["sent",1]]]]'
