"""What to do with a submission whose bytes left us and whose answer never came.

Nobody can ask the carrier: its id for the message is just what we did not get, and a sequence number dies
with its session. So waiting helps for a while (a late answer, or a receipt that matches by destination,
sender and time), and then a choice is left between two honest losses: sending again may reach the handset
twice, holding may reach it never. Which is worse depends on what the message is for, and it is chosen once
per traffic class, never per incident. Moving the part to another route is the same choice, not a way around
it.
"""

from enum import StrEnum, unique

from tidings.domain.order import TrafficClass

RESEND_NEEDS_S = 60
"""Seconds of validity a transactional message must have left for a second try to be worth a duplicate."""


@unique
class Verdict(StrEnum):
    """What becomes of a part in doubt once the wait is over."""

    RESEND = "resend"  # again, same text, reference and part number; flagged as a possible duplicate
    HOLD = "hold"  # never again: only evidence can still decide it


def decide(traffic_class: TrafficClass, *, remaining_validity_s: int, resent_before: bool) -> Verdict:
    """Whether a part in doubt may be submitted a second time; a third never happens.

    A login code that is missing is worse than one that comes twice, so it is sent again while it is valid; a
    transactional message is, too, if enough of its validity is left. Advertising is not: a duplicate annoys
    and costs, a gap does neither.
    """
    if resent_before:
        return Verdict.HOLD
    needs_s = {TrafficClass.OTP: 0, TrafficClass.TRANSACTIONAL: RESEND_NEEDS_S}.get(traffic_class)
    return Verdict.RESEND if needs_s is not None and remaining_validity_s > needs_s else Verdict.HOLD


def doubt_wait_s(traffic_class: TrafficClass, default_s: int, otp_s: int) -> int:
    """How long a part stays in doubt before `decide` is asked, in seconds: codes cannot wait as long."""
    return otp_s if traffic_class is TrafficClass.OTP else default_s
