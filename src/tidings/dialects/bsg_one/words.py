"""The One API's words: statuses, sources, and what is said of each fault. Tests prove the tables total."""

from enum import StrEnum, unique
from typing import NamedTuple

from tidings.dialects.bsg_one.problems import INVALID_DATA, Problem, flat
from tidings.domain.errors import Fault
from tidings.domain.message import Standing
from tidings.domain.reason import ReasonClass
from tidings.domain.status import Stage, State


@unique
class Status(StrEnum):
    """Every status a message may show. Clients hold this as a closed list: another word makes them raise."""

    SCHEDULED = "scheduled"
    MODERATION = "moderation"
    ACCEPTED = "accepted"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    EXPIRED = "expired"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    UNKNOWN = "unknown"
    NOT_VIBER_USER = "not_viber_user"  # not in the documentation page's list
    NOT_SERVICE_USER = "not_service_user"  # not in the documentation page's list


STATUSES: dict[State, Status] = {
    State.SCHEDULED: Status.SCHEDULED,
    State.MODERATION: Status.MODERATION,
    State.QUEUED: Status.ACCEPTED,
    State.SENDING: Status.SENDING,
    State.IN_DOUBT: Status.SENDING,
    State.SENT: Status.SENT,
    State.ENROUTE: Status.SENT,
    State.AT_CARRIER: Status.SENT,
    State.DELIVERED: Status.DELIVERED,
    State.READ: Status.READ,
    State.NO_RECEIPT: Status.UNKNOWN,
    State.EXPIRED: Status.EXPIRED,
    State.UNDELIVERABLE: Status.UNDELIVERED,
    State.REJECTED: Status.FAILED,
    State.FAILED: Status.FAILED,
    State.NOT_SERVICE_USER: Status.NOT_SERVICE_USER,
    State.CANCELLED: Status.FAILED,
}
"""The usual word of a state; `status` knows the exceptions."""

_NOT_USERS = {Status.NOT_SERVICE_USER, Status.NOT_VIBER_USER}


def status(standing: Standing, *, channel: str = "sms", strict: bool = False) -> Status:
    """The word for where a message stands.

    `expired` also stands for an unreachable phone, whatever the carrier called it: the number is good.
    `failed` says that nobody downstream took the message, so a refusal by the network is `undelivered`.
    `strict`: only the eleven words of the documentation page.
    """
    word = _word(standing, channel)
    return Status.UNDELIVERED if strict and word in _NOT_USERS else word


def _word(standing: Standing, channel: str) -> Status:
    state, reason = standing.state, standing.reason
    if state is State.UNDELIVERABLE and reason and reason.facts.reason_class is ReasonClass.ABSENT:
        return Status.EXPIRED
    if state in (State.REJECTED, State.CANCELLED) and standing.stage is Stage.NETWORK:
        return Status.UNDELIVERED
    if state is State.NOT_SERVICE_USER and channel == "viber":
        return Status.NOT_VIBER_USER
    return STATUSES[state]


SOURCES = frozenset({"web", "rest", "smpp", "xml", "twoway", "twoway_api", "2fa", "voicebot"})
"""Every source a message may show; clients hold this as a closed list too."""


def source(given: str) -> str:
    """How a message came in; what the vendor has no word for came by an API: `rest`."""
    return given if given in SOURCES else "rest"


TARIFF_NOT_FOUND = "Tariff was not found"
NOT_ENOUGH_FUNDS = "Not enough funds on the balance"


class Complaint(NamedTuple):
    """What is said of a fault: of a property (`{row}` is the recipient's place), or in `message` alone."""

    path: str | None
    text: str


COMPLAINTS: dict[Fault, Complaint] = {
    Fault.RECIPIENT_MISSING: Complaint("phones[{row}].number", "This value should not be blank."),
    Fault.PREFIX_MISSING: Complaint(
        "phones[{row}].number", "This value is not a phone number with country code."
    ),
    Fault.RECIPIENT_INVALID: Complaint("phones[{row}].number", "This value is not a valid phone number."),
    Fault.RECIPIENT_REPEATED: Complaint("phones[{row}].number", "This phone number is in the list already."),
    Fault.REFERENCE_MISSING: Complaint("phones[{row}].reference_id", "This value should not be blank."),
    Fault.REFERENCE_INVALID: Complaint("phones[{row}].reference_id", "This value is not valid."),
    Fault.REFERENCE_TAKEN: Complaint("phones[{row}].reference_id", "This reference was used already."),
    Fault.VALIDITY_INVALID: Complaint("validity", "This value is not valid."),
    Fault.TARIFF_UNKNOWN: Complaint(None, TARIFF_NOT_FOUND),
    Fault.TARIFF_INACTIVE: Complaint(None, TARIFF_NOT_FOUND),
    Fault.SENDER_INVALID: Complaint("sender", "This value is not a valid sender."),
    Fault.TEXT_INVALID: Complaint("text", "This value is not valid."),
    Fault.TEXT_TOO_LONG: Complaint("text", "This value is too long."),
    Fault.SENDER_NOT_ALLOWED: Complaint("sender", "This sender is not allowed for the account."),
    Fault.NOT_PRICED: Complaint("phones[{row}].number", "There is no price for this destination."),
    Fault.NO_ROUTE: Complaint("phones[{row}].number", "There is no route to this destination."),
    Fault.NO_CREDIT: Complaint(None, NOT_ENOUGH_FUNDS),
}


def refusal(fault: Fault, row: int | None) -> Problem:
    """The 422 for a request that was refused because of `fault` in the recipient at `row`, counted from 0."""
    path, text = COMPLAINTS[fault]
    if path is None:
        return Problem(422, text, errors=[])
    return Problem(422, INVALID_DATA, errors={flat(path.format(row="" if row is None else row)): [text]})
