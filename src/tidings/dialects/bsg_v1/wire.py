"""The shapes of every answer. One form fits all known clients where the vendor's own documents disagree.

`error` is an integer (clients compare strictly), ids and phone numbers are strings, prices are JSON numbers
in plain decimals, and an unknown time is null.
"""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from tidings.dialects.bsg_v1.words import DESCRIPTIONS, Code, Problem
from tidings.domain.money import Units, plain

NO_ERRORS = DESCRIPTIONS[Code.OK]

encode = msgspec.json.Encoder().encode  # 0.2 us less than msgspec.json.encode


class Answer(Struct, kw_only=True):
    """What every answer begins with."""

    error: int = int(Code.OK)
    error_description: str = field(name="errorDescription", default=NO_ERRORS)


class ServerFault(Answer, kw_only=True):
    """The body of an HTTP 500: an error in both of the vendor's shapes."""

    code: int
    message: str


class Row(Answer, kw_only=True):
    """One recipient of a request. A refused one has neither id nor price."""

    reference: str
    id: str | UnsetType = UNSET
    price: Raw | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    otp_code: str | UnsetType = UNSET


class CreatedOne(Row, kw_only=True):
    """To `phone`: flat for the newer clients, with `result` for the older ones."""

    result: Row


class CreatedMany(Answer, kw_only=True):
    """To `phones` and `individual`: the only recipient itself, or a list from two on."""

    task_id: str | UnsetType = UNSET
    result: Row | list[Row]
    total_price: Raw
    total_price_old: Raw = field(name="totalprice")
    currency: str | UnsetType = UNSET


class Funds(Answer, kw_only=True):
    """The balance; clients want strings here."""

    amount: str
    currency: str
    limit: str


def failure(problem: Problem) -> Answer:
    """The answer to a request that is refused as a whole."""
    return Answer(error=int(problem.code), error_description=problem.description)


@lru_cache(maxsize=1024)
def number(units: Units) -> Raw:
    """An amount as a JSON number: exact, plain, without an exponent."""
    return Raw(plain(units).encode())


def stamp(moment: datetime) -> bytes:
    """`YYYY-MM-DD hh:mm:ss` in UTC: one known client fails on fractions and on zones."""
    text = encode(moment if moment.tzinfo is UTC else moment.astimezone(UTC))
    return text[1:20].replace(b"T", b" ")  # an eighth of what isoformat() takes
