"""The lifecycle is the agreed one: every transition, every combination, in every order of arrival."""

from itertools import combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.status import (
    FINAL,
    NEGATIVE,
    NEW,
    NEXT,
    POSITIVE,
    State,
    Truth,
    all_of,
    any_of,
    step,
    truth,
)

# The agreed transition table, as written down: state and what may follow it.
TRANSITIONS = """
scheduled         moderation queued expired rejected cancelled
moderation        scheduled queued expired rejected cancelled
queued            scheduled moderation sending expired rejected failed not_service_user cancelled
sending           queued in_doubt sent enroute at_carrier delivered read failed
                  expired undeliverable rejected not_service_user cancelled
in_doubt          queued sent enroute at_carrier delivered read no_receipt failed
                  expired undeliverable rejected not_service_user cancelled
sent              enroute at_carrier delivered read no_receipt
                  expired undeliverable rejected not_service_user cancelled
enroute           at_carrier delivered read no_receipt
                  expired undeliverable rejected not_service_user cancelled
at_carrier        delivered read no_receipt
                  expired undeliverable rejected not_service_user cancelled
no_receipt        delivered read
                  expired undeliverable rejected not_service_user cancelled
expired           delivered read
undeliverable     delivered read
rejected          delivered read
failed            delivered read
not_service_user  delivered read
cancelled         delivered read
delivered         read
read
"""
TRUTHS = {
    "open": "scheduled moderation queued sending in_doubt sent enroute at_carrier",
    "yes": "delivered read",
    "unknown": "no_receipt",
    "no": "expired undeliverable rejected failed not_service_user cancelled",
}

# The reference model, an oracle that shares no code with the product. Where its first sketch and the agreed
# tables differed, the tables won: whether a part left us, and the settle rule, come in as arguments, and
# `no_receipt` hears only peers.
PRE = ["scheduled", "moderation", "queued"]
LIVE = ["sending", "in_doubt", "sent", "enroute", "at_carrier"]
ORDER = {state: rank for rank, state in enumerate(PRE + LIVE)}
WORST = ["rejected", "undeliverable", "not_service_user", "failed", "cancelled", "expired"]


def model_next() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    state = ""
    for line in filter(None, TRANSITIONS.splitlines()):
        if not line.startswith(" "):
            state = line.split()[0]
        words = line.split()
        found.setdefault(state, set()).update(words if line.startswith(" ") else words[1:])
    return found


MODEL_NEXT = model_next()
MODEL_TRUTH = {state: word for word, states in TRUTHS.items() for state in states.split()}


def model_step(now: str, inferred: bool, new: str, new_inferred: bool) -> bool:
    if new in MODEL_NEXT[now] and not (now == "no_receipt" and new_inferred):
        return True
    return now in WORST and inferred and new in WORST and not new_inferred


def model_all_of(parts: list[str], left_us: bool, settled: bool) -> str:
    live = [part for part in parts if MODEL_TRUTH[part] == "open"]
    worst = [state for state in WORST if state in parts]
    if live and not (settled and worst):
        low = min(live, key=lambda state: ORDER[state])
        return "sending" if left_us and ORDER[low] < ORDER["sending"] else low
    if worst:
        return worst[0]
    if "no_receipt" in parts:
        return "no_receipt"
    return "read" if set(parts) == {"read"} else "delivered"


def model_any_of(tries: list[str], left_us: bool) -> str:
    for positive in ("read", "delivered"):
        if positive in tries:
            return positive
    live = [one for one in tries if MODEL_TRUTH[one] == "open"]
    if live:
        top = max(live, key=lambda state: ORDER[state])
        return "sending" if left_us and ORDER[top] < ORDER["sending"] else top
    return "no_receipt" if "no_receipt" in tries else tries[-1]


TRIPLES = list(product(State, repeat=3))


def test_every_state_is_in_the_table_with_its_truth_value() -> None:
    assert {state.value: truth(state).value for state in State} == MODEL_TRUTH
    assert {state.value for state in FINAL} == {
        state for state, word in MODEL_TRUTH.items() if word != "open"
    }
    assert set(POSITIVE) == {state for state in State if truth(state) is Truth.YES}
    assert set(NEGATIVE) == {state for state in State if truth(state) is Truth.NO}


def test_what_may_follow_what_is_the_agreed_table() -> None:
    assert {state.value: {s.value for s in following} for state, following in NEXT.items()} == MODEL_NEXT
    assert {state.value for state in NEW} == {"scheduled", "moderation", "queued", "rejected"}


@pytest.mark.parametrize("now", State)
def test_every_step_is_the_reference_models(now: State) -> None:
    for claim, inferred, claim_inferred in product(State, (False, True), (False, True)):
        expected = model_step(now.value, inferred, claim.value, claim_inferred)
        assert step(now, inferred, claim, claim_inferred) == expected, (claim, inferred, claim_inferred)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_combination_of_parts_is_the_reference_models(size: int) -> None:
    for parts in product(State, repeat=size):
        for left_us, settled in product((False, True), repeat=2):
            expected = model_all_of([part.value for part in parts], left_us, settled)
            assert all_of(parts, left_us=left_us, settled=settled) == expected, (parts, left_us, settled)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_combination_of_attempts_is_the_reference_models(size: int) -> None:
    for tries in product(State, repeat=size):
        for left_us in (False, True):
            expected = model_any_of([one.value for one in tries], left_us)
            assert any_of(tries, left_us=left_us) == expected, (tries, left_us)


def test_nothing_at_all_is_an_error_and_never_a_yes() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        all_of([], left_us=False)
    with pytest.raises(ValueError, match="at least one attempt"):
        any_of([], left_us=False)


# --- 1. From `sending` on, the order in which peers' evidence arrives does not decide the truth.

ASSERTED = [
    State.SENT,
    State.ENROUTE,
    State.AT_CARRIER,
    State.DELIVERED,
    State.READ,
    State.EXPIRED,
    State.UNDELIVERABLE,
    State.REJECTED,
    State.NOT_SERVICE_USER,
    State.CANCELLED,
]


def fold(start: State, claims: tuple[State, ...]) -> State:
    """Where a part ends up when peers assert these things in this order."""
    now = start
    for claim in claims:
        if step(now, False, claim, False):
            now = claim
    return now


@pytest.mark.parametrize("start", [State.SENDING, State.IN_DOUBT, State.SENT])
def test_the_truth_does_not_depend_on_the_order_of_arrival(start: State) -> None:
    sets = [claims for size in range(1, 6) for claims in combinations(ASSERTED, size)]
    assert len(sets) == 637
    for claims in sets:
        truths = {truth(claim) for claim in claims}
        expected = next(word for word in (Truth.YES, Truth.NO, Truth.OPEN) if word in truths)
        wrong = [order for order in permutations(claims) if truth(fold(start, order)) is not expected]
        assert wrong == []


def test_delivered_in_any_order_among_contradictions_is_delivered() -> None:
    said = State.SENT, State.ENROUTE, State.AT_CARRIER, State.DELIVERED, State.EXPIRED, State.UNDELIVERABLE
    assert {fold(State.SENDING, order) for order in permutations(said)} == {State.DELIVERED}


def test_the_first_asserted_failure_stays() -> None:
    for first, second in permutations(NEGATIVE, 2):
        assert fold(State.SENDING, (first, second)) is first


# --- 2. Whatever happens: yes is never lost, an end is never reopened.

CERTAINTY = {Truth.OPEN: 0, Truth.UNKNOWN: 1, Truth.NO: 2, Truth.YES: 3}
claims = st.tuples(st.sampled_from(State), st.booleans())


@given(st.sampled_from(sorted(NEW)), st.lists(claims, max_size=40))
def test_any_log_only_ever_grows_more_certain(start: State, log: list[tuple[State, bool]]) -> None:
    now, inferred = start, False
    for claim, claim_inferred in log:
        before, before_inferred = now, inferred
        if step(now, inferred, claim, claim_inferred):
            now, inferred = claim, claim_inferred
        assert CERTAINTY[truth(now)] >= CERTAINTY[truth(before)]
        if truth(before) is Truth.NO and truth(now) is Truth.NO and not before_inferred:
            assert now is before
        if before is State.READ:
            assert now is State.READ


@given(st.lists(claims, max_size=40))
def test_nothing_our_timers_say_ends_an_unknown(log: list[tuple[State, bool]]) -> None:
    assert not any(step(State.NO_RECEIPT, inferred, claim, True) for claim, inferred in log)


def test_every_state_can_be_left_until_the_end_and_every_end_can_be_reached() -> None:
    reached = set(NEW)
    while grown := {after for state in reached for after in NEXT[state]} - reached:
        reached |= grown
    assert reached == set(State)
    assert [state for state in State if not NEXT[state]] == [State.READ]


# --- 3. AND over parts, OR over attempts.

AND = [Truth.OPEN, Truth.NO, Truth.UNKNOWN, Truth.YES]  # the first one present decides
OR = [Truth.YES, Truth.OPEN, Truth.UNKNOWN, Truth.NO]


def first_of(order: list[Truth], states: tuple[State, ...]) -> Truth:
    present = {truth(state) for state in states}
    return next(word for word in order if word in present)


@pytest.mark.parametrize("left_us", [False, True])
def test_parts_combine_with_and_in_any_order_and_grouping(left_us: bool) -> None:
    for parts in TRIPLES:
        whole = all_of(parts, left_us=left_us)
        assert truth(whole) is first_of(AND, parts)
        assert {all_of(order, left_us=left_us) for order in permutations(parts)} == {whole}
        paired = all_of(parts[:2], left_us=left_us)
        assert all_of([paired, parts[2]], left_us=left_us) is whole


@pytest.mark.parametrize("left_us", [False, True])
def test_attempts_combine_with_or_in_any_grouping(left_us: bool) -> None:
    for tries in TRIPLES:
        whole = any_of(tries, left_us=left_us)
        assert truth(whole) is first_of(OR, tries)
        paired = any_of(tries[:2], left_us=left_us)
        assert any_of([paired, tries[2]], left_us=left_us) is whole
        if truth(whole) is not Truth.NO:
            assert {any_of(order, left_us=left_us) for order in permutations(tries)} == {whole}


@pytest.mark.parametrize("state", State)
def test_one_part_and_one_attempt_are_the_message_itself(state: State) -> None:
    assert all_of([state], left_us=False) is any_of([state], left_us=False) is state
    assert all_of([state] * 3, left_us=False) is any_of([state] * 3, left_us=False) is state


def test_delivered_needs_every_part() -> None:
    yes = State.DELIVERED
    for other in State:
        arrived = truth(all_of([yes, other, yes], left_us=True)) is Truth.YES
        assert arrived == (truth(other) is Truth.YES)


def test_after_the_settle_wait_a_negative_part_speaks_for_the_open_rest() -> None:
    for parts in TRIPLES:
        settled = all_of(parts, left_us=True, settled=True)
        negatives = [part for part in parts if truth(part) is Truth.NO]
        if negatives:
            assert settled is all_of(negatives, left_us=True)
        else:
            assert settled is all_of(parts, left_us=True)


def test_a_queued_attempt_after_one_that_never_left_us_shows_queued() -> None:
    assert any_of([State.REJECTED, State.QUEUED], left_us=False) is State.QUEUED
    assert any_of([State.EXPIRED, State.QUEUED], left_us=True) is State.SENDING
