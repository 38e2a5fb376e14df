"""What is understood of a request to send: the order in it, or the code that refuses it as a whole."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.bsg_v1.create import Parsed, parse
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.words import Code, Problem
from tidings.domain.errors import Fault
from tidings.domain.order import Account, Caller, Dialect, Draft, OnFault

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CALLER = Caller(Account(1, "shop", "EUR"), credential_id=7, test=False)
PHONE: dict[str, object] = {
    "destination": "phone",
    "msisdn": "380972920000",
    "originator": "BSG",
    "body": "Hi",
    "reference": "r1",
}
PHONES: dict[str, object] = {
    "destination": "phones",
    "originator": "BSG",
    "body": "Hi",
    "phones": [{"msisdn": "380972920000", "reference": "r1"}, {"msisdn": "380972920001", "reference": "r2"}],
}
INDIVIDUAL: dict[str, object] = {
    "destination": "individual",
    "phones": [
        {"msisdn": "380972920000", "reference": "r1", "originator": "A", "body": "one"},
        {"msisdn": "380972920001", "reference": "r2", "originator": "B", "body": "two"},
    ],
}


def parsed(payload: dict[str, object], settings: Settings | None = None) -> Parsed:
    return parse(
        payload,
        caller=CALLER,
        now=NOW,
        settings=settings or Settings(),
        draw=lambda characters: characters[0],
    )


def refused(payload: dict[str, object]) -> tuple[int, str]:
    with pytest.raises(Problem) as caught:
        parsed(payload)
    return int(caught.value.code), caught.value.description


def code(payload: dict[str, object]) -> int:
    return refused(payload)[0]


def first(payload: dict[str, object]) -> Draft:
    return parsed(payload).order.drafts[0]


def test_a_phone_request_is_an_order_of_one_draft() -> None:
    order, single, references, _ = parsed(PHONE)
    assert single and references == ["r1"]
    assert order.drafts == [Draft(recipient="380972920000", sender="BSG", text="Hi", reference="r1")]
    assert (order.dialect, order.on_fault, order.unique_recipients) == (Dialect.BSG_V1, OnFault.SKIP, True)
    assert (order.validity_s, order.scheduled_for, order.caller) == (72 * 3600, None, CALLER)


def test_phones_share_sender_and_text() -> None:
    order, single, references, _ = parsed(PHONES)
    assert not single and references == ["r1", "r2"]
    assert [(draft.recipient, draft.reference) for draft in order.drafts] == [
        ("380972920000", "r1"),
        ("380972920001", "r2"),
    ]
    assert {(draft.sender, draft.text) for draft in order.drafts} == {("BSG", "Hi")}


def test_individual_rows_have_their_own_sender_and_text() -> None:
    drafts = parsed(INDIVIDUAL).order.drafts
    assert [(draft.sender, draft.text) for draft in drafts] == [("A", "one"), ("B", "two")]


@pytest.mark.parametrize("destination", [None, "", "addresbook", "PHONE", 1, [], {}])
def test_other_destinations_are_a_bad_payload(destination: object) -> None:
    assert code({**PHONE, "destination": destination}) == 24


@pytest.mark.parametrize(
    "sender", [None, "", "  ", "x" * 16, "x" * 61, "12", "Ünicode", "a\x00b", "a\nb", [], {}, 1.5]
)
def test_what_nobody_can_be_called_is_a_bad_originator(sender: object) -> None:
    assert code({**PHONE, "originator": sender}) == 25
    assert code({**PHONES, "originator": sender}) == 25
    row = {"msisdn": "380972920000", "originator": sender, "body": "Hi"}
    assert first({"destination": "individual", "phones": [row]}).fault is Fault.SENDER_INVALID


@pytest.mark.parametrize(
    "sender", ["BSG RESTAPI", "alpha name", "alpha_name", "name", "testsms", "B", "x" * 15]
)
def test_the_senders_that_clients_use_are_taken(sender: str) -> None:
    assert first({**PHONE, "originator": sender}).sender == sender


@pytest.mark.parametrize(
    ("given", "sender"), [("380", "380"), ("1" * 15, "1" * 15), (38097, "38097"), (" BSG ", "BSG")]
)
def test_a_sender_may_be_digits(given: object, sender: str) -> None:
    assert first({**PHONE, "originator": given}).sender == sender


@pytest.mark.parametrize("body", [None, "", 5, [], "a\x00b", "x" * 766, "€" * 383, "ж" * 356, "😀" * 178])
def test_no_text_and_too_much_text_are_bad_texts(body: object) -> None:
    assert code({**PHONE, "body": body}) == 26
    assert code({**PHONES, "body": body}) == 26
    row = {"msisdn": "380972920000", "originator": "BSG", "body": body}
    fault = first({"destination": "individual", "phones": [row]}).fault
    assert fault in {Fault.TEXT_INVALID, Fault.TEXT_TOO_LONG}


@pytest.mark.parametrize("body", ["x" * 765, "€" * 382, "ж" * 355, "😀" * 177, " "])
def test_the_longest_texts_are_taken(body: str) -> None:
    assert first({**PHONE, "body": body}).text == body


def test_ucs2_on_demand_counts_units() -> None:
    assert first({**PHONE, "body": "x" * 355, "data_coding_ucs2": True}).ucs2
    assert code({**PHONE, "body": "x" * 356, "data_coding_ucs2": "1"}) == 26


@pytest.mark.parametrize("phones", [None, "", [], {}, {"0": {}}, "380972920000", 5])
def test_no_list_of_phones_is_a_bad_payload(phones: object) -> None:
    assert code({**PHONES, "phones": phones}) == 24
    assert code({"destination": "individual", "phones": phones}) == 24


def test_an_empty_text_is_told_before_an_empty_list() -> None:
    assert code({**PHONES, "body": "", "phones": []}) == 26


def test_the_originator_is_told_before_the_text() -> None:
    assert code({**PHONE, "originator": "", "body": ""}) == 25


def test_a_batch_may_be_as_large_as_the_setting() -> None:
    settings = Settings(max_rows=2)
    assert len(parsed(PHONES, settings).order.drafts) == 2
    with pytest.raises(Problem, match="12 Exceeded batch size limit"):
        parsed({**PHONES, "phones": [{}, {}, {}]}, settings)


@pytest.mark.parametrize("row", [None, "380972920000", 5, ["380972920000", "r"], {}])
def test_a_row_that_is_no_object_has_no_number(row: object) -> None:
    draft = first({**PHONES, "phones": [row]})
    assert (draft.recipient, draft.reference) == ("", None)


@pytest.mark.parametrize(
    ("msisdn", "recipient"), [(380972920000, "380972920000"), (" 380 ", "380"), ("+380", "+380")]
)
def test_a_number_is_handed_on_as_given(msisdn: object, recipient: str) -> None:
    assert first({**PHONE, "msisdn": msisdn}).recipient == recipient


@pytest.mark.parametrize("msisdn", [None, "", [], {}, True, 3.5])
def test_what_is_no_number_is_none(msisdn: object) -> None:
    assert first({**PHONE, "msisdn": msisdn}).recipient == ""


def test_no_reference_means_that_one_is_made() -> None:
    payload = {name: value for name, value in PHONE.items() if name != "reference"}
    assert (first(payload).reference, first(payload).fault) == (None, None)


@pytest.mark.parametrize("reference", [None, ""])
def test_an_empty_reference_is_a_fault(reference: object) -> None:
    assert first({**PHONE, "reference": reference}).fault is Fault.REFERENCE_MISSING


@pytest.mark.parametrize("reference", ["a b", "ext_id\\|/", "x" * 51, "é", "a\n", [], {}, True, 1.5, "a\x00"])
def test_a_reference_of_other_characters_is_a_fault(reference: object) -> None:
    draft = first({**PHONE, "reference": reference})
    assert (draft.reference, draft.fault) == (None, Fault.REFERENCE_INVALID)


@pytest.mark.parametrize(
    ("given", "reference"), [("ext_id-16", "ext_id-16"), (12345, "12345"), ("x" * 50, "x" * 50)]
)
def test_references_of_the_clients_are_taken(given: object, reference: str) -> None:
    draft = first({**PHONE, "reference": given})
    assert (draft.reference, draft.fault) == (reference, None)


@pytest.mark.parametrize(("validity", "hours"), [(1, 1), ("72", 72), (None, 72), ("", 72), (24, 24)])
def test_validity_is_hours(validity: object, hours: int) -> None:
    assert parsed({**PHONE, "validity": validity}).order.validity_s == hours * 3600


@pytest.mark.parametrize("validity", [0, 73, -1, "abc", "1.5", 1.5, True, [], 10**20])
def test_any_other_validity_is_a_fault_of_each_row(validity: object) -> None:
    drafts = parsed({**PHONES, "validity": validity}).order.drafts
    assert {draft.fault for draft in drafts} == {Fault.VALIDITY_INVALID}


@pytest.mark.parametrize(("tariff", "known"), [(0, 0), ("9", 9), (999, 999), (None, None), ("", None)])
def test_a_tariff_is_a_number(tariff: object, known: int | None) -> None:
    assert (first({**PHONE, "tariff": tariff}).tariff, first({**PHONE, "tariff": tariff}).fault) == (
        known,
        None,
    )


@pytest.mark.parametrize("tariff", ["asd", -21, 1000, 1.5, [], False])
def test_what_cannot_be_a_tariff_is_an_unknown_one(tariff: object) -> None:
    assert first({**PHONE, "tariff": tariff}).fault is Fault.TARIFF_UNKNOWN


def test_the_first_fault_of_a_row_is_the_one_told() -> None:
    row = {"msisdn": "380972920000", "reference": "", "originator": "", "body": ""}
    payload: dict[str, object] = {
        "destination": "individual",
        "phones": [row],
        "validity": "x",
        "tariff": "x",
    }
    assert first(payload).fault is Fault.REFERENCE_MISSING
    row["reference"] = "r"
    assert first(payload).fault is Fault.VALIDITY_INVALID
    payload["validity"] = 1
    assert first(payload).fault is Fault.TARIFF_UNKNOWN
    payload["tariff"] = 0
    assert first(payload).fault is Fault.SENDER_INVALID
    row["originator"] = "BSG"
    assert first(payload).fault is Fault.TEXT_INVALID


@pytest.mark.parametrize("member", ["scheduledDatetime", "send_time"])
@pytest.mark.parametrize(
    "spelled",
    [
        "2026-03-01T13:00:00Z",
        "2026-03-01T15:00:00+02:00",
        "2026-03-01 13:00:00",
        "2026-03-01T13:00",
        "2026-03-01T13:00:00.000Z",
    ],
)
def test_a_schedule_is_honoured(member: str, spelled: str) -> None:
    assert parsed({**PHONE, member: spelled}).order.scheduled_for == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    "spelled",
    [
        "2026-03-01T11:54:59Z",
        "2027-03-03T12:00:00Z",
        "tomorrow",
        "2026-03-02",
        "2026-02-30T10:00:00Z",
        1772366400,
        0,
        False,
        [],
        "2026-W10-1T10:00:00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        "2026-03-01T13:00:00+99:00",
    ],
)
def test_the_past_and_the_unreadable_are_bad_times(spelled: object) -> None:
    assert code({**PHONE, "scheduledDatetime": spelled}) == 10


def test_a_slow_clock_means_now() -> None:
    assert parsed({**PHONE, "scheduledDatetime": "2026-03-01T11:56:00Z"}).order.scheduled_for is None


def test_the_newer_name_of_the_schedule_wins() -> None:
    both = {"scheduledDatetime": "2026-03-01T13:00:00Z", "send_time": "2026-03-01T14:00:00Z"}
    assert parsed({**PHONE, **both}).order.scheduled_for == NOW + timedelta(hours=1)


def test_a_callback_address_rides_along() -> None:
    assert first({**PHONE, "callback_url": "https://shop.example/dlr?id=1"}).extras.callback_url == (
        "https://shop.example/dlr?id=1"
    )
    assert first({**PHONE, "callback_url": ""}).extras.callback_url is None


@pytest.mark.parametrize(
    "url", ["ftp://x", "shop.example", "https://", "https://a b", "https://" + "x" * 500, 5, "http://é"]
)
def test_what_is_no_callback_address_is_named(url: object) -> None:
    assert refused({**PHONE, "callback_url": url}) == (7, "Invalid or missing parameters: callback_url")


def test_what_is_not_served_is_refused_and_named() -> None:
    assert refused({**PHONE, "transliterate": True}) == (7, "Invalid or missing parameters: transliterate")
    assert refused({**PHONE, "2way": 1}) == (35, "2way_sms service is not active")
    replies = {"callback_url_2way": "https://shop.example/replies"}
    assert refused({**PHONE, **replies}) == (7, "Invalid or missing parameters: callback_url_2way")
    assert code({**PHONE, "2way": True, **replies}) == 35
    assert parsed({**PHONE, "2way": "0", "transliterate": False, "callback_url_2way": ""}).single


def test_the_label_of_a_batch_is_its_name_and_nobodys_reference() -> None:
    order = parsed({**PHONES, "reference": "spring"}).order
    assert order.name == "spring"
    assert [draft.reference for draft in order.drafts] == ["r1", "r2"]
    assert parsed({**PHONES, "reference": None}).order.name is None
    assert code({**PHONES, "reference": "a b"}) == 27


def test_members_that_mean_nothing_are_passed_over() -> None:
    assert first({**PHONE, "result": {}, "status": [], "project_id": 5}).fault is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = [
    "msisdn",
    "reference",
    "originator",
    "body",
    "phones",
    "validity",
    "tariff",
    "2way",
    "callback_url",
]
MEMBERS += ["callback_url_2way", "transliterate", "data_coding_ucs2", "scheduledDatetime", "send_time"]


@given(
    st.sampled_from([PHONE, PHONES, INDIVIDUAL]),
    st.dictionaries(st.sampled_from(MEMBERS), anything, max_size=3),
    st.lists(st.dictionaries(st.sampled_from(MEMBERS[:4]), anything, max_size=3) | anything, max_size=3),
)
def test_any_values_are_an_order_or_a_code(
    base: dict[str, object], members: dict[str, object], rows: list[object]
) -> None:
    payload = {**base, **({"phones": rows} if rows else {}), **members}
    try:
        order = parsed(payload).order
    except Problem as problem:
        assert problem.code is not Code.OK
        return
    for draft in order.drafts:
        assert draft.fault is not None or (draft.sender and draft.text)
        assert "\x00" not in draft.text + draft.sender + (draft.reference or "")
