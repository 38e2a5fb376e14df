"""What a message's standing is called: its `status` and `error` objects. Every standing has one of each.

A reason names the pair by itself where it was decided in its usual way (`PAIRS`). Where it was not, state
and stage choose the status, and the reason keeps its error: an unknown number found before sending is a
group 5 rejection with the error of an unknown number. A weaker true word is taken before a stronger one that
may be false.
"""

import msgspec

from tidings.dialects.infobip.codes import ERRORS, OK, STATUSES, Error, Status
from tidings.dialects.infobip.settings import Preferences
from tidings.domain.errors import REASON, Fault
from tidings.domain.message import Standing
from tidings.domain.reason import Reason, ReasonClass
from tidings.domain.status import Confirmation, Stage, State, Truth, truth

PAIRS: dict[Reason, tuple[int, int]] = {
    Reason.NO_CREDIT: (12, 0),
    Reason.PREPAID_EXPIRED: (17, 0),
    Reason.NETWORK_NOT_COVERED: (6, 0),
    Reason.NO_ROUTE: (19, 0),
    Reason.PREFIX_MISSING: (8, 351),
    Reason.INVALID_DESTINATION: (52, 351),
    Reason.MISSING_TO: (51, 0),
    Reason.DND: (10, 0),
    Reason.SENDER_NOT_REGISTERED: (11, 368),
    Reason.SENDER_BLOCKED: (13, 2053),
    Reason.DEST_BLOCKLISTED: (14, 2052),
    Reason.DEST_NOT_ALLOWED: (18, 0),
    Reason.FLOOD: (20, 4103),
    Reason.DUPLICATE_ID: (23, 5492),
    Reason.BAD_UDH: (24, 4096),
    Reason.TOO_LONG: (25, 355),
    Reason.BAD_CONTENT: (100, 7006),
    Reason.UNSUPPORTED_FEATURE: (100, 7201),
    Reason.MODERATION_DENIED: (100, 603),
    Reason.FRAUD_BLOCKED: (87, 608),
    Reason.PLATFORM_ERROR: (21, 0),
    Reason.CANCELLED_BY_CUSTOMER: (31, 4100),
    Reason.SUPERSEDED: (31, 4100),
    Reason.EXPIRED_IN_QUEUE: (15, 4101),
    Reason.SUBMIT_RETRIES_EXHAUSTED: (31, 4097),
    Reason.ROUTE_CONFIG: (31, 4102),
    Reason.AGENT_FORBIDDEN: (31, 7005),
    Reason.USER_RATE_LIMIT: (4, 7017),
    Reason.SMSC_REFUSED_NUMBER: (4, 351),
    Reason.SMSC_REFUSED_SENDER: (4, 368),
    Reason.SMSC_REFUSED: (4, 632),
    Reason.DEST_QUEUE_FULL: (31, 630),
    Reason.UNKNOWN_SUBSCRIBER: (9, 1),
    Reason.UNIDENTIFIED_SUBSCRIBER: (9, 5),
    Reason.ABSENT_SUBSCRIBER_SM: (9, 6),
    Reason.ROAMING_NOT_ALLOWED: (9, 8),
    Reason.ILLEGAL_SUBSCRIBER: (9, 9),
    Reason.TELESERVICE_NOT_PROVISIONED: (9, 11),
    Reason.ILLEGAL_EQUIPMENT: (9, 12),
    Reason.CALL_BARRED: (9, 13),
    Reason.FACILITY_NOT_SUPPORTED: (9, 21),
    Reason.ABSENT_SUBSCRIBER: (9, 27),
    Reason.SUBSCRIBER_BUSY: (9, 31),
    Reason.SM_DELIVERY_FAILURE: (9, 32),
    Reason.WAITING_LIST_FULL: (9, 33),
    Reason.SYSTEM_FAILURE: (9, 34),
    Reason.MEMORY_FULL: (9, 256),
    Reason.UNSPECIFIED_FAILURE: (9, 255),
    Reason.REJECTED_BY_OPERATOR: (4, 632),
    Reason.CONTENT_BLOCKED: (4, 561),
    Reason.SENDER_BLOCKED_BY_OPERATOR: (4, 375),
    Reason.DEST_BLOCKED_BY_OPERATOR: (4, 566),
    Reason.DELETED: (4, 632),
    Reason.SKIPPED: (4, 632),
    Reason.VALIDITY_EXPIRED: (15, 4098),
    Reason.TTL_REVOKED: (15, 4098),
    Reason.REVOKED_BY_GATEWAY: (15, 4098),
    Reason.NOT_SERVICE_USER: (4, 7002),
    Reason.BLOCKED_BY_USER: (9, 7003),
    Reason.UNSUPPORTED_DEVICE: (9, 7201),
    Reason.NO_SESSION: (4, 7010),
    Reason.FREQUENCY_CAP: (4, 7032),
    Reason.NO_RECEIPT: (29, 0),
    Reason.SUBMIT_NOT_CONFIRMED: (29, 815),
}
"""Status id and error id of each reason where it brought its usual state at its usual stage."""

STATES: dict[State, int] = {
    State.SCHEDULED: 26,
    State.MODERATION: 26,
    State.QUEUED: 26,
    State.SENDING: 7,
    State.IN_DOUBT: 7,
    State.SENT: 3,
    State.ENROUTE: 3,
    State.AT_CARRIER: 2,
    State.DELIVERED: 5,
    State.READ: 5,
    State.NO_RECEIPT: 29,
    State.EXPIRED: 15,
    State.UNDELIVERABLE: 9,
    State.REJECTED: 100,
    State.FAILED: 31,
    State.NOT_SERVICE_USER: 4,
    State.CANCELLED: 31,
}
"""Status id of each state where nothing more is known."""

_SILENT_ERRORS: dict[State, int] = {State.EXPIRED: 4098, State.UNDELIVERABLE: 255, State.FAILED: 4097}
"""Error id of a failure without a reason; the others say NO_ERROR."""

ACCEPTED = STATUSES[26]
"""What a send response says of every message that was taken."""

_REJECTED_GROUP = 5
_UNNAMED = {None, Reason.UNSPECIFIED_FAILURE}


def status(standing: Standing, preferences: Preferences) -> Status:
    """The `status` object of a message that stands so."""
    return STATUSES[_status_id(standing, preferences.carrier_receipt_as_unknown)]


def error(standing: Standing, preferences: Preferences) -> Error:
    """The `error` object of a message that stands so; a success has one too."""
    found = ERRORS[_error_id(standing)]
    return msgspec.structs.replace(found, group_name=preferences.ok_word) if found.group_id == OK else found


def refused(fault: Fault) -> Status:
    """What a send response says of a recipient that was not taken: always a word of group 5."""
    return STATUSES[_rejected(REASON[fault], Stage.INTAKE)]


def _status_id(standing: Standing, carrier_as_unknown: bool) -> int:
    state, reason = standing.state, standing.reason
    if state is State.REJECTED:
        return _rejected(reason, standing.stage)
    if state is State.CANCELLED and standing.stage is Stage.NETWORK:
        return 4
    if state is State.FAILED and reason is Reason.PLATFORM_ERROR:
        return 21
    if state is State.NO_RECEIPT and standing.confirmation is Confirmation.CARRIER:
        return 29 if carrier_as_unknown else 2
    if state is State.AT_CARRIER and carrier_as_unknown:
        return 3
    return STATES[state]


def _rejected(reason: Reason | None, stage: Stage | None) -> int:
    if reason is None:
        return 4 if stage in {Stage.SUBMIT, Stage.NETWORK} else STATES[State.REJECTED]
    own, facts = PAIRS[reason][0], reason.facts
    where = stage or facts.stage
    if facts.state is State.REJECTED and facts.stage is where:
        return own
    if where in {Stage.SUBMIT, Stage.NETWORK}:
        return 4
    if STATUSES[own].group_id == _REJECTED_GROUP:
        return own
    return 52 if facts.reason_class is ReasonClass.NUMBER else 100


def _error_id(standing: Standing) -> int:
    state, reason = standing.state, standing.reason
    if _reached(standing) or (truth(state) is Truth.OPEN and state is not State.ENROUTE):
        return 0
    if state is State.NOT_SERVICE_USER:
        return 7002
    if state is State.CANCELLED:
        return 632 if standing.stage is Stage.NETWORK else 4100
    if reason in _UNNAMED and standing.network_error:
        return standing.network_error if standing.network_error in ERRORS else 255
    return PAIRS[reason][1] if reason else _SILENT_ERRORS.get(state, 0)


def _reached(standing: Standing) -> bool:
    carrier_only = standing.state is State.NO_RECEIPT and standing.confirmation is Confirmation.CARRIER
    return truth(standing.state) is Truth.YES or carrier_only
