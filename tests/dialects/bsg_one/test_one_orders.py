"""What POST /api/campaigns/sms/send asks for."""

from datetime import UTC, datetime

import msgspec
import pytest

from tidings.dialects.bsg_one import orders, wire
from tidings.dialects.bsg_one.problems import Problem
from tidings.domain.order import Account, Caller, OnFault

NOW = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
CALLER = Caller(Account(1, "shop", "EUR"), credential_id=7, test=False)
MINIMAL = {"phones": [{"number": 380661231231}], "sender": "Vet klinika", "text": "test"}


def order(**members):
    body = wire.decode(msgspec.json.encode({**MINIMAL, **members}), wire.SmsSend)
    return orders.order(body, caller=CALLER, now=NOW, zone=UTC, clock_skew_s=60)


def refused(**members):
    with pytest.raises(Problem) as caught:
        order(**members)
    assert caught.value.status == 422
    return caught.value.errors


def test_the_smallest_request_is_a_campaign_of_one_for_three_days():
    asked = order()
    assert asked.on_fault is OnFault.REFUSE_ALL
    assert asked.unique_recipients
    assert (asked.validity_s, asked.scheduled_for, asked.source) == (72 * 3600, None, "rest")
    draft = asked.drafts[0]
    assert (draft.recipient, draft.sender, draft.text) == ("380661231231", "Vet klinika", "test")
    assert (draft.reference, draft.tariff, draft.extras.callback_url) == (None, None, None)


def test_every_member_arrives():
    phones = [
        {"number": 380661231231, "reference_id": "f2d37bf77f6242daa83f23b0cc84b627"},
        {"number": "380661231232", "reference_id": "f2d37bf77f6242daa83f23b0cc84b628"},
    ]
    asked = order(
        phones=phones,
        tariff_code=9,
        validity=24,
        start_at="2025-01-25 13:00:00",
        transliterate=False,
        short_links=[],
        callback_url="https://example.com/dlr",
    )
    assert asked.validity_s == 24 * 3600
    assert asked.scheduled_for == datetime(2025, 1, 25, 13, 0, tzinfo=UTC)
    assert [draft.recipient for draft in asked.drafts] == ["380661231231", "380661231232"]
    assert [draft.reference for draft in asked.drafts] == [phone["reference_id"] for phone in phones]
    assert {draft.tariff for draft in asked.drafts} == {9}
    assert {draft.extras.callback_url for draft in asked.drafts} == {"https://example.com/dlr"}


def test_every_optional_member_may_be_null():
    members = ["tariff_code", "validity", "validity_seconds", "start_at", "transliterate", "short_links"]
    nulls = dict.fromkeys([*members, "callback_url"])
    assert order(phones=[{"number": 380661231231, "reference_id": None}], **nulls) == order()


def test_an_empty_text_member_counts_as_absent():
    assert order(start_at="", callback_url="") == order()


def test_members_of_nobodys_schema_are_ignored():
    assert order(add_to_contact_book=True, check_stop_list=True, anything={"at": ["all"]}) == order()


@pytest.mark.parametrize("missing", ["phones", "sender", "text"])
def test_a_required_member_may_be_neither_missing_nor_null_nor_empty(missing):
    for value in (None, [] if missing == "phones" else ""):
        assert list(refused(**{missing: value})) == [missing]


def test_everything_wrong_is_said_at_once():
    errors = refused(phones=[], sender="", text="", validity=0, start_at="x", transliterate=True)
    assert set(errors) == {"phones", "sender", "text", "validity", "start_at", "transliterate"}


@pytest.mark.parametrize(
    "number", [99_999_999, 10**15, -5, 10**300, "12345678", "1234567890123456", "+", "phone", "38066 1231231"]
)
def test_a_number_that_is_no_phone_names_its_place(number):
    errors = refused(phones=[{"number": 380661231231}, {"number": number}])
    assert list(errors) == ["phones1number"]


@pytest.mark.parametrize("number", [100_000_000, 999_999_999_999_999, "+380661231231", "123456789"])
def test_a_number_of_nine_to_fifteen_digits_is_a_phone(number):
    assert order(phones=[{"number": number}]).drafts[0].recipient == str(number)


@pytest.mark.parametrize("number", [None, ""])
def test_a_recipient_without_number_names_its_place(number):
    assert list(refused(phones=[{"number": number}])) == ["phones0number"]


@pytest.mark.parametrize("number", [1.5, True, [], {}])
def test_a_number_of_another_type_names_its_place(number):
    assert list(refused(phones=[{"number": 380661231231}, {"number": number}])) == ["phones1number"]


@pytest.mark.parametrize("reference", ["x" * 33, "a-b", "ключ", "a b", "a\0"])
def test_a_reference_is_at_most_32_letters_and_digits(reference):
    assert list(refused(phones=[{"number": 380661231231, "reference_id": reference}])) == [
        "phones0reference_id"
    ]


def test_ten_thousand_phones_are_taken_and_one_more_is_not():
    phones = [{"number": 380660000000 + i} for i in range(10_001)]
    assert len(order(phones=phones[:10_000]).drafts) == 10_000
    assert list(refused(phones=phones)) == ["phones"]


@pytest.mark.parametrize("phones", [{}, {"0": {"number": 380661231231}}, "380661231231", 380661231231])
def test_phones_that_are_no_array_are_refused(phones):
    assert list(refused(phones=phones)) == ["phones"]


@pytest.mark.parametrize("sender", ["a", "Vet klinika", "I&B!", "123456789012345", "+380661231231"])
def test_a_sender_may_be_eleven_characters_or_fifteen_digits(sender):
    assert order(sender=sender).drafts[0].sender == sender


@pytest.mark.parametrize("sender", ["twelve chars", "1234567890123456", "Кіт", "a\nb", "   ", "a\0"])
def test_other_senders_are_refused(sender):
    assert list(refused(sender=sender)) == ["sender"]


@pytest.mark.parametrize("text", ["a" * 765, "€" * 382, "ї" * 355, "😀" * 177, " "])
def test_a_text_may_be_765_septets_or_355_code_units(text):
    assert order(text=text).drafts[0].text == text


@pytest.mark.parametrize("text", ["a" * 766, "€" * 383, "ї" * 356, "😀" * 178, "a\0b"])
def test_a_longer_text_is_refused(text):
    assert list(refused(text=text)) == ["text"]


@pytest.mark.parametrize(
    ("members", "validity_s"),
    [
        ({"validity": 1}, 3600),
        ({"validity": 72}, 72 * 3600),
        ({"validity_seconds": 30}, 30),
        ({"validity_seconds": 86_400}, 86_400),
        ({"validity": 72, "validity_seconds": 600}, 600),  # published clients always add the hours
    ],
)
def test_validity_is_hours_or_seconds_and_seconds_win(members, validity_s):
    assert order(**members).validity_s == validity_s


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("validity", 0),
        ("validity", 73),
        ("validity", -1),
        ("validity_seconds", 29),
        ("validity_seconds", 86_401),
    ],
)
def test_a_validity_out_of_range_is_refused(name, value):
    assert list(refused(**{name: value})) == [name]


def test_a_text_may_come_to_six_parts_at_most():
    assert order().max_parts == 6


def test_a_start_may_be_a_minute_late_and_the_last_instant_of_the_thirtieth_day():
    assert order(start_at="2025-01-01 11:59:00").scheduled_for is None
    last = order(start_at="2025-01-31T23:59:59.999999").scheduled_for
    assert last == datetime(2025, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize("start", ["2025-01-01T12:00:01", "2025-01-31 23:59:59", "2025-01-01T14:00:01+0200"])
def test_a_start_may_be_up_to_the_end_of_the_thirtieth_day(start):
    assert order(start_at=start).scheduled_for > NOW


def test_a_start_that_has_just_passed_is_now():
    assert order(start_at="2025-01-01 11:59:30").scheduled_for is None
    assert order(start_at="2025-01-01 12:00:00").scheduled_for is None


@pytest.mark.parametrize(
    "start", ["2025-01-01 11:58:00", "2024-01-01 00:00:00", "2025-02-01 00:00:00", "soon"]
)
def test_a_start_in_the_past_too_far_ahead_or_unreadable_is_refused(start):
    assert list(refused(start_at=start)) == ["start_at"]


def test_a_start_of_another_type_is_refused():
    assert list(refused(start_at=72)) == ["start_at"]


@pytest.mark.parametrize(
    "url", ["https://" + "x" * 93, "ftp://example.com", "example.com", "http://a b", "http://"]
)
def test_a_callback_url_is_http_and_at_most_100_characters(url):
    assert list(refused(callback_url=url)) == ["callback_url"]


def test_a_callback_url_of_a_hundred_characters_is_kept():
    url = "https://" + "x" * 92
    assert order(callback_url=url).drafts[0].extras.callback_url == url


def test_what_is_not_built_is_refused_by_name():
    assert list(refused(transliterate=True)) == ["transliterate"]
    link = {"link": "https://example.com", "placeholder": "LINK", "domain_ids": []}
    assert list(refused(short_links=[link])) == ["short_links"]


@pytest.mark.parametrize("code", [0, 9])
def test_a_tariff_that_may_be_is_asked_for(code):
    assert order(tariff_code=code).drafts[0].tariff == code


@pytest.mark.parametrize("code", [-1, 10, 10**30])
def test_a_tariff_that_cannot_be_is_not_found(code):
    with pytest.raises(Problem) as caught:
        order(tariff_code=code)
    problem = caught.value
    assert (problem.status, problem.message, problem.errors) == (422, "Tariff was not found", [])


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b'"\xff"', b'{"text":"\\ud800"}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(Problem) as caught:
        wire.decode(body, wire.SmsSend)
    assert (caught.value.status, list(caught.value.errors)) == (422, ["body"])


def test_json_nested_too_deep_is_refused():
    with pytest.raises(Problem) as caught:
        wire.decode(b'{"unknown":' + b"[" * 100_000, wire.SmsSend)
    assert caught.value.status == 422
