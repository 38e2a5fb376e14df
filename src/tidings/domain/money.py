"""Money as whole numbers of ten-millionths of a currency unit: never a float."""

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation

Units = int
"""Ten-millionths (10^-7) of the account's currency unit."""

PER_UNIT = 10_000_000

_STEP = Decimal(1).scaleb(-7)
# Eighteen digits, seven of them decimals: every amount below 10^11, which fits a bigint. Nothing is rounded.
_EXACT = Context(prec=18, traps=[Inexact, InvalidOperation])


def from_decimal(amount: Decimal) -> Units:
    """Exact units of an amount below 10^11; more than seven decimals, or not finite, is a ValueError."""
    try:
        return int(_EXACT.quantize(amount, _STEP).scaleb(7))
    except DecimalException as inexact:
        raise ValueError(f"{amount} has more than seven decimals or eleven digits before them") from inexact


def to_decimal(units: Units) -> Decimal:
    """The amount, exactly. To write it use `plain` or `seven_decimals`: str() may choose an exponent."""
    return Decimal(units).scaleb(-7)


def seven_decimals(units: Units) -> str:
    """`-4.0999333` style: always seven decimals."""
    return f"{to_decimal(units):.7f}"


def plain(units: Units) -> str:
    """The shortest plain decimal text: `0.23`, `0`, `-4.0999333`."""
    return seven_decimals(units).rstrip("0").rstrip(".")
