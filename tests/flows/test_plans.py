"""Which way PostgreSQL takes to what it is asked: by key, whatever it believes of the sizes of the tables.

A plan is kept as long as its connection, so it must be right on the day it is made: on a database that nobody has
analyzed, and on one that was analyzed while it was empty.
"""

import re
from contextlib import AsyncExitStack
from itertools import product

import asyncpg
import msgspec
import pytest

from tidings.domain.message import MessageFilter, Sort
from tidings.store import (
    deliveries,
    evidence,
    flights,
    folded,
    lookups,
    orders,
    outbox,
    pages,
    partitions,
    reports,
)
from tidings.store.database import AT_ONCE, PULLING, READING

UNREPORTED = "a page of what was not reported"
OF_TASK = "a page by report, of a task"
QUESTIONS = {
    "messages by id": lookups.BY_ID,
    "messages by key": lookups.BY_KEY,
    "progress by id": lookups.PROGRESS_BY_ID,
    "progress by reference": lookups.PROGRESS_BY_REFERENCE,
    "currencies": lookups.CURRENCIES,
    "tasks": lookups.TASKS,
    "messages to a number": lookups.SEARCH_RECIPIENT,
    "tasks of a bulk": lookups.BULK_RANGES,
    "where its evidence is": evidence.PLACES,
    "its evidence": evidence.PACKS,
    "what is being written": flights.BEING_WRITTEN,
    "what receipts name": flights.STORED,
    "how messages stand": deliveries.STANDS,
    "who waits for a connector": outbox.WAITING,
    "a window of time": pages.WINDOW,
    "a page by id": pages.ALONG_IDS.format(way="desc"),
    "a page by number": pages.ALONG_NUMBERS.format(way="desc"),
    "a page by number, of few": pages.SORTED_NUMBERS.format(way="asc"),
    "a page by report": pages.ALONG_REPORTS.format(way="desc"),
    "how many of a page were reported": pages.NUMBER_REPORTED,
    UNREPORTED: pages.ALONG_UNREPORTED.format(way="desc"),
    "a page by report, of few": pages.SORTED_REPORTS.format(way="asc"),
    OF_TASK: pages.SORTED_REPORTS_OF_TASK.format(way="desc"),
    "how many of a task were reported": pages.NUMBER_REPORTED_OF_TASK,
    "what of a task was not reported": pages.UNREPORTED_OF_TASK.format(way="asc"),
}
IN_ORDER = [
    name for name in QUESTIONS if name in {"a page by id", "a page by number", "a page by report", UNREPORTED}
]
WRITTEN_AT_ONCE = {
    **{
        f"orders{' with tasks' * tasks}{' with messageIds' * keys}{' of several kinds' * mixed}": orders.add(
            tasks=tasks, message_keys=keys, mixed=mixed
        )
        for tasks, keys, mixed in product((False, True), repeat=3)
    },
    "a claim": outbox.CLAIM,
    "what a carrier said": folded.statement(tuple(one.name for one in folded.SECTIONS), hears=True),
    "answers": folded.statement(("taken", "counters"), hears=False),
    "receipts": folded.statement(("reports", "callbacks", "balances", "entries"), hears=True),
}
PULLED = {
    "any": reports.CLAIM_ANY,
    "these": reports.CLAIM_THESE,
    "of messages": reports.CLAIM_OF_MESSAGES,
}
BY_OTHERS = (
    "messages to a number",
    "tasks of a bulk",
    "what is being written",
    "what receipts name",
    "how many of a page were reported",
)
GROWING = {
    "message_count",
    "message_tally",
    "message_moment",
    "message",
    "delivery",
    "evidence",
    "submission",
    "report",
    "report_due",
    "external_key",
    "task",
    "task_counter",
    "in_flight",
    "outbox",
    "orphan",
    "callback",
}


KNOWN = pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed while empty"])


@pytest.fixture
async def session(empty_database):
    """Opens a connection with these settings."""
    async with AsyncExitStack() as stack:

        async def opened(settings, *, analyzed=False):
            connection = await asyncpg.connect(empty_database, server_settings=settings)
            stack.push_async_callback(connection.close)
            if analyzed:
                await connection.execute("analyze")
            return connection

        yield opened


@pytest.fixture(params=[False, True], ids=["never analyzed", "analyzed while empty"])
async def connection(request, session):
    """As questions are asked on it."""
    return await session(READING, analyzed=request.param)


@pytest.fixture
async def writing(session):
    """As what is written at once is."""
    return await session(AT_ONCE)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_is_answered_by_key(connection, question):
    plan = await explained(connection, QUESTIONS[question])
    assert any("Relation Name" in node for node in plan)
    assert list(unbounded(plan)) == []


@pytest.mark.parametrize("question", [name for name in QUESTIONS if name not in {*IN_ORDER, *BY_OTHERS}])
async def test_what_is_asked_by_a_key_is_found_by_that_key(connection, question):
    used = {
        node["Index Name"]
        for node in await explained(connection, QUESTIONS[question])
        if "Index Name" in node
    }
    assert all(name.endswith("_pkey") for name in used)


@pytest.mark.parametrize("question", [lookups.BY_ID, lookups.PROGRESS_BY_ID, lookups.TASKS])
async def test_a_question_by_ids_opens_the_partitions_between_the_first_and_the_last(connection, question):
    """Opening one takes as long as finding a message in it, and of a large past there are many."""
    await partitions.ensure(connection, up_to_id=3 * partitions.SIZE)
    first, last = partitions.SIZE + 1, 2 * partitions.SIZE + 1
    await connection.execute(f"prepare question as {question}")
    plan = await connection.fetch(
        f"explain (analyze, costs off) execute question ('{{1}}', '{{{first},{last}}}', {first}, {last})"
    )
    opened = {name for (line,) in plan for name in re.findall(r" on ((?:message|delivery)_p\d+) ", line)}
    millions = {one // 1_000_000 for one in (first, last)}
    assert opened == {f"{table}_p{one:06d}" for table in ("message", "delivery") for one in millions}


@KNOWN
async def test_the_reports_of_a_task_are_read_page_by_page(session, analyzed):
    connection = await session(READING, analyzed=analyzed)
    created = await connection.fetchval("""
        insert into task (account_id, id, total, source, validity_s, created_at) values (1, 1, 9, 'rest', 60, now())
        returning created_at""")
    where = MessageFilter(created, created, task_id=1)
    await pages.PageRows(connection).page_ids(1, where, sort=Sort("delivered"), limit=50, offset=0)
    asked = pages.SORTED_REPORTS_OF_TASK.format(way="asc")
    kept = await connection.fetchval("select name from pg_prepared_statements where statement = $1", asked)
    told = await connection.fetchval(f"explain (format json) execute {kept} (1, 2, 10, 50, 0)")
    plan = list(nodes(msgspec.json.decode(told)[0]["Plan"]))
    [read] = [node for node in plan if node["Node Type"] == "Bitmap Heap Scan" and "Filter" in node]
    assert read["Relation Name"] == "report_p000000"
    assert "message_id" in read["Recheck Cond"]
    assert "hashed" in read["Filter"]
    assert await connection.fetchval("show enable_indexscan") == "on"


@pytest.mark.parametrize("question", IN_ORDER)
async def test_a_page_of_many_is_read_in_the_order_of_an_index(connection, question):
    nodes_used = {node["Node Type"] for node in await explained(connection, QUESTIONS[question])}
    assert not nodes_used & {"Sort", "Incremental Sort"}


@KNOWN
@pytest.mark.parametrize("which", PULLED)
async def test_reports_are_found_in_their_order_or_by_the_key_of_their_messages(session, which, analyzed):
    plan = await explained(await session(PULLING, analyzed=analyzed), PULLED[which])
    assert list(unbounded(plan)) == []
    [due] = [node for node in plan if node.get("Subplan Name") == "CTE due"]
    found = [node for node in nodes(due) if node.get("Relation Name") == "report_due"]
    assert [node["Index Name"] for node in found] == ["report_due_pkey"]
    named = which == "of messages"
    assert ("message_id" in found[0]["Index Cond"]) == named
    assert ("Sort" in {node["Node Type"] for node in nodes(due)}) == named


@KNOWN
@pytest.mark.parametrize("which", PULLED)
async def test_the_messages_of_reports_are_read_once_and_not_for_each(session, which, analyzed):
    plan = await explained(await session(PULLING, analyzed=analyzed), PULLED[which])
    [joined] = [node for node in plan if node["Node Type"] == "Hash Join"]
    assert [node for node in nodes(joined) if node.get("Relation Name", "").startswith("message_p")]


@KNOWN
@pytest.mark.parametrize("what", WRITTEN_AT_ONCE)
async def test_what_is_written_at_once_finds_its_rows_by_key(session, what, analyzed):
    connection = await session(AT_ONCE, analyzed=analyzed)
    assert list(unbounded(await explained(connection, WRITTEN_AT_ONCE[what]))) == []


async def test_a_claim_sorts_its_messages_by_little(writing):
    """Not by all that those agree in that go out alike, which is most of what is said of them."""
    plan = await explained(writing, outbox.CLAIM)
    sorted_by = [node["Sort Key"] for node in plan if "Sort Key" in node]
    assert sorted_by
    assert all(len(keys) <= 3 for keys in sorted_by)


async def test_a_claim_reads_the_messages_of_a_run_from_its_first_id_to_its_last(writing):
    plan = await explained(writing, outbox.CLAIM)
    found = [node["Index Cond"] for node in plan if node.get("Relation Name", "").startswith("message_p")]
    assert found
    assert all("id >=" in one and "id <=" in one and "account_id =" in one for one in found)


async def explained(connection, sql):
    """The nodes of the plan that is kept for a statement, of all partitions."""
    await connection.execute("set enable_partition_pruning = off")  # null is in none of them
    await connection.execute(f"prepare asked as {sql}")
    count = await connection.fetchval(
        "select cardinality(parameter_types) from pg_prepared_statements where name = 'asked'"
    )
    nulls = ", ".join(["null"] * count)
    told = await connection.fetchval(f"explain (format json) execute asked ({nulls})")
    return list(nodes(msgspec.json.decode(told)[0]["Plan"]))


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def unbounded(plan):
    """Scans that would read all of a table that grows."""
    for node in plan:
        table = node.get("Relation Name", "").rpartition("_p0")[0] or node.get("Relation Name")
        reads = "Scan" in node["Node Type"]
        if table in GROWING and reads and not {"Index Cond", "Recheck Cond", "TID Cond"} & node.keys():
            yield node["Node Type"], node["Relation Name"]
