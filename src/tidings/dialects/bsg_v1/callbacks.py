"""What a customer's server is told of a message: its status object, as the vendor's platform pushes it.

For SMS the vendor documents only that the status is posted; the shape is that of its webhooks, where the price is text
with seven decimals.
"""

from datetime import UTC, datetime
from functools import lru_cache

from tidings.dialects.bsg_v1.wire import encode
from tidings.dialects.bsg_v1.words import DESCRIPTIONS, Code, status_word
from tidings.domain.message import Message, Progress, Standing
from tidings.domain.money import Units, seven_decimals

# Filled in, it is what encoding a struct would give, in half the time.
BODY = b"".join(
    (
        b'{"error":%d,"errorDescription":%b,' % (Code.OK, encode(DESCRIPTIONS[Code.OK])),
        b'"id":"%d","msisdn":%b,"reference":%b,"time_in":"%b","time_sent":"%b","time_dr":%b,',
        b'"status":%b,"price":%b,"currency":%b}',
    )
)


def callback(message: Message | Progress) -> bytes:
    """The body of the POST, JSON."""
    return BODY % (
        message.id,
        encode(message.recipient),
        encode(message.reference),
        _stamp(message.created_at),
        _stamp(message.sent_at or message.scheduled_for or message.created_at),
        b"null" if message.report_at is None else b'"%b"' % _stamp(message.report_at),
        _status(message.standing),
        _price(message.price),
        encode(message.currency),
    )


def _stamp(moment: datetime) -> bytes:
    """`YYYY-MM-DD hh:mm:ss` in UTC."""
    text = encode(moment if moment.tzinfo is UTC else moment.astimezone(UTC))
    return b"%b %b" % (text[1:11], text[12:20])


@lru_cache(maxsize=1024)
def _status(standing: Standing) -> bytes:
    return encode(status_word(standing))


@lru_cache(maxsize=1024)
def _price(units: Units) -> bytes:
    return encode(seven_decimals(units))
