"""Rows that travel as one text a column come out of the statement as they went in."""

from operator import itemgetter

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidings.store.database import PostgresDatabase
from tidings.store.sheet import Column, Sheet

COLUMNS = (
    Column("number", "bigint", itemgetter(0)),
    Column("said", "text", itemgetter(1)),
    Column("maybe", "text", itemgetter(2), null=True),
    Column("yes", "boolean", itemgetter(3)),
    Column("document", "json", itemgetter(4), null=True),
)
SHEET: Sheet[tuple] = Sheet(*COLUMNS)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6) | st.sampled_from(
    ("", ",", "NULL", "{}", "\x1f", "\x1e\x1d", "\x1c\x1d\x1e\x1f", "\\", '"')
)
rows = st.tuples(
    st.integers(-(1 << 62), 1 << 62),
    texts,
    st.none() | texts.filter(bool),
    st.booleans(),
    st.none() | st.sampled_from(('{"a": "b\x7f,c"}', "[1, null]")),
)
batches = st.lists(rows, min_size=1, max_size=9) | st.builds(
    lambda row, count: [row] * count, rows, st.integers(1, 5)
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sql(new_database):
    async with new_database() as url:
        connection = await PostgresDatabase(url).connect()
        yield connection
        await connection.close()


@pytest.mark.asyncio(loop_scope="module")
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches)
async def test_rows_come_back_as_they_were(sql, batch):
    statement = f"select * from {SHEET.source}"  # noqa: S608
    assert [tuple(row) for row in await sql.fetch(statement, *SHEET.arguments(batch))] == batch


def test_the_numbers_of_parameters_follow_each_other():
    second: Sheet[tuple] = Sheet(*COLUMNS, first=SHEET.end)
    assert SHEET.end == 1 + 2 + len(COLUMNS)
    assert f"${SHEET.end}" in second.source and f"${SHEET.end - 1}:" not in second.source
