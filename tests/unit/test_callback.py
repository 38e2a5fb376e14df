"""How a lane fares, and when a callback is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from tidings.domain.callback import DOWN_AFTER, FIRST_ROOM, LONGEST_REST_S, MOST_ROOM, Lane, pause

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def took(lane, *, well, now=NOW, times=1):
    for _ in range(times):
        lane.in_hand += 1
        lane.answered() if well else lane.failed(now)


def test_pauses_grow_to_an_hour_and_are_spread():
    assert [pause(tries, 0.5).total_seconds() for tries in range(1, 9)] == [
        5, 15, 45, 135, 405, 1215, 3600, 3600,
    ]  # fmt: skip
    assert pause(1000, 0.5) == timedelta(hours=1)
    assert (pause(1, 0.0).total_seconds(), pause(1, 0.999999).total_seconds()) == pytest.approx((4, 6))


def test_room_is_what_is_not_in_hand_and_grows_with_each_answer_up_to_a_bound():
    lane = Lane()
    assert lane.room(NOW) == FIRST_ROOM
    lane.in_hand = 10
    assert lane.room(NOW) == FIRST_ROOM - 10
    took(lane, well=True, times=2000)
    assert lane.room(NOW) == MOST_ROOM - 10


def test_a_lane_that_gave_some_back_is_given_no_more_than_it_kept():
    lane = Lane()
    lane.in_hand = 10
    for _ in range(6):
        lane.returned()
    assert lane.room(NOW) == 0
    lane.answered()
    assert lane.room(NOW) == 2


def test_a_server_that_fails_in_a_row_rests_and_then_is_asked_by_one():
    lane = Lane()
    took(lane, well=False, times=DOWN_AFTER - 1)
    assert not lane.down and lane.room(NOW) == FIRST_ROOM // 2 ** (DOWN_AFTER - 1)
    took(lane, well=False)
    assert lane.down and lane.room(NOW) == 0
    assert lane.room(NOW + timedelta(seconds=1)) == 1


def test_what_was_in_hand_when_the_rest_began_does_not_prolong_it():
    lane = Lane()
    took(lane, well=False, times=100)
    assert lane.room(NOW + timedelta(seconds=1)) == 1


def test_rests_double_up_to_a_minute():
    lane, now, rests = Lane(), NOW, []
    took(lane, well=False, times=DOWN_AFTER - 1)
    for _ in range(9):
        took(lane, well=False, now=now)
        rest_s = next(s for s in range(100) if lane.room(now + timedelta(seconds=s)))
        rests.append(rest_s)
        now += timedelta(seconds=rest_s)
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60, 60] and rests[-1] == LONGEST_REST_S


def test_one_answer_ends_the_trouble():
    lane = Lane()
    took(lane, well=False, times=DOWN_AFTER)
    took(lane, well=True, now=NOW + timedelta(seconds=1))
    assert not lane.down and lane.unremarkable and lane.room(NOW) == 2
