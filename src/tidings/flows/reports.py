"""One-time reports: each owed report is handed out once, ever, to one caller.

The claim is committed before the caller sees a row, so that two pulls never share one; a report whose answer is lost
on the wire is listed as handed out and stays readable by its message's id.
"""

from datetime import timedelta

from tidings.domain.message import Report, ReportFilter
from tidings.flows.lookups import Lookups
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.transaction import Database

WINDOW = timedelta(hours=48)
"""How long an owed report can be pulled."""

MAX_PULL = 1_000


class PullReports:
    """The flow."""

    def __init__(self, database: Database, *, clock: Clock, lookups: Lookups) -> None:
        self._database = database
        self._clock = clock
        self._lookups = lookups

    async def __call__(self, account_id: int, where: ReportFilter, *, limit: int) -> list[Report]:
        """Up to `limit` (0 to 1,000) reports nobody was given yet, newest done time first."""
        if not 0 <= limit <= MAX_PULL:
            raise ValueError(f"limit {limit} is not within 0..{MAX_PULL}")
        if limit == 0:
            return []
        now = self._clock.now()
        named = await self._lookups.named(account_id, where)
        currency = await self._lookups.currency(account_id)
        async with self._database.pulling() as tx:
            reports = await tx.claim_reports(
                account_id,
                where,
                named=named,
                since=now - WINDOW,
                now=now,
                limit=limit,
                currency=currency,
                id_secret=self._lookups.id_secret,
            )
        await pause(Point.REPORTS_COMMITTED)
        return reports
