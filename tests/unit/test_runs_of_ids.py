"""Which runs ids form."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tidings.store.runs import LONGEST, NEXT_ORDER, runs


@given(st.sets(st.integers(1, 60)), st.sampled_from((1, NEXT_ORDER)))
def test_runs_are_of_the_ids_and_of_nothing_else_and_no_two_of_them_touch(ids, step):
    found = runs(list(ids), step=step)
    assert [one for first, last in found for one in range(first, last + 1, step)] == sorted(ids)
    assert all(before[1] + step != after[0] for before, after in pairwise(found))


@given(st.permutations(range(1, 12)))
def test_the_order_of_ids_is_no_matter(ids):
    assert runs(ids) == [(1, 11)]


def test_a_run_has_an_end():
    ids = list(range(5, 5 + 2 * LONGEST + 1))
    assert runs(ids) == [
        (5, 4 + LONGEST),
        (5 + LONGEST, 4 + 2 * LONGEST),
        (5 + 2 * LONGEST, 5 + 2 * LONGEST),
    ]


def test_ids_that_only_span_as_much_as_a_run_are_none():
    assert runs([1, 3, 4, 7], step=2) == [(1, 3), (4, 4), (7, 7)]


def test_a_gap_parts_two_runs_wherever_it_is():
    ids = [one for one in range(1, 2 * LONGEST) if one not in {3, LONGEST, LONGEST + 1}]
    assert runs(ids)[:2] == [(1, 2), (4, LONGEST - 1)]
    assert [one for first, last in runs(ids) for one in range(first, last + 1)] == ids
