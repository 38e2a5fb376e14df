"""What the database refuses to believe of an account, whoever says it; and that this costs nothing as money moves."""

import asyncpg
import pytest


@pytest.mark.parametrize(
    "bad",
    [
        "update account set name = 'two words'",
        "update account set currency = 'eur'",
        "update account set credit_limit = -1",
        "update account set plan = 'never'",
        "update account set callback_url = 'http://'",
    ],
)
async def test_what_an_account_cannot_be_is_refused(world, bad):
    with pytest.raises(asyncpg.CheckViolationError):
        await world.sql.execute(bad)


async def test_no_check_is_tried_when_only_the_balance_moves(world):
    of_the_table = "select count(*) from pg_constraint where conrelid = 'account'::regclass and contype = 'c'"
    assert await world.sql.fetchval(of_the_table) == 0
