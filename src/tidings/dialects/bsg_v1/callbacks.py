"""What a customer's server is told of a message: its status object, as the vendor's platform pushes it.

For SMS the vendor documents only that the status is posted; the shape is that of its webhooks, where the price is text
with seven decimals.
"""

from tidings.dialects.bsg_v1.wire import Answer, encode, stamp
from tidings.dialects.bsg_v1.words import status_word
from tidings.domain.message import Message
from tidings.domain.money import seven_decimals


class Callback(Answer, kw_only=True):
    """The body of the POST."""

    id: str
    msisdn: str
    reference: str
    time_in: str
    time_sent: str
    time_dr: str | None
    status: str
    price: str
    currency: str


def callback(message: Message) -> bytes:
    """The body, JSON."""
    return encode(
        Callback(
            id=str(message.id),
            msisdn=message.recipient,
            reference=message.reference,
            time_in=stamp(message.created_at),
            time_sent=stamp(message.sent_at or message.scheduled_for or message.created_at),
            time_dr=None if message.report_at is None else stamp(message.report_at),
            status=status_word(message.standing),
            price=seven_decimals(message.price),
            currency=message.currency,
        )
    )
