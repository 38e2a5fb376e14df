"""What waits for a connector."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec

from tidings.domain.delivery import Attempt, Delivery, Part
from tidings.domain.message import Standing
from tidings.domain.order import TrafficClass
from tidings.domain.status import State
from tidings.flows.records import Addressee, Claimed, Content, FirstTaken, Held, Key, Waiting
from tidings.store.deliveries import PLANS
from tidings.store.rows import Rows, columns
from tidings.store.stand import stand

FIELDS = (
    "account_id, message_id, attempt, part, parts, lane, due_at, expires_at, connector_id, tries, reference"
)

TRAFFIC_CLASSES = {str(one): one for one in TrafficClass}

_decode_served = msgspec.json.Decoder(dict[int, int | None]).decode
_decode_stopped = msgspec.json.Decoder(tuple[int, int]).decode

PLACED = len(Waiting.__struct_fields__)

# A row of a run, as a row for each of its messages; the next one is locked once this one's are used up.
EACH = FIELDS.replace("message_id", "generate_series(message_id, last_id, step) as message_id")

# From account to account along the primary key, each with what is due first; then around from the start.
WAITING = """
select l.lane, a.id
from unnest($2::smallint[], $3::integer[]) as l (lane, after)
cross join lateral (
    with recursive
    behind (id, due_at) as (
        (select account_id, due_at from outbox
         where connector_id = $1 and lane = l.lane and account_id > l.after
         order by account_id, due_at limit 1)
        union all
        select next.* from behind f cross join lateral (
            select o.account_id, o.due_at from outbox o
            where o.connector_id = $1 and o.lane = l.lane and o.account_id > f.id
            order by o.account_id, o.due_at limit 1) as next),
    before (id, due_at) as (
        (select account_id, due_at from outbox
         where connector_id = $1 and lane = l.lane and account_id <= l.after
         order by account_id, due_at limit 1)
        union all
        select next.* from before f cross join lateral (
            select o.account_id, o.due_at from outbox o
            where o.connector_id = $1 and o.lane = l.lane and o.account_id > f.id and o.account_id <= l.after
            order by o.account_id, o.due_at limit 1) as next)
    select id from (select id, due_at from behind union all select id, due_at from before) as around
    where due_at <= $4 limit $5) as a"""

DUE = f"""
select o.*, m.recipient, m.sender, m.text, m.ucs2, m.flash, m.traffic_class::text
from unnest($3::integer[]) as sharing (id)
cross join lateral (
    select {EACH}, place from (
        select {FIELDS}, last_id, step, ctid as place from outbox
        where connector_id = $1 and lane = $2 and account_id = sharing.id and due_at <= $4
          and expires_at > $4 + least($5::interval, (expires_at - due_at) / 2)
        order by due_at, message_id, part limit $6
        for update skip locked) as run
    limit $6) as o
cross join lateral (
    select recipient, sender, text, ucs2, flash, traffic_class from message
    where account_id = o.account_id and id = o.message_id limit 1) as m"""

# All of DUE, TAKE_OFF and what is to be known of the messages, for those that simply go out for the first time, whole:
# the others only counted. A row is never changed where it waits, so what was locked is what is deleted. Of a run, what
# goes is its beginning, and found by its first and last id; the rest waits on. Messages are put in their order before
# they are grouped: aggregates that want an order of their own have all rows sorted by everything that groups them.
CLAIM = f"""
with waiting as materialized (
    select lane, id, row_number() over () as place, (select plan from account where account.id = around.id) as plan
    from ({WAITING}) as around),
due as materialized (
    select o.*, sharing.place, sharing.plan from (
        select lane, id, place, plan, count(*) over (partition by lane) as sharers from waiting) as sharing
    cross join lateral (
        select row_number() over () as turn, each.* from (
            select *, generate_series(message_id, last_id, step) as id from (
                select account_id, message_id, last_id, step, lane, due_at, expires_at, ctid as its_row,
                       attempt = 1 and part = 0 and parts = 1 as is_plain
                from outbox
                where connector_id = $1 and lane = sharing.lane and account_id = sharing.id and due_at <= $4
                  and expires_at > $4 + least($6::interval, (expires_at - due_at) / 2)
                order by due_at, message_id, part limit greatest($7::integer / sharing.sharers, 1)
                for update skip locked) as run
            limit greatest($7::integer / sharing.sharers, 1)) as each) as o),
chosen as materialized (
    select * from due order by lane, turn, place limit $7),
begun as materialized (
    select distinct on (its_row)
           its_row, account_id, message_id, id as upto, last_id, step, lane, due_at, expires_at, plan
    from chosen where is_plain order by its_row, id desc),
gone as (
    delete from outbox where ctid = any(array(select its_row from begun))),
rest as (
    insert into outbox
        (connector_id, lane, due_at, message_id, last_id, step, part, attempt, account_id, parts, expires_at)
    select $1, lane, due_at, upto + step, last_id, step, 0, 1, account_id, 1, expires_at
    from begun where upto < last_id),
taken as materialized (
    select begun.account_id, begun.lane, begun.due_at, begun.expires_at, begun.plan, m.* from begun
    cross join lateral (
        select id as message_id, recipient, sender, text, ucs2, flash, traffic_class,
               m.connector_id as first_connector_id, route_id, scheduled_for is not null as is_scheduled,
               {stand("price", "counted_task", "callback_lane", "callback_each")}
        from message m
        where account_id = begun.account_id and id between begun.message_id and begun.upto offset 0) as m),
flying as (
    insert into in_flight (message_id, attempt, part, try, connector_id, account_id, courier_id, recipient, sender,
                           traffic_class, written_at, expires_at, reference)
    select message_id, 1, 1, 1, $1, account_id, $8, recipient, sender, traffic_class, $4, expires_at, 0
    from taken)
select (select count(*) from chosen where not is_plain),
       (select json_object_agg(lane, last) from (
            select lane, max(id) filter (where turn = $5) as last from (
                select lane, id, row_number() over (partition by lane order by place) as turn
                from waiting) as turns
            group by lane) as lanes),
       (select json_build_array(lane, account_id) from (
            select lane, account_id from chosen offset $7 - 1 limit 1) as last),
       null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null
union all
(select null, null, null, array_agg(message_id), array_agg(recipient), array_agg(text), expires_at, sender,
         ucs2, flash, traffic_class::text, account_id, first_connector_id, route_id, is_scheduled, price,
        counted_task, callback_lane, callback_each, plan
 from (select * from taken order by due_at, message_id offset 0) as taken
 group by expires_at, sender, ucs2, flash, traffic_class, account_id, first_connector_id, route_id, is_scheduled, price,
          counted_task, callback_lane, callback_each, plan
 order by min(lane), min(due_at), min(message_id))"""

OVERDUE = f"""
select {EACH}, place from (
    select {FIELDS}, last_id, step, ctid as place from outbox where expires_at <= $1 order by expires_at limit $2
    for update skip locked) as run
limit $2"""

# Of a run, the messages up to the last one of those that are taken; it is not searched for where a row is one message.
_TAKEN = f"""
with gone as (
    delete from outbox where ctid = any($1::tid[]) returning *),
begun as materialized (
    select gone.*, coalesce(
        (select max(id) from unnest($2::bigint[]) as taken (id)
         where message_id < last_id and id between message_id and last_id), message_id) as upto
    from gone),
rest as (
    insert into outbox ({FIELDS}, last_id, step)
    select {FIELDS.replace("message_id", "upto + step")}, last_id, step from begun where upto < last_id)"""

TAKE = f"{_TAKEN} select"

TAKE_OFF = f"""{_TAKEN}
insert into in_flight (message_id, attempt, part, try, connector_id, account_id, courier_id, recipient, sender,
                       traffic_class, written_at, expires_at, reference)
select m.message_id, begun.attempt, one.part, begun.tries + 1, begun.connector_id, begun.account_id, $3, m.recipient,
       m.sender, m.traffic_class, $4, begun.expires_at, coalesce(chosen.reference, begun.reference)
from begun
cross join lateral (
    select id as message_id, recipient, sender, traffic_class from message
    where account_id = begun.account_id and id between begun.message_id and begun.upto offset 0) as m
cross join generate_series(greatest(begun.part, 1), case begun.part when 0 then begun.parts else begun.part end)
           as one (part)
left join unnest($5::bigint[], $6::smallint[]) as chosen (message_id, reference)
       on chosen.message_id = m.message_id"""

PUT = f"""
insert into outbox ({FIELDS}, last_id)
select again.*, message_id
from unnest($1::integer[], $2::bigint[], $3::smallint[], $4::smallint[], $5::smallint[], $6::smallint[],
            $7::timestamptz[], $8::timestamptz[], $9::integer[], $10::smallint[], $11::smallint[])
     as again ({FIELDS})"""

ADDRESSEES = """
select account_id, id, m.recipient, m.test
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, id)
join message m using (account_id, id)"""

# The handset joins parts by (sender, reference): a counter per recipient keeps two long messages apart.
NEXT_REFERENCES = """
insert into concat_reference as c (connector_id, recipient, reference)
select $1, recipient, 1 + (random() * 254)::integer from unnest($2::text[]) as t (recipient)
on conflict (connector_id, recipient) do update
    set reference = (c.reference - 1 + ($3::integer[])[array_position($2, c.recipient)]) % 255 + 1
returning recipient, reference"""

SETTLE_DUE = """
delete from timer where (account_id, message_id, kind) in (
    select account_id, message_id, kind from timer where due_at <= $1 order by due_at limit $2
    for update skip locked)
returning account_id, message_id"""

# What may still be answered, or decided about, has its turn later: the sweep does not go past it.
SILENT = """
select d.account_id, d.message_id
from (select account_id, id from message where expires_at > $1 and expires_at <= $2 offset 0) m
cross join lateral (
    select * from delivery where account_id = m.account_id and message_id = m.id offset 0) d
where (d.state in ('in_doubt', 'sent', 'enroute', 'at_carrier') or d.state = 'sending' and d.sent_at is not null)
  and not exists (select from in_flight f where f.message_id = d.message_id
                                            and (f.doubt_since is null or f.decide_at is not null))
order by 1, 2 limit $3"""

SWEPT_TO = "select reached from sweep where name = $1"
SWEEP_REACHED = """
insert into sweep (name, reached) values ($1, $2)
on conflict (name) do update set reached = greatest(sweep.reached, excluded.reached)"""


class OutboxRows(Rows):
    """Statements on what waits, for a connector or for a deadline."""

    async def claim(
        self,
        connector_id: int,
        after: Mapping[int, int],
        *,
        courier_id: int,
        now: datetime,
        remaining: timedelta,
        accounts: int,
        room: int,
    ) -> Claimed:
        """Take what goes out for the first time and whole, and write the intent; in one statement."""
        rows = await self._connection.fetch(
            CLAIM, connector_id, list(after), list(after.values()), now, accounts, remaining, room, courier_id
        )
        others, served, stopped = rows[0][:3]
        lanes: dict[int, int | None] = _decode_served(served) if served else {}
        if stopped is not None:
            lane, account_id = _decode_stopped(stopped)
            lanes = {one: last for one, last in lanes.items() if one < lane} | {lane: account_id}
        return Claimed(
            [_first_taken(row) for row in rows[1:]],
            others=others,
            served={lane: last or 0 for lane, last in lanes.items()},
        )

    async def accounts_waiting(
        self, connector_id: int, after: Mapping[int, int], *, now: datetime, limit: int
    ) -> dict[int, list[int]]:
        """By lane, the accounts with something due for a connector: those `after` one of that lane, then the others."""
        lanes, last = list(after), list(after.values())
        found: dict[int, list[int]] = {}  # in the order of the plan's two scans, which `union all` keeps
        for lane, account_id in await self._connection.fetch(WAITING, connector_id, lanes, last, now, limit):
            found.setdefault(lane, []).append(account_id)
        return found

    async def due(
        self,
        connector_id: int,
        lane: int,
        accounts: Sequence[int],
        *,
        now: datetime,
        remaining: timedelta,
        limit: int,
    ) -> list[tuple[Waiting, Content]]:
        """What of a lane may go to a connector now; locked, others skip it.

        What remains of its validity must be more than `remaining`, or than half of what did when it became due.

        An equal share for each of the accounts, oldest first.
        """
        share = max(limit // len(accounts), 1)
        rows = await self._connection.fetch(DUE, connector_id, lane, accounts, now, remaining, share)
        return [(_waiting(row), _content(row)) for row in rows]

    async def take_off(
        self, rows: Sequence[Waiting], *, courier_id: int, now: datetime, references: Mapping[int, int]
    ) -> None:
        """Turn rows of `due` into the intent to write their parts; `references` by message id.

        Of an account's they must be the first ones: what waits in the same place as they is left there behind them.
        """
        await self._connection.execute(
            TAKE_OFF, *_places(rows), courier_id, now, list(references), list(references.values())
        )

    async def overdue(self, *, now: datetime, limit: int) -> list[Waiting]:
        """What still waits although its validity is over; locked."""
        return [_waiting(row) for row in await self._connection.fetch(OVERDUE, now, limit)]

    async def take_from_outbox(self, rows: Sequence[Waiting]) -> None:
        """Remove rows that this transaction has locked, of those in one place the first ones."""
        if rows:
            await self._connection.execute(TAKE, *_places(rows))

    async def put_in_outbox(self, rows: Sequence[Waiting]) -> None:
        """Queue again."""
        if rows:
            flat = [
                msgspec.structs.astuple(row)[:-1] for row in rows
            ]  # without the place, which a row gets by it
            await self._connection.execute(PUT, *columns(flat, 11))

    async def addressees(self, keys: Sequence[Key]) -> dict[Key, Addressee]:
        """Where the messages go."""
        rows = await self._connection.fetch(ADDRESSEES, *columns(keys, 2))
        return {(row["account_id"], row["id"]): Addressee(row["recipient"], row["test"]) for row in rows}

    async def next_references(self, connector_id: int, long: Mapping[str, int]) -> dict[str, list[int]]:
        """Numbers (1..255) for so many long messages to each recipient, that the last ones did not have."""
        if not long:
            return {}
        rows = await self._connection.fetch(NEXT_REFERENCES, connector_id, *columns(sorted(long.items()), 2))
        return {
            row["recipient"]: [(row["reference"] - 1 - n) % 255 + 1 for n in range(long[row["recipient"]])]
            for row in rows
        }

    async def settle_due(self, *, now: datetime, limit: int) -> list[Key]:
        """Messages whose settle wait is over; their timers are removed."""
        return [tuple(row) for row in await self._connection.fetch(SETTLE_DUE, now, limit)]

    async def silent(self, *, expired_before: datetime, after: datetime, limit: int) -> list[Key]:
        """Messages that left us, are open, and whose validity ended in the window."""
        return [tuple(row) for row in await self._connection.fetch(SILENT, after, expired_before, limit)]

    async def swept_to(self, name: str) -> datetime | None:
        """How far a sweep has come."""
        reached: datetime | None = await self._connection.fetchval(SWEPT_TO, name)
        return reached

    async def sweep_reached(self, name: str, at: datetime) -> None:
        """Remember how far a sweep has come."""
        await self._connection.execute(SWEEP_REACHED, name, at)


def _first_taken(row: asyncpg.Record) -> FirstTaken:
    (
        _,
        _,
        _,
        message_ids,
        recipients,
        texts,
        expires_at,
        sender,
        ucs2,
        flash,
        traffic_class,
        *opening,
    ) = row
    return FirstTaken(
        opening[0],
        expires_at,
        sender,
        ucs2,
        flash,
        TRAFFIC_CLASSES[traffic_class],
        _opening(tuple(opening)),
        message_ids,
        recipients,
        texts,
    )


@lru_cache(maxsize=4_096)
def _opening(opening: tuple[Any, ...]) -> Held:
    """How messages of one part stand of which nothing was heard since they were accepted; shared by those alike."""
    (
        account_id,
        connector_id,
        route_id,
        is_scheduled,
        price,
        counted_task,
        callback_lane,
        callback_each,
        plan,
    ) = opening
    state = State.SCHEDULED if is_scheduled else State.QUEUED
    attempt = Attempt(connector_id, route_id, False, [Part(state)])
    return Held(
        delivery=Delivery(account_id, 0, [attempt], Standing(state), version=1),
        plan=PLANS[plan],
        price=price,
        held=price,
        charged=0,
        reports=0,
        counted_task=counted_task,
        fingerprints=[],
        callback_lane=callback_lane,
        callback_each=callback_each,
    )


def _places(rows: Sequence[Waiting]) -> list[list[Any]]:
    """Where the rows are, each once, and which messages are meant."""
    return [list({row.place for row in rows}), [row.message_id for row in rows]]


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(*tuple(row)[:PLACED])


def _content(row: asyncpg.Record) -> Content:
    recipient, sender, text, ucs2, flash, traffic_class = tuple(row)[PLACED:]
    return Content(recipient, sender, text, ucs2, flash, TRAFFIC_CLASSES[traffic_class])
