"""What is filled in is what encoding the shapes would give."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.bsg_v1 import answers
from tidings.dialects.bsg_v1.create import Parsed
from tidings.dialects.bsg_v1.wire import encode
from tidings.domain.errors import Fault
from tidings.domain.order import Account, Caller, Dialect, Draft, OnFault, Order, Receipted, Taken
from tidings.domain.status import State

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CALLER = Caller(Account(1, "acme", "EUR"), 1, test=False)

taken = st.builds(
    Taken,
    id=st.integers(1, 2**53 - 1),
    reference=st.text(max_size=50),
    message_key=st.just(""),
    recipient=st.just("380972000001"),
    parts=st.integers(1, 25),
    price=st.integers(0, 10**12),
    state=st.just(State.QUEUED),
)
rows = st.lists(taken | st.sampled_from(Fault), min_size=1, max_size=3)


@given(rows, st.booleans(), st.none() | st.just("123456"), st.text(st.characters(codec="ascii"), max_size=3))
def test_an_answer_is_the_same_however_it_is_made(rows, single, otp_code, currency):
    rows = rows[:1] if single else rows
    order = Order(CALLER, Dialect.BSG_V1, [Draft("", "", "")] * len(rows), OnFault.SKIP, 60)
    parsed = Parsed(order, single, ["given"] * len(rows), otp_code)
    receipted = Receipted(9, "", NOON, currency, rows)
    assert answers.created_in_json(parsed, receipted) == encode(answers.created(parsed, receipted))
