"""Any message that may exist is shown in a form that the strictest client can read."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from one_client_rules import check_balance, check_campaign, check_message_list

from tidings.dialects.bsg_one import answers, wire
from tidings.dialects.bsg_one.query import MessageQuery
from tidings.dialects.bsg_one.settings import Settings
from tidings.domain.message import Balance, Message, MessageFilter, MessagePage, Sort, Standing, Task
from tidings.domain.order import Account, Dialect
from tidings.domain.reason import Reason
from tidings.domain.status import Stage, State

NOW = datetime(2025, 3, 3, 20, 5, 47, 999_999, tzinfo=UTC)
QUERY = MessageQuery(MessageFilter(NOW, NOW), Sort(), limit=50, offset=0)
PLAIN = Settings()
STRICT = Settings(strict_seed_vocabulary=True, amont=False)

times = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
texts = st.text(max_size=20)
standings = st.builds(
    Standing,
    state=st.sampled_from(State),
    reason=st.none() | st.sampled_from(Reason),
    stage=st.none() | st.sampled_from(Stage),
)
messages = st.builds(
    Message,
    id=st.integers(1, 2**53),
    task_id=st.integers(1, 2**53),
    dialect=st.sampled_from(Dialect),
    source=st.sampled_from(["rest", "web", "infobip", ""]),
    recipient=st.integers(0, 10**16).map(str) | texts,
    sender=texts,
    text=texts,
    reference=texts,
    parts=st.integers(1, 25),
    validity_s=st.integers(0, 10**6),
    standing=standings,
    price=st.integers(0, 10**12),
    currency=st.just("EUR"),
    created_at=times,
    sent_at=st.none() | times,
    report_at=st.none() | times,
)


def listed(message, settings=PLAIN):
    page = MessagePage([message], 1)
    return json.loads(msgspec.json.encode(answers.message_list(page, QUERY, settings=settings, zone=UTC)))


def example(**members):
    standing = members.pop("standing", Standing(State.DELIVERED))
    given_members = {
        "id": 1,
        "task_id": 2,
        "dialect": Dialect.BSG_ONE,
        "source": "rest",
        "test": False,
        "bulk_key": "b",
        "message_key": "m",
        "reference": "r",
        "recipient": "380661231231",
        "sender": "BSG",
        "text": "Hi",
        "parts": 1,
        "validity_s": 259_200,
        "price": 12_079_098,
        "currency": "USD",
        "country": "UA",
        "mccmnc": None,
        "created_at": NOW,
        "scheduled_for": None,
        "expires_at": NOW,
        "sent_at": NOW,
        "delivered_at": NOW - timedelta(days=1),
        "done_at": NOW,
        "report_at": NOW + timedelta(seconds=5),
    }
    return Message(standing=standing, **{**given_members, **members})


@given(messages)
def test_any_message_is_readable_by_the_strictest_client(message):
    check_message_list(listed(message))
    check_message_list(listed(message, STRICT))


def test_a_price_is_exact_to_seven_decimals():
    row = listed(example())["data"][0]
    assert row["amount"] == {"value": "1.2079098", "currency": "USD"}
    assert row["amont"] == [row["amount"]]


def test_delivered_at_is_when_the_report_came_not_what_it_says():
    assert listed(example())["data"][0]["delivered_at"] == "2025-03-03 20:05:52"
    silent = example(standing=Standing(State.NO_RECEIPT, inferred=True), report_at=None)
    assert listed(silent)["data"][0]["delivered_at"] is None


@pytest.mark.parametrize(
    ("seconds", "hours"), [(1, 1), (3600, 1), (3601, 2), (259_200, 72), (259_201, 72), (0, 1)]
)
def test_validity_is_whole_hours_rounded_up(seconds, hours):
    assert listed(example(validity_s=seconds))["data"][0]["validity"] == hours


@pytest.mark.parametrize("recipient", ["", "not a number", "٣٨٠٦٦١٢٣١٢٣١", "12345678", "1" * 16])
def test_a_recipient_that_is_no_phone_has_no_number(recipient):
    assert listed(example(recipient=recipient))["data"][0]["phone"] is None


def test_the_switches_are_the_accounts_own_where_it_has_some():
    standing = Standing(State.NOT_SERVICE_USER, Reason.NOT_SERVICE_USER, Stage.SUBMIT)
    account = Account(
        1, "shop", "EUR", settings={"bsg_one.strict_seed_vocabulary": True, "bsg_one.amont": False}
    )
    row = listed(example(standing=standing), PLAIN.of(account))["data"][0]
    assert row["status"] == "undelivered"
    assert "amont" not in row
    loose = listed(example(standing=standing), PLAIN.of(Account(1, "shop", "EUR")))["data"][0]
    assert loose["status"] == "not_service_user"
    assert "amont" in loose


def test_a_switch_that_is_no_yes_or_no_is_ignored():
    account = Account(1, "shop", "EUR", settings={"bsg_one.amont": "perhaps", "bsg_one.timezone": True})
    assert PLAIN.of(account) == PLAIN


tasks = st.builds(
    Task,
    id=st.integers(1, 2**53),
    name=st.none() | texts,
    sender=texts,
    created_at=times,
    scheduled_for=st.none() | times,
    waiting=st.integers(0, 10),
    delivered=st.integers(0, 10_000),
    handed_over=st.integers(0, 10_000),
)


@given(tasks)
def test_any_task_is_a_readable_campaign(task):
    shown = wire.envelope(answers.campaign(task, now=NOW, zone=UTC))
    check_campaign(json.loads(msgspec.json.encode(shown)))


def task(**members):
    counters = dict.fromkeys(("sent", "delivered", "expired", "undeliverable", "rejected", "unknown"), 0)
    given_members = {
        **counters,
        "id": 7,
        "dialect": Dialect.BSG_ONE,
        "bulk_key": "b",
        "name": None,
        "sender": "BSG",
        "text": "Hi",
        "validity_s": 3600,
        "created_at": NOW,
        "scheduled_for": None,
        "currency": "EUR",
        "total": 10,
        "price": 2_000_000,
        "handed_over": 0,
        "waiting": 0,
    }
    return Task(**{**given_members, **members})


@pytest.mark.parametrize(
    ("waiting", "start", "status"),
    [
        (0, None, "done"),
        (1, None, "sending"),
        (10, NOW + timedelta(seconds=1), "scheduled"),
        (10, NOW, "sending"),
        (0, NOW, "done"),
    ],
)
def test_a_campaign_is_done_when_nothing_waits_to_be_handed_over(waiting, start, status):
    shown = answers.campaign(task(waiting=waiting, scheduled_for=start), now=NOW, zone=UTC)
    assert shown.status == status


def test_a_campaign_read_back_shows_its_names_times_and_counts():
    shown = answers.campaign(task(handed_over=6, delivered=4), now=NOW, zone=UTC)
    assert (shown.name, shown.start_at) == ("SMS api campaign / 2025-03-03 20:05:47", "2025-03-03 20:05:47")
    assert (shown.statistics.sent, shown.statistics.delivered) == (6, 4)
    assert (bytes(shown.calculated_price), shown.currency) == (b"0", None)
    start = NOW + timedelta(days=1)
    named = answers.campaign(task(name="Spring", scheduled_for=start), now=NOW, zone=UTC)
    assert (named.name, named.start_at) == ("Spring", "2025-03-04 20:05:47")


@pytest.mark.parametrize("recipient", ["100000000", "999999999999999"])
def test_the_shortest_and_the_longest_number_are_shown(recipient):
    assert listed(example(recipient=recipient))["data"][0]["phone"] == int(recipient)


@given(st.integers(-(10**15), 10**15), st.integers(0, 10**15))
def test_a_balance_is_exact(amount, limit):
    encoded = msgspec.json.encode(wire.envelope(answers.balance(Balance(amount, limit, "EUR"))))
    check_balance(json.loads(encoded))
    shown = json.loads(encoded, parse_float=Decimal, parse_int=Decimal)["data"]
    assert shown == {"balance": Decimal(amount) / 10**7, "currency": "EUR", "credit": Decimal(limit) / 10**7}
