"""The words of the One API: total, closed, and as the lifecycle's projection table has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.bsg_one import words
from tidings.domain.errors import Fault
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import Stage, State

PAGE_WORDS = {"delivered", "scheduled", "moderation", "accepted", "sending", "sent"}
PAGE_WORDS |= {"expired", "failed", "undelivered", "unknown", "read"}
CLIENT_WORDS = PAGE_WORDS | {"not_viber_user", "not_service_user"}

FAILED = """
NO_CREDIT PREPAID_EXPIRED NETWORK_NOT_COVERED NO_ROUTE PREFIX_MISSING INVALID_DESTINATION MISSING_TO DND
SENDER_NOT_REGISTERED SENDER_BLOCKED DEST_BLOCKLISTED DEST_NOT_ALLOWED FLOOD DUPLICATE_ID BAD_UDH TOO_LONG
BAD_CONTENT UNSUPPORTED_FEATURE MODERATION_DENIED FRAUD_BLOCKED PLATFORM_ERROR CANCELLED_BY_CUSTOMER
SUPERSEDED SUBMIT_RETRIES_EXHAUSTED ROUTE_CONFIG AGENT_FORBIDDEN USER_RATE_LIMIT SMSC_REFUSED_NUMBER
SMSC_REFUSED_SENDER SMSC_REFUSED DEST_QUEUE_FULL
"""
UNDELIVERED = """
UNKNOWN_SUBSCRIBER UNIDENTIFIED_SUBSCRIBER ROAMING_NOT_ALLOWED ILLEGAL_SUBSCRIBER TELESERVICE_NOT_PROVISIONED
ILLEGAL_EQUIPMENT CALL_BARRED FACILITY_NOT_SUPPORTED SM_DELIVERY_FAILURE SYSTEM_FAILURE UNSPECIFIED_FAILURE
REJECTED_BY_OPERATOR CONTENT_BLOCKED SENDER_BLOCKED_BY_OPERATOR DEST_BLOCKED_BY_OPERATOR DELETED SKIPPED
BLOCKED_BY_USER UNSUPPORTED_DEVICE NO_SESSION FREQUENCY_CAP
"""
EXPIRED = """
EXPIRED_IN_QUEUE ABSENT_SUBSCRIBER_SM ABSENT_SUBSCRIBER SUBSCRIBER_BUSY WAITING_LIST_FULL MEMORY_FULL
VALIDITY_EXPIRED TTL_REVOKED REVOKED_BY_GATEWAY
"""
WORD_OF_REASON = {
    **dict.fromkeys(FAILED.split(), "failed"),
    **dict.fromkeys(UNDELIVERED.split(), "undelivered"),
    **dict.fromkeys(EXPIRED.split(), "expired"),
    **dict.fromkeys(("NO_RECEIPT", "SUBMIT_NOT_CONFIRMED"), "unknown"),
    "NOT_SERVICE_USER": "not_service_user",
}
WORD_OF_OPEN_OR_GOOD = {
    State.SCHEDULED: "scheduled",
    State.MODERATION: "moderation",
    State.QUEUED: "accepted",
    State.SENDING: "sending",
    State.IN_DOUBT: "sending",
    State.SENT: "sent",
    State.ENROUTE: "sent",
    State.AT_CARRIER: "sent",
    State.DELIVERED: "delivered",
    State.READ: "read",
}

standings = st.builds(
    Standing,
    state=st.sampled_from(State),
    reason=st.none() | st.sampled_from(Reason),
    stage=st.none() | st.sampled_from(Stage),
)


def test_the_reasons_here_are_all_there_are():
    assert set(WORD_OF_REASON) == {reason.name for reason in Reason}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_with_its_usual_state_and_stage_shows_its_word(reason):
    standing = Standing(reason.facts.state, reason, reason.facts.stage)
    assert words.status(standing) == WORD_OF_REASON[reason.name]


@pytest.mark.parametrize(("state", "word"), WORD_OF_OPEN_OR_GOOD.items())
def test_open_and_good_states_show_their_word(state, word):
    assert words.status(Standing(state)) == word


def test_every_state_has_a_word():
    assert set(words.STATUSES) == set(State)


@given(standings, st.sampled_from(["sms", "rcs", "viber", "whatsapp"]))
def test_only_allowed_words_are_ever_shown(standing, channel):
    assert words.status(standing, channel=channel) in CLIENT_WORDS
    assert words.status(standing, channel=channel, strict=True) in PAGE_WORDS


@given(standings)
def test_what_did_not_arrive_is_never_shown_as_delivered(standing):
    good = {State.DELIVERED: "delivered", State.READ: "read"}
    word = words.status(standing)
    assert (word in good.values()) == (standing.state in good)


@pytest.mark.parametrize("channel", ["sms", "rcs", "viber"])
def test_strict_words_fold_who_is_not_on_a_channel_into_undelivered(channel):
    standing = Standing(State.NOT_SERVICE_USER, Reason.NOT_SERVICE_USER, Stage.SUBMIT)
    assert words.status(standing, channel=channel, strict=True) == "undelivered"
    loose = "not_viber_user" if channel == "viber" else "not_service_user"
    assert words.status(standing, channel=channel) == loose


@pytest.mark.parametrize("state", [State.REJECTED, State.CANCELLED])
@pytest.mark.parametrize("stage", [None, Stage.INTAKE, Stage.DISPATCH, Stage.SUBMIT])
def test_a_refusal_before_anybody_took_it_is_failed(state, stage):
    assert words.status(Standing(state, Reason.UNKNOWN_SUBSCRIBER, stage)) == "failed"


def test_every_fault_has_a_complaint_that_names_a_place():
    assert set(words.COMPLAINTS) == set(Fault)
    for fault in Fault:
        problem = words.refusal(fault, 3)
        assert problem.status == 422
        assert problem.message
        for path, texts in (problem.errors or {}).items():
            assert path in {"phones3number", "phones3reference_id", "sender", "text", "validity"}
            assert texts


def test_a_fault_of_nobody_in_particular_names_the_list():
    assert list(words.refusal(Fault.NO_ROUTE, None).errors) == ["phonesnumber"]


def test_a_source_the_vendor_does_not_know_is_an_api():
    assert words.source("infobip") == "rest"
    assert words.source("web") == "web"
