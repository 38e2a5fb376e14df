"""The bodies that templates give, octet by octet: what encoding them member by member would give."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from tidings.dialects.bsg_v1.answers import sms, task_summary
from tidings.dialects.bsg_v1.callbacks import callback
from tidings.dialects.bsg_v1.wire import stamp
from tidings.dialects.bsg_v1.words import status_word
from tidings.domain.message import Progress, Standing, Task
from tidings.domain.money import plain, seven_decimals
from tidings.domain.reason import Reason
from tidings.domain.status import State

NOON = datetime(2026, 3, 2, 12, 0, 0, 999_999, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
zones = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
naive = NOON.replace(tzinfo=None)
moments = st.datetimes(naive.replace(year=1), naive.replace(year=9999), timezones=st.just(UTC) | zones)


def said(message):
    """Member by member."""
    return {
        "error": 0,
        "errorDescription": "No errors",
        "id": str(message.id),
        "msisdn": message.recipient,
        "reference": message.reference,
        "time_in": spelt(message.created_at),
        "time_sent": spelt(message.sent_at or message.scheduled_for or message.created_at),
        "time_dr": message.report_at and spelt(message.report_at),
        "status": status_word(message.standing),
        "price": seven_decimals(message.price),
        "currency": message.currency,
    }


def spelt(moment):
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "seconds")


@given(
    st.builds(
        Progress,
        id=st.integers(1, 2**63 - 1),
        reference=texts,
        recipient=texts,
        standing=st.builds(Standing, st.sampled_from(State), st.none() | st.sampled_from(Reason)),
        price=st.integers(-(2**53), 2**53),
        currency=texts,
        created_at=moments,
        scheduled_for=st.none() | moments,
        sent_at=st.none() | moments,
        report_at=st.none() | moments,
    )
)
@example(
    Progress(7, '%d "\\\n\x00\u2028€😀%b', "+38097", Standing(State.SENT), 0, "%", NOON, None, None, NOON)
)
def test_the_body_is_the_json_of_its_members(message):
    assert callback(message) == msgspec.json.encode(said(message))
    assert sms(message) == msgspec.json.encode(said(message) | {"price": Raw(plain(message.price).encode())})


@given(
    st.builds(
        Task,
        id=st.integers(1, 2**63 - 1),
        sender=texts,
        text=texts,
        validity_s=st.integers(0, 2**31),
        price=st.integers(-(2**53), 2**53),
        currency=texts,
    )
)
def test_so_is_a_task(task):
    assert task_summary(task) == msgspec.json.encode(
        {
            "error": 0,
            "errorDescription": "No errors",
            "originator": task.sender,
            "body": task.text,
            "validity": -(-task.validity_s // 3600),
            "totalprice": Raw(plain(task.price).encode()),
            "currency": task.currency,
            "sent": task.handed_over,
            "delivered": task.delivered,
            "expired": task.expired,
            "undeliverable": task.undeliverable,
            "unknown": task.unknown,
        }
    )


@given(moments)
def test_a_time_is_spelt_to_the_second_in_utc(moment):
    assert stamp(moment).decode() == spelt(moment)
