"""Submissions: written and unanswered ones, and the ones the next hop took."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

import asyncpg
import msgspec
from msgspec.structs import astuple

from tidings.domain.order import TrafficClass
from tidings.flows.folded import Leg, Stored
from tidings.flows.ports import Binds
from tidings.flows.receive import TAIL
from tidings.flows.records import Flight, Key, Match, Unanswered
from tidings.store.deliveries import FOLDED, stand_of
from tidings.store.rows import Rows, columns
from tidings.store.sheet import Column, Sheet
from tidings.store.stand import DELIVERY

PLACED = 8
"""So many columns of STORED come before what messages that stand alike agree in."""

COURIER_LOCK = 0x7D1
"""The first key of the advisory locks that living couriers hold; the second is their number."""

NATURAL_COLUMNS = (
    Column("connector_id", "integer", attrgetter("connector_id")),
    Column("message_id", "bigint", attrgetter("message_id")),
    Column("attempt", "smallint", attrgetter("attempt")),
    Column("part", "smallint", attrgetter("part")),
    Column("try", "smallint", attrgetter("try_no")),
)
"""What names a Flight."""

_NAMED: Sheet[Flight] = Sheet(*NATURAL_COLUMNS)

END = f"""
delete from in_flight f using (select * from {_NAMED.source} offset 0) as t
where f.connector_id = t.connector_id and f.message_id = t.message_id and f.attempt = t.attempt
  and f.part = t.part and f.try = t.try
returning f.connector_id, f.message_id, f.attempt, f.part, f.try, f.doubt_since is not null as in_doubt"""

DOUBT = """
update in_flight f set doubt_since = $1, decide_at = t.decide_at
from unnest($2::integer[], $3::bigint[], $4::smallint[], $5::smallint[], $6::smallint[], $7::timestamptz[])
     as t (connector_id, message_id, attempt, part, try, decide_at)
where f.connector_id = t.connector_id and f.message_id = t.message_id and f.attempt = t.attempt
  and f.part = t.part and f.try = t.try and f.doubt_since is null
returning f.connector_id, f.message_id, f.attempt, f.part, f.try"""

DECIDED = """
update in_flight f set decide_at = null
from unnest($1::integer[], $2::bigint[], $3::smallint[], $4::smallint[], $5::smallint[])
     as t (connector_id, message_id, attempt, part, try)
where f.connector_id = t.connector_id and f.message_id = t.message_id and f.attempt = t.attempt
  and f.part = t.part and f.try = t.try"""

FIELDS = """f.connector_id, f.account_id, f.message_id, f.attempt, f.part, f.try, f.courier_id, f.recipient,
       f.sender, f.traffic_class::text, f.written_at, f.expires_at, f.reference"""

# A courier holds an advisory lock of its own number for as long as it lives.
DESERTED = f"""
with gone as materialized (
    select courier_id from (select distinct courier_id from in_flight where doubt_since is null) c
    where pg_try_advisory_xact_lock({COURIER_LOCK}, courier_id))
select {FIELDS} from in_flight f
where f.doubt_since is null and (f.courier_id in (select courier_id from gone) or f.written_at < $2)
order by f.account_id, f.message_id limit $1
for update skip locked"""

UNDECIDED = f"""
select {FIELDS} from in_flight f
where f.decide_at <= $1 order by f.decide_at limit $2
for update skip locked"""

TEXT = """(select case when not m.ucs2 then m.text end from message m
        where m.account_id = f.account_id and m.id = f.message_id) as text"""

# Those in doubt may be many, after a bad day: they have an index. The others fit into the windows.
UNANSWERED_TO = f"""
select {FIELDS}, true as in_doubt, {TEXT} from in_flight f
where f.connector_id = $1 and right(f.recipient, {TAIL}) = any($2::text[]) and f.doubt_since is not null
union all
select {FIELDS}, false as in_doubt, {TEXT} from in_flight f
where f.connector_id = $1 and right(f.recipient, {TAIL}) = any($2::text[]) and f.doubt_since is null"""

BEING_WRITTEN = f"""
select {FIELDS} from in_flight f
where f.account_id = $1 and f.message_id = $2 and f.doubt_since is null order by f.attempt, f.part"""

UNANSWERED = """
select account_id, message_id from in_flight
where message_id = any($1::bigint[]) and doubt_since is null"""

FIRST_EXPIRY = """
select min(expires_at) from in_flight where doubt_since is null or decide_at is not null"""

ADD_SUBMISSIONS = """
insert into submission (connector_id, upstream_key, account_id, message_id, attempt, part, try, recipient, written_at)
select * from unnest($1::integer[], $2::text[], $3::integer[], $4::bigint[], $5::smallint[], $6::smallint[],
                     $7::smallint[], $8::text[], $9::timestamptz[])"""

MATCHES = """
select connector_id, upstream_key, account_id, message_id, attempt, part, try, recipient, written_at
from submission where connector_id = $1 and upstream_key = any($2::text[])
order by written_at desc"""

# Whoever hears of a submission wants to know how its message stands: one question for both.
STORED = f"""
select s.upstream_key, s.recipient, s.attempt, s.part, s.try, s.written_at, d.*
from submission s
cross join lateral (
    select {FOLDED}, (select plan from account where id = m.account_id) as plan from message m {DELIVERY}
    where m.account_id = s.account_id and m.id = s.message_id offset 0) as d
where s.connector_id = $1 and s.upstream_key = any($2::text[])
order by s.written_at desc"""

RENEW_LEASES = """
insert into courier_lease (connector_id, courier_id, until, binds, bound, trouble, counts)
select connector_id, $2, $3, binds, bound, trouble, counts::jsonb
from unnest($1::integer[], $4::integer[], $5::integer[], $6::text[], $7::text[])
     as t (connector_id, binds, bound, trouble, counts)
on conflict (connector_id, courier_id) do update
set until = excluded.until, binds = excluded.binds, bound = excluded.bound, trouble = excluded.trouble,
    counts = excluded.counts"""
END_LEASES = "delete from courier_lease where courier_id = $1 or until < $2"
HOLDERS = """
select connector_id, count(*) as holders from courier_lease
where connector_id = any($1::integer[]) and until >= $2 group by connector_id"""

NEW_COURIER = "select nextval('courier_id')::integer"
HOLD_COURIER = f"select pg_try_advisory_lock({COURIER_LOCK}, $1)"


class FlightRows(Rows):
    """Statements on submissions."""

    async def renew_leases(
        self, accounts: Sequence[tuple[int, Binds]], courier_id: int, *, now: datetime, until: datetime
    ) -> dict[int, int]:
        """Say that this courier works on these accounts, and how their sessions stand; how many do, by connector."""
        flat = [(one, said.wanted, said.up, said.trouble, _json(said.counts)) for one, said in accounts]
        connector_ids, *standing = columns(flat, 5)
        await self._connection.execute(RENEW_LEASES, connector_ids, courier_id, until, *standing)
        rows = await self._connection.fetch(HOLDERS, connector_ids, now)
        return {row["connector_id"]: row["holders"] for row in rows}

    async def end_leases(self, courier_id: int, *, now: datetime) -> None:
        """This courier stops; leases that ran out go with it."""
        await self._connection.execute(END_LEASES, courier_id, now)

    async def end_flights(self, rows: Sequence[Flight]) -> dict[Flight, bool]:
        """Remove the submissions whose fate is known; those that were still there, and whether in doubt."""
        if not rows:
            return {}
        by_key = {_natural(row): row for row in rows}
        ended = await self._connection.fetch(END, *_NAMED.arguments(list(by_key.values())))
        return {by_key[tuple(row)[:5]]: row["in_doubt"] for row in ended}

    async def unanswered(self, keys: Iterable[Key]) -> set[Key]:
        """Those of the messages of which a submission may still be answered."""
        rows = await self._connection.fetch(UNANSWERED, [message_id for _, message_id in keys])
        return {tuple(row) for row in rows}

    async def being_written(self, account_id: int, message_id: int) -> list[Flight]:
        """A message's submissions whose answer is waited for, and which its evidence does not tell of yet."""
        rows = await self._connection.fetch(BEING_WRITTEN, account_id, message_id)
        return [_flight(row) for row in rows]

    async def doubt_flights(self, rows: Sequence[tuple[Flight, datetime]], *, since: datetime) -> set[Flight]:
        """Mark submissions as in doubt; the policy decides at the given time. Those that were not yet in doubt."""
        if not rows:
            return set()
        by_key = {_natural(row): row for row, _ in rows}
        flat = [(*_natural(row), decide_at) for row, decide_at in rows]
        doubted = await self._connection.fetch(DOUBT, since, *columns(flat, 6))
        return {by_key[tuple(row)] for row in doubted}

    async def decide_flights(self, rows: Sequence[Flight]) -> None:
        """Their policy has decided; they stay matchable."""
        if rows:
            await self._connection.execute(DECIDED, *columns([_natural(row) for row in rows], 5))

    async def deserted(self, *, written_before: datetime, limit: int) -> list[Flight]:
        """Unanswered submissions of couriers that are no more, or from before that time; locked."""
        return [_flight(row) for row in await self._connection.fetch(DESERTED, limit, written_before)]

    async def undecided(self, *, now: datetime, limit: int) -> list[Flight]:
        """Submissions in doubt whose wait is over; locked."""
        return [_flight(row) for row in await self._connection.fetch(UNDECIDED, now, limit)]

    async def first_expiry_in_flight(self) -> datetime | None:
        """When the first validity ends of what may still be answered, or decided about."""
        first: datetime | None = await self._connection.fetchval(FIRST_EXPIRY)
        return first

    async def unanswered_to(self, connector_id: int, tails: Sequence[str]) -> list[Unanswered]:
        """Submissions without an answer to recipients that end in these digits (TAIL of them)."""
        rows = await self._connection.fetch(UNANSWERED_TO, connector_id, list(tails))
        return [Unanswered(_flight(row), row["in_doubt"], row["text"]) for row in rows]

    async def add_submissions(self, rows: Sequence[Match]) -> None:
        """Submissions that were taken, under the key their receipts will name."""
        if rows:
            await self._connection.execute(ADD_SUBMISSIONS, *columns([astuple(row) for row in rows], 9))

    async def matches(self, connector_id: int, keys: Sequence[str]) -> list[Match]:
        """Submissions under these keys, newest first."""
        return [Match(*tuple(row)) for row in await self._connection.fetch(MATCHES, connector_id, list(keys))]

    async def stored(self, connector_id: int, keys: Sequence[str]) -> list[Stored]:
        """Submissions under these keys, newest first, and how their messages stand."""
        rows = await self._connection.fetch(STORED, connector_id, keys)
        return [_stored(connector_id, row) for row in rows]


async def become_courier(connection: asyncpg.Connection) -> int:
    """A courier number of one's own, held by this connection for as long as it lives."""
    courier_id: int = await connection.fetchval(NEW_COURIER)
    await hold_courier(connection, courier_id)
    return courier_id


async def hold_courier(connection: asyncpg.Connection, courier_id: int) -> bool:
    """Hold a courier's number on a new connection; False if somebody clears up after it just now."""
    held: bool = await connection.fetchval(HOLD_COURIER, courier_id)
    return held


def _json(counts: Mapping[str, int]) -> str:
    return msgspec.json.encode(dict(counts)).decode()


def _stored(connector_id: int, row: asyncpg.Record) -> Stored:
    upstream_key, recipient, attempt, part, try_no, written_at, message_id, fingerprints = row[:PLACED]
    stand = row[PLACED:]
    leg = Leg(connector_id, stand[0], attempt, part, try_no, written_at)
    return Stored(upstream_key, (message_id, recipient, leg), stand_of(stand), fingerprints or b"")


def _natural(row: Flight) -> tuple[int, int, int, int, int]:
    return (row.connector_id, row.message_id, row.attempt, row.part, row.try_no)


def _flight(row: asyncpg.Record) -> Flight:
    return Flight(
        connector_id=row["connector_id"],
        account_id=row["account_id"],
        message_id=row["message_id"],
        attempt=row["attempt"],
        part=row["part"],
        try_no=row["try"],
        courier_id=row["courier_id"],
        recipient=row["recipient"],
        sender=row["sender"],
        traffic_class=TrafficClass(row["traffic_class"]),
        written_at=row["written_at"],
        expires_at=row["expires_at"],
        reference=row["reference"],
    )
