"""How an address is put on the wire: its digits or letters, its type of number and its numbering plan."""

from typing import NamedTuple

SHORT_CODE_DIGITS_MAX = 8

INTERNATIONAL, NETWORK_SPECIFIC, ALPHANUMERIC = 1, 3, 5
UNKNOWN_PLAN, E164_PLAN = 0, 1


class Address(NamedTuple):
    """An address field of a PDU."""

    ton: int
    npi: int
    digits: str  # or letters


def source(sender: str, *, ton: int | None = None, npi: int | None = None) -> Address:
    """A sender: letters, a short code or an international number, told apart by what it is made of.

    `ton` and `npi` override the rule where a carrier wants something else.
    """
    plain = sender.removeprefix("+")
    if not (plain.isascii() and plain.isdigit()):
        rule = Address(ALPHANUMERIC, UNKNOWN_PLAN, sender)
    elif len(plain) <= SHORT_CODE_DIGITS_MAX:
        rule = Address(NETWORK_SPECIFIC, UNKNOWN_PLAN, plain)
    else:
        rule = Address(INTERNATIONAL, E164_PLAN, plain)
    return _overridden(rule, ton, npi)


def destination(recipient: str, *, ton: int | None = None, npi: int | None = None) -> Address:
    """A recipient in E.164 digits."""
    return _overridden(Address(INTERNATIONAL, E164_PLAN, recipient.removeprefix("+")), ton, npi)


def _overridden(rule: Address, ton: int | None, npi: int | None) -> Address:
    return Address(rule.ton if ton is None else ton, rule.npi if npi is None else npi, rule.digits)
