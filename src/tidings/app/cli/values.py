"""What people write on the command line, read as what it means. Each of these is the `type` of a parameter."""

from decimal import Decimal, InvalidOperation

import click

from tidings.domain.money import from_decimal

DEFAULT = "default"


def amount(text: str) -> Decimal:
    """An exact amount of money, at most seven decimals; never a float."""
    try:
        number = Decimal(text)
        from_decimal(number)
    except (InvalidOperation, ValueError):
        raise click.BadParameter(
            f"{text!r} is not an amount: digits, and at most seven decimals, as in 0.0235"
        ) from None
    return number


def prefix(text: str) -> str:
    """The first digits of phone numbers; `default`, or nothing, is everywhere else."""
    digits = text.removeprefix("+")
    if digits in ("", DEFAULT):
        return ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 15):
        raise click.BadParameter(f"{text!r} is not a prefix: digits as in 380, or `{DEFAULT}`")
    return digits


def shown_prefix(digits: str) -> str:
    """A prefix as people write it."""
    return digits or DEFAULT
