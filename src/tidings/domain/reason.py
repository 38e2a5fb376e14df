"""Why a message stands where it stands: every reason, its class, and the state and stage it usually brings.

The dialects turn a reason into their vendor's codes in their own `words.py`; nothing here is a vendor's word.
"""

from enum import StrEnum, unique
from typing import NamedTuple

from tidings.domain.status import Stage, State


@unique
class ReasonClass(StrEnum):
    """What a reason is about. Decides how coarse vocabularies name the failure."""

    NUMBER = "number"  # the number itself is wrong
    ABSENT = "absent"  # phone off, out of reach, memory full: the number is fine
    SUBSCRIBER = "subscriber"  # barred, blocked, not provisioned
    NETWORK = "network"
    ROUTE = "route"
    SENDER = "sender"
    CONTENT = "content"
    POLICY = "policy"
    ACCOUNT = "account"
    PLATFORM = "platform"
    CHANNEL = "channel"
    TIME = "time"
    CANCEL = "cancel"
    NONE = "none"


class Facts(NamedTuple):
    """What is always true of a reason: its class, and the state and stage it usually decides."""

    reason_class: ReasonClass
    state: State
    stage: Stage


@unique
class Reason(StrEnum):
    """Every reason a message, an attempt or a part can carry."""

    NO_CREDIT = "no_credit"
    PREPAID_EXPIRED = "prepaid_expired"
    NETWORK_NOT_COVERED = "network_not_covered"
    NO_ROUTE = "no_route"
    PREFIX_MISSING = "prefix_missing"
    INVALID_DESTINATION = "invalid_destination"
    MISSING_TO = "missing_to"
    DND = "dnd"
    SENDER_NOT_REGISTERED = "sender_not_registered"
    SENDER_BLOCKED = "sender_blocked"
    DEST_BLOCKLISTED = "dest_blocklisted"
    DEST_NOT_ALLOWED = "dest_not_allowed"
    FLOOD = "flood"
    DUPLICATE_ID = "duplicate_id"
    BAD_UDH = "bad_udh"
    TOO_LONG = "too_long"
    BAD_CONTENT = "bad_content"
    UNSUPPORTED_FEATURE = "unsupported_feature"
    MODERATION_DENIED = "moderation_denied"
    FRAUD_BLOCKED = "fraud_blocked"
    PLATFORM_ERROR = "platform_error"
    CANCELLED_BY_CUSTOMER = "cancelled_by_customer"
    SUPERSEDED = "superseded"
    EXPIRED_IN_QUEUE = "expired_in_queue"
    SUBMIT_RETRIES_EXHAUSTED = "submit_retries_exhausted"
    ROUTE_CONFIG = "route_config"
    AGENT_FORBIDDEN = "agent_forbidden"
    USER_RATE_LIMIT = "user_rate_limit"
    SMSC_REFUSED_NUMBER = "smsc_refused_number"
    SMSC_REFUSED_SENDER = "smsc_refused_sender"
    SMSC_REFUSED = "smsc_refused"
    DEST_QUEUE_FULL = "dest_queue_full"
    UNKNOWN_SUBSCRIBER = "unknown_subscriber"
    UNIDENTIFIED_SUBSCRIBER = "unidentified_subscriber"
    ABSENT_SUBSCRIBER_SM = "absent_subscriber_sm"
    ROAMING_NOT_ALLOWED = "roaming_not_allowed"
    ILLEGAL_SUBSCRIBER = "illegal_subscriber"
    TELESERVICE_NOT_PROVISIONED = "teleservice_not_provisioned"
    ILLEGAL_EQUIPMENT = "illegal_equipment"
    CALL_BARRED = "call_barred"
    FACILITY_NOT_SUPPORTED = "facility_not_supported"
    ABSENT_SUBSCRIBER = "absent_subscriber"
    SUBSCRIBER_BUSY = "subscriber_busy"
    SM_DELIVERY_FAILURE = "sm_delivery_failure"
    WAITING_LIST_FULL = "waiting_list_full"
    SYSTEM_FAILURE = "system_failure"
    MEMORY_FULL = "memory_full"
    UNSPECIFIED_FAILURE = "unspecified_failure"
    REJECTED_BY_OPERATOR = "rejected_by_operator"
    CONTENT_BLOCKED = "content_blocked"
    SENDER_BLOCKED_BY_OPERATOR = "sender_blocked_by_operator"
    DEST_BLOCKED_BY_OPERATOR = "dest_blocked_by_operator"
    DELETED = "deleted"
    SKIPPED = "skipped"
    VALIDITY_EXPIRED = "validity_expired"
    TTL_REVOKED = "ttl_revoked"
    REVOKED_BY_GATEWAY = "revoked_by_gateway"
    NOT_SERVICE_USER = "not_service_user"
    BLOCKED_BY_USER = "blocked_by_user"
    UNSUPPORTED_DEVICE = "unsupported_device"
    NO_SESSION = "no_session"
    FREQUENCY_CAP = "frequency_cap"
    NO_RECEIPT = "no_receipt"
    SUBMIT_NOT_CONFIRMED = "submit_not_confirmed"

    @property
    def facts(self) -> Facts:
        """The reason's class, usual state and stage."""
        return FACTS[self]


FACTS: dict[Reason, Facts] = {
    Reason.NO_CREDIT: Facts(ReasonClass.ACCOUNT, State.REJECTED, Stage.DISPATCH),
    Reason.PREPAID_EXPIRED: Facts(ReasonClass.ACCOUNT, State.REJECTED, Stage.DISPATCH),
    Reason.NETWORK_NOT_COVERED: Facts(ReasonClass.ROUTE, State.REJECTED, Stage.DISPATCH),
    Reason.NO_ROUTE: Facts(ReasonClass.ROUTE, State.REJECTED, Stage.DISPATCH),
    Reason.PREFIX_MISSING: Facts(ReasonClass.NUMBER, State.REJECTED, Stage.INTAKE),
    Reason.INVALID_DESTINATION: Facts(ReasonClass.NUMBER, State.REJECTED, Stage.INTAKE),
    Reason.MISSING_TO: Facts(ReasonClass.NUMBER, State.REJECTED, Stage.INTAKE),
    Reason.DND: Facts(ReasonClass.POLICY, State.REJECTED, Stage.DISPATCH),
    Reason.SENDER_NOT_REGISTERED: Facts(ReasonClass.SENDER, State.REJECTED, Stage.DISPATCH),
    Reason.SENDER_BLOCKED: Facts(ReasonClass.SENDER, State.REJECTED, Stage.DISPATCH),
    Reason.DEST_BLOCKLISTED: Facts(ReasonClass.POLICY, State.REJECTED, Stage.DISPATCH),
    Reason.DEST_NOT_ALLOWED: Facts(ReasonClass.POLICY, State.REJECTED, Stage.DISPATCH),
    Reason.FLOOD: Facts(ReasonClass.POLICY, State.REJECTED, Stage.DISPATCH),
    Reason.DUPLICATE_ID: Facts(ReasonClass.CONTENT, State.REJECTED, Stage.INTAKE),
    Reason.BAD_UDH: Facts(ReasonClass.CONTENT, State.REJECTED, Stage.INTAKE),
    Reason.TOO_LONG: Facts(ReasonClass.CONTENT, State.REJECTED, Stage.INTAKE),
    Reason.BAD_CONTENT: Facts(ReasonClass.CONTENT, State.REJECTED, Stage.SUBMIT),
    Reason.UNSUPPORTED_FEATURE: Facts(ReasonClass.CONTENT, State.REJECTED, Stage.DISPATCH),
    Reason.MODERATION_DENIED: Facts(ReasonClass.POLICY, State.REJECTED, Stage.DISPATCH),
    Reason.FRAUD_BLOCKED: Facts(ReasonClass.POLICY, State.REJECTED, Stage.DISPATCH),
    Reason.PLATFORM_ERROR: Facts(ReasonClass.PLATFORM, State.FAILED, Stage.DISPATCH),
    Reason.CANCELLED_BY_CUSTOMER: Facts(ReasonClass.CANCEL, State.CANCELLED, Stage.DISPATCH),
    Reason.SUPERSEDED: Facts(ReasonClass.CANCEL, State.CANCELLED, Stage.DISPATCH),
    Reason.EXPIRED_IN_QUEUE: Facts(ReasonClass.TIME, State.EXPIRED, Stage.DISPATCH),
    Reason.SUBMIT_RETRIES_EXHAUSTED: Facts(ReasonClass.PLATFORM, State.FAILED, Stage.SUBMIT),
    Reason.ROUTE_CONFIG: Facts(ReasonClass.PLATFORM, State.FAILED, Stage.SUBMIT),
    Reason.AGENT_FORBIDDEN: Facts(ReasonClass.PLATFORM, State.FAILED, Stage.SUBMIT),
    Reason.USER_RATE_LIMIT: Facts(ReasonClass.POLICY, State.REJECTED, Stage.SUBMIT),
    Reason.SMSC_REFUSED_NUMBER: Facts(ReasonClass.NUMBER, State.REJECTED, Stage.SUBMIT),
    Reason.SMSC_REFUSED_SENDER: Facts(ReasonClass.SENDER, State.REJECTED, Stage.SUBMIT),
    Reason.SMSC_REFUSED: Facts(ReasonClass.ROUTE, State.REJECTED, Stage.SUBMIT),
    Reason.DEST_QUEUE_FULL: Facts(ReasonClass.PLATFORM, State.FAILED, Stage.SUBMIT),
    Reason.UNKNOWN_SUBSCRIBER: Facts(ReasonClass.NUMBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.UNIDENTIFIED_SUBSCRIBER: Facts(ReasonClass.NUMBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.ABSENT_SUBSCRIBER_SM: Facts(ReasonClass.ABSENT, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.ROAMING_NOT_ALLOWED: Facts(ReasonClass.SUBSCRIBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.ILLEGAL_SUBSCRIBER: Facts(ReasonClass.SUBSCRIBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.TELESERVICE_NOT_PROVISIONED: Facts(ReasonClass.SUBSCRIBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.ILLEGAL_EQUIPMENT: Facts(ReasonClass.SUBSCRIBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.CALL_BARRED: Facts(ReasonClass.SUBSCRIBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.FACILITY_NOT_SUPPORTED: Facts(ReasonClass.NETWORK, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.ABSENT_SUBSCRIBER: Facts(ReasonClass.ABSENT, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.SUBSCRIBER_BUSY: Facts(ReasonClass.ABSENT, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.SM_DELIVERY_FAILURE: Facts(ReasonClass.NETWORK, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.WAITING_LIST_FULL: Facts(ReasonClass.ABSENT, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.SYSTEM_FAILURE: Facts(ReasonClass.NETWORK, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.MEMORY_FULL: Facts(ReasonClass.ABSENT, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.UNSPECIFIED_FAILURE: Facts(ReasonClass.NETWORK, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.REJECTED_BY_OPERATOR: Facts(ReasonClass.ROUTE, State.REJECTED, Stage.NETWORK),
    Reason.CONTENT_BLOCKED: Facts(ReasonClass.POLICY, State.REJECTED, Stage.NETWORK),
    Reason.SENDER_BLOCKED_BY_OPERATOR: Facts(ReasonClass.SENDER, State.REJECTED, Stage.NETWORK),
    Reason.DEST_BLOCKED_BY_OPERATOR: Facts(ReasonClass.POLICY, State.REJECTED, Stage.NETWORK),
    Reason.DELETED: Facts(ReasonClass.CANCEL, State.CANCELLED, Stage.NETWORK),
    Reason.SKIPPED: Facts(ReasonClass.CANCEL, State.CANCELLED, Stage.NETWORK),
    Reason.VALIDITY_EXPIRED: Facts(ReasonClass.TIME, State.EXPIRED, Stage.NETWORK),
    Reason.TTL_REVOKED: Facts(ReasonClass.TIME, State.EXPIRED, Stage.NETWORK),
    Reason.REVOKED_BY_GATEWAY: Facts(ReasonClass.TIME, State.EXPIRED, Stage.NETWORK),
    Reason.NOT_SERVICE_USER: Facts(ReasonClass.CHANNEL, State.NOT_SERVICE_USER, Stage.SUBMIT),
    Reason.BLOCKED_BY_USER: Facts(ReasonClass.SUBSCRIBER, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.UNSUPPORTED_DEVICE: Facts(ReasonClass.CHANNEL, State.UNDELIVERABLE, Stage.NETWORK),
    Reason.NO_SESSION: Facts(ReasonClass.POLICY, State.REJECTED, Stage.NETWORK),
    Reason.FREQUENCY_CAP: Facts(ReasonClass.POLICY, State.REJECTED, Stage.NETWORK),
    Reason.NO_RECEIPT: Facts(ReasonClass.NONE, State.NO_RECEIPT, Stage.CLOSING),
    Reason.SUBMIT_NOT_CONFIRMED: Facts(ReasonClass.NONE, State.NO_RECEIPT, Stage.CLOSING),
}
