"""Money is exact: what goes in comes out, and what cannot be said exactly is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.money import PER_UNIT, from_decimal, plain, seven_decimals, to_decimal

bigints = st.integers(-(10**18) + 1, 10**18 - 1)


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        ("0", 0),
        ("-0", 0),
        ("1", PER_UNIT),
        ("0.02", 200_000),
        ("0.0000001", 1),
        ("-4.0999333", -40_999_333),
        ("1E+3", 1000 * PER_UNIT),
        ("0.10000000000000000000", 1_000_000),  # trailing zeros are no decimals
        ("99999999999.9999999", 10**18 - 1),
    ],
)
def test_an_amount_becomes_its_exact_units(amount: str, units: int) -> None:
    assert from_decimal(Decimal(amount)) == units


@pytest.mark.parametrize(
    "amount",
    [
        "0.00000001",
        "1.00000000000000000000000000000000001",
        "100000000000",
        "-100000000000",
        "1E+999999",
        "1E-999999",
        "NaN",
        "sNaN",
        "Infinity",
        "-Infinity",
    ],
)
def test_an_amount_that_has_no_exact_units_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|NaN"):
        from_decimal(Decimal(amount))


@pytest.mark.parametrize(
    ("units", "shortest", "seven"),
    [
        (0, "0", "0.0000000"),
        (1, "0.0000001", "0.0000001"),
        (-1, "-0.0000001", "-0.0000001"),
        (2_300_000, "0.23", "0.2300000"),
        (PER_UNIT, "1", "1.0000000"),
        (100 * PER_UNIT, "100", "100.0000000"),
        (-40_999_333, "-4.0999333", "-4.0999333"),
        (10**18 - 1, "99999999999.9999999", "99999999999.9999999"),
    ],
)
def test_units_are_written_plainly(units: int, shortest: str, seven: str) -> None:
    assert (plain(units), seven_decimals(units)) == (shortest, seven)


@given(bigints)
def test_units_survive_every_way_of_writing_them(units: int) -> None:
    assert from_decimal(to_decimal(units)) == units
    assert from_decimal(Decimal(plain(units))) == units
    assert from_decimal(Decimal(seven_decimals(units))) == units


@given(bigints)
def test_no_exponent_and_no_idle_zero_is_ever_written(units: int) -> None:
    whole, _, decimals = plain(units).partition(".")
    assert "e" not in plain(units).lower()
    assert not decimals.endswith("0")
    assert whole.lstrip("-") == "0" or not whole.lstrip("-").startswith("0")
    assert len(seven_decimals(units).partition(".")[2]) == 7
