"""Which way PostgreSQL takes to callbacks: each by its key or its place, however many wait in its lane."""

import asyncpg
import pytest
from test_plans import explained

from tidings.store import callback_lanes, callbacks
from tidings.store.database import AT_ONCE

ONE_ROW = {"catalog", "installation"}  # are no more than that
FOUND = {"Index Cond", "Recheck Cond", "TID Cond"}
STATEMENTS = {
    "what is due, and what it says": callbacks.DUE,
    "delivered": callbacks.DELIVERED,
    "delivered in place": callbacks.DELIVERED_IN_PLACE,
    "given up": callbacks.GIVE_UP,
    "tried again": callbacks.RETRY,
    "leased": callback_lanes.LEASE,
    "let go": callback_lanes.RELEASE,
}


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
            assert node["Relation Name"] in ONE_ROW or node.keys() & FOUND, node


def found_by_enough(node):
    """By all of a row's name, or by what is due in a lane."""
    by_time = "due_at =" in node["Index Cond"] and "message_id =" in node["Index Cond"]
    in_lane = "lane =" in node["Index Cond"] and "due_at <=" in node["Index Cond"]
    return node["Index Name"] == "callback_pkey" and (by_time or in_lane)
