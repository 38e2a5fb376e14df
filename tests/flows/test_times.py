"""Times that come from PostgreSQL as numbers or octets, because reading them as times takes longer."""

from datetime import UTC, datetime, timedelta

import asyncpg
from hypothesis import given
from hypothesis import strategies as st

from tidings.store.lookups import at_second
from tidings.store.rows import POSTGRES_EPOCH, moment, seconds

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNTIL = datetime(2242, 1, 1, tzinfo=UTC) - EPOCH
MOMENTS = [
    POSTGRES_EPOCH,
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, 499_999, tzinfo=UTC),
    datetime(2105, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2241, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC),
]


async def test_no_microsecond_is_lost(empty_database):
    connection = await asyncpg.connect(empty_database)
    try:
        rows = await connection.fetch(
            f"select {seconds('t')}, timestamptz_send(t), t from unnest($1::timestamptz[]) as t",  # noqa: S608
            MOMENTS,
        )
    finally:
        await connection.close()
    assert [row[2] for row in rows] == MOMENTS
    assert [at_second(row[0], UTC) for row in rows] == MOMENTS
    assert [moment(row[1]) for row in rows] == MOMENTS


@given(st.integers(0, UNTIL // MICROSECOND))
def test_nor_of_any_other_time(microseconds):
    # What PostgreSQL divides is the number of microseconds.
    assert at_second(microseconds / 1_000_000, UTC) == EPOCH + microseconds * MICROSECOND
