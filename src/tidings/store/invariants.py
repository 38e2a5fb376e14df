"""What must always hold of the data, whatever happened: run after every fault in tests, and by `tidings doctor`.

Numbers and promises are those of the design: 1 what was promised is kept, 2 nobody gets it twice, 3 status follows
its evidence, 4 money is conserved, 6 reports are owed, 7 callbacks are not lost, 8 nobody sees another's, 9 it ends.
The others need the truth of the outside world and are checked by the tests that play it. Everything is asked of one
snapshot, so that a busy gateway does not look like a broken one.
"""

from collections.abc import AsyncIterator

import asyncpg
import msgspec

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import State
from tidings.flows.close import FORGOTTEN, OVERLAP
from tidings.flows.fold import MAX_REPORTS
from tidings.store.deliveries import PART_PLACES
from tidings.store.replays import Told, replays
from tidings.store.stand import ALL

EXAMPLES = 5
"""How many offenders a violation names."""


class Violation(msgspec.Struct, frozen=True):
    """A promise that is broken."""

    number: int
    promise: str
    found: int  # how often
    examples: list[str]  # some of them


class Check(msgspec.Struct, frozen=True):
    """A promise, and the statement that finds what breaks it: one row each, shown as `name/name/…`."""

    number: int
    promise: str
    sql: str


# The parts of open messages that wait for something, and what each of them must therefore have.
NEEDED = f"""
select d.account_id, d.message_id, a.number::integer as attempt, p.number::integer as part,
       case p.state ->> 0 when 'sending' then 'noted as written only with its answer'
                          when 'in_doubt' then 'in doubt' else 'waiting' end as place
from {ALL} d,
     json_array_elements(d.attempts) with ordinality as a (attempt, number),
     json_array_elements(a.attempt -> 3) with ordinality as p (state, number)
where d.state < 'delivered' and p.state ->> 0 in ('scheduled', 'moderation', 'queued', 'sending', 'in_doubt')"""

# Row by row of the queue, the messages it stands for.
IN_OUTBOX = """
select o.account_id, one.message_id, o.attempt::integer as attempt, o.part, o.parts, o.expires_at
from outbox o, generate_series(o.message_id, o.last_id, o.step) as one (message_id)"""

# What waits for its turn, and of it the parts (part 0 is all of them), or for its answer.
QUEUED = f"""
select account_id, message_id, attempt, covered.part, 'waiting' as place
from ({IN_OUTBOX}) as o,
     generate_series(greatest(o.part, 1), case o.part when 0 then o.parts else o.part end) as covered (part)
union all
select account_id, message_id, attempt, part, 'waiting' from in_flight where doubt_since is null"""

HELD_PLACES = f"""
{QUEUED}
union all
select account_id, message_id, attempt, part, 'in doubt' from in_flight where decide_at is not null"""

# The sweep for overdue receipts has gone past this message: nobody will look at it again.
PASSED_BY = f"""m.expires_at <= (select reached - interval '{OVERLAP.total_seconds()} seconds' from sweep
                                 where name = 'receipt_deadline')"""

# A part in doubt whose submission a receipt has named may wait, like one that was sent, for the receipt deadline.
STRANDED = f"""
select account_id, message_id, 'part ' || part || ' is not ' || place
from (({NEEDED}) except ({HELD_PLACES})) as missing
join message m using (account_id)
where m.id = message_id and (place <> 'in doubt' or {PASSED_BY})"""

UNHEARD = f"""
select d.account_id, d.message_id, d.state from delivery d
join message m on m.account_id = d.account_id and m.id = d.message_id
where d.state in ('sent', 'enroute', 'at_carrier') and (d.first_written_at is null or {PASSED_BY})"""

# While an attempt of which no part has failed is open, nothing is to be settled: the message goes on with that one.
UNSETTLED = """
select d.account_id, d.message_id from delivery d
where d.state < 'delivered' and d.negative_at is not null
  and not exists (select from timer t where t.account_id = d.account_id and t.message_id = d.message_id)
  and not exists (
      select from json_array_elements(d.attempts) as a (attempt)
      where not exists (select from json_array_elements(a.attempt -> 3) as p (state)
                        where (p.state ->> 0)::delivery_state >= 'expired'))"""

MISQUEUED = f"""
select o.account_id, o.message_id, o.parts || ' parts until ' || o.expires_at
from ({IN_OUTBOX}) as o join message m on m.account_id = o.account_id and m.id = o.message_id
where o.expires_at <> m.expires_at or o.attempt = 1 and o.part = 0 and o.parts <> m.parts"""

QUEUED_TWICE = f"""
select account_id, message_id, 'part ' || part from ({QUEUED}) as queued
group by account_id, message_id, attempt, part having count(*) > 1"""

# A part that is queued although it left us, arrived or failed would reach the carrier a second time. Only where the
# first of two copies was taken while the second waits may it stay until its turn: then it is dropped.
QUEUED_WRONGLY = f"""
select q.account_id, q.message_id, 'part ' || q.part from ({QUEUED}) as q
left join {ALL} d on d.account_id = q.account_id and d.message_id = q.message_id
where coalesce(d.attempts -> (q.attempt - 1) -> 3 -> (q.part - 1) ->> 0, 'nothing')
      not in ('scheduled', 'moderation', 'queued')
  and not coalesce(d.attempts -> (q.attempt - 1) -> 3 -> (q.part - 1) ->> 0
                       in ('sent', 'enroute', 'at_carrier', 'delivered', 'read')
                   and (d.attempts -> (q.attempt - 1) -> 3 -> (q.part - 1)
                        ->> {PART_PLACES["resent_after"]})::integer > 0, false)"""

BALANCES = """
select id, 'balance ' || balance || ' instead of ' || expected from (
    select a.id, a.balance, coalesce(sum(l.amount) filter (where l.kind in ('topup', 'release')), 0)
                            - coalesce(sum(l.amount) filter (where l.kind = 'hold'), 0) as expected
    from account a left join ledger l on l.account_id = a.id group by a.id) as booked
where balance <> expected"""

# Of each account, what its ledger says beside what its messages say: charged, and held and not given back yet.
BOOKS = f"""
select a.id, coalesce(l.charged, 0) as charged, coalesce(l.held, 0) as held,
       coalesce(d.charged, 0) as messages_charged, coalesce(d.held, 0) as messages_held
from account a
left join (select account_id, sum(amount) filter (where kind = 'charge') as charged,
                  sum(case kind when 'hold' then amount when 'topup' then 0 else -amount end) as held
           from ledger group by account_id) l on l.account_id = a.id
left join (select account_id, sum(charged) as charged, sum(held) as held
           from {ALL} as every group by account_id) d on d.account_id = a.id"""

CHARGES = f"""
select id, charged || ' instead of ' || messages_charged from ({BOOKS}) as books where charged <> messages_charged"""

HOLDS = f"""
select id, held || ' instead of ' || messages_held from ({BOOKS}) as books where held <> messages_held"""

PRICES = f"""
select account_id, message_id from {ALL} as every
where case when state < 'delivered' then held <> price or charged <> 0 else held <> 0 or charged > price end"""

COUNTED = """
select m.account_id, m.id from message m
left join task t on t.account_id = m.account_id and t.id = m.task_id
left join task_counter c on c.account_id = m.account_id and c.task_id = coalesce(m.task_id, m.id - 1)
where m.counted <> (coalesce(t.total, 1) > 1) or m.counted <> (c.task_id is not null)"""

REPORTS_OWED = f"""
select d.account_id, d.message_id, d.reports || ' noted, ' || count(r.number) || ' owed' from {ALL} d
left join report r on r.account_id = d.account_id and r.message_id = d.message_id
group by d.account_id, d.message_id, d.reports, d.state
having d.reports <> count(r.number) or d.reports <> coalesce(max(r.number), 0) or d.reports > {MAX_REPORTS}
    or (d.reports = 0) <> (d.state < 'delivered')"""

REPORTS_CURRENT = f"""
select d.account_id, d.message_id from delivery d
join report r on r.account_id = d.account_id and r.message_id = d.message_id and r.number = d.reports
where (r.state, r.reason, r.stage) is distinct from (d.state, d.reason, d.stage)
  and d.reports < {MAX_REPORTS} and not (d.state = 'read' and r.state = 'delivered')"""

# Where each report is, unless nobody asked for it in time.
REPORTS_ONCE = f"""
select account_id, message_id, 'report ' || number || ' is in ' || count(place) || ' places'
from report r full join (
    select account_id, message_id, number, 'due' as place from report_due
    union all
    select p.account_id, one.message_id, one.number, 'pulled'
    from report_pulled p, unnest(p.message_ids, p.numbers) as one (message_id, number)) as w
    using (account_id, message_id, number)
group by account_id, message_id, number
having bool_or(r.owed_at is null) or count(place) > 1 or count(place) = 0 and min(r.owed_at) >= coalesce(
    (select reached from sweep where name = '{FORGOTTEN}'), '-infinity')"""

REPORTS_WAIT = """
select w.account_id, w.message_id, w.number from report_due w
join report r on r.account_id = w.account_id and r.message_id = w.message_id and r.number = w.number
where (w.state, w.reason, w.stage, w.done_at, w.owed_at)
      is distinct from (r.state, r.reason, r.stage, r.done_at, r.owed_at)"""

# Where each callback is.
CALLBACKS = """
select account_id, message_id, number from callback
union all
select account_id, message_id, number from callback_given_up
union all
select account_id, unnest(message_ids), number from callback_done"""

CALLBACKS_OWED = f"""
select d.account_id, d.message_id, 'callback ' || owed.number || ' is in ' || count(c.number) || ' places'
from {ALL} d cross join lateral generate_series(1, d.reports) as owed (number)
left join ({CALLBACKS}) as c
       on c.account_id = d.account_id and c.message_id = d.message_id and c.number = owed.number
where d.callback_lane is not null
group by d.account_id, d.message_id, owed.number having count(c.number) <> 1"""

CALLBACKS_DUE = f"""
select c.account_id, c.message_id, 'callback ' || c.number
from ({CALLBACKS}) as c
left join {ALL} d on d.account_id = c.account_id and d.message_id = c.message_id
group by c.account_id, c.message_id, c.number, d.callback_lane, d.callback_each, d.sent_at, d.reports
having d.callback_lane is null or c.number > d.reports or count(*) > 1
    or c.number = 0 and (not d.callback_each or d.sent_at is null)"""

TASKS = """
select t.account_id, t.id, count(m.id) || ' of ' || t.total from task t
left join message m on m.account_id = t.account_id and m.task_id = t.id and m.id > t.id and m.id <= t.id + t.total
group by t.account_id, t.id having count(m.id) <> t.total"""

SPANS = """
select account_id, starts_at, width
from (select account_id, width, starts_at, sum(messages) as messages, min(first_id) as first_id, max(last_id) as last_id
      from (select account_id, width, starts_at, messages, first_id, last_id from message_count
            union all
            select account_id, width, date_trunc(width, at, 'UTC'), messages, first_id, last_id
            from message_tally, unnest('{day,minute}'::text[]) as width) as noted
      group by 1, 2, 3) c
full join (select account_id, width, date_trunc(width, created_at, 'UTC') as starts_at, count(*) as messages,
                  min(id) as first_id, max(id) as last_id
           from message, unnest('{day,minute}'::text[]) as width group by 1, 2, 3) m
    using (account_id, width, starts_at)
where c.messages is distinct from m.messages or c.first_id > m.first_id or c.last_id < m.last_id"""

MOMENTS = """
with minute as materialized (
    select account_id, starts_at from message_count where width = 'minute' and by_moment)
select account_id, at, 'moment'
from (select account_id, at, sum(messages) as messages
      from (select account_id, at, messages from message_moment
            union all
            select t.account_id, t.at, t.messages from message_tally t join minute n
                on n.account_id = t.account_id and n.starts_at = date_trunc('minute', t.at, 'UTC')) as noted
      group by 1, 2) c
full join (select m.account_id, m.created_at as at, count(*) as messages
           from message m join minute n
               on n.account_id = m.account_id and n.starts_at = date_trunc('minute', m.created_at, 'UTC')
           group by 1, 2) m using (account_id, at)
where c.messages is distinct from m.messages"""

HOMELESS = """
select m.account_id, m.id, 'no task' from message m
where m.task_id is not null
  and not exists (select from task t where t.account_id = m.account_id and t.id = m.task_id)
union all
select account_id, message_id, 'heard of, and no status' from (
    select account_id, message_id from submission
    union
    select account_id, message_id from evidence where seq > 1
    union
    select account_id, message_id from report
    union
    select account_id, message_id from timer) as heard
where not exists (select from delivery d where d.account_id = heard.account_id and d.message_id = heard.message_id)"""

SHARED_IDS = """
select id, count(*) || ' messages' from message group by id having count(*) > 1"""

KEYS = """
select k.account_id, k.message_id, k.kind from external_key k
left join message m on m.account_id = k.account_id and m.id = k.message_id
where k.key is distinct from case k.kind when 'reference' then m.reference else m.message_key end"""

FOREIGN = "\nunion all\n".join(
    f"""select x.account_id, x.message_id, '{name}' from {rows} x
where not exists (select from message m where m.account_id = x.account_id and m.id = x.message_id)"""
    for name, rows in (
        ("delivery", "delivery"),
        ("evidence", "evidence"),
        ("outbox", f"({IN_OUTBOX})"),
        ("in_flight", "in_flight"),
        ("submission", "submission"),
        ("timer", "timer"),
        ("report", "report"),
        ("report_due", "report_due"),
    )
)

STRAY_MONEY = """
select l.account_id, l.id from ledger l where not exists (select from account a where a.id = l.account_id)"""

OPEN = f"select account_id, message_id, state from {ALL} as every where state < 'delivered'"

CHECKS = (
    Check(1, "every task has its messages", TASKS),
    Check(1, "every message is counted in its day and its minute", SPANS),
    Check(1, "every message of a minute whose moments are kept is in one of them", MOMENTS),
    Check(1, "every message has its task, and its status once something was heard of it", HOMELESS),
    Check(1, "every open part waits where somebody will look at it", STRANDED),
    Check(1, "what was handed over is looked at again when its receipt is overdue", UNHEARD),
    Check(1, "a message with a failed part is settled at a set time", UNSETTLED),
    Check(1, "what waits is as long, and valid as long, as its message", MISQUEUED),
    Check(2, "a part is queued once", QUEUED_TWICE),
    Check(2, "only what has not left us is queued", QUEUED_WRONGLY),
    Check(4, "a balance is top-ups - holds + releases", BALANCES),
    Check(4, "what an account was charged is what its messages were", CHARGES),
    Check(4, "holds = charges + releases + what open messages hold", HOLDS),
    Check(
        4, "an open message holds what it was accepted for, and none costs more; test traffic is free", PRICES
    ),
    Check(4, "messages of a task of several are counted, and only they", COUNTED),
    Check(6, "a final message owes its reports, numbered from 1; an open one none", REPORTS_OWED),
    Check(6, "the last report says what the message says now", REPORTS_CURRENT),
    Check(6, "a report waits or was handed out, once", REPORTS_ONCE),
    Check(6, "what waits is the report that is owed", REPORTS_WAIT),
    Check(7, "a callback that is owed waits, was delivered, or was given up", CALLBACKS_OWED),
    Check(7, "a callback is owed, and owed once", CALLBACKS_DUE),
    Check(8, "an id is one message", SHARED_IDS),
    Check(8, "a key stands for the message that has it", KEYS),
    Check(8, "what belongs to a message has that message's account", FOREIGN),
    Check(8, "money belongs to an account", STRAY_MONEY),
)

FOLDED, SUBMITTED, BILLED = (
    (3, "a status is what its evidence folds to, by legal steps"),
    (2, "a part is written only when it was queued for that"),
    (4, "an open message holds its price; a final one has paid what its status costs"),
)
COUNTERS = (4, "a task's counters are a recount of its messages")
ENDED = Check(9, "nothing is open any more", OPEN)

RECOUNT = f"""
select c.account_id, c.task_id, c.handed_over, c.waiting, c.sent, c.delivered, c.expired, c.undeliverable,
       c.rejected, c.unknown, c.price, d.state::text, d.reason, count(d.message_id) as messages,
       count(d.sent_at) as messages_handed_over, coalesce(sum(d.held + d.charged), 0)::bigint as messages_price
from task_counter c left join {ALL} d on d.account_id = c.account_id and d.counted_task = c.task_id
group by c.account_id, c.task_id, d.state, d.reason
order by c.account_id, c.task_id"""


async def check(connection: asyncpg.Connection, *, from_id: int = 0) -> list[Violation]:
    """Everything that is broken, in the order of the numbers; an empty list is a healthy database.

    Replaying evidence is what takes time (some thousand messages a second): `from_id` leaves older messages out of
    that. A caller's open transaction is used, also to see what it has not committed.
    """
    if connection.is_in_transaction():
        return await _check(connection, from_id)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _check(connection, from_id)


async def _check(connection: asyncpg.Connection, from_id: int) -> list[Violation]:
    found = [await _ask(connection, one) for one in CHECKS]
    found += await _replayed(connection, from_id)
    found.append(await _recounted(connection))
    return sorted((one for one in found if one), key=lambda one: one.number)


async def ended(connection: asyncpg.Connection) -> list[Violation]:
    """What is still open: for tests that turned the faults off and let the time pass."""
    still_open = await _ask(connection, ENDED)
    return [still_open] if still_open else []


async def _ask(connection: asyncpg.Connection, one: Check) -> Violation | None:
    rows = await connection.fetch(
        f"select broken.*, count(*) over () as found from ({one.sql}) as broken limit {EXAMPLES}"
    )
    if not rows:
        return None
    examples = ["/".join(map(str, list(row)[:-1])) for row in rows]
    return Violation(one.number, one.promise, rows[0]["found"], examples)


async def _replayed(connection: asyncpg.Connection, from_id: int) -> list[Violation | None]:
    """The checks that need every message's evidence told again, in one pass."""
    folded, submitted, billed = _Tally(FOLDED), _Tally(SUBMITTED), _Tally(BILLED)
    async for told in replays(connection, from_id=from_id):
        folded.add(told, told.folded)
        submitted.add(told, told.submitted)
        billed.add(told, told.billed)
    return [folded.violation(), submitted.violation(), billed.violation()]


class _Tally:
    """Counts offenders and remembers some."""

    def __init__(self, promise: tuple[int, str]) -> None:
        self._promise = promise
        self._found = 0
        self._examples: list[str] = []

    def add(self, told: Told, problems: list[str]) -> None:
        """One message and what is wrong with it."""
        if problems:
            account_id, message_id = told.key
            self.count(f"{account_id}/{message_id}/{problems[0]}")

    def count(self, example: str) -> None:
        """One more."""
        self._found += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(example)

    def violation(self) -> Violation | None:
        """What was counted; None if nothing was."""
        return Violation(*self._promise, self._found, self._examples) if self._found else None


async def _recounted(connection: asyncpg.Connection) -> Violation | None:
    tally = _Tally(COUNTERS)
    async for noted, counted in _counters(connection):
        wrong = [name for name, number in counted.items() if noted[name] != number]
        if wrong:
            shown = ", ".join(f"{name} {noted[name]} instead of {counted[name]}" for name in wrong)
            tally.count(f"{noted['account_id']}/{noted['task_id']}/{shown}")
    return tally.violation()


async def _counters(
    connection: asyncpg.Connection,
) -> AsyncIterator[tuple[asyncpg.Record, dict[str, int]]]:
    """Each task's counters as they are noted, and recounted."""
    noted: asyncpg.Record | None = None
    counted: dict[str, int] = {}
    async for row in connection.cursor(RECOUNT, prefetch=1_000):
        if noted is None or (noted["account_id"], noted["task_id"]) != (row["account_id"], row["task_id"]):
            if noted is not None:
                yield noted, counted
            noted, counted = row, dict.fromkeys(("handed_over", "price", *map(str, Bucket)), 0)
        if row["state"]:
            where = bucket(Standing(State(row["state"]), Reason(row["reason"]) if row["reason"] else None))
            counted[where] += row["messages"]
            counted["handed_over"] += row["messages_handed_over"]
            counted["price"] += row["messages_price"]
    if noted is not None:
        yield noted, counted
