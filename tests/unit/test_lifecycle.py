"""Folding evidence: what the law of parts, attempts and time makes of a message."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain import lifecycle
from tidings.domain.bucket import Bucket, bucket
from tidings.domain.delivery import Delivery, Flag, Part
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.lifecycle import apply, begin
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.replay import replay
from tidings.domain.status import FINAL, Confirmation, Stage, State, Truth, all_of, any_of, truth

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def sent(parts: int = 1) -> Delivery:
    """A message whose parts were all taken by the next hop ten seconds after it was accepted."""
    delivery = begin(
        Evidence(Kind.ACCEPTED, START, State.QUEUED, parts=parts, connector=1, route=1),
        account_id=1,
        message_id=2,
    )
    apply(delivery, Evidence(Kind.WRITTEN, at(5), State.SENDING))
    apply(delivery, Evidence(Kind.ANSWERED, at(10), State.SENT))
    return delivery


def receipt(state: State, *, part: int = 1, when: float = 60, **more) -> Evidence:
    return Evidence(Kind.RECEIPT, at(when), state, part=part, stage=Stage.NETWORK, **more)


def timer(state: State, *, part: int = 0, when: float, **more) -> Evidence:
    return Evidence(Kind.TIMER, at(when), state, part=part, inferred=True, **more)


def test_a_delivery_sets_the_providers_time_and_our_report_time():
    delivery = sent()
    apply(delivery, receipt(State.DELIVERED, when=90, provider_at=at(60), confirmation=Confirmation.HANDSET))
    assert delivery.state is State.DELIVERED
    assert (delivery.delivered_at, delivery.done_at, delivery.report_at) == (at(60), at(60), at(90))


@pytest.mark.parametrize("claimed", [-3600, 60 + 16 * 60], ids=["before the hand-over", "in the future"])
def test_a_providers_time_that_cannot_be_true_is_not_believed(claimed):
    delivery = sent()
    apply(delivery, receipt(State.DELIVERED, when=60, provider_at=at(claimed)))
    assert delivery.delivered_at == at(60)


def test_a_receipt_before_the_answer_still_gives_a_sent_time():
    delivery = begin(
        Evidence(Kind.ACCEPTED, START, State.QUEUED, parts=1, connector=1), account_id=1, message_id=2
    )
    apply(delivery, Evidence(Kind.WRITTEN, at(5), State.SENDING))
    apply(delivery, receipt(State.DELIVERED, when=6))
    assert delivery.sent_at == at(5)
    apply(delivery, Evidence(Kind.ANSWERED, at(7), State.SENT))
    assert (delivery.state, delivery.sent_at) == (State.DELIVERED, at(5))


def test_a_late_yes_corrects_a_no_and_a_late_no_never_a_yes():
    delivery = sent()
    apply(delivery, receipt(State.EXPIRED, reason=Reason.VALIDITY_EXPIRED))
    apply(delivery, receipt(State.DELIVERED, when=120))
    assert delivery.state is State.DELIVERED and Flag.CORRECTED in delivery.flags
    applied = apply(delivery, receipt(State.UNDELIVERABLE, when=180, reason=Reason.UNKNOWN_SUBSCRIBER))
    assert applied.contradiction and not applied.changed
    assert delivery.state is State.DELIVERED and delivery.delivered_at == at(120)


def test_the_first_asserted_negative_stays():
    delivery = sent()
    apply(delivery, receipt(State.EXPIRED, reason=Reason.VALIDITY_EXPIRED))
    assert apply(delivery, receipt(State.REJECTED, reason=Reason.REJECTED_BY_OPERATOR)).contradiction
    assert delivery.standing.reason is Reason.VALIDITY_EXPIRED


def test_silence_then_a_receipt_corrects_and_a_timer_sets_no_report_time():
    delivery = sent()
    apply(delivery, timer(State.NO_RECEIPT, when=9000, reason=Reason.NO_RECEIPT, stage=Stage.CLOSING))
    assert (delivery.state, delivery.report_at, delivery.done_at) == (State.NO_RECEIPT, None, at(9000))
    apply(delivery, receipt(State.UNDELIVERABLE, when=9500, reason=Reason.UNKNOWN_SUBSCRIBER))
    assert (delivery.state, delivery.report_at) == (State.UNDELIVERABLE, at(9500))
    assert Flag.CORRECTED in delivery.flags


def test_parts_join_with_and_and_the_last_delivery_time_counts():
    delivery = sent(parts=3)
    for part, when in ((1, 60), (3, 90), (2, 75)):
        apply(delivery, receipt(State.DELIVERED, part=part, when=when))
    assert delivery.state is State.DELIVERED
    assert delivery.delivered_at == delivery.done_at == at(90)
    assert delivery.report_at == at(75)


def test_two_delivered_parts_and_an_expired_one_are_an_expired_message_in_part():
    delivery = sent(parts=3)
    for part in (1, 2):
        apply(delivery, receipt(State.DELIVERED, part=part))
    apply(delivery, receipt(State.EXPIRED, part=3, reason=Reason.VALIDITY_EXPIRED))
    assert delivery.state is State.EXPIRED and Flag.PARTIAL in delivery.flags


def test_the_rest_is_waited_for_ten_minutes_after_the_first_negative_part():
    delivery = sent(parts=2)
    apply(delivery, receipt(State.EXPIRED, part=1, when=60, reason=Reason.VALIDITY_EXPIRED))
    assert truth(delivery.state) is Truth.OPEN
    apply(delivery, Evidence(Kind.TIMER, at(661), closes=True, inferred=True))
    assert delivery.standing.reason is Reason.VALIDITY_EXPIRED and delivery.state is State.EXPIRED


@pytest.mark.parametrize(
    "later",
    [
        [receipt(State.REJECTED, part=2, when=900, reason=Reason.REJECTED_BY_OPERATOR)],
        [
            receipt(State.DELIVERED, part=1, when=900),
            timer(State.NO_RECEIPT, part=2, when=9000, reason=Reason.NO_RECEIPT),
        ],
    ],
    ids=["another negative", "the failed part arrived, the other is silent"],
)
def test_after_the_settle_wait_only_a_yes_changes_the_message(later):
    delivery = sent(parts=2)
    apply(delivery, receipt(State.EXPIRED, part=1, when=60, reason=Reason.VALIDITY_EXPIRED))
    apply(delivery, Evidence(Kind.TIMER, at(661), closes=True, inferred=True))
    for evidence in later:
        apply(delivery, evidence)
    assert delivery.state is State.EXPIRED
    for part in (1, 2):
        apply(delivery, receipt(State.DELIVERED, part=part, when=9900))
    assert delivery.state is State.DELIVERED


def test_a_part_that_was_never_sent_does_not_name_the_failure():
    delivery = sent(parts=1)
    delivery.attempts[0].parts.append(Part(State.CANCELLED, reason=Reason.SUPERSEDED, stage=Stage.DISPATCH))
    apply(delivery, receipt(State.EXPIRED, reason=Reason.VALIDITY_EXPIRED))
    assert delivery.state is State.EXPIRED


def test_a_submission_that_was_never_written_leaves_no_trace_of_having_left():
    delivery = begin(
        Evidence(Kind.ACCEPTED, START, State.QUEUED, parts=1, connector=1), account_id=1, message_id=2
    )
    apply(delivery, Evidence(Kind.WRITTEN, at(5), State.SENDING))
    apply(delivery, Evidence(Kind.REQUEUED, at(6), State.QUEUED, part=1, word="unwritten"))
    assert delivery.state is State.QUEUED and delivery.sent_at is None


def test_an_expiry_of_ours_gives_way_to_what_a_peer_asserts():
    delivery = begin(
        Evidence(Kind.ACCEPTED, START, State.QUEUED, parts=1, connector=1), account_id=1, message_id=2
    )
    apply(delivery, timer(State.EXPIRED, when=60, reason=Reason.EXPIRED_IN_QUEUE, stage=Stage.DISPATCH))
    assert delivery.report_at is None
    apply(delivery, receipt(State.UNDELIVERABLE, when=90, reason=Reason.UNKNOWN_SUBSCRIBER))
    assert (delivery.state, delivery.report_at) == (State.UNDELIVERABLE, at(90))


CLAIMS = st.sampled_from(list(State))
EVIDENCE = st.builds(
    lambda state, part, when, inferred: Evidence(
        Kind.TIMER if inferred else Kind.RECEIPT,
        at(when),
        state,
        part=part,
        reason=Reason.UNSPECIFIED_FAILURE,
        inferred=inferred,
    ),
    CLAIMS,
    st.integers(1, 3),
    st.integers(20, 100_000),
    st.booleans(),
)


@given(st.lists(EVIDENCE, max_size=12))
def test_whatever_comes_a_yes_is_never_lost_and_a_final_never_reopened(log):
    delivery = sent(parts=3)
    for evidence in log:
        before = delivery.state
        apply(delivery, evidence)
        if truth(before) is Truth.YES:
            assert truth(delivery.state) is Truth.YES
        if before in FINAL:
            assert delivery.state in FINAL
        assert (delivery.done_at is not None) == delivery.final


@given(st.lists(EVIDENCE, max_size=12))
def test_folding_the_same_log_again_gives_the_same_delivery(log):
    opening = Evidence(Kind.ACCEPTED, START, State.QUEUED, parts=3, connector=1)
    written = Evidence(Kind.WRITTEN, at(5), State.SENDING)
    whole = [opening, written, *log]
    assert replay(whole, account_id=1, message_id=2) == replay(whole, account_id=1, message_id=2)


@pytest.mark.parametrize(
    ("standing", "counted"),
    [
        (Standing(State.UNDELIVERABLE, Reason.ABSENT_SUBSCRIBER, Stage.NETWORK), Bucket.EXPIRED),
        (Standing(State.UNDELIVERABLE, Reason.UNKNOWN_SUBSCRIBER, Stage.NETWORK), Bucket.UNDELIVERABLE),
        (Standing(State.REJECTED, Reason.SMSC_REFUSED_NUMBER, Stage.SUBMIT), Bucket.UNDELIVERABLE),
        (Standing(State.REJECTED, Reason.SMSC_REFUSED, Stage.SUBMIT), Bucket.REJECTED),
        (Standing(State.NO_RECEIPT, Reason.NO_RECEIPT, Stage.CLOSING), Bucket.UNKNOWN),
        (Standing(State.READ), Bucket.DELIVERED),
    ],
)
def test_a_failure_is_counted_by_its_cause(standing, counted):
    assert bucket(standing) is counted


@pytest.mark.parametrize("left_us", [False, True])
@pytest.mark.parametrize("state", State)
def test_a_message_of_one_part_stands_where_parts_and_attempts_in_general_would(state, left_us):
    part = Part(state, reason=Reason.NO_RECEIPT, stage=Stage.NETWORK, network_error=7)
    delivery = Delivery(1, 2, [lifecycle.Attempt(1, 1, left_us, [part])], Standing(State.QUEUED))
    apply(delivery, Evidence(Kind.RECEIPT, at(1)))
    attempt = all_of([state], left_us=left_us)
    assert delivery.state is any_of([attempt], left_us=left_us)
    assert delivery.standing.network_error == (7 if delivery.state is state else None)
    assert (delivery.negative_at is not None) == (truth(state) is Truth.NO)
