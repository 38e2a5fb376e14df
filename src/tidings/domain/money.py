"""Money as whole numbers of ten-millionths of a currency unit: never a float."""

from decimal import Decimal

Units = int
"""Ten-millionths (10^-7) of the account's currency unit."""

PER_UNIT = 10_000_000


def from_decimal(amount: Decimal) -> Units:
    """Exact units of a decimal amount; more than seven decimals is a ValueError."""
    scaled = amount * PER_UNIT
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than seven decimals")
    return int(scaled)


def to_decimal(units: Units) -> Decimal:
    """The plain amount, without trailing zeros and never in exponent form."""
    return Decimal(units).scaleb(-7)


def seven_decimals(units: Units) -> str:
    """`-4.0999333` style: always seven decimals."""
    return f"{to_decimal(units):.7f}"


def plain(units: Units) -> str:
    """The shortest plain decimal text: `0.23`, `0`, `-4.0999333`."""
    text = seven_decimals(units).rstrip("0").rstrip(".")
    return "0" if text in {"", "-0"} else text
