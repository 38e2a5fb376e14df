"""What customers' servers are told: read for hundreds of messages at a time, and as little as that takes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import asyncpg

from tidings.domain.ids import seal
from tidings.domain.message import Progress
from tidings.flows.records import Key, News
from tidings.store.deliveries import standing_of
from tidings.store.lookups import ACCOUNT, DELIVERY, SEALED_WITH, STATE, shown_price
from tidings.store.rows import DIALECTS, Rows

POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

NEWS = f"""
select m.account_id, m.id, m.dialect, coalesce(m.extras ->> 'callback_url', a.callback_url), d.reports,
       m.reference, m.recipient, a.currency, timestamptz_send(m.created_at), timestamptz_send(m.scheduled_for),
       timestamptz_send(d.sent_at) as sent_at, timestamptz_send(d.report_at), m.price, m.test, d.held, d.charged,
       {STATE}, d.reason, d.stage::text, d.confirmation::text, d.inferred, d.network_error,
       case when m.reference is null then {SEALED_WITH} end as id_secret
from (select * from message where account_id = any($1::text::integer[]) and id = any($2::text::bigint[]) offset 0) m
{DELIVERY}{ACCOUNT}"""


class NewsRows(Rows):
    """The statement that reads it."""

    async def news_of(self, keys: Sequence[Key]) -> dict[Key, News]:
        """What there is to tell of these messages; and of those accounts some others of these ids."""
        accounts, ids = {account_id for account_id, _ in keys}, {message_id for _, message_id in keys}
        rows = await self._connection.fetch(
            NEWS, *(f"{{{','.join(map(str, one))}}}" for one in (accounts, ids))
        )
        return {(row[0], row[1]): _news(row) for row in rows}


@lru_cache(maxsize=4_096)
def moment(octets: bytes) -> datetime:
    """A time as PostgreSQL sends it. Those of a transaction are the same, and reading one anew takes some us."""
    return POSTGRES_EPOCH + timedelta(microseconds=int.from_bytes(octets, signed=True))


def _news(row: asyncpg.Record) -> News:
    (
        _, message_id, dialect, url, reports, reference, recipient, currency, created_at, scheduled_for, sent_at,
        report_at, asked, *_
    ) = row  # fmt: skip
    progress = Progress(
        *(message_id, reference or seal(row["id_secret"], message_id), recipient),
        *(standing_of(row), shown_price(row, asked), currency),
        moment(created_at),
        scheduled_for and moment(scheduled_for),
        sent_at and moment(sent_at),
        report_at and moment(report_at),
    )
    return News(DIALECTS[dialect], url, reports, progress)
