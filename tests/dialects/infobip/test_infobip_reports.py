"""What a pull asks for, and how a report is written."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from tidings.dialects.infobip import moments, reports, words
from tidings.dialects.infobip.errors import ApiError
from tidings.dialects.infobip.settings import Preferences, preferences
from tidings.domain.errors import Misconfigured
from tidings.domain.message import Report, Standing
from tidings.domain.money import plain
from tidings.domain.order import Account, Extras
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State

AT = datetime(2019, 11, 9, 16, tzinfo=UTC)
SAMPLE = (
    b'{"results":[{"bulkId":"BULK-ID-123-xyz","messageId":"MESSAGE-ID-123-xyz","to":"41793026727",'
    b'"sentAt":"2019-11-09T16:00:00.000+0000","doneAt":"2019-11-09T16:00:00.000+0000","smsCount":1,'
    b'"price":{"pricePerMessage":0.01,"currency":"EUR"},'
    b'"status":{"groupId":3,"groupName":"DELIVERED","id":5,"name":"DELIVERED_TO_HANDSET",'
    b'"description":"Message delivered to handset"},'
    b'"error":{"groupId":0,"groupName":"Ok","id":0,"name":"NO_ERROR","description":"No Error",'
    b'"permanent":false},"entityId":"my-entity-id","applicationId":"my-application-id"}]}'
)


def a_report(**changes) -> Report:
    report = Report(
        id=1,
        number=1,
        standing=Standing(State.DELIVERED),
        done_at=AT,
        sent_at=AT,
        price=100_000,
        bulk_key="BULK-ID-123-xyz",
        message_key="MESSAGE-ID-123-xyz",
        recipient="41793026727",
        sender="",
        parts=1,
        currency="EUR",
        mccmnc=None,
        extras=Extras(entity_id="my-entity-id", application_id="my-application-id"),
    )
    return msgspec.structs.replace(report, **changes)


def written(*owed: Report, switches: Preferences | None = None) -> bytes:
    return reports.response(owed, switches or Preferences())


def test_a_report_is_written_as_in_the_published_sample():
    assert written(a_report()) == SAMPLE


def test_every_field_stands_in_its_place():
    report = a_report(
        sender="InfoSMS",
        mccmnc="22801",
        extras=Extras(
            callback_data="mine", entity_id="e", application_id="a", campaign_reference_id="summersale"
        ),
    )

    (row,) = msgspec.json.decode(written(report))["results"]

    assert list(row) == [
        "bulkId",
        "messageId",
        "to",
        "from",
        "sentAt",
        "doneAt",
        "smsCount",
        "mccMnc",
        "callbackData",
        "price",
        "status",
        "error",
        "entityId",
        "applicationId",
        "campaignReferenceId",
    ]
    assert (row["from"], row["mccMnc"], row["callbackData"]) == ("InfoSMS", "22801", "mine")
    assert row["campaignReferenceId"] == "summersale"


def test_a_status_has_an_action_only_where_one_is_defined():
    broke = a_report(standing=Standing(State.REJECTED, Reason.SENDER_BLOCKED, Stage.DISPATCH))

    (row,) = msgspec.json.decode(written(broke))["results"]

    assert row["status"]["action"] == "Remove sender from blacklist"
    assert b"action" not in written(a_report())


@pytest.mark.parametrize(
    ("units", "parts", "shown"),
    [
        (100_000, 1, b"0.01"),
        (600_000, 3, b"0.02"),
        (0, 2, b"0"),
        (1, 1, b"0.0000001"),
        (10_000_000, 1, b"1"),
        (10**16, 1, b"1000000000"),
        (16_833_330, 1, b"1.683333"),
        (100_000, 0, b"0.01"),
    ],
)
def test_the_price_is_that_of_one_part_as_a_plain_number(units, parts, shown):
    report = a_report(parts=parts, price=units)

    assert b'"pricePerMessage":' + shown + b"," in written(report)


def test_an_empty_pull_still_has_results():
    assert written() == b'{"results":[]}'


def test_dates_are_written_in_the_account_s_offset():
    account = Account(1, "a", "EUR", settings={"infobip.utc_offset": "-0330", "bsg.utc_offset": "junk"})

    (row,) = msgspec.json.decode(written(a_report(), switches=preferences(account)))["results"]

    assert row["sentAt"] == "2019-11-09T12:30:00.000-0330"


@pytest.mark.parametrize(
    "wrong",
    [
        {"infobip.utc_offset": "Europe/Zagreb"},
        {"infobip.utc_offset": "+2500"},
        {"infobip.utc_offset": 1},
        {"infobip.ok_word": 1},
        {"infobip.carrier_receipt_as_unknown": "yes"},
    ],
)
def test_a_senseless_switch_is_named(wrong):
    with pytest.raises(Misconfigured, match=next(iter(wrong))):
        preferences(Account(1, "a", "EUR", settings=wrong))


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("", 50),
        ("messageId=x&limit", 50),
        ("limit=", 50),
        ("limit=null", 50),
        ("limit=%20%20", 50),
        ("limit=%207%20", 7),
        ("limit=0", 0),
        ("limit=-0", 0),
        ("limit=1", 1),
        ("limit=1000", 1000),
        ("limit=%2B5", 5),
        ("LIMIT=7", 50),
        ("limit=2&limit=3", 2),
    ],
)
def test_limits_that_are_understood(query, limit):
    assert reports.limit_of(QueryParams(query), lenient=True) == limit


@pytest.mark.parametrize(
    "value", ["1001", "-1", "abc", "1.5", "1e2", "2147483648", "9" * 5000, "NULL", "0x10", "٣", "5 5", "%00"]
)
def test_limits_that_are_refused(value):
    with pytest.raises(ApiError) as refusal:
        reports.limit_of(QueryParams(f"limit={value}"), lenient=True)
    assert msgspec.json.encode(refusal.value.body) == (
        b'{"requestError":{"serviceException":{"messageId":"BAD_REQUEST","text":"Bad request"}}}'
    )


def test_limit_null_is_refused_where_the_server_is_strict():
    with pytest.raises(ApiError):
        reports.limit_of(QueryParams("limit=null"), lenient=False)
    assert reports.limit_of(QueryParams("limit"), lenient=False) == 50


def test_an_empty_filter_is_no_condition_and_names_are_exact():
    where = reports.filter_of(QueryParams("bulkId=&messageid=x&track=SMS&entityId=e&applicationId=a"))

    assert where is not None
    assert (where.bulk_key, where.message_key, where.entity_id, where.application_id) == (
        None,
        None,
        "e",
        "a",
    )


def test_an_id_that_nothing_can_have_is_no_question_for_the_database():
    assert reports.filter_of(QueryParams("messageId=a%00b")) is None


MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.none() | st.text(max_size=8)
REPORTS = st.builds(
    a_report,
    sender=st.text(max_size=8),
    recipient=st.text(max_size=8),
    parts=st.integers(0, 25),
    mccmnc=TEXTS,
    extras=st.builds(
        Extras,
        callback_data=TEXTS,
        application_id=TEXTS,
        entity_id=TEXTS,
        campaign_reference_id=TEXTS,
    ),
    standing=st.builds(
        Standing,
        st.sampled_from(State),
        st.none() | st.sampled_from(Reason),
        st.none() | st.sampled_from(Stage),
        st.sampled_from(Confirmation),
    ),
    done_at=MOMENTS,
    sent_at=MOMENTS,
    price=st.integers(0, 10**15),
)


def member_by_member(report, switches):
    """A report as a mapping."""
    extras = report.extras
    members = {
        "bulkId": report.bulk_key,
        "messageId": report.message_key,
        "to": report.recipient,
        "from": report.sender,
        "sentAt": spelt(report.sent_at, switches.zone),
        "doneAt": spelt(report.done_at, switches.zone),
        "smsCount": report.parts,
        "mccMnc": report.mccmnc,
        "callbackData": extras.callback_data,
        "price": {
            "pricePerMessage": msgspec.Raw(plain(report.price // max(report.parts, 1)).encode()),
            "currency": report.currency,
        },
        "status": words.status(report.standing, switches),
        "error": words.error(report.standing, switches),
        "entityId": extras.entity_id,
        "applicationId": extras.application_id,
        "campaignReferenceId": extras.campaign_reference_id,
    }
    needed = {"bulkId", "messageId", "to", "smsCount"}
    return {name: value for name, value in members.items() if value or name in needed}


def spelt(moment, zone):
    text = moment.astimezone(zone).isoformat(timespec="milliseconds")
    return text[:-3] + text[-2:]


@given(st.lists(REPORTS, max_size=3), st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30))]))
def test_an_answer_is_the_json_of_its_members(owed, zone):
    switches = Preferences(zone=zone, ok_word='"OK"%b')
    members = [member_by_member(report, switches) for report in owed]
    assert written(*owed, switches=switches) == msgspec.json.encode({"results": members})


@given(REPORTS)
def test_whatever_is_reported_the_strictest_client_can_read_it(report):
    """The closed types of the official 4.0.0 and the required keys of the community 5.0.1 Python clients."""
    (row,) = json.loads(written(report), parse_float=Decimal)["results"]

    assert None not in row.values()
    for name in ("bulkId", "messageId", "to", "from", "mccMnc", "callbackData", "entityId", "applicationId"):
        assert isinstance(row.get(name, ""), str)
    assert type(row["smsCount"]) is int
    assert type(row["price"]["pricePerMessage"]) in (int, Decimal)
    assert row["price"]["pricePerMessage"] >= 0
    for part in ("status", "error"):
        assert type(row[part]["groupId"]) is type(row[part]["id"]) is int
        assert all(row[part][name] for name in ("groupName", "name", "description"))
    assert type(row["error"]["permanent"]) is bool
    assert moments.read(row["doneAt"], UTC) == report.done_at.replace(
        microsecond=report.done_at.microsecond // 1000 * 1000
    )


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-02T03:04:05.678+0100", datetime(2024, 1, 2, 2, 4, 5, 678000, UTC)),
        ("2024-01-02T03:04:05.678901+00:00", datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)),
        ("2024-01-02T03:04:05.000000Z", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.0+0100", datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)),
        ("2024-01-02T03:04:05.123456789-0530", datetime(2024, 1, 2, 8, 34, 5, 123456, UTC)),
        ("2024-01-02T03:04:05", datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2024-01-02 03:04", datetime(2024, 1, 2, 1, 4, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_every_form_that_clients_send(text, moment):
    assert moments.read(text, timezone(timedelta(hours=2))) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2024-W01-1T00:00",
        "20240102T030405",
        "2024-01-02",
        "2024-13-01T00:00:00",
        "2024-02-30T00:00:00",
        "2024-01-02T03:04:60Z",
        "2024-01-02T03:04:05+99:99",
        "0001-01-01T00:00:00+1400",
        "9999-12-31T23:59:59-1400",
        "2024-01-02T03:04:05.1234567890Z",
        "٢٠٢٤-01-02T03:04:05Z",
    ],
)
def test_what_is_no_date_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        moments.read(text, UTC)
