"""Owed reports: written once, claimed once."""

from datetime import datetime

import asyncpg

from tidings.domain.message import Report, ReportFilter
from tidings.domain.order import NO_EXTRAS
from tidings.flows.records import Named
from tidings.store.deliveries import standing_of
from tidings.store.lookups import decode_extras
from tidings.store.rows import Rows

# The newest first. SKIP LOCKED: a row that another pull holds is that pull's. What is locked cannot move, so that it
# is found again by its key.
CLAIM = """
with due as materialized (
    select r.message_id, r.number
    from report r {join}
    where r.account_id = $1 and r.pulled_at is null and r.owed_at > $2 {where}
    order by r.done_at desc, r.message_id desc, r.number desc limit $4
    for no key update of r skip locked),
claimed as (
    update report r set pulled_at = $3 from due
    where r.account_id = $1 and r.message_id = any(array(select message_id from due))
      and r.message_id = due.message_id and r.number = due.number
    returning r.message_id, r.number, r.state, r.reason, r.stage, r.confirmation, r.inferred, r.network_error,
              r.sent_at, r.done_at, r.price)
select c.message_id, c.number, c.state::text, c.reason, c.stage::text, c.confirmation::text, c.inferred,
       c.network_error, c.sent_at, c.done_at, c.price, t.bulk_key, m.message_key, m.recipient, m.sender, m.parts,
       m.extras, (select currency from account where id = $1) as currency
from claimed c
cross join lateral (
    select task_id, message_key, recipient, sender, parts, extras
    from message where account_id = $1 and id = c.message_id offset 0) m
cross join lateral (select bulk_key from task where account_id = $1 and id = m.task_id offset 0) t
order by c.done_at desc, c.message_id desc, c.number desc"""

CLAIM_ANY = CLAIM.format(join="", where="")

CLAIM_THESE = CLAIM.format(
    join="""cross join lateral (
        select extras from message where account_id = r.account_id and id = r.message_id offset 0) m""",
    where="""
      and ($5::bigint[] is null or r.message_id = any($5))
      and ($6::bigint[] is null or exists (
          select from unnest($6, $7::bigint[]) as task (first, last) where r.message_id between first and last))
      and ($8::text is null or m.extras ->> 'application_id' = $8)
      and ($9::text is null or m.extras ->> 'entity_id' = $9)
      and ($10::text is null or m.extras ->> 'campaign_reference_id' = $10)""",
)

EVERY = ReportFilter()


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
    ) -> list[Report]:
        """Take up to `limit` owed reports for this caller alone, newest first."""
        if where == EVERY:
            claimed = await self._connection.fetch(CLAIM_ANY, account_id, since, now, limit)
        else:
            claimed = await self._connection.fetch(
                CLAIM_THESE,
                account_id,
                since,
                now,
                limit,
                named.ids,
                None if named.ranges is None else [first for first, _ in named.ranges],
                None if named.ranges is None else [last for _, last in named.ranges],
                where.application_id,
                where.entity_id,
                where.campaign_reference_id,
            )
        return [_report(row) for row in claimed]


def _report(row: asyncpg.Record) -> Report:
    return Report(
        id=row["message_id"],
        number=row["number"],
        standing=standing_of(row),
        done_at=row["done_at"],
        sent_at=row["sent_at"],
        price=row["price"],
        bulk_key=row["bulk_key"],
        message_key=row["message_key"],
        recipient=row["recipient"],
        sender=row["sender"],
        parts=row["parts"],
        currency=row["currency"],
        mccmnc=None,
        extras=decode_extras(row["extras"]) if row["extras"] else NO_EXTRAS,
    )
