"""The tables of words: total, closed, and in agreement with the task counters."""

from itertools import product

import pytest

from tidings.dialects.bsg_v1.words import DESCRIPTIONS, ERRORS, STATUS, Code, Problem, status_word
from tidings.domain.bucket import Bucket
from tidings.domain.errors import Fault
from tidings.domain.message import Standing
from tidings.domain.reason import Reason, ReasonClass
from tidings.domain.status import State

VENDOR_WORDS = {"scheduled", "sent", "delivered", "expired", "undeliverable", "rejected", "unknown"}

WORD_OF_STATE = {
    State.SCHEDULED: "scheduled",
    State.MODERATION: "scheduled",
    State.QUEUED: "scheduled",
    State.SENDING: "scheduled",
    State.IN_DOUBT: "scheduled",
    State.SENT: "sent",
    State.ENROUTE: "sent",
    State.AT_CARRIER: "sent",
    State.DELIVERED: "delivered",
    State.READ: "delivered",
    State.NO_RECEIPT: "unknown",
    State.EXPIRED: "expired",
    State.UNDELIVERABLE: "undeliverable",
    State.REJECTED: "rejected",
    State.FAILED: "rejected",
    State.NOT_SERVICE_USER: "undeliverable",
    State.CANCELLED: "rejected",
}


def test_every_state_has_the_vendors_word() -> None:
    assert {state: status_word(Standing(state)) for state in State} == WORD_OF_STATE


def test_no_standing_brings_a_word_outside_the_vendors_list() -> None:
    standings = [Standing(state, reason) for state, reason in product(State, (None, *Reason))]
    assert {status_word(standing) for standing in standings} == VENDOR_WORDS
    assert set(STATUS) == set(Bucket)


@pytest.mark.parametrize("reason", [one for one in Reason if one.facts.reason_class is ReasonClass.ABSENT])
def test_an_absent_subscriber_reads_expired_because_the_number_is_fine(reason: Reason) -> None:
    assert status_word(Standing(State.UNDELIVERABLE, reason)) == "expired"


@pytest.mark.parametrize("reason", [one for one in Reason if one.facts.reason_class is ReasonClass.NUMBER])
def test_a_wrong_number_reads_undeliverable_whoever_refused_it(reason: Reason) -> None:
    assert status_word(Standing(State.REJECTED, reason)) == "undeliverable"


CODE_OF_FAULT = {
    Fault.RECIPIENT_MISSING: 21,
    Fault.PREFIX_MISSING: 21,
    Fault.RECIPIENT_INVALID: 21,
    Fault.RECIPIENT_REPEATED: 31,
    Fault.REFERENCE_MISSING: 22,
    Fault.REFERENCE_INVALID: 27,
    Fault.REFERENCE_TAKEN: 23,
    Fault.VALIDITY_INVALID: 28,
    Fault.TARIFF_UNKNOWN: 6,
    Fault.TARIFF_INACTIVE: 9,
    Fault.SENDER_INVALID: 25,
    Fault.TEXT_INVALID: 26,
    Fault.TEXT_TOO_LONG: 26,
    Fault.SENDER_NOT_ALLOWED: 32,
    Fault.NOT_PRICED: 33,
    Fault.NO_ROUTE: 33,
    Fault.NO_CREDIT: 8,
}


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_the_vendors_code(fault: Fault) -> None:
    assert ERRORS[fault] == CODE_OF_FAULT[fault]


DESCRIPTION_OF_CODE = {
    0: "No errors",
    1: "Invalid API key",
    4: "Invalid request or API method does not exist",
    5: "Unknown error",
    6: "Invalid price grid parameter",
    7: "Invalid or missing parameters",
    8: "Not enough money",
    9: "Inactive price grid",
    10: "Invalid time sent",
    11: "Exceeded limit for messages processed simultaneously",
    12: "Exceeded batch size limit",
    20: "SMS not found",
    21: "Invalid MSISDN",
    22: "External ID absent",
    23: "External ID already exists",
    24: "Invalid request payload",
    25: "Invalid originator",
    26: "Invalid sms text",
    27: "Invalid External ID",
    28: "Invalid validity time",
    29: "Invalid task ID",
    30: "Task not found",
    31: "MSISDN already present in request",
    32: "Originator not allowed",
    33: "Direction not allowed",
    34: "Invalid OTP pattern",
    35: "2way_sms service is not active",
}


def test_every_code_is_described_in_the_vendors_words() -> None:
    assert {int(code): DESCRIPTIONS[code] for code in Code} == DESCRIPTION_OF_CODE


def test_a_problem_may_name_the_member() -> None:
    assert Problem(Code.BAD_PARAMETER, "2way").description == "Invalid or missing parameters: 2way"
