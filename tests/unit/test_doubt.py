"""A lost answer leads to a second submission only where the class says a gap is worse than a double."""

import pytest

from tidings.domain.doubt import Verdict, decide, doubt_wait_s
from tidings.domain.order import TrafficClass

OTP, TRANSACTIONAL, PROMOTIONAL = TrafficClass.OTP, TrafficClass.TRANSACTIONAL, TrafficClass.PROMOTIONAL


@pytest.mark.parametrize(
    ("traffic_class", "remaining_validity_s", "verdict"),
    [
        (OTP, 86_400, Verdict.RESEND),
        (OTP, 1, Verdict.RESEND),
        (OTP, 0, Verdict.HOLD),  # a code that is over helps nobody
        (OTP, -5, Verdict.HOLD),
        (TRANSACTIONAL, 86_400, Verdict.RESEND),
        (TRANSACTIONAL, 61, Verdict.RESEND),
        (TRANSACTIONAL, 60, Verdict.HOLD),
        (TRANSACTIONAL, -5, Verdict.HOLD),
        (PROMOTIONAL, 86_400, Verdict.HOLD),
        (PROMOTIONAL, 0, Verdict.HOLD),
    ],
)
def test_a_doubt_is_decided_by_the_class_and_what_is_left_of_the_validity(
    traffic_class: TrafficClass, remaining_validity_s: int, verdict: Verdict
) -> None:
    decided = decide(traffic_class, remaining_validity_s=remaining_validity_s, resent_before=False)
    assert decided is verdict


@pytest.mark.parametrize("traffic_class", TrafficClass)
def test_nothing_is_ever_sent_a_third_time(traffic_class: TrafficClass) -> None:
    assert decide(traffic_class, remaining_validity_s=86_400, resent_before=True) is Verdict.HOLD


def test_only_codes_are_decided_sooner() -> None:
    waits_s = {one: doubt_wait_s(one, default_s=60, otp_s=15) for one in TrafficClass}
    assert waits_s == {OTP: 15, TRANSACTIONAL: 60, PROMOTIONAL: 60}
