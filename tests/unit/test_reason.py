"""Every reason is the agreed one: its class, and the state and stage it usually brings."""

from tidings.domain.errors import REASON, Fault
from tidings.domain.reason import FACTS, Reason, ReasonClass
from tidings.domain.status import FINAL, State, Truth, truth

# The agreed table, as written down: reason, class, state, stage.
AGREED = """
NO_CREDIT                   account    rejected         dispatch
PREPAID_EXPIRED             account    rejected         dispatch
NETWORK_NOT_COVERED         route      rejected         dispatch
NO_ROUTE                    route      rejected         dispatch
PREFIX_MISSING              number     rejected         intake
INVALID_DESTINATION         number     rejected         intake
MISSING_TO                  number     rejected         intake
DND                         policy     rejected         dispatch
SENDER_NOT_REGISTERED       sender     rejected         dispatch
SENDER_BLOCKED              sender     rejected         dispatch
DEST_BLOCKLISTED            policy     rejected         dispatch
DEST_NOT_ALLOWED            policy     rejected         dispatch
FLOOD                       policy     rejected         dispatch
DUPLICATE_ID                content    rejected         intake
BAD_UDH                     content    rejected         intake
TOO_LONG                    content    rejected         intake
BAD_CONTENT                 content    rejected         submit
UNSUPPORTED_FEATURE         content    rejected         dispatch
MODERATION_DENIED           policy     rejected         dispatch
FRAUD_BLOCKED               policy     rejected         dispatch
PLATFORM_ERROR              platform   failed           dispatch
CANCELLED_BY_CUSTOMER       cancel     cancelled        dispatch
SUPERSEDED                  cancel     cancelled        dispatch
EXPIRED_IN_QUEUE            time       expired          dispatch
SUBMIT_RETRIES_EXHAUSTED    platform   failed           submit
ROUTE_CONFIG                platform   failed           submit
AGENT_FORBIDDEN             platform   failed           submit
USER_RATE_LIMIT             policy     rejected         submit
SMSC_REFUSED_NUMBER         number     rejected         submit
SMSC_REFUSED_SENDER         sender     rejected         submit
SMSC_REFUSED                route      rejected         submit
DEST_QUEUE_FULL             platform   failed           submit
UNKNOWN_SUBSCRIBER          number     undeliverable    network
UNIDENTIFIED_SUBSCRIBER     number     undeliverable    network
ABSENT_SUBSCRIBER_SM        absent     undeliverable    network
ROAMING_NOT_ALLOWED         subscriber undeliverable    network
ILLEGAL_SUBSCRIBER          subscriber undeliverable    network
TELESERVICE_NOT_PROVISIONED subscriber undeliverable    network
ILLEGAL_EQUIPMENT           subscriber undeliverable    network
CALL_BARRED                 subscriber undeliverable    network
FACILITY_NOT_SUPPORTED      network    undeliverable    network
ABSENT_SUBSCRIBER           absent     undeliverable    network
SUBSCRIBER_BUSY             absent     undeliverable    network
SM_DELIVERY_FAILURE         network    undeliverable    network
WAITING_LIST_FULL           absent     undeliverable    network
SYSTEM_FAILURE              network    undeliverable    network
MEMORY_FULL                 absent     undeliverable    network
UNSPECIFIED_FAILURE         network    undeliverable    network
REJECTED_BY_OPERATOR        route      rejected         network
CONTENT_BLOCKED             policy     rejected         network
SENDER_BLOCKED_BY_OPERATOR  sender     rejected         network
DEST_BLOCKED_BY_OPERATOR    policy     rejected         network
DELETED                     cancel     cancelled        network
SKIPPED                     cancel     cancelled        network
VALIDITY_EXPIRED            time       expired          network
TTL_REVOKED                 time       expired          network
REVOKED_BY_GATEWAY          time       expired          network
NOT_SERVICE_USER            channel    not_service_user submit
BLOCKED_BY_USER             subscriber undeliverable    network
UNSUPPORTED_DEVICE          channel    undeliverable    network
NO_SESSION                  policy     rejected         network
FREQUENCY_CAP               policy     rejected         network
NO_RECEIPT                  none       no_receipt       closing
SUBMIT_NOT_CONFIRMED        none       no_receipt       closing
"""


def agreed() -> dict[str, tuple[str, str, str]]:
    rows = [line.split() for line in AGREED.splitlines() if line]
    return {name.lower(): (reason_class, state, stage) for name, reason_class, state, stage in rows}


def test_every_reason_has_the_agreed_class_state_and_stage() -> None:
    facts = {one.value: (one.facts.reason_class, one.facts.state, one.facts.stage) for one in Reason}
    assert facts == agreed()
    assert set(FACTS) == set(Reason)


def test_a_reason_explains_an_end_that_is_not_a_yes() -> None:
    assert all(one.facts.state in FINAL and truth(one.facts.state) is not Truth.YES for one in Reason)


def test_every_class_but_none_explains_something_and_none_explains_silence_only() -> None:
    assert {one.facts.reason_class for one in Reason} == set(ReasonClass)
    silent = {one for one in Reason if one.facts.reason_class is ReasonClass.NONE}
    assert silent == {one for one in Reason if one.facts.state is State.NO_RECEIPT}


def test_every_fault_of_a_request_has_a_reason_that_rejects() -> None:
    assert set(REASON) == set(Fault)
    assert {reason.facts.state for reason in REASON.values()} == {State.REJECTED}
