"""Owed reports: written once, claimed once."""

from datetime import datetime

from tidings.domain.message import Report, ReportFilter
from tidings.flows.records import Named
from tidings.store.deliveries import standing_of
from tidings.store.lookups import MESSAGE_FIELDS, MESSAGE_TABLES, message_of
from tidings.store.rows import Rows

# The newest first. SKIP LOCKED: a row that another pull holds is that pull's.
CLAIM = """
with due as materialized (
    select r.account_id, r.message_id, r.number
    from report r {join}
    where r.account_id = $1 and r.pulled_at is null and r.owed_at > $2 {where}
    order by r.done_at desc, r.message_id desc, r.number desc limit $4
    for no key update of r skip locked)
update report r set pulled_at = $3 from due
where r.account_id = due.account_id and r.message_id = due.message_id and r.number = due.number
returning r.message_id, r.number, r.state::text, r.reason, r.stage::text, r.confirmation::text, r.inferred,
          r.network_error, r.sent_at, r.done_at, r.price"""

CLAIM_ANY = CLAIM.format(join="", where="")

CLAIM_THESE = CLAIM.format(
    join="join message m on m.account_id = r.account_id and m.id = r.message_id",
    where="""
      and ($5::bigint[] is null or r.message_id = any($5))
      and ($6::bigint[] is null or exists (
          select from unnest($6, $7::bigint[]) as task (first, last) where r.message_id between first and last))
      and ($8::text is null or m.extras ->> 'application_id' = $8)
      and ($9::text is null or m.extras ->> 'entity_id' = $9)
      and ($10::text is null or m.extras ->> 'campaign_reference_id' = $10)""",
)

MESSAGES = f"""
select {MESSAGE_FIELDS} from message m {MESSAGE_TABLES} where m.account_id = $1 and m.id = any($2::bigint[])"""

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
        found = await self._connection.fetch(
            MESSAGES, account_id, sorted({row["message_id"] for row in claimed})
        )
        messages = {row["id"]: message_of(row) for row in found}
        reports = [
            Report(
                id=row["message_id"],
                number=row["number"],
                standing=standing_of(row),
                done_at=row["done_at"],
                sent_at=row["sent_at"],
                price=row["price"],
                message=messages[row["message_id"]],
            )
            for row in claimed
        ]
        return sorted(reports, key=lambda one: (one.done_at, one.id), reverse=True)
