"""Rows given to a statement come out of it as they went in, whatever they agree in."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidings.domain.status import State
from tidings.store.database import PostgresDatabase
from tidings.store.rows import fields, table

FIELDS = fields(
    "id bigint",
    "small smallint",
    "said text",
    "state delivery_state",
    "yes boolean",
    "at timestamptz",
    "octets bytea",
    "document json",
)
BORN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

anything = st.tuples(
    st.none() | st.integers(-(1 << 15), (1 << 15) - 1),
    st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9) | st.just("NULL"),
    st.none() | st.sampled_from(State),
    st.none() | st.booleans(),
    st.none() | st.timedeltas(timedelta(-70_000), timedelta(70_000)).map(BORN.__add__),
    st.none() | st.binary(max_size=9),
    st.none() | st.sampled_from(('{"a": "b,c"}', "[1, null]", '"{}"')),
)
batches = st.lists(anything, min_size=1, max_size=12) | st.builds(
    lambda one, count: [one] * count, anything, st.integers(1, 12)
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sql(new_database):
    async with new_database() as url:
        connection = await PostgresDatabase(url).connect()
        yield connection
        await connection.close()


@pytest.mark.asyncio(loop_scope="module")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
async def test_rows_come_back_as_they_were(sql, batch):
    rows = [(number, *one) for number, one in enumerate(batch)]
    selection, values = table(rows, FIELDS)
    assert [tuple(row) for row in await sql.fetch(f"{selection}", *values)] == rows


def test_what_all_rows_agree_in_is_said_once():
    selection, values = table([(1, "a"), (2, "a")], fields("id bigint", "said text"))
    assert values == ["{1,2}", "a"]
    assert table([(7, "b"), (9, "b")], fields("id bigint", "said text"))[0] == selection
