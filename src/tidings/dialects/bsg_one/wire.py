"""The JSON of the One API: requests as clients send them, answers as the documented models describe them.

Integers are JSON integers. Money is a string in `amount.value` and a number elsewhere. An unknown time is
null, an empty optional object is null and never `[]`: the published client models refuse anything else.
"""

import re
from typing import TypeVar

import msgspec

from tidings.dialects.bsg_one.problems import invalid

# --- requests ---------------------------------------------------------------------------------------------


class Login(msgspec.Struct):
    """POST /api/auth/login."""

    api_key: str | None = None


class Phone(msgspec.Struct):
    """One recipient. The schema wants an integer; older clients send digits as a string."""

    number: int | str | None = None
    reference_id: str | None = None


class SmsSend(msgspec.Struct):
    """POST /api/campaigns/sms/send. Every optional member may be null."""

    phones: list[Phone] | None = None
    sender: str | None = None
    text: str | None = None
    tariff_code: int | None = None
    validity: int | None = None
    validity_seconds: int | None = None
    start_at: str | None = None
    transliterate: bool | None = None
    short_links: list[msgspec.Raw] | None = None  # refused when there are any, so not looked into
    callback_url: str | None = None


_Request = TypeVar("_Request", bound=msgspec.Struct)
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")


def decode(body: bytes, shape: type[_Request]) -> _Request:
    """A request of that shape. Raises the validation answer for junk, wrong types and too deep nesting."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as wrong:
        at = _AT.search(str(wrong))
        text = f"This value is of a wrong type: {_AT.sub('', str(wrong)).replace('`', '')}."
        raise invalid(at["path"] if at else "body", text) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as junk:
        raise invalid("body", "This value is not valid JSON.") from junk


# --- answers ----------------------------------------------------------------------------------------------


class Bearer(msgspec.Struct):
    """What login and refresh answer."""

    bearer: str


class Amount(msgspec.Struct):
    """A price: a string with seven decimals."""

    value: str
    currency: str


class MessageItem(msgspec.Struct):
    """One message of GET /api/messages."""

    id: int
    campaign_id: int
    reference_id: str
    type: str
    source: str
    text: str
    phone: int | None  # null for a recipient that was kept although it is no phone number
    validity: int  # hours
    status: str
    amount: Amount
    sender: str
    created_at: str | None
    sent_at: str | None
    delivered_at: str | None
    country: str | None
    parts: int
    rcs_options: None = None
    alternative_channels: None = None
    amont: list[Amount] | msgspec.UnsetType = msgspec.UNSET


class Page(msgspec.Struct):
    """Where a page lies in the whole list."""

    total: int
    offset: int
    limit: int


class Meta(msgspec.Struct):
    """Around a page."""

    page: Page


class MessageList(msgspec.Struct):
    """What GET /api/messages answers."""

    data: list[MessageItem]
    meta: Meta


class Statistics(msgspec.Struct):
    """Cumulative: `sent` was handed over at least once, `delivered` includes read."""

    delivered: int = 0
    sent: int = 0


class Campaign(msgspec.Struct, kw_only=True):
    """A campaign in short."""

    id: int
    name: str
    sender: str
    status: str
    message_type: str = "sms"
    start_at: str | None
    real_start_at: str | None = None
    finished_at: str | None = None
    created_at: str | None
    statistics: Statistics
    calculated_price: msgspec.Raw
    currency: str | None
    alternative_channels: None = None


class BalanceData(msgspec.Struct):
    """What an account has, as numbers; `credit` is the line it may draw on."""

    balance: msgspec.Raw
    currency: str
    credit: msgspec.Raw


def envelope(data: msgspec.Struct) -> dict[str, msgspec.Struct]:
    """The `data` member that single objects come in."""
    return {"data": data}
