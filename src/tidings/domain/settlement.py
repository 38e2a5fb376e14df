"""What a message costs in the end: hold = charge + release."""

from enum import StrEnum

from tidings.domain.delivery import Delivery
from tidings.domain.money import Units
from tidings.domain.status import Truth, truth


class Plan(StrEnum):
    """What an account pays for."""

    ACCEPTED = "accepted"  # whatever the next hop took, also if it never said what became of it
    DELIVERED_ONLY = "delivered_only"  # only what is proven delivered


def charge(delivery: Delivery, *, plan: Plan, price: Units, charged: Units) -> Units:
    """What a final message has cost the account in all, given what it was charged so far.

    A correction never lowers a charge except on `delivered_only`; a late delivery charges a released message.
    """
    assert delivery.final
    arrived = truth(delivery.state) is Truth.YES
    if plan is Plan.DELIVERED_ONLY:
        return price if arrived else 0
    return price if arrived or delivery.taken else charged
