"""Orders that are judged by accounts as this process saw them last, while somebody else has changed them."""

import asyncio
from decimal import Decimal

import pytest
from gates import WAITING, WITHIN_S
from rivals import order

from tidings.domain.errors import Fault, Outdated, Refusal
from tidings.domain.order import Draft, OnFault, Order, Taken

PRICE = 200_000


async def leave(world, units):
    """So much is left on the account, as each process sees with its next order."""
    row = await world.sql.fetchrow(
        "select balance, credit_limit from account where id = $1", world.account_id
    )
    spent = row["balance"] - units
    await world.sql.execute("update account set balance = $2 where id = $1", world.account_id, units)
    await world.sql.execute(
        "update ledger set amount = amount - $2 where account_id = $1 and kind = 'topup'",
        world.account_id,
        spent,
    )
    await world.sql.execute("update catalog set version = version + 1")


async def test_what_another_process_has_spent_is_not_spent_again(ring, rival):
    await leave(ring, 3 * PRICE)
    await order(ring, ring.gateway, "a")
    await order(ring, rival, "b")
    await order(ring, ring.gateway, "c")
    assert await order(ring, rival, "d") == [Fault.NO_CREDIT]


async def test_two_processes_at_the_same_moment_do_not_overspend(ring, rival):
    await leave(ring, 3 * PRICE)
    await order(ring, ring.gateway, "a")
    await order(ring, rival, "b")
    holder = await ring.database.connect()
    async with asyncio.timeout(WITHIN_S):
        async with holder.transaction():
            await holder.execute("select from account for no key update")
            both = [
                asyncio.create_task(order(ring, house, key))
                for house, key in ((ring.gateway, "c"), (rival, "d"))
            ]
            while await ring.sql.fetchval(WAITING) < len(both):
                pass
        answers = [(await one)[0] for one in both]
    await holder.close()
    assert sorted(isinstance(one, Taken) for one in answers) == [False, True]
    assert Fault.NO_CREDIT in answers


async def test_money_that_came_meanwhile_is_there_to_be_spent(ring, rival):
    await leave(ring, PRICE)
    await order(ring, ring.gateway, "a")
    assert await order(ring, ring.gateway, "b") == [Fault.NO_CREDIT]
    await ring.admin.top_up(ring.account_id, Decimal(1))
    assert isinstance((await order(ring, ring.gateway, "c"))[0], Taken)


async def test_money_that_came_meanwhile_pays_for_the_rest_of_an_order(ring, rival):
    await leave(ring, 2 * PRICE)
    await order(ring, ring.gateway, "a")
    await ring.sql.execute("update account set balance = balance + $1", 7 * PRICE)
    await ring.sql.execute("update ledger set amount = amount + $1 where kind = 'topup'", 7 * PRICE)
    assert [type(one) for one in await order(ring, ring.gateway, "b", "c")] == [Taken, Taken]


async def test_a_closed_account_takes_nothing_more(ring, rival):
    caller = await rival.caller_by_key(ring.key)
    await ring.sql.execute("update account set closed_at = now() where id = $1", ring.account_id)
    draft = Draft("380972000001", "Tidings", "hello", "late")
    with pytest.raises(Refusal):
        await rival.accept(Order(caller, "native", [draft], on_fault=OnFault.SKIP, validity_s=3600))


async def test_a_price_that_has_changed_is_the_price(ring, rival):
    await ring.admin.set_price(ring.account_id, tariff=0, prefix="", per_part=Decimal("0.5"))
    assert (await order(ring, rival, "dear"))[0].price == 5_000_000


async def test_who_was_remembered_before_a_change_is_told_to_ask_again(ring, rival):
    version = await ring.sql.fetchval("select version from catalog")
    await ring.admin.set_price(ring.account_id, tariff=0, prefix="", per_part=Decimal("0.5"))
    with pytest.raises(Outdated):
        await order(ring, rival, "old", as_of=version)
    assert isinstance((await order(ring, rival, "new", as_of=version + 1))[0], Taken)


async def test_a_reference_that_another_process_took_is_taken(ring, rival):
    await order(ring, ring.gateway, "mine")
    assert await order(ring, rival, "mine") == [Fault.REFERENCE_TAKEN]
    assert isinstance((await order(ring, rival, "next"))[0], Taken)
