"""Owed reports: written once, claimed once."""

from datetime import UTC, datetime
from operator import attrgetter

import asyncpg

from tidings.domain.ids import seal
from tidings.domain.message import Report, ReportFilter
from tidings.domain.order import NO_EXTRAS
from tidings.flows.records import Named
from tidings.store.deliveries import standing_as
from tidings.store.lookups import at_second, decode_extras
from tidings.store.rows import Rows, seconds

# The newest first. SKIP LOCKED: a row that another pull holds is that pull's. Nothing changes these rows, so that what
# is locked is still where it was found. Messages are looked up together, as their ids are mostly neighbours, and what
# many of them agree in is told once.
CLAIM = f"""
with due as materialized (
    select r.{{place}} as place, r.message_id, r.number, r.state, r.reason, r.stage, r.confirmation, r.inferred,
           r.network_error, r.sent_at, r.done_at, r.price
    from {{among}}
    where r.account_id = $1 and r.owed_at > $2 {{where}}
    order by {{order}} limit $4
    for update of r skip locked),
handed_out as (delete from report_due where ctid = any(array(select place from due))),
pull as materialized (
    select min(message_id) as first_id, max(message_id) as last_id, array_agg(message_id) as ids,
           array_agg(number) as numbers
    from due having count(*) > 0),
noted as (
    insert into report_pulled (account_id, last_id, at, message_ids, numbers)
    select $1, last_id, $3, ids, numbers from pull)
select array_agg(c.message_id), array_agg({seconds("c.sent_at")}), array_agg({seconds("c.done_at")}),
       array_agg(m.message_key), array_agg(m.recipient), c.number, c.state, c.reason, c.stage, c.confirmation,
       c.inferred, c.network_error, c.price, m.task_id,
       (select bulk_key from task where account_id = $1 and id = m.task_id), m.sender, m.parts, m.extras
from due c
join (
    select id, task_id, message_key, recipient, sender, parts, extras
    from message
    where account_id = $1 and id = any((select ids from pull)::bigint[])
      and id between (select first_id from pull) and (select last_id from pull) offset 0) m on m.id = c.message_id
group by c.number, c.state, c.reason, c.stage, c.confirmation, c.inferred, c.network_error, c.price, m.task_id,
         m.sender, m.parts, m.extras"""

ALONG_THE_QUEUE = {"place": "ctid", "order": "r.done_at desc, r.message_id desc, r.number desc"}

CLAIM_ANY = CLAIM.format(among="report_due r", where="", **ALONG_THE_QUEUE)

OF_EXTRAS = """
cross join lateral (
    select extras from message where account_id = $1 and id = r.message_id offset 0) m"""
MEETING_EXTRAS = """
and ($5::text is null or m.extras ->> 'application_id' = $5)
and ($6::text is null or m.extras ->> 'entity_id' = $6)
and ($7::text is null or m.extras ->> 'campaign_reference_id' = $7)
and ($8::bigint[] is null or exists (
    select from unnest($8, $9::bigint[]) as task (first, last) where r.message_id between first and last))"""

CLAIM_THESE = CLAIM.format(among=f"report_due r {OF_EXTRAS}", where=MEETING_EXTRAS, **ALONG_THE_QUEUE)

# However many others wait: those of a message are found by their keys, and ordered then.
CLAIM_OF_MESSAGES = CLAIM.format(
    among=f"""report n
    cross join lateral (
        select *, ctid as place from report_due
        where account_id = $1 and done_at = n.done_at and message_id = n.message_id and number = n.number
        offset 0) r {OF_EXTRAS}""",
    where=f"and n.account_id = $1 and n.message_id = any($10::bigint[]) {MEETING_EXTRAS}",
    place="place",
    order="(r.done_at, r.message_id, r.number) desc",
)

FORGET = """
delete from report_due where ctid = any(array(
    select ctid from report_due where owed_at < $1 limit $2 for update skip locked))"""

EVERY = ReportFilter()

NEWNESS = attrgetter("done_at", "id", "number")


class ReportRows(Rows):
    """Statements on one-time reports."""

    async def claim_reports(
        self,
        account_id: int,
        where: ReportFilter,
        *,
        named: Named,
        since: datetime,
        now: datetime,
        limit: int,
        currency: str,
        id_secret: bytes,
    ) -> list[Report]:
        """Take up to `limit` owed reports for this caller alone, newest first.

        `currency` is the account's, and keys that we made are made anew with `id_secret`.
        """
        if where == EVERY:
            claimed = await self._connection.fetch(CLAIM_ANY, account_id, since, now, limit)
        else:
            claimed = await self._connection.fetch(
                CLAIM_THESE if named.ids is None else CLAIM_OF_MESSAGES,
                account_id,
                since,
                now,
                limit,
                where.application_id,
                where.entity_id,
                where.campaign_reference_id,
                None if named.ranges is None else [first for first, _ in named.ranges],
                None if named.ranges is None else [last for _, last in named.ranges],
                *([] if named.ids is None else [named.ids]),
            )
        reports = [one for alike in claimed for one in _reports(alike, currency, id_secret)]
        reports.sort(key=NEWNESS, reverse=True)
        return reports

    async def forget_reports(self, *, owed_before: datetime, limit: int) -> int:
        """Delete up to `limit` owed reports that nobody can pull any more; how many."""
        done = await self._connection.execute(FORGET, owed_before, limit)
        return int(done.rpartition(" ")[2])


def _reports(alike: asyncpg.Record, currency: str, id_secret: bytes) -> list[Report]:
    """Those of one row: what they differ in are its first columns, as lists."""
    (
        ids, sent_at, done_at, message_keys, recipients, number, state, reason, stage, confirmation, inferred,
        network_error, price, task_id, bulk_key, sender, parts, extras,
    ) = alike  # fmt: skip
    standing = standing_as(state, reason, stage, confirmation, inferred, network_error)
    shared_key = bulk_key or (None if task_id is None else seal(id_secret, task_id))
    filed = NO_EXTRAS if extras is None else decode_extras(extras)
    return [
        Report(
            message_id, number, standing, at_second(done, UTC), at_second(sent, UTC), price,
            shared_key or seal(id_secret, message_id - 1), message_key or seal(id_secret, message_id), recipient,
            sender, parts, currency, None, filed,
        )
        for message_id, sent, done, message_key, recipient in zip(
            ids, sent_at, done_at, message_keys, recipients, strict=True
        )
    ]  # fmt: skip
