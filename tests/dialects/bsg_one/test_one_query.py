"""The query of GET /api/messages."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.bsg_one.problems import Problem
from tidings.dialects.bsg_one.query import message_query
from tidings.domain.message import Sort

NOW = datetime(2025, 5, 15, 12, 0, tzinfo=UTC)
SKEW_S = 60


def query(**params):
    named = {name.replace("__", "[") + "]" if "__" in name else name: value for name, value in params.items()}
    return message_query(named, now=NOW, zone=UTC, clock_skew_s=SKEW_S)


def refused(**params):
    with pytest.raises(Problem) as caught:
        query(**params)
    assert caught.value.status == 422
    assert caught.value.message == "The given data was invalid."
    return set(caught.value.errors)


def test_an_empty_query_asks_for_the_first_fifty_of_three_months_by_id():
    asked = query()
    assert (asked.limit, asked.offset, asked.sort) == (50, 0, Sort("id", False))
    assert asked.where.created_from == datetime(2025, 2, 15, 12, 0, tzinfo=UTC)
    assert asked.where.created_to >= NOW
    assert (asked.where.id, asked.where.task_id, asked.where.reference) == (None, None, None)


@pytest.mark.parametrize("limit", ["15", "50", "500"])
def test_a_limit_within_bounds_is_taken(limit):
    assert query(page__limit=limit).limit == int(limit)


@pytest.mark.parametrize("limit", ["14", "501", "0", "-1", "abc", "1e2", "50.0", "٥٠", " 50", "9" * 5000])
def test_any_other_limit_is_refused(limit):
    assert refused(page__limit=limit) == {"pagelimit"}


@pytest.mark.parametrize(("offset", "taken"), [("0", 0), ("20", 20), ("", 0)])
def test_an_offset_is_taken(offset, taken):
    assert query(page__offset=offset).offset == taken


def test_an_offset_below_zero_is_refused():
    assert refused(page__offset="-1") == {"pageoffset"}


@pytest.mark.parametrize(("sort", "by"), [("id", "id"), ("phone", "recipient"), ("delivered", "delivered")])
@pytest.mark.parametrize(("way", "descending"), [("asc", False), ("desc", True)])
def test_sort_and_way_are_taken(sort, way, by, descending):
    assert query(sort=sort, way=way).sort == Sort(by, descending)


@pytest.mark.parametrize(
    ("name", "value"), [("sort", "status"), ("sort", "ID"), ("way", "up"), ("way", "DESC")]
)
def test_other_words_are_refused(name, value):
    assert refused(**{name: value}) == {name}


def test_the_smallest_and_the_largest_integers_are_taken():
    low = query(filter__id="1", filter__campaign_id="1", page__offset="0")
    assert (low.where.id, low.where.task_id, low.offset) == (1, 1, 0)
    high = query(filter__id=str(10**18), filter__campaign_id=str(10**18), page__offset=str(10**9))
    assert (high.where.id, high.where.task_id, high.offset) == (10**18, 10**18, 10**9)
    over = refused(
        filter__id=str(10**18 + 1), filter__campaign_id=str(10**18 + 1), page__offset=str(10**9 + 1)
    )
    assert over == {"filterid", "filtercampaign_id", "pageoffset"}


def test_the_filters_are_taken():
    where = query(filter__id="26130", filter__campaign_id="1", filter__reference_id="string").where
    assert (where.id, where.task_id, where.reference) == (26130, 1, "string")


@pytest.mark.parametrize("value", ["0", "-5", "x", "1" * 25])
@pytest.mark.parametrize("name", ["id", "campaign_id"])
def test_a_filter_that_is_no_id_is_refused(name, value):
    assert refused(**{f"filter__{name}": value}) == {f"filter{name}"}


@pytest.mark.parametrize("value", ["x" * 256, "a\0b"])
def test_a_reference_that_nothing_can_have_is_refused(value):
    assert query(filter__reference_id="x" * 255).where.reference == "x" * 255
    assert refused(filter__reference_id=value) == {"filterreference_id"}


def test_from_defaults_to_three_months_before_to():
    where = query(filter__to="2025-03-31 10:00:00").where
    assert where.created_to == datetime(2025, 3, 31, 10, 0, 0, 999_999, tzinfo=UTC)
    assert where.created_from == datetime(2024, 12, 31, 10, 0, tzinfo=UTC)


def test_a_window_of_three_months_is_the_widest():
    query(filter__from="2024-12-31 00:00:00", filter__to="2025-03-31 00:00:00")
    wide = {"filter__from": "2024-12-30 23:58:00", "filter__to": "2025-03-31 00:00:00"}
    assert refused(**wide) == {"filterfrom"}
    assert refused(filter__from="2025-02-15 11:00:00") == {"filterfrom"}


def test_three_months_ago_by_a_clock_that_is_a_little_behind_is_within_three_months():
    query(filter__from="2025-02-15 11:59:30")


@pytest.mark.parametrize("name", ["from", "to"])
def test_future_dates_are_refused_and_a_clock_that_is_a_little_ahead_is_not(name):
    assert refused(**{f"filter__{name}": "2025-05-15 12:05:00"}) >= {f"filter{name}"}
    query(**{f"filter__{name}": "2025-05-15 12:00:30"})


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("value", ["yesterday", "2025-05-01", "2025-13-01 00:00:00", "0001-01-01 00:00:00"])
def test_what_is_no_date_is_refused(name, value):
    assert refused(**{f"filter__{name}": value}) == {f"filter{name}"}


def test_the_clocks_may_differ_by_a_minute_and_no_more():
    assert query(filter__to="2025-05-15T12:01:00.0").where.created_to == NOW + timedelta(seconds=SKEW_S)
    assert refused(filter__to="2025-05-15T12:01:00.1") == {"filterto"}
    assert query(filter__from="2025-02-15T11:59:00.0").where.created_from < NOW
    assert refused(filter__from="2025-02-15T11:58:59.9") == {"filterfrom"}


def test_a_window_may_be_a_single_moment():
    moment = "2025-05-01T00:00:00.0"
    where = query(filter__from=moment, filter__to=moment).where
    assert where.created_from == where.created_to == datetime(2025, 5, 1, tzinfo=UTC)


def test_a_start_names_the_beginning_of_its_second():
    assert query(filter__from="2025-05-01 00:00:00").where.created_from == datetime(2025, 5, 1, tzinfo=UTC)


def test_an_end_before_its_start_is_refused():
    times = {"filter__from": "2025-05-02 00:00:00", "filter__to": "2025-05-01 00:00:00"}
    assert refused(**times) == {"filterfrom"}


def test_everything_wrong_is_said_at_once():
    wrong = refused(page__limit="1", sort="x", way="x", filter__id="x", filter__to="x")
    assert wrong == {"pagelimit", "sort", "way", "filterid", "filterto"}


def test_empty_and_unknown_parameters_count_as_absent():
    empty = query(
        page__limit="", sort="", way="", filter__id="", filter__from="", filter__status="x", page="2"
    )
    assert empty == query()


NAMES = ["page[limit]", "page[offset]", "sort", "way", "filter[id]", "filter[campaign_id]"]
NAMES += ["filter[reference_id]", "filter[from]", "filter[to]"]
dates = st.datetimes().map(str)


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30) | st.integers().map(str) | dates))
def test_any_query_is_answered_or_refused(params):
    try:
        asked = message_query(params, now=NOW, zone=UTC, clock_skew_s=SKEW_S)
    except Problem as problem:
        assert problem.status == 422
        return
    assert 15 <= asked.limit <= 500
    assert asked.offset >= 0
    widest = timedelta(days=92, seconds=2 * SKEW_S + 1)
    assert timedelta(0) <= asked.where.created_to - asked.where.created_from <= widest
