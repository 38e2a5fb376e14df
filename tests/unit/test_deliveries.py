"""Attempts as they are stored: short, and read as they were."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.delivery import Attempt, Part
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, State
from tidings.store.deliveries import spell_attempts

parts = st.builds(
    Part,
    st.sampled_from(State),
    inferred=st.booleans(),
    reason=st.none() | st.sampled_from(Reason),
    confirmation=st.sampled_from(Confirmation),
    tries=st.integers(0, 3),
    resent_after=st.integers(0, 2),
    first_failed=st.booleans(),
    second_failed=st.booleans(),
    retries=st.integers(0, 3),
    arrived_at=st.none() | st.just(datetime(2026, 3, 2, tzinfo=UTC)),
)
attempts = st.builds(
    Attempt,
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
    st.lists(parts, min_size=1, max_size=3),
    reference=st.integers(0, 255),
    all_arrived=st.booleans(),
)


@given(st.lists(attempts, min_size=1, max_size=3))
def test_attempts_are_read_as_they_were(several):
    assert msgspec.json.decode(spell_attempts(several), type=list[Attempt]) == several


def test_what_has_not_happened_is_not_spelt():
    assert spell_attempts([Attempt(1, 2, False, [Part(State.QUEUED)])]) == '[[1,2,false,[["queued"]]]]'
    arrived = Part(State.DELIVERED, confirmation=Confirmation.HANDSET, tries=1)
    assert spell_attempts([Attempt(1, 2, True, [arrived], reference=7)]) == (
        '[[1,2,true,[["delivered",1,"handset"]],7]]'
    )
