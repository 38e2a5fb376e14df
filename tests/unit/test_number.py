"""A recipient is what the customer wrote or a fault that says why not; never another person's number."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.domain.errors import Fault
from tidings.domain.number import Number, NumberFault, _shared_country, mask, parse


@pytest.mark.parametrize(
    "written",
    [
        "380972000001",
        "+380972000001",
        "00380972000001",
        " +38 (097) 200-00-01 ",
        "38.097.200.00.01",
        "00 380 97 200 00 01",
        "+38\u00a0097\u2011200\u201300\u201001",
        "\t380972000001\n",
    ],
)
def test_a_number_is_read_however_people_write_it(written: str) -> None:
    assert parse(written) == Number("380972000001", "UA")


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("", Fault.RECIPIENT_MISSING),
        (" \t\n", Fault.RECIPIENT_MISSING),
        ("0972000001", Fault.PREFIX_MISSING),
        ("(097) 200-00-01", Fault.PREFIX_MISSING),
        ("0", Fault.RECIPIENT_INVALID),
        ("+", Fault.RECIPIENT_INVALID),
        ("00", Fault.RECIPIENT_INVALID),
        ("+0972000001", Fault.RECIPIENT_INVALID),
        ("000380972000001", Fault.RECIPIENT_INVALID),
        ("+00380972000001", Fault.RECIPIENT_INVALID),
        ("++380972000001", Fault.RECIPIENT_INVALID),
        ("380+972000001", Fault.RECIPIENT_INVALID),
        ("+44 (0)20 7946 0000", Fault.RECIPIENT_INVALID),  # whether that zero is dialled, nobody can tell
        ("3809720", Fault.RECIPIENT_INVALID),  # 7 digits
        ("3809720000011234", Fault.RECIPIENT_INVALID),  # 16 digits
        ("21072000001", Fault.RECIPIENT_INVALID),  # nobody's calling code
        ("99972000001", Fault.RECIPIENT_INVALID),
        ("0abc", Fault.RECIPIENT_INVALID),
        ("380972000001x", Fault.RECIPIENT_INVALID),
        ("a@b.example", Fault.RECIPIENT_INVALID),
        ("٣٨٠٩٧٢٠٠٠٠٠١", Fault.RECIPIENT_INVALID),  # digits, but not of E.164
        ("38097200000²", Fault.RECIPIENT_INVALID),
        ("380972000001\x00", Fault.RECIPIENT_INVALID),
        (" " * 60 + "380972000001", Fault.RECIPIENT_INVALID),  # longer than anybody writes
        ("9" * 100_000, Fault.RECIPIENT_INVALID),
    ],
)
def test_what_is_no_number_says_why(written: str, fault: Fault) -> None:
    with pytest.raises(NumberFault) as refused:
        parse(written)
    assert refused.value.fault is fault


@pytest.mark.parametrize("digits", ["38097200", "380972000001234"])  # 8 and 15: the shortest and the longest
def test_national_lengths_are_left_to_the_carrier(digits: str) -> None:
    assert parse(digits) == Number(digits, "UA")


@pytest.mark.parametrize(
    ("digits", "country"),
    [
        ("12025550123", "US"),
        ("14165550123", "CA"),
        ("18765550123", "JM"),
        ("19995550123", "US"),  # no such area code: the main country of the calling code
        ("79161234567", "RU"),
        ("77011234567", "KZ"),
        ("447509123456", "JE"),
        ("447400123456", "GB"),
        ("440000000000", "GB"),
        ("393123456789", "IT"),
        ("390669812345", "VA"),
        ("4740612345", "NO"),
        ("4779123456", "SJ"),
        ("61412345678", "AU"),
        ("61891621234", "CC"),
        ("38349123456", "XK"),
        ("262262123456", "RE"),
        ("262269041636", "YT"),  # told apart by digits that only some number plans fill
        ("262639196322", "YT"),
        ("881612345678", None),  # satellite
        ("80012345678", None),  # international freephone
    ],
)
def test_the_country_is_the_numbers_own_also_where_countries_share_a_calling_code(
    digits: str, country: str | None
) -> None:
    assert parse(digits).country == country


def example_numbers() -> list[str]:
    """A mobile and a fixed number of each region that has one, from the number plans themselves."""
    kinds = phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE
    found = (
        phonenumbers.example_number_for_type(region, kind)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
    )
    written = (phonenumbers.format_number(n, phonenumbers.PhoneNumberFormat.E164) for n in found if n)
    return [number.removeprefix("+") for number in written if len(number) > 8]


def test_every_country_of_the_world_is_told_by_its_own_numbers() -> None:
    examples = example_numbers()
    wrong = {
        digits: parse(digits).country
        for digits in examples
        if parse(digits).country != phonenumbers.region_code_for_number(phonenumbers.parse("+" + digits))
    }
    assert (wrong, len(examples) > 400) == ({}, True)


@given(st.sampled_from(["4475092", "4479117", "2622690", "2626393", "6189162", "4900000"]), st.data())
def test_the_country_does_not_depend_on_which_number_came_first(telling: str, data: st.DataObject) -> None:
    rest = st.text("0123456789", min_size=5, max_size=5)
    one, other = telling + data.draw(rest), telling + data.draw(rest)
    seen = []
    for first in (one, other):
        _shared_country.cache_clear()
        parse(first)
        seen.append((parse(one).country, parse(other).country))
    assert seen[0] == seen[1]


@given(st.text() | st.text("+0123456789 ().-", max_size=20))
def test_any_text_is_a_number_or_a_fault(text: str) -> None:
    try:
        number = parse(text)
    except NumberFault as refused:
        assert refused.fault in (Fault.RECIPIENT_MISSING, Fault.PREFIX_MISSING, Fault.RECIPIENT_INVALID)
    else:
        assert number.digits.isascii()
        assert number.digits.isdigit()
        assert 8 <= len(number.digits) <= 15
        assert number.digits[0] != "0"
        assert parse(number.digits) == number


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("380972000001", "380*******01"),
        ("38097200", "380***00"),
        ("3809720", "*******"),
        ("12345", "*****"),
        ("", ""),
    ],
)
def test_a_masked_number_hides_what_identifies_a_person(number: str, masked: str) -> None:
    assert mask(number) == masked
