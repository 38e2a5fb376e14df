"""What the pools of connections promise whatever PostgreSQL does."""

import pytest

from tidings.domain.errors import Unavailable


async def test_a_transaction_that_lost_a_deadlock_may_be_tried_again(world):
    with pytest.raises(Unavailable):
        async with world.database.transaction() as tx:
            await tx._connection.execute(
                "do $$ begin raise exception using errcode = 'deadlock_detected'; end $$"
            )

    async with world.database.transaction() as tx:
        assert await tx._connection.fetchval("select 1") == 1


async def test_no_plan_outlives_the_table_it_was_made_for(world):
    async with world.database.transaction() as tx:
        assert await tx._connection.fetchval("show plan_cache_mode") == "force_custom_plan"
        assert await tx._connection.fetchval("show join_collapse_limit") == "1"


async def test_nobody_reads_a_whole_table(world):
    for connections in (world.database.transaction, world.database.reading):
        async with connections() as tx:
            assert await tx._connection.fetchval("show enable_seqscan") == "off"
