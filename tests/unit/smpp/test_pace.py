"""The pace: never faster than configured, slower when asked, back up in time."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.pace import IN_A_ROW_MAX, PAUSE_S, QUEUE_FULL_MOST, QUEUE_FULL_OF, Pace


def sent_within(pace: Pace, start: float, seconds: float) -> int:
    """How many submissions an eager sender gets through."""
    now, sent = start, 0
    while now < start + seconds:
        while pace.take(now):
            sent += 1
        now += max(pace.wait_s(now), 1e-6)
    return sent


def test_without_a_rate_there_is_always_room() -> None:
    pace = Pace(0, now=0)
    assert pace.room(0) == inf and pace.rate_per_s == inf
    assert all(pace.take(0) for _ in range(1000))


@pytest.mark.parametrize("rate", [0.5, 1, 7, 100, 1000])
def test_the_rate_is_reached_and_not_exceeded(rate: float) -> None:
    sent = sent_within(Pace(rate, now=0), 0, 60)
    assert rate * 60 - 1 <= sent <= rate * 60 + max(1, rate / 10) + 1


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 10), max_size=50))
def test_waiting_as_long_as_told_gives_a_token(rate: float, steps: list[float]) -> None:
    pace, now = Pace(rate, now=0), 0.0
    for step in steps:
        now += step
        while pace.take(now):
            pass
        assert pace.wait_s(now) > 0
        now += pace.wait_s(now)
        assert pace.take(now)


def test_a_refusal_halves_the_rate_once_for_a_whole_window() -> None:
    pace = Pace(100, now=0)
    for _ in range(10):
        pace.throttled(0.5)
    assert pace.rate_per_s == 50
    pace.throttled(2)
    assert pace.rate_per_s == 25


def test_the_rate_recovers_by_a_tenth_every_ten_seconds() -> None:
    pace = Pace(100, now=0)
    pace.throttled(0)
    assert [pace.room(now) and pace.rate_per_s for now in (9.9, 10, 20, 49, 50, 500)] == [
        50,
        60,
        70,
        90,
        100,
        100,
    ]


def test_the_rate_never_falls_below_one_a_second_or_what_was_configured() -> None:
    for rate, least in ((100, 1), (0.5, 0.5)):
        pace = Pace(rate, now=0)
        for second in range(0, 40, 2):
            pace.answered()
            pace.throttled(second)
        assert pace.rate_per_s == least


def test_many_refusals_in_a_row_pause_everything() -> None:
    pace = Pace(1000, now=0)
    for _ in range(IN_A_ROW_MAX):
        assert pace.wait_s(0) < PAUSE_S
        pace.throttled(0)
    assert pace.room(PAUSE_S - 0.1) == 0
    assert pace.wait_s(10) == PAUSE_S - 10
    assert pace.take(PAUSE_S)


def test_an_answer_between_refusals_prevents_the_pause() -> None:
    pace = Pace(1000, now=0)
    for _ in range(3 * IN_A_ROW_MAX):
        pace.throttled(0)
        pace.answered()
    assert pace.wait_s(0) < 1


def test_without_a_rate_a_refusal_is_a_short_pause() -> None:
    pace = Pace(0, now=0)
    pace.throttled(5)
    assert pace.room(5.5) == 0
    assert pace.room(6) == inf


def test_couriers_divide_the_accounts_rate_and_take_it_back() -> None:
    pace = Pace(100, now=0)
    pace.share(4, 0)
    assert pace.rate_per_s == 25
    taken = sum(pace.take(n / 1000) for n in range(2000))
    assert 50 <= taken <= 50 + 3
    pace.share(1, 2)
    assert pace.rate_per_s == 100


def test_a_slowed_rate_stays_slowed_in_its_share() -> None:
    pace = Pace(100, now=0)
    pace.throttled(0)
    pace.share(2, 0)
    assert pace.rate_per_s == 25


def test_one_recipients_full_queue_is_told_from_the_carriers_own() -> None:
    pace = Pace(100, now=0)
    one_in_five = [pace.answered(queue_full=n % 5 == 0) for n in range(10 * QUEUE_FULL_OF)]
    assert not any(one_in_five), "a fifth is not more than a fifth"
    storm = [pace.answered(queue_full=True) for _ in range(QUEUE_FULL_OF)]
    assert all(storm[1:])
    assert not pace.answered(), "what is taken is never a complaint"


def test_a_few_full_queues_at_the_start_prove_nothing() -> None:
    pace = Pace(100, now=0)
    assert [pace.answered(queue_full=True) for _ in range(QUEUE_FULL_MOST + 1)] == [False] * 10 + [True]


@pytest.mark.parametrize(("state", "rate"), [(0, 100), (50, 100), (89, 100), (90, 90), (99, 90), (100, 50)])
def test_a_congested_peer_is_given_way_to(state: int, rate: float) -> None:
    pace = Pace(100, now=0)
    for _ in range(10):  # a whole window says the same
        pace.congested(state, 0.5)
    assert pace.rate_per_s == pytest.approx(rate)


def test_nearly_congested_is_no_reason_to_stop_where_no_rate_is_known() -> None:
    pace = Pace(0, now=0)
    pace.congested(95, 1)
    assert pace.room(1) == inf
    pace.congested(100, 10)
    assert pace.room(10) == 0 and pace.room(11.1) == inf


def test_a_pause_ends_by_itself_and_is_never_cut_short() -> None:
    pace = Pace(100, now=0)
    pace.pause(0)
    pace.throttled(PAUSE_S - 1)
    assert pace.room(PAUSE_S - 0.1) == 0 and pace.wait_s(PAUSE_S - 0.1) == pytest.approx(0.1)
    assert pace.room(PAUSE_S) > 0
