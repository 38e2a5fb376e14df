"""The pace: never faster than configured, slower when asked, back up in time."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.pace import IN_A_ROW_MAX, PAUSE_S, Pace


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
