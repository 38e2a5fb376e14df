"""What customers' servers are told: read for hundreds of messages at a time, and as little as that takes."""

import asyncpg

from tidings.domain.ids import seal
from tidings.domain.message import Progress
from tidings.flows.records import DueCallback, News
from tidings.store.deliveries import standing_as
from tidings.store.lookups import SEALED_WITH, STATE, shown_price
from tidings.store.rows import DIALECTS, moment

NEWS = f"""
    m.dialect, coalesce(m.extras ->> 'callback_url', c.account_url), d.reports, m.reference, m.recipient, c.currency,
    timestamptz_send(m.created_at), timestamptz_send(m.scheduled_for), timestamptz_send(d.sent_at) as sent_at,
    timestamptz_send(d.report_at), m.price, m.test, d.held, d.charged, {STATE}, d.reason, d.stage::text,
    d.confirmation::text, d.inferred, d.network_error, case when m.reference is null then {SEALED_WITH} end"""

NEWS_OF = """
cross join lateral (select * from message where account_id = c.account_id and id = c.message_id offset 0) m
cross join lateral (select * from delivery where account_id = c.account_id and message_id = c.message_id offset 0) d"""
"""Of callbacks `c`, which come with their account's URL and currency. Of each message something was heard."""


def due(row: asyncpg.Record) -> tuple[DueCallback, News]:
    """A callback, and what it says, from a row of its fields and NEWS."""
    (
        account_id, lane, due_at, message_id, number, owed_at, tries, place,
        dialect, url, reports, reference, recipient, currency, created_at, scheduled_for, sent_at, report_at,
        asked, test, held, charged, state, reason, stage, confirmation, inferred, network_error, id_secret,
    ) = row  # fmt: skip
    price = shown_price(row, asked) if test else held + charged
    standing = standing_as(state, reason, stage, confirmation, inferred, network_error)
    progress = Progress(
        *(message_id, reference or seal(id_secret, message_id), recipient, standing, price, currency),
        moment(created_at),
        scheduled_for and moment(scheduled_for),
        sent_at and moment(sent_at),
        report_at and moment(report_at),
    )
    callback = DueCallback(
        (account_id, lane), moment(due_at), message_id, number, moment(owed_at), tries, place
    )
    return callback, News(DIALECTS[dialect], url, reports, progress)
