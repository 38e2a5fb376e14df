"""Dates in and out."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.bsg_one import times
from tidings.dialects.bsg_one.settings import Settings
from tidings.domain.errors import Misconfigured

ONE_PM = datetime(2025, 1, 25, 13, 0, tzinfo=UTC)
KYIV = ZoneInfo("Europe/Kyiv")


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-25 13:00:00",
        "2025-01-25T13:00:00",
        "2025-01-25T13:00:00.000000",
        "2025-01-25T13:00:00.000000000",
        "2025-01-25T13:00:00.000000+0000",
        "2025-01-25T13:00:00+00:00",
        "2025-01-25T13:00:00Z",
        "2025-01-25 15:00:00+0200",
        "2025-01-25T15:00:00+02:00",
        "2025-01-25T15:00:00 0200",  # a plus sign after form decoding
        "2025-01-25T08:00:00-0500",
        " 2025-01-25 13:00:00 ",
    ],
)
def test_every_form_that_clients_send_is_understood(text):
    assert times.parse(text, zone=UTC) == ONE_PM


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2025-01-25",
        "2025-02-30 00:00:00",
        "2025-01-25 25:00:00",
        "2025-01-25 13:00:00+99:99",
        "0000-00-00 00:00:00",
        "0001-01-01 00:00:00",
        "1737810000",
        "٢٠٢٥-01-25 13:00:00",
        "2025-01-25 13:00:00; drop table",
    ],
)
def test_anything_else_is_no_date(text):
    assert times.parse(text, zone=UTC) is None


@given(st.text(max_size=40))
def test_junk_never_raises(text):
    times.parse(text, zone=UTC)
    times.parse_end(text, zone=KYIV)


@given(st.integers(0, 2**32))
def test_what_is_written_reads_back_to_the_second(unix_time_s):
    moment = datetime.fromtimestamp(unix_time_s, UTC) + timedelta(microseconds=5)
    written = times.write(moment, zone=UTC)
    assert times.parse(written, zone=UTC) == moment.replace(microsecond=0)


def test_a_date_without_offset_is_in_the_zone_that_is_set():
    assert times.parse("2025-01-25 15:00:00", zone=KYIV) == ONE_PM
    assert times.write(ONE_PM, zone=KYIV) == "2025-01-25 15:00:00"


def test_a_parsed_date_is_in_utc():
    parsed = times.parse("2025-01-25 13:00:00", zone=timezone(timedelta(hours=2)))
    assert parsed.utcoffset() == timedelta(0)


def test_an_unknown_time_stays_unknown():
    assert times.write(None, zone=UTC) is None


def test_an_end_means_the_whole_of_its_second_unless_it_names_a_fraction():
    assert times.parse_end("2025-01-25 13:00:00", zone=UTC) == ONE_PM.replace(microsecond=999_999)
    assert times.parse_end("2025-01-25 13:00:00.5", zone=UTC) == ONE_PM.replace(microsecond=500_000)


@pytest.mark.parametrize(
    ("moment", "before"),
    [
        ("2025-05-31 00:00:00", "2025-02-28 00:00:00"),
        ("2024-05-31 00:00:00", "2024-02-29 00:00:00"),
        ("2025-03-15 01:02:03", "2024-12-15 01:02:03"),
        ("2025-12-01 00:00:00", "2025-09-01 00:00:00"),
    ],
)
def test_three_months_are_months_of_the_calendar(moment, before):
    earlier = times.months_before(times.parse(moment, zone=UTC), 3)
    assert times.write(earlier, zone=UTC) == before


def test_a_time_zone_nobody_knows_is_the_operators_to_mend():
    with pytest.raises(Misconfigured, match=r"bsg_one\.timezone"):
        Settings(timezone="Mars/Olympus").zone()
    assert Settings(timezone="Europe/Kyiv").zone() == KYIV
