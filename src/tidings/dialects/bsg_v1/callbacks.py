"""What a customer's server is told of a message: its status object, as the vendor's platform pushes it.

For SMS the vendor documents only that the status is posted; the shape is that of its webhooks, where the price is text
with seven decimals.
"""

from functools import lru_cache

from tidings.dialects.bsg_v1.answers import sms
from tidings.dialects.bsg_v1.wire import encode, stamp
from tidings.domain.message import Progress
from tidings.domain.money import Units, seven_decimals


def callback(message: Progress) -> bytes:
    """The body of the POST, JSON."""
    return sms(message, _price, _stamp)


_stamp = lru_cache(maxsize=4096)(stamp)
"""The callbacks of one turn share their times, and a time remembers its hash."""


@lru_cache(maxsize=1024)
def _price(units: Units) -> bytes:
    return encode(seven_decimals(units))
