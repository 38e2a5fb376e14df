"""Phone numbers: what a customer wrote becomes E.164 digits and a country, or a fault saying what is wrong.

A number is refused only where it cannot be one: wrong shape, or no country calls by its first digits.
National lengths and number plans are *not* checked: they change faster than a library's tables, and a refusal
here would silently cut off new ranges. The carrier decides.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, region_code_for_number

from tidings.domain.errors import Fault

LONGEST_WRITTEN = 64
"""Characters of a number as people write it; more is no number."""

SHORTEST, LONGEST = 8, 15
"""Digits of an international number (ITU-T E.164 has at most 15)."""

_LENGTHS = frozenset(range(SHORTEST, LONGEST + 1))
_E164 = re.compile(rf"[1-9][0-9]{{{SHORTEST - 1},{LONGEST - 1}}}")
_NATIONAL = re.compile(r"0[1-9][0-9]*")
_SEPARATORS = dict.fromkeys(map(ord, " \t\u00a0-\u2010\u2011\u2012\u2013.()"))
_NO_COUNTRY = "001"  # what phonenumbers calls satellite and freephone codes that belong to nobody

_CODE = {
    str(first): str(code)
    for code in COUNTRY_CODE_TO_REGION_CODE
    for first in range(code * 10 ** (3 - len(str(code))), (code + 1) * 10 ** (3 - len(str(code))))
}
"""Calling code by the first three digits; calling codes are prefix-free, so there is at most one."""
_REGIONS = {str(code): regions for code, regions in COUNTRY_CODE_TO_REGION_CODE.items()}
# How many leading digits tell the countries of a shared calling code apart: in +1 the area code.
_TELLING = {"1": 4, "7": 4, "590": 8}
_TELLING_DEFAULT = 7


class Number(NamedTuple):
    """A number in E.164 digits without `+`, and its country (ISO 3166-1 alpha-2, and `XK`) if it has one."""

    digits: str
    country: str | None


class NumberFault(ValueError):
    """What was written is not a number one can send to; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def parse(text: str) -> Number:
    """The number somebody wrote, as `digits_of` reads it, and its country."""
    digits = digits_of(text)
    return Number(digits, _country(digits, _CODE[digits[:3]]))


def digits_of(text: str) -> str:
    """The number somebody wrote, in international form with or without `+` or `00`; raises NumberFault.

    Spaces, dashes, dots and parentheses are taken as people use them. `(0)` inside an international number is
    refused: whether that zero is dialled differs by country, and a guess would reach a stranger.
    """
    plain = text.isascii() and text.isdigit() and text[0] != "0"
    digits = text if plain else _international(text)
    fits = SHORTEST <= len(digits) <= LONGEST if plain else _E164.fullmatch(digits)
    if not fits or digits[:3] not in _CODE:
        raise NumberFault(Fault.RECIPIENT_INVALID)
    return digits


def all_digits_of(texts: list[str]) -> list[str]:
    """The same of many, in one look where all are digits already; raises NumberFault if one is no number."""
    if len(texts) == 1:
        return [digits_of(texts[0])]
    together = "".join(texts)
    if (
        together.isascii()
        and together.isdigit()
        and _LENGTHS.issuperset(map(len, texts))
        and _CODE.keys() >= {one[:3] for one in texts}
    ):
        return texts
    return [digits_of(one) for one in texts]


def country(number: str) -> str | None:
    """The country of a number that somebody wrote; None for what is none, or has none."""
    try:
        return parse(number).country
    except NumberFault:
        return None


def mask(number: str) -> str:
    """A number for logs: its first three and last two digits; what is too short to hide is all stars."""
    hidden = len(number) - 5
    return "*" * len(number) if hidden < 3 else f"{number[:3]}{'*' * hidden}{number[-2:]}"


def _international(text: str) -> str:
    """Digits behind the international prefix; raises NumberFault for what is missing or national."""
    if len(text) > LONGEST_WRITTEN:
        raise NumberFault(Fault.RECIPIENT_INVALID)
    written = text.strip()
    if not written:
        raise NumberFault(Fault.RECIPIENT_MISSING)
    plain = written.translate(_SEPARATORS)
    if _NATIONAL.fullmatch(plain):
        raise NumberFault(Fault.PREFIX_MISSING)
    if "(0)" in written:
        raise NumberFault(Fault.RECIPIENT_INVALID)
    return plain.removeprefix("+") if plain.startswith("+") else plain.removeprefix("00")


def _country(digits: str, code: str) -> str | None:
    regions = _REGIONS[code]
    if len(regions) == 1:
        return None if regions[0] == _NO_COUNTRY else regions[0]
    telling = digits[: _TELLING.get(code, _TELLING_DEFAULT)]
    return _shared_country(telling, len(digits), code) or regions[0]


@lru_cache(maxsize=32_768)
def _shared_country(telling: str, length: int, code: str) -> str | None:
    """Which country of a shared calling code uses these first digits; None if no number plan knows them.

    Asked for the leading digits only, so that the answer does not depend on which number came first. The rest
    is filled with digits of which, over today's shared plans, one makes a valid number wherever any does.
    """
    for digit in "50":
        national = telling[len(code) :] + digit * (length - len(telling))
        probe = PhoneNumber(
            country_code=int(code),
            national_number=int(national),
            italian_leading_zero=national.startswith("0") or None,  # in +39 it belongs to the number
        )
        if region := region_code_for_number(probe):
            return region
    return None
