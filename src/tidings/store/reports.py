"""Owed reports: written once, claimed once."""

from datetime import datetime
from functools import lru_cache

import asyncpg

from tidings.domain.ids import seal
from tidings.domain.message import Report, ReportFilter
from tidings.domain.order import NO_EXTRAS
from tidings.flows.records import Named
from tidings.store.deliveries import standing_as
from tidings.store.lookups import decode_extras
from tidings.store.rows import Rows, moment

# The newest first. SKIP LOCKED: a row that another pull holds is that pull's. Nothing changes these rows, so that what
# is locked is still where it was found.
CLAIM = """
with due as materialized (
    select r.{place} as place, r.message_id, r.number, r.state, r.reason, r.stage, r.confirmation, r.inferred,
           r.network_error, r.sent_at, r.done_at, r.price
    from {among}
    where r.account_id = $1 and r.owed_at > $2 {where}
    order by {order} limit $4
    for update of r skip locked),
handed_out as (delete from report_due where ctid = any(array(select place from due))),
noted as (
    insert into report_pulled (account_id, last_id, at, message_ids, numbers)
    select $1, max(message_id), $3, array_agg(message_id), array_agg(number) from due having count(*) > 0)
select c.message_id, c.number, c.state, c.reason, c.stage, c.confirmation, c.inferred, c.network_error,
       timestamptz_send(c.sent_at), timestamptz_send(c.done_at), c.price, coalesce(m.task_id, c.message_id - 1),
       t.bulk_key, m.message_key, m.recipient, m.sender, m.parts, m.extras
from due c
cross join lateral (
    select task_id, message_key, recipient, sender, parts, extras
    from message where account_id = $1 and id = c.message_id offset 0) m
left join lateral (select bulk_key from task where account_id = $1 and id = m.task_id offset 0) t on true
order by c.done_at desc, c.message_id desc, c.number desc"""

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

_made_for_all = lru_cache(maxsize=64)(seal)
"""The key of a task, which its messages share."""


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
        return [_report(row, currency, id_secret) for row in claimed]

    async def forget_reports(self, *, owed_before: datetime, limit: int) -> int:
        """Delete up to `limit` owed reports that nobody can pull any more; how many."""
        done = await self._connection.execute(FORGET, owed_before, limit)
        return int(done.rpartition(" ")[2])


def _report(row: asyncpg.Record, currency: str, id_secret: bytes) -> Report:
    (
        message_id, number, state, reason, stage, confirmation, inferred, network_error, sent_at, done_at, price,
        task_id, bulk_key, message_key, recipient, sender, parts, extras,
    ) = row  # fmt: skip
    standing = standing_as(state, reason, stage, confirmation, inferred, network_error)
    if bulk_key is None:
        bulk_key = _made_for_all(id_secret, task_id)
    if message_key is None:
        message_key = seal(id_secret, message_id)
    return Report(
        message_id, number, standing, moment(done_at), moment(sent_at), price, bulk_key, message_key, recipient,
        sender, parts, currency, None, NO_EXTRAS if extras is None else decode_extras(extras),
    )  # fmt: skip
