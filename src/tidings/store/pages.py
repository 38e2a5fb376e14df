"""Pages of an account's messages: of a window of time, or of one task; sorted by id, number or time of the report.

How many there are is not counted row by row: a task knows, and for a window the numbers of whole days and minutes are
kept, and the tallies of the last minute, which are not among them yet. Only the minutes at its ends are looked into, by
the moments of those that had many messages. The same numbers say between which ids the window lies. A page of many
messages is read along an index in the order that is asked for; of few, they are sorted.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tidings.domain.message import MessageFilter, Sort
from tidings.store.rows import Rows
from tidings.store.stand import DELIVERY

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

FEW = 5_000
"""So many messages are sorted within some 10 ms; of more, an index is followed. It passes by others, but cheaply."""

# $2 and $3 bound the whole days, $4 and $5 the whole minutes before, $6 and $7 those after; $8 are the minutes at the
# ends, of which only what was created from $9 to $10 counts.
AT_THE_END = """
account_id = $1 and at >= greatest(minute.starts_at, $9)
and at < minute.starts_at + interval '1 minute' and at <= $10"""
WINDOW = f"""
select coalesce(sum(messages), 0)::bigint, min(first_id), max(last_id)
from (
    select messages, first_id, last_id from message_count
    where account_id = $1 and width = 'day' and starts_at >= $2 and starts_at < $3
    union all
    select messages, first_id, last_id from message_count
    where account_id = $1 and width = 'minute' and starts_at >= $4 and starts_at < $5
    union all
    select messages, first_id, last_id from message_count
    where account_id = $1 and width = 'minute' and starts_at >= $6 and starts_at < $7
    union all
    select messages, first_id, last_id from message_tally where account_id = $1 and at >= $4 and at < $7
    union all
    select case when i.by_moment then (
               select sum(messages) from (
                   select messages from message_moment where {AT_THE_END}
                   union all
                   select messages from message_tally where {AT_THE_END}) as moments)
           else (
               select count(*) from message
               where account_id = $1 and id between i.first_id and i.last_id and created_at between $9 and $10) end,
           i.first_id, i.last_id
    from unnest($8::timestamptz[]) as minute (starts_at)
    cross join lateral (
        select min(first_id) as first_id, max(last_id) as last_id, bool_and(by_moment) as by_moment from (
            select first_id, last_id, by_moment from message_count
            where account_id = $1 and width = 'minute' and starts_at = minute.starts_at
            union all
            select first_id, last_id, true from message_tally
            where account_id = $1 and at >= minute.starts_at and at < minute.starts_at + interval '1 minute'
        ) as parts offset 0) i
) as spans"""

TASK = """
select total, id + 1, id + total from task
where account_id = $1 and id = $2 and created_at between $3 and $4
union all
select 1, id, id from message
where account_id = $1 and id = $2 + 1 and task_id is null and created_at between $3 and $4"""

IN_WINDOW = "account_id = $1 and id between $2 and $3 and created_at between $4 and $5"

ALONG_IDS = f"select id from message where {IN_WINDOW} order by id {{way}} limit $6 offset $7"
ALONG_NUMBERS = f"""
select id from message where {IN_WINDOW} and recipient >= ''
order by recipient {{way}}, id {{way}} limit $6 offset $7"""
SORTED_NUMBERS = f"""
select id from (select id, recipient from message where {IN_WINDOW} offset 0) m
order by recipient {{way}}, id {{way}} limit $6 offset $7"""

# Nobody reports a message before it was created. Of a message's reports the last one counts.
REPORTED = """
from report r
cross join lateral (
    select from delivery where account_id = $1 and message_id = r.message_id and reports = r.number offset 0) d
cross join lateral (
    select from message where account_id = $1 and id = r.message_id and created_at between $4 and $5 offset 0) m
where r.account_id = $1 and r.message_id between $2 and $3 and r.report_at is not null and r.report_at >= $4"""
ALONG_REPORTS = f"""
select r.message_id as id {REPORTED}
order by r.report_at {{way}}, r.message_id {{way}} limit $6 offset $7"""
NUMBER_REPORTED = f"select count(*) {REPORTED}"
ALONG_UNREPORTED = f"""
select m.id from message m {DELIVERY}
where m.{IN_WINDOW} and d.report_at is null order by m.id {{way}} limit $6 offset $7"""

SORTED_REPORTS = f"""
select m.id from (select account_id, id from message where {IN_WINDOW} offset 0) m {DELIVERY}
order by d.report_at {{way}} nulls last, m.id {{way}} limit $6 offset $7"""

# All messages of a task were created with it, and all ids between are its. Its reports are narrow, and are read page by
# page of the table: along the key it would be a page for each report, and twice the time. They are numbered 1, 2, ...
READ_PAGE_BY_PAGE = "set local enable_indexscan = off"
REPORTED_OF_TASK = """
select id, report_at from (
    select message_id as id, report_at from report
    where account_id = $1 and message_id between $2 and $3 and (message_id, number) not in (
        select message_id, number - 1 from report
        where account_id = $1 and message_id between $2 and $3 and number > 1)
    offset 0) r
where report_at is not null"""
SORTED_REPORTS_OF_TASK = f"""
select id from ({REPORTED_OF_TASK}) t order by report_at {{way}}, id {{way}} limit $4 offset $5"""
NUMBER_REPORTED_OF_TASK = f"select count(*) from ({REPORTED_OF_TASK}) t"
UNREPORTED_OF_TASK = f"""
select id from generate_series($2::bigint, $3::bigint) as of_task (id)
where id not in (select id from ({REPORTED_OF_TASK}) t) order by id {{way}} limit $4 offset $5"""


class _ByReport(NamedTuple):
    """A list in the order of reports: what has none stands behind all others, by its id."""

    reported: str
    number_reported: str
    unreported: str


OF_WINDOW = _ByReport(ALONG_REPORTS, NUMBER_REPORTED, ALONG_UNREPORTED)
OF_TASK = _ByReport(SORTED_REPORTS_OF_TASK, NUMBER_REPORTED_OF_TASK, UNREPORTED_OF_TASK)


class Span(NamedTuple):
    """Messages of an account: how many, and between which ids they and maybe others lie."""

    total: int
    first_id: int
    last_id: int


class PageRows(Rows):
    """Statements on lists of messages."""

    async def page_ids(
        self, account_id: int, where: MessageFilter, *, sort: Sort, limit: int, offset: int
    ) -> tuple[list[int], int]:
        """The ids of a slice of the messages in a window or a task, and how many there are in all."""
        span = await self._span(account_id, where)
        if span is None or offset >= span.total:
            return [], span.total if span else 0
        window = (account_id, span.first_id, span.last_id, where.created_from, where.created_to)
        way = "desc" if sort.descending else "asc"
        if sort.by == "id":
            ids = await self._ids(ALONG_IDS, way, *window, limit, offset)
        elif sort.by == "recipient":
            statement = SORTED_NUMBERS if span.total <= FEW else ALONG_NUMBERS
            ids = await self._ids(statement, way, *window, limit, offset)
        elif where.task_id is not None:
            async with self._connection.transaction():  # with which the setting ends
                await self._connection.execute(READ_PAGE_BY_PAGE)
                ids = await self._by_report(OF_TASK, way, window[:3], min(limit, span.total - offset), offset)
        elif span.total <= FEW:
            ids = await self._ids(SORTED_REPORTS, way, *window, limit, offset)
        else:
            ids = await self._by_report(OF_WINDOW, way, window, min(limit, span.total - offset), offset)
        return ids, span.total

    async def _by_report(
        self, how: _ByReport, way: str, asked: Sequence[object], wanted: int, offset: int
    ) -> list[int]:
        """What was reported, in the order of the reports, and behind it what was not."""
        ids = await self._ids(how.reported, way, *asked, wanted, offset)
        if len(ids) < wanted:
            passed = offset
            if not ids and offset:  # all that was reported
                passed = min(offset, await self._connection.fetchval(how.number_reported, *asked))
            ids += await self._ids(how.unreported, way, *asked, wanted - len(ids), offset - passed)
        return ids

    async def _ids(self, statement: str, way: str, *arguments: object) -> list[int]:
        return [row["id"] for row in await self._connection.fetch(statement.format(way=way), *arguments)]

    async def _span(self, account_id: int, where: MessageFilter) -> Span | None:
        if where.task_id is None:
            asked = (account_id, *_bounds(where.created_from, where.created_to))
            row = await self._connection.fetchrow(WINDOW, *asked)
        else:
            row = await self._connection.fetchrow(
                TASK, account_id, where.task_id, where.created_from, where.created_to
            )
        return Span(*row) if row and row[0] else None


def _bounds(start: datetime, end: datetime) -> tuple[object, ...]:
    """What WINDOW wants to know after the account."""
    first, last = (
        _ceiling(start, MINUTE),
        _floor(end, MINUTE),
    )  # whole minutes: from the first to before the last
    first_day, last_day = _ceiling(first, DAY), _floor(last, DAY)
    if first_day >= last_day:
        first_day = last_day = last
    ends = {_floor(start, MINUTE), last} - ({first} if first < last else set())
    return first_day, last_day, first, first_day, last_day, last, sorted(ends), start, end


def _floor(moment: datetime, length: timedelta) -> datetime:
    return moment - (moment - EPOCH) % length


def _ceiling(moment: datetime, length: timedelta) -> datetime:
    return moment + (EPOCH - moment) % length
