"""Receipt texts as carriers write them, and every way to garble one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.connectors.smpp.receipt_text import VALUE_CHARS_MAX, ReceiptText, read, read_date, scan

NOW = datetime(2018, 6, 1, tzinfo=UTC)

RECORDED = [
    (
        "id:0059113978 sub:001 dlvrd:001 submit date:1002101730 done date:1002101731 stat:DELIVRD err:000 "
        "text:@$#!%&/:",
        ("0059113978", "DELIVRD", "000"),
    ),
    (
        "id:0118Z-0122I-2309U-57DGB sub:000 dlvrd:000 submitdate:180122230957 donedate:000000000000 "
        "stat:REJECTD err:375 text:",
        ("0118Z-0122I-2309U-57DGB", "REJECTD", "375"),
    ),
    (
        "id:1526758174 submit date:1502101730 done date:1502101731 stat:DELIVRD err:000 text:hellow",
        ("1526758174", "DELIVRD", "000"),
    ),
    (
        "id:2E179B31 submit date:20110314181534 done date:20110314181741 stat:DELIVRD err:0",
        ("2E179B31", "DELIVRD", "0"),
    ),
    (
        "id:123 sub:001 dlvrd:001 submit date:1211131100 done date:1211131101 stat:UNDELIV err: 0 "
        "Text:id:99 stat:DELIVRD err:1",
        ("123", "UNDELIV", "0"),
    ),
    (
        "Id:abc-DEF_1 Sub:1 Dlvrd:1 Submit Date:1211131100 Done Date:1211131101 Stat:Delivered Err:21b",
        ("abc-DEF_1", "Delivered", "21b"),
    ),
    ("id:5 stat:ENROUTE", ("5", "ENROUTE", None)),
    ("stat:EXPIRED id:77 err:0000", ("77", "EXPIRED", "0000")),
    ("id : 9 stat : DELIVRD", ("9", "DELIVRD", None)),
    ("id:9\nsub:001\nstat:DELIVRD\nerr:000", ("9", "DELIVRD", "000")),
    ("id:9 stat:WEIRDST err:7", ("9", "WEIRDST", "7")),
    ("id:9;stat:DELIVRD,err:-1", ("9", "DELIVRD", "-1")),
    ("ID:9  STATUS:DELIVRD  ERROR:5", ("9", "DELIVRD", "5")),
]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-be", "utf-16-le", "utf-16"])
@pytest.mark.parametrize(("body", "expected"), RECORDED)
def test_what_carriers_write_is_read(body: str, expected: tuple[str, str, str | None], encoding: str) -> None:
    text = read(body.encode(encoding))
    assert (text.id, text.stat, text.err) == expected


def test_what_follows_text_is_the_messages_own_and_never_read() -> None:
    text = read(b"id:1 stat:UNDELIV text:id:2 stat:DELIVRD err:000 done date:1502101731")
    assert (text.id, text.stat, text.err, text.done_date) == ("1", "UNDELIV", None, None)
    assert text.text == "id:2 stat:DELIVRD err:000 done date:1502101731"


def test_of_a_label_told_twice_the_first_counts() -> None:
    assert read(b"id:1 id:2 stat:EXPIRED stat:DELIVRD")[:2] == ("1", "EXPIRED")


def test_binary_zeros_in_the_message_do_not_hide_the_labels() -> None:
    text = read(b"id:1 stat:DELIVRD text:\x00\x00\x05x\x00y")
    assert (text.id, text.stat) == ("1", "DELIVRD")


def test_a_label_inside_a_word_is_no_label() -> None:
    assert read(b"void:1 thermostat:DELIVRD") == ReceiptText()


def test_a_value_longer_than_anybodys_is_absent() -> None:
    assert read(b"id:" + b"9" * VALUE_CHARS_MAX + b" stat:X").id == "9" * VALUE_CHARS_MAX
    assert read(b"id:" + b"9" * (VALUE_CHARS_MAX + 1) + b" stat:X").id is None


FIELDS = {
    "id": st.from_regex(r"[0-9A-Za-z-]{1,40}", fullmatch=True),
    "sub": st.just("001"),
    "dlvrd": st.just("001"),
    "submit date": st.from_regex(r"[0-9]{10}|[0-9]{12}|NULL|", fullmatch=True),
    "done_date": st.from_regex(r"[0-9]{14}|0{12}", fullmatch=True),
    "stat": st.sampled_from(["DELIVRD", "UNDELIV", "EXPIRED", "undeliv"]),
    "err": st.from_regex(r"[0-9a-f]{1,4}|-1", fullmatch=True),
}


@st.composite
def receipts(draw: st.DrawFn) -> tuple[dict[str, str], bytes]:
    """A receipt with some of the labels in any order, case and separation, in any alphabet."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True, min_size=1))
    values = {name: draw(FIELDS[name]) for name in names}
    case = draw(st.sampled_from([str.upper, str.lower, str.title]))
    between = draw(st.sampled_from([" ", "  ", "\n", "; ", ",", "\r\n"]))
    body = between.join(f"{case(name)}:{value}" for name, value in values.items())
    tail = draw(st.sampled_from(["", " text:", " Text:id:666 stat:DELIVRD", " text:\x05\x1b"]))
    return values, (body + tail).encode(draw(st.sampled_from(["latin-1", "utf-16-be", "utf-16-le"])))


@given(receipts())
def test_any_order_case_separator_and_alphabet_gives_the_same(made: tuple[dict[str, str], bytes]) -> None:
    values, body = made
    text = read(body)
    assert text.id == values.get("id")
    assert text.stat == values.get("stat")
    assert text.err == values.get("err")
    assert text.done_date == values.get("done_date")


@given(
    id_=st.from_regex(r"[0-9A-Za-z-]{1,66}", fullmatch=True),
    date=st.sampled_from(["2605171100", "260517110000", "NULL"]),
    stat=st.sampled_from(["DELIVRD", "Delivrd", "EXPIRED", "X"]),
    err=st.sampled_from(["000", "-1", "21b", ""]),
    text=st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=20)
    | st.just(" id:9 stat:DELIVRD "),
)
def test_the_quick_way_and_the_thorough_way_read_the_same(
    id_: str, date: str, stat: str, err: str, text: str
) -> None:
    body = f"id:{id_} sub:001 dlvrd:001 submit date:{date} done date:{date} stat:{stat} err:{err} text:{text}"
    assert read(body.encode("latin-1")) == scan(body.encode("latin-1"))


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-16-be")))
def test_junk_is_read_as_nothing_and_never_raises(body: bytes) -> None:
    text = read(body)
    assert all(value is None or "\0" not in value for value in text[:8])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("180122230957", datetime(2018, 1, 22, 23, 9, 57, tzinfo=UTC)),
        ("201803142309", datetime(2018, 3, 14, 23, 9, tzinfo=UTC)),
        ("1002101730", datetime(2010, 2, 10, 17, 30, tzinfo=UTC)),
        ("20110314181534", datetime(2011, 3, 14, 18, 15, 34, tzinfo=UTC)),
        ("000000000000", None),
        ("0000000000", None),
        ("NULL", None),
        ("9913312561", None),
        ("00010101000000", datetime(1, 1, 1, tzinfo=UTC)),
        ("1802302309", None),
        ("180122", None),
        ("18012223095a", None),
        ("١٨٠١٢٢٢٣٠٩", None),
        ("", None),
        (None, None),
    ],
)
def test_dates_are_read_in_every_width(written: str | None, expected: datetime | None) -> None:
    assert read_date(written, now=NOW) == expected


def test_a_date_is_in_the_carriers_zone() -> None:
    assert read_date("1801222309", now=NOW, offset_minutes=120) == datetime(2018, 1, 22, 21, 9, tzinfo=UTC)
    assert read_date("00010101000000", now=NOW, offset_minutes=60) is None, "before the first year there is"


@given(st.integers(0, 80 * 365 * 86_400))
def test_of_two_readings_the_nearer_to_now_is_meant(second: int) -> None:
    time = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert read_date(f"{time:%y%m%d%H%M%S}", now=time + timedelta(minutes=1)) == time


@given(st.text(alphabet="0123456789", max_size=16))
def test_digits_are_a_time_or_nothing(digits: str) -> None:
    read_date(digits, now=NOW, offset_minutes=-720)
