"""Which way PostgreSQL takes to callbacks: each by its key or its place, however many wait in its lane."""

from datetime import UTC, datetime

import asyncpg
import pytest
from test_plans import explained

from tidings.store import callback_news
from tidings.store import callbacks as store
from tidings.store.database import AT_ONCE
from tidings.store.rows import table

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ONE = (1, 2, NOON, 3, 1)
AT = "'2026-03-02 12:00Z'"
OTHER = (2, 3, NOON.replace(hour=13), 4, 2)
ONE_ROW = {"catalog", "installation"}  # are no more than that


def named(of, *tails):
    """What stands for rows in a statement, where they agree in everything and where they agree in nothing."""
    one, other = [(*name, *tail) for name, tail in zip((ONE, OTHER), tails, strict=True)]
    return table([one], of)[0], table([one, other], of)[0]


def statements():
    yield "claim", store.CLAIM
    for many, text in enumerate(named(store.TOLD, (200,), (201,))):
        yield f"delivered {many}", store.DELIVERED.format(named=text, at=AT)
    for many, rows in enumerate(([((0, 1), 3, 1, 200)], [((0, 1), 3, 1, 200), ((0, 2), 4, 2, 201)])):
        text = table(rows, store.PLACED)[0]
        yield f"delivered in place {many}", store.DELIVERED_IN_PLACE.format(named=text, at=AT)
    for many, text in enumerate(named(store.FAILED, (500, "a"), (501, "b"))):
        yield f"given up {many}", store.GIVE_UP.format(named=text, at=AT)
    for many, text in enumerate(named(store.RETRIED, (500, "a", NOON), (501, "b", OTHER[2]))):
        yield f"tried again {many}", store.RETRY.format(named=text)
    for many, text in enumerate(named(store.NAME, (), ())):
        yield f"given back {many}", store.RETURN.format(named=text)
    yield "what there is to tell", callback_news.NEWS


STATEMENTS = dict(statements())


@pytest.fixture(params=[False, True], ids=["never analyzed", "analyzed while empty"])
async def connection(request, empty_database):
    """As callbacks are worked on."""
    opened = await asyncpg.connect(empty_database, server_settings=AT_ONCE)
    try:
        if request.param:
            await opened.execute("analyze")
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_callback_is_found_by_its_key_or_its_place(connection, name):
    for node in await explained(connection, STATEMENTS[name]):
        if "Relation Name" not in node or "Scan" not in node["Node Type"]:
            continue
        if node["Relation Name"] == "callback":
            assert "TID Cond" in node or found_by_enough(node), node
        else:
            assert node["Relation Name"] in ONE_ROW or node.keys() & {"Index Cond", "Recheck Cond"}, node


def found_by_enough(node):
    """By a message, by all of a row's name, or, to claim it, by what is due in a lane."""
    if node["Index Name"] == "callback_before":
        return "message_id =" in node["Index Cond"]
    by_time = "due_at =" in node["Index Cond"] and "message_id =" in node["Index Cond"]
    in_lane = "lane =" in node["Index Cond"] and "due_at <=" in node["Index Cond"]
    return node["Index Name"] == "callback_pkey" and (by_time or in_lane)
