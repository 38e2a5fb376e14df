"""Every standing has one status and one error, and they say no more than is known."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.infobip import words
from tidings.dialects.infobip.codes import ERRORS, STATUSES
from tidings.dialects.infobip.settings import Preferences
from tidings.domain.errors import Fault
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State, Truth, truth

PLAIN = Preferences()
CAUTIOUS = Preferences(carrier_receipt_as_unknown=True)
GROUPS = {1: "PENDING", 2: "UNDELIVERABLE", 3: "DELIVERED", 4: "EXPIRED", 5: "REJECTED"}
VOICE = {96, 97, 98, 99}

# reason, status, error, whether the error is permanent
PUBLISHED = (
    ("no_credit", "12 REJECTED_NOT_ENOUGH_CREDITS", "0 NO_ERROR", False),
    ("prepaid_expired", "17 REJECTED_PREPAID_PACKAGE_EXPIRED", "0 NO_ERROR", False),
    ("network_not_covered", "6 REJECTED_NETWORK", "0 NO_ERROR", False),
    ("no_route", "19 REJECTED_ROUTE_NOT_AVAILABLE", "0 NO_ERROR", False),
    ("prefix_missing", "8 REJECTED_PREFIX_MISSING", "351 EC_INVALID_DESTINATION_ADDRESS", False),
    ("invalid_destination", "52 REJECTED_DESTINATION", "351 EC_INVALID_DESTINATION_ADDRESS", False),
    ("missing_to", "51 MISSING_TO", "0 NO_ERROR", False),
    ("dnd", "10 REJECTED_DND", "0 NO_ERROR", False),
    ("sender_not_registered", "11 REJECTED_SOURCE", "368 EC_INVALID_SOURCE_ADDRESS", True),
    ("sender_blocked", "13 REJECTED_SENDER", "2053 EC_BLACKLISTED_SENDERADDRESS", True),
    (
        "dest_blocklisted",
        "14 REJECTED_DESTINATION_BLOCKLISTED",
        "2052 EC_BLACKLISTED_DESTINATIONADDRESS",
        True,
    ),
    ("dest_not_allowed", "18 REJECTED_DESTINATION_NOT_REGISTERED", "0 NO_ERROR", False),
    ("flood", "20 REJECTED_FLOODING_FILTER", "4103 EC_DESTINATION_FLOODING", True),
    ("duplicate_id", "23 REJECTED_DUPLICATE_MESSAGE_ID", "5492 EC_DUPLICATE_MESSAGE", True),
    ("bad_udh", "24 REJECTED_INVALID_UDH", "4096 EC_INVALID_PDU_FORMAT", True),
    ("too_long", "25 REJECTED_MESSAGE_TOO_LONG", "355 EC_MSG_TEXT_TOO_LONG", True),
    ("bad_content", "100 UNDELIVERABLE_REJECTED_PLATFORM", "7006 EC_BAD_REQUEST", True),
    ("unsupported_feature", "100 UNDELIVERABLE_REJECTED_PLATFORM", "7201 EC_UNSUPPORTED_DEVICE", True),
    ("moderation_denied", "100 UNDELIVERABLE_REJECTED_PLATFORM", "603 EC_CONTENT_BLOCKED", True),
    ("fraud_blocked", "87 SIGNALS_BLOCKED", "608 EC_SIGNALS_BLOCKED", False),
    ("platform_error", "21 REJECTED_SYSTEM_ERROR", "0 NO_ERROR", False),
    ("cancelled_by_customer", "31 UNDELIVERABLE_NOT_SENT", "4100 EC_MESSAGE_CANCELED", True),
    ("superseded", "31 UNDELIVERABLE_NOT_SENT", "4100 EC_MESSAGE_CANCELED", True),
    ("expired_in_queue", "15 EXPIRED_EXPIRED", "4101 EC_VALIDITY_EXPIRED", True),
    ("submit_retries_exhausted", "31 UNDELIVERABLE_NOT_SENT", "4097 EC_NOTSUBMITTEDTOGMSC", False),
    ("route_config", "31 UNDELIVERABLE_NOT_SENT", "4102 EC_NOTSUBMITTEDTOSMPPCHANNEL", True),
    ("agent_forbidden", "31 UNDELIVERABLE_NOT_SENT", "7005 EC_FORBIDDEN_ACCESS", True),
    ("user_rate_limit", "4 UNDELIVERABLE_REJECTED_OPERATOR", "7017 EC_TOO_MANY_REQUESTS", False),
    ("smsc_refused_number", "4 UNDELIVERABLE_REJECTED_OPERATOR", "351 EC_INVALID_DESTINATION_ADDRESS", False),
    ("smsc_refused_sender", "4 UNDELIVERABLE_REJECTED_OPERATOR", "368 EC_INVALID_SOURCE_ADDRESS", True),
    ("smsc_refused", "4 UNDELIVERABLE_REJECTED_OPERATOR", "632 EC_SMS_REJECTED_BY_MOBILE_OPERATOR", True),
    ("dest_queue_full", "31 UNDELIVERABLE_NOT_SENT", "630 EC_DEST_OVERLOADED", True),
    ("unknown_subscriber", "9 UNDELIVERABLE_NOT_DELIVERED", "1 EC_UNKNOWN_SUBSCRIBER", True),
    ("unidentified_subscriber", "9 UNDELIVERABLE_NOT_DELIVERED", "5 EC_UNIDENTIFIED_SUBSCRIBER", False),
    ("absent_subscriber_sm", "9 UNDELIVERABLE_NOT_DELIVERED", "6 EC_ABSENT_SUBSCRIBER_SM", False),
    ("roaming_not_allowed", "9 UNDELIVERABLE_NOT_DELIVERED", "8 EC_ROAMING_NOT_ALLOWED", False),
    ("illegal_subscriber", "9 UNDELIVERABLE_NOT_DELIVERED", "9 EC_ILLEGAL_SUBSCRIBER", True),
    (
        "teleservice_not_provisioned",
        "9 UNDELIVERABLE_NOT_DELIVERED",
        "11 EC_TELESERVICE_NOT_PROVISIONED",
        True,
    ),
    ("illegal_equipment", "9 UNDELIVERABLE_NOT_DELIVERED", "12 EC_ILLEGAL_EQUIPMENT", True),
    ("call_barred", "9 UNDELIVERABLE_NOT_DELIVERED", "13 EC_CALL_BARRED", False),
    ("facility_not_supported", "9 UNDELIVERABLE_NOT_DELIVERED", "21 EC_FACILITY_NOT_SUPPORTED", False),
    ("absent_subscriber", "9 UNDELIVERABLE_NOT_DELIVERED", "27 EC_ABSENT_SUBSCRIBER", False),
    ("subscriber_busy", "9 UNDELIVERABLE_NOT_DELIVERED", "31 EC_SUBSCRIBER_BUSY_FOR_MT_SMS", False),
    ("sm_delivery_failure", "9 UNDELIVERABLE_NOT_DELIVERED", "32 EC_SM_DELIVERY_FAILURE", False),
    ("waiting_list_full", "9 UNDELIVERABLE_NOT_DELIVERED", "33 EC_MESSAGE_WAITING_LIST_FULL", False),
    ("system_failure", "9 UNDELIVERABLE_NOT_DELIVERED", "34 EC_SYSTEM_FAILURE", False),
    ("memory_full", "9 UNDELIVERABLE_NOT_DELIVERED", "256 EC_SM_DF_MEMORYCAPACITYEXCEEDED", False),
    ("unspecified_failure", "9 UNDELIVERABLE_NOT_DELIVERED", "255 EC_UNKNOWN_ERROR", False),
    (
        "rejected_by_operator",
        "4 UNDELIVERABLE_REJECTED_OPERATOR",
        "632 EC_SMS_REJECTED_BY_MOBILE_OPERATOR",
        True,
    ),
    ("content_blocked", "4 UNDELIVERABLE_REJECTED_OPERATOR", "561 EC_CONTENT_BLOCKED_BY_OPERATOR", True),
    (
        "sender_blocked_by_operator",
        "4 UNDELIVERABLE_REJECTED_OPERATOR",
        "375 EC_SOURCE_ADDRESS_IS_BLOCKED",
        True,
    ),
    (
        "dest_blocked_by_operator",
        "4 UNDELIVERABLE_REJECTED_OPERATOR",
        "566 EC_DESTINATION_BLOCKED_BY_OPERATOR",
        True,
    ),
    ("deleted", "4 UNDELIVERABLE_REJECTED_OPERATOR", "632 EC_SMS_REJECTED_BY_MOBILE_OPERATOR", True),
    ("skipped", "4 UNDELIVERABLE_REJECTED_OPERATOR", "632 EC_SMS_REJECTED_BY_MOBILE_OPERATOR", True),
    ("validity_expired", "15 EXPIRED_EXPIRED", "4098 EC_VP_EXPIRED", False),
    ("ttl_revoked", "15 EXPIRED_EXPIRED", "4098 EC_VP_EXPIRED", False),
    ("revoked_by_gateway", "15 EXPIRED_EXPIRED", "4098 EC_VP_EXPIRED", False),
    ("not_service_user", "4 UNDELIVERABLE_REJECTED_OPERATOR", "7002 EC_UNKNOWN_USER", True),
    ("blocked_by_user", "9 UNDELIVERABLE_NOT_DELIVERED", "7003 EC_BLOCKED_USER", True),
    ("unsupported_device", "9 UNDELIVERABLE_NOT_DELIVERED", "7201 EC_UNSUPPORTED_DEVICE", True),
    ("no_session", "4 UNDELIVERABLE_REJECTED_OPERATOR", "7010 EC_NO_SESSION", True),
    ("frequency_cap", "4 UNDELIVERABLE_REJECTED_OPERATOR", "7032 EC_FREQUENCY_CAPPING", True),
    ("no_receipt", "29 EXPIRED_DLR_UNKNOWN", "0 NO_ERROR", False),
    ("submit_not_confirmed", "29 EXPIRED_DLR_UNKNOWN", "815 EC_MESSAGE_SUBMITTED_NOT_ACKED", True),
)


def standings() -> list[Standing]:
    return [
        Standing(state, reason, stage, confirmation, network_error=number)
        for state, reason, stage, confirmation, number in itertools.product(
            State, (None, *Reason), (None, *Stage), Confirmation, (None, 7, 99999)
        )
    ]


def test_every_standing_has_a_registered_status_and_error():
    for standing, preferences in itertools.product(standings(), (PLAIN, CAUTIOUS)):
        status, error = words.status(standing, preferences), words.error(standing, preferences)
        assert STATUSES[status.id] == status
        assert ERRORS[error.id] == error
        assert GROUPS[status.group_id] == status.group_name
        assert status.id not in VOICE


def test_success_is_said_only_of_what_arrived_or_what_the_carrier_vouched_for():
    for standing in standings():
        status = words.status(standing, PLAIN)
        vouched = standing.state is State.AT_CARRIER or (
            standing.state is State.NO_RECEIPT and standing.confirmation is Confirmation.CARRIER
        )
        assert (status.id == 5) == (truth(standing.state) is Truth.YES), standing
        assert (status.group_id == 3) == (truth(standing.state) is Truth.YES or vouched), standing


def test_a_cautious_account_reads_success_only_of_what_arrived():
    for standing in standings():
        arrived = truth(standing.state) is Truth.YES
        assert (words.status(standing, CAUTIOUS).group_id == 3) == arrived, standing


def test_open_messages_are_pending_and_closed_ones_are_not():
    for standing in standings():
        still_open = truth(standing.state) is Truth.OPEN and standing.state is not State.AT_CARRIER
        assert (words.status(standing, PLAIN).group_id == 1) == still_open, standing


def test_what_arrived_has_no_error():
    for standing in standings():
        if truth(standing.state) is Truth.YES:
            assert words.error(standing, PLAIN).id == 0


@pytest.mark.parametrize(("reason", "status", "error", "permanent"), PUBLISHED)
def test_a_reason_decided_in_its_usual_way_has_its_own_pair(reason, status, error, permanent):
    facts = Reason(reason).facts
    standing = Standing(facts.state, Reason(reason), facts.stage)

    got, wrong = words.status(standing, PLAIN), words.error(standing, PLAIN)

    assert f"{got.id} {got.name}" == status
    assert f"{wrong.id} {wrong.name}" == error
    assert wrong.permanent is permanent


def test_every_reason_is_in_the_published_table():
    assert sorted(reason for reason, *_ in PUBLISHED) == sorted(Reason)


@pytest.mark.parametrize(
    ("standing", "status", "error"),
    [
        (Standing(State.SCHEDULED), 26, 0),
        (Standing(State.MODERATION), 26, 0),
        (Standing(State.QUEUED), 26, 0),
        (Standing(State.SENDING), 7, 0),
        (Standing(State.IN_DOUBT), 7, 0),
        (Standing(State.SENT), 3, 0),
        (Standing(State.ENROUTE), 3, 0),
        (Standing(State.ENROUTE, Reason.ABSENT_SUBSCRIBER), 3, 27),
        (Standing(State.AT_CARRIER, confirmation=Confirmation.CARRIER), 2, 0),
        (Standing(State.DELIVERED), 5, 0),
        (Standing(State.READ), 5, 0),
        (Standing(State.NO_RECEIPT), 29, 0),
        (Standing(State.NO_RECEIPT, Reason.NO_RECEIPT, confirmation=Confirmation.CARRIER), 2, 0),
        (Standing(State.EXPIRED, Reason.ABSENT_SUBSCRIBER, Stage.NETWORK), 15, 27),
        (Standing(State.EXPIRED), 15, 4098),
        (Standing(State.UNDELIVERABLE), 9, 255),
        (Standing(State.REJECTED, Reason.NO_ROUTE, Stage.SUBMIT), 4, 0),
        (Standing(State.REJECTED, None, Stage.NETWORK), 4, 0),
        (Standing(State.REJECTED, None, Stage.INTAKE), 100, 0),
        (Standing(State.FAILED), 31, 4097),
        (Standing(State.FAILED, Reason.PLATFORM_ERROR, Stage.DISPATCH), 21, 0),
        (Standing(State.NOT_SERVICE_USER, Reason.UNSUPPORTED_DEVICE), 4, 7002),
        (Standing(State.CANCELLED, Reason.CANCELLED_BY_CUSTOMER, Stage.DISPATCH), 31, 4100),
        (Standing(State.CANCELLED, Reason.CANCELLED_BY_CUSTOMER, Stage.NETWORK), 4, 632),
        # found before sending by asking the network: a rejection, with the network's error
        (Standing(State.REJECTED, Reason.UNKNOWN_SUBSCRIBER, Stage.DISPATCH), 52, 1),
        (Standing(State.REJECTED, Reason.CALL_BARRED, Stage.DISPATCH), 100, 13),
        (Standing(State.REJECTED, Reason.CONTENT_BLOCKED, Stage.DISPATCH), 100, 561),
        (Standing(State.REJECTED, Reason.BAD_CONTENT, Stage.INTAKE), 100, 7006),
    ],
)
def test_state_and_stage_choose_the_status(standing, status, error):
    assert words.status(standing, PLAIN).id == status
    assert words.error(standing, PLAIN).id == error


def test_a_cautious_account_gets_no_receipt_for_a_carrier_receipt():
    closed = Standing(State.NO_RECEIPT, Reason.NO_RECEIPT, confirmation=Confirmation.CARRIER)
    waiting = Standing(State.AT_CARRIER, confirmation=Confirmation.CARRIER)

    assert words.status(closed, CAUTIOUS).id == 29
    assert words.status(waiting, CAUTIOUS).id == 3


@pytest.mark.parametrize(
    ("number", "error"),
    [(7, 7), (15, 15), (36, 36), (51, 51), (262, 262), (3, 255), (9999, 255), (None, 255)],
)
def test_a_network_error_without_a_reason_passes_through_if_registered(number, error):
    standing = Standing(State.UNDELIVERABLE, Reason.UNSPECIFIED_FAILURE, Stage.NETWORK, network_error=number)

    assert words.error(standing, PLAIN).id == error


def test_a_known_reason_wins_over_the_network_error():
    standing = Standing(State.UNDELIVERABLE, Reason.MEMORY_FULL, Stage.NETWORK, network_error=7)

    assert words.error(standing, PLAIN).id == 256


@pytest.mark.parametrize("fault", Fault)
def test_a_refused_recipient_is_in_the_rejected_group(fault):
    assert words.refused(fault).group_id == 5


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.RECIPIENT_MISSING, 51),
        (Fault.PREFIX_MISSING, 8),
        (Fault.RECIPIENT_INVALID, 52),
        (Fault.REFERENCE_TAKEN, 23),
        (Fault.TEXT_TOO_LONG, 25),
        (Fault.SENDER_INVALID, 11),
        (Fault.SENDER_NOT_ALLOWED, 11),
        (Fault.NOT_PRICED, 6),
        (Fault.NO_ROUTE, 19),
        (Fault.NO_CREDIT, 12),
    ],
)
def test_a_fault_has_the_documented_status(fault, status):
    assert words.refused(fault).id == status


def test_a_send_is_answered_as_pending_accepted():
    accepted = words.ACCEPTED

    assert (accepted.group_id, accepted.id, accepted.name) == (1, 26, "PENDING_ACCEPTED")
    assert accepted.description == "Message sent to next instance"


@given(st.sampled_from(["Ok", "OK", "Fine"]))
def test_the_word_of_a_success_is_the_account_s(word):
    preferences = Preferences(ok_word=word)

    assert words.error(Standing(State.DELIVERED), preferences).group_name == word
    assert words.error(Standing(State.EXPIRED), preferences).group_name == "OPERATOR_ERRORS"


def test_errors_say_their_name_in_words():
    assert ERRORS[0].description == "No Error"
    assert ERRORS[27].description == "Absent Subscriber"
    assert ERRORS[4102].group_id == 2
    assert (ERRORS[4106].group_id, ERRORS[4106].permanent) == (3, True)
