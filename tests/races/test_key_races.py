"""One reference wanted by many at once, in one gateway and in two: exactly one message has it."""

import asyncio

from tidings.app.house import House
from tidings.domain.errors import Fault
from tidings.domain.order import Dialect, Draft, OnFault, Order, Taken


async def wants(gateway: House, caller, number: int, reference: str) -> Taken | Fault:
    draft = Draft(recipient=f"4915123450{number:03d}", sender="acme", text="hi", reference=reference)
    order = Order(caller, Dialect.NATIVE, [draft], OnFault.SKIP, validity_s=3600)
    return (await gateway.accept(order)).rows[0]


async def test_a_reference_that_many_want_at_once_is_given_to_one(ring):
    caller = await ring.gateway.caller_by_key(ring.key)
    other = await House.on(ring.database, ring.clock)
    async with asyncio.timeout(30):
        for reference in ("first", "second"):
            found = await asyncio.gather(
                *(wants((ring.gateway, other)[n % 2], caller, n, reference) for n in range(12)),
                *(wants(ring.gateway, caller, n, f"{reference}-{n}") for n in range(20, 23)),
            )
            assert sorted(isinstance(one, Taken) for one in found) == [False] * 11 + [True] * 4
            assert {one for one in found if not isinstance(one, Taken)} == {Fault.REFERENCE_TAKEN}
        await other.close()
    assert await ring.sql.fetchval("select count(*) from message") == 8
    assert await ring.sql.fetchval("select count(*) from external_key") == 8
