"""What a body of POST /sms/2/text/advanced is understood to ask for, and what it is refused for."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.infobip import sending
from tidings.dialects.infobip.errors import ApiError
from tidings.dialects.infobip.wire import AdvancedTextRequest
from tidings.domain.errors import Fault
from tidings.domain.order import Account, Caller, Dialect, OnFault, Order, Receipted, Taken
from tidings.domain.status import State

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALLER = Caller(Account(7, "acme", "EUR"), 1, test=False)
TWO_DAYS_S = 48 * 3600
WEEK = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


def order_of(body: object, *, zone=UTC) -> Order:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return sending.order_of(sending.decode(raw, max_destinations=10_000), caller=CALLER, now=NOW, zone=zone)


def one(**fields: object) -> dict[str, object]:
    return {
        "messages": [{"destinations": [{"to": "41793026727"}], "from": "InfoSMS", "text": "hi", **fields}]
    }


def refusal(body: object) -> tuple[int, dict[str, list[str]]]:
    with pytest.raises(ApiError) as refused:
        order_of(body)
    envelope = msgspec.to_builtins(refused.value.body)["requestError"]["serviceException"]
    assert (envelope["messageId"], envelope["text"]) == ("BAD_REQUEST", "Bad request")
    return refused.value.status, envelope.get("validationErrors", {})


def test_the_published_basic_example_is_one_draft():
    order = order_of(
        {
            "messages": [
                {
                    "destinations": [{"to": "41793026727"}],
                    "from": "InfoSMS",
                    "text": "This is a sample message",
                }
            ]
        }
    )

    (draft,) = order.drafts
    assert (draft.recipient, draft.sender, draft.text) == (
        "41793026727",
        "InfoSMS",
        "This is a sample message",
    )
    assert (order.dialect, order.on_fault, order.validity_s) == (
        Dialect.INFOBIP,
        OnFault.RECORD,
        TWO_DAYS_S,
    )
    assert (order.bulk_key, order.scheduled_for, draft.validity_s, draft.message_key) == (
        None,
        None,
        None,
        None,
    )


def test_every_field_that_is_served_reaches_the_order():
    order = order_of(
        {
            "bulkId": "B",
            "messages": [
                {
                    "destinations": [{"to": " +41793026727 ", "messageId": "M"}, {"to": "41793026834"}],
                    "from": "InfoSMS",
                    "text": "hi",
                    "flash": True,
                    "intermediateReport": True,
                    "callbackData": "mine",
                    "notifyUrl": "https://www.example.com/sms/advanced",
                    "notifyContentType": "application/xml",
                    "validityPeriod": 720,
                    "entityId": "e",
                    "applicationId": "a",
                    "campaignReferenceId": "summersale",
                }
            ],
            "includeSmsCountInResponse": True,
        }
    )

    first, second = order.drafts
    assert order.bulk_key == "B"
    assert (first.recipient, first.message_key, second.message_key) == ("+41793026727", "M", None)
    assert (first.flash, first.validity_s) == (True, 720 * 60)
    extras = first.extras
    assert (extras.callback_data, extras.callback_url) == ("mine", "https://www.example.com/sms/advanced")
    assert (extras.notify_content_type, extras.intermediate_report) == ("application/xml", True)
    assert (extras.entity_id, extras.application_id) == ("e", "a")
    assert extras.campaign_reference_id == "summersale"


def test_the_community_client_s_nulls_are_absent():
    order = order_of(
        b'{"bulkId": null, "messages": [{"callbackData": null, "deliveryTimeWindow": null, "destinations": '
        b'[{"messageId": null, "to": "41793026727"}], "flash": false, "from": "InfoSMS", '
        b'"intermediateReport": false, "notifyContentType": null, "notifyUrl": null, "regional": null, '
        b'"sendAt": null, "validityPeriod": null, "text": "hi", "language": null, "transliteration": null, '
        b'"entityId": null, "applicationId": null}], "sendingSpeedLimit": null, "urlOptions": null, '
        b'"tracking": null}'
    )

    assert [draft.recipient for draft in order.drafts] == ["41793026727"]


@pytest.mark.parametrize(
    "harmless",
    [
        {"type": "text"},
        {"language": "NONE"},
        {"language": {"languageCode": "NONE"}},
        {"language": {}},
        {"transliteration": "NONE"},
        {"transliteration": ""},
        {"regional": {}},
        {"regional": {"indiaDlt": None}},
        {"deliveryTimeWindow": {"days": WEEK}},
        {"notifyUrl": ""},
        {"sendAt": ""},
        {"sendAt": "2020-01-01T00:00:00.000+0000"},
        {"sendAt": "2020-01-01T00:00:00"},
    ],
)
def test_what_changes_nothing_is_taken(harmless):
    order = order_of(one(**harmless))

    assert (len(order.drafts), order.scheduled_for) == (1, None)


@pytest.mark.parametrize(
    "harmless",
    [
        {"urlOptions": {"shortenUrl": False, "trackClicks": None, "trackingUrl": None}},
        {"tracking": {"baseUrl": None, "processKey": None, "track": None, "type": "ONE_TIME_PIN"}},
        {"unknown": {"deep": [1, {"er": None}]}},
    ],
)
def test_an_envelope_that_changes_nothing_is_taken(harmless):
    assert len(order_of({**one(), **harmless}).drafts) == 1


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ({"language": "TR"}, "language.languageCode"),
        ({"language": {"languageCode": "AUTODETECT"}}, "language.languageCode"),
        ({"language": {"languageCode": "XX"}}, "language.languageCode"),
        ({"transliteration": "GREEK"}, "transliteration"),
        ({"transliteration": "KLINGON"}, "transliteration"),
        ({"deliveryTimeWindow": {"days": ["MONDAY"]}}, "deliveryTimeWindow"),
        ({"deliveryTimeWindow": {}}, "deliveryTimeWindow"),
        ({"deliveryTimeWindow": {"days": WEEK, "from": {"hour": 6, "minute": 0}}}, "deliveryTimeWindow"),
        ({"deliveryTimeWindow": {"days": WEEK, "to": {"hour": 6, "minute": 0}}}, "deliveryTimeWindow"),
        ({"regional": {"indiaDlt": {"principalEntityId": "1"}}}, "regional.indiaDlt"),
        ({"regional": {"turkeyIys": {"recipientType": "TACIR"}}}, "regional.turkeyIys"),
        ({"regional": {"southKorea": {}}}, "regional.southKorea"),
        ({"callbackData": "x" * 4001}, "callbackData"),
        ({"entityId": "x" * 51}, "entityId"),
        ({"applicationId": "x" * 51}, "applicationId"),
        ({"campaignReferenceId": "x" * 256}, "campaignReferenceId"),
        ({"notifyUrl": "ftp://example.com"}, "notifyUrl"),
        ({"notifyUrl": "https://example.com/" + "x" * 2048}, "notifyUrl"),
        ({"notifyContentType": "text/plain"}, "notifyContentType"),
        ({"validityPeriod": 0}, "validityPeriod"),
        ({"validityPeriod": -5}, "validityPeriod"),
        ({"sendAt": "tomorrow"}, "sendAt"),
        ({"sendAt": "2026-08-29T12:00:00.000+0000"}, "sendAt"),
        ({"destinations": []}, "destinations"),
        ({"destinations": None}, "destinations"),
        ({"destinations": [{"to": "4" * 65}]}, "destinations[0].to"),
        # wrong JSON types
        ({"text": 5}, "text"),
        ({"flash": "true"}, "flash"),
        ({"validityPeriod": "720"}, "validityPeriod"),
        ({"validityPeriod": 1.5}, "validityPeriod"),
        ({"destinations": [{"to": "1"}, {"to": 41793026727}]}, "destinations[1].to"),
        ({"destinations": [None]}, "destinations[0]"),
        ({"deliveryTimeWindow": {"days": "MONDAY"}}, "deliveryTimeWindow.days"),
    ],
)
def test_a_structural_fault_refuses_the_request_and_names_the_path(field, path):
    status, paths = refusal(one(**field))

    assert (status, list(paths)) == (400, [f"messages[0].{path}"])


@pytest.mark.parametrize(
    ("envelope", "path"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({}, "messages"),
        ({**one(), "urlOptions": {}}, "urlOptions"),
        ({**one(), "urlOptions": {"shortenUrl": True}}, "urlOptions"),
        ({**one(), "tracking": {"track": "SMS"}}, "tracking.track"),
        ({**one(), "sendingSpeedLimit": {"amount": 10}}, "sendingSpeedLimit"),
        ({**one(), "messages": {}}, "messages"),
        ({**one(), "messages": [None]}, "messages[0]"),
        ({**one(), "bulkId": 5}, "bulkId"),
    ],
)
def test_a_fault_of_the_envelope_names_its_path(envelope, path):
    status, paths = refusal(envelope)

    assert (status, list(paths)) == (400, [path])


def test_missing_destinations_have_the_published_words():
    assert refusal({"messages": [{"text": "hi"}]}) == (
        400,
        {"messages[0].destinations": ["must not be empty"]},
    )


def test_all_faults_are_named_at_once():
    body = {"messages": [{"destinations": [{"to": "1"}], "language": "TR", "sendAt": "x"}, {}]}

    assert set(refusal(body)[1]) == {
        "messages[0].language.languageCode",
        "messages[0].sendAt",
        "messages[1].destinations",
    }


def test_faults_beyond_fifty_are_not_listed():
    assert len(refusal({"messages": [{}] * 1000})[1]) == 50


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b'{"messages":[{"from":"\xff"}]}',
        b'{"messages":[{"from":"\\ud800"}]}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"x":' + b'{"a":' * 5_000,
        b'{"messages":[{"text":"a\\u0000b"}]}',
        b'{"messages":[{"text":"a\\\\\\u0000b"}]}',
        b"<SMSAdvancedTextualRequest/>",
    ],
)
def test_what_is_no_request_at_all_gets_the_bare_error(broken):
    assert refusal(broken) == (400, {})


def test_a_text_may_speak_of_the_character_that_cannot_be_stored():
    (draft,) = order_of(one(text="\\u0000")).drafts

    assert draft.text == "\\u0000"


@pytest.mark.parametrize(
    ("given_minutes", "seconds"), [(1, 60), (2880, TWO_DAYS_S), (2881, TWO_DAYS_S), (10**30, TWO_DAYS_S)]
)
def test_a_validity_beyond_two_days_is_two_days(given_minutes, seconds):
    assert order_of(one(validityPeriod=given_minutes)).drafts[0].validity_s == seconds


def test_ids_are_clipped():
    body = one(destinations=[{"to": "1", "messageId": "m" * 201}])
    order = order_of({**body, "bulkId": "b" * 101})

    assert order.bulk_key == "b" * 100
    assert order.drafts[0].message_key == "m" * 200


@pytest.mark.parametrize(("text", "in_utc"), [("2026-03-02T12:00:00", 10), ("2026-03-02T12:00:00Z", 12)])
def test_a_start_without_an_offset_is_in_the_account_s_zone(text, in_utc):
    order = order_of(one(sendAt=text), zone=timezone(timedelta(hours=2)))

    assert order.scheduled_for == datetime(2026, 3, 2, in_utc, tzinfo=UTC)
    assert order.drafts[0].scheduled_for == order.scheduled_for


def test_messages_of_one_request_keep_their_own_times():
    body = {
        "messages": [
            {"destinations": [{"to": "1"}], "sendAt": "2026-03-02T12:00:00Z", "validityPeriod": 10},
            {"destinations": [{"to": "2"}]},
        ]
    }

    order = order_of(body)

    assert order.scheduled_for is None
    assert [draft.scheduled_for for draft in order.drafts] == [datetime(2026, 3, 2, 12, tzinfo=UTC), None]
    assert [draft.validity_s for draft in order.drafts] == [600, None]


@pytest.mark.parametrize("missing", [{}, {"to": None}, {"to": ""}, {"to": "  "}])
def test_a_missing_number_is_a_fault_of_its_row_only(missing):
    order = order_of(one(destinations=[missing, {"to": "41793026727"}]))

    assert [draft.fault for draft in order.drafts] == [Fault.RECIPIENT_MISSING, None]


def test_rows_are_bounded():
    rows = [{"to": "1"}] * 5_000
    body = {"messages": [{"destinations": rows}, {"destinations": rows}]}
    assert len(order_of(body).drafts) == 10_000

    body["messages"].append({"destinations": [{"to": "1"}]})
    assert list(refusal(body)[1]) == ["messages"]


def test_a_body_of_nothing_but_braces_is_refused_before_it_is_read():
    assert list(refusal(b'{"messages":[' + b"{}," * 300_000 + b"{}]}")[1]) == ["messages"]


def test_each_row_is_answered_in_order_with_its_number_as_given():
    request = msgspec.convert(
        {
            "messages": [
                {"destinations": [{"to": "+41793026727"}, {"messageId": "M2"}]},
                {"destinations": [{"to": "nonsense", "messageId": "M3"}]},
            ],
            "includeSmsCountInResponse": True,
        },
        AdvancedTextRequest,
    )
    taken = Taken(1, "r", "M1", "41793026727", 2, 5, State.QUEUED)
    kept = Taken(2, "r2", "M2", "", 2, 0, State.REJECTED, Fault.RECIPIENT_MISSING)

    answer = msgspec.json.encode(
        sending.response(request, Receipted(9, "B", NOW, "EUR", [taken, kept, Fault.RECIPIENT_INVALID]))
    )

    assert answer == (
        b'{"bulkId":"B","messages":['
        b'{"messageId":"M1","status":{"groupId":1,"groupName":"PENDING","id":26,"name":"PENDING_ACCEPTED",'
        b'"description":"Message sent to next instance"},"to":"+41793026727","smsCount":2},'
        b'{"messageId":"M2","status":{"groupId":5,"groupName":"REJECTED","id":51,"name":"MISSING_TO",'
        b'"description":"Missing destination.","action":"Check to parameter."},"to":"","smsCount":2},'
        b'{"messageId":"M3","status":{"groupId":5,"groupName":"REJECTED","id":52,'
        b'"name":"REJECTED_DESTINATION","description":"Invalid destination address.",'
        b'"action":"Check to parameter."},"to":"nonsense"}]}'
    )


KEYS = st.sampled_from(
    [
        *(field.encode_name for field in msgspec.structs.fields(AdvancedTextRequest)),
        *("destinations", "to", "from", "text", "messageId", "sendAt", "validityPeriod", "language", "days"),
        *("regional", "deliveryTimeWindow", "notifyUrl", "indiaDlt", "hour", "amount", "shortenUrl"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("NONE"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)
ENVELOPES = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"destinations": JSON}, optional={"text": JSON}), max_size=2)}
)


@given(JSON | ENVELOPES)
def test_any_json_is_an_order_or_a_documented_error(body):
    try:
        order = order_of(body)
    except ApiError as refused:
        assert refused.status == 400
    else:
        assert order.drafts


@given(
    st.binary(max_size=60) | st.text(max_size=40).map(lambda text: json.dumps(one(text=text)).encode()[:-2])
)
def test_any_octets_are_a_documented_error(body):
    assert refusal(body)[0] == 400
