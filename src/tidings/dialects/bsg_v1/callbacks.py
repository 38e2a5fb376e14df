"""What a customer's server is told of a message: its status object, as the vendor's platform pushes it.

For SMS the vendor documents only that the status is posted; the shape is that of its webhooks, where the price is text
with seven decimals.
"""

from functools import lru_cache

from tidings.dialects.bsg_v1.answers import SMS, status
from tidings.dialects.bsg_v1.wire import encode, stamp
from tidings.domain.message import Progress
from tidings.domain.money import Units, seven_decimals


def callback(message: Progress) -> bytes:
    """The body of the POST, JSON."""
    return SMS % (
        message.id,
        encode(message.recipient),
        encode(message.reference),
        _stamp(message.created_at),
        _stamp(message.sent_at or message.scheduled_for or message.created_at),
        b"null" if message.report_at is None else b'"%b"' % _stamp(message.report_at),
        status(message.standing),
        _price(message.price),
        encode(message.currency),
    )


_stamp = lru_cache(maxsize=4096)(stamp)
"""The callbacks of one turn share their times, and a time remembers its hash."""


@lru_cache(maxsize=1024)
def _price(units: Units) -> bytes:
    return encode(seven_decimals(units))
