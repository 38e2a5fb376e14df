"""Errors that say who must act: the caller, nobody for now, or the operator."""

from enum import StrEnum

from tidings.domain.reason import Reason


class Fault(StrEnum):
    """Why a request, or one recipient of it, is not taken.

    The order is the order in which faults of one recipient are looked for: the first hit is the one shown.
    """

    RECIPIENT_MISSING = "recipient_missing"
    PREFIX_MISSING = "prefix_missing"
    RECIPIENT_INVALID = "recipient_invalid"
    RECIPIENT_REPEATED = "recipient_repeated"
    REFERENCE_MISSING = "reference_missing"
    REFERENCE_INVALID = "reference_invalid"
    REFERENCE_TAKEN = "reference_taken"
    VALIDITY_INVALID = "validity_invalid"
    TARIFF_UNKNOWN = "tariff_unknown"
    TARIFF_INACTIVE = "tariff_inactive"
    SENDER_INVALID = "sender_invalid"
    TEXT_INVALID = "text_invalid"
    TEXT_TOO_LONG = "text_too_long"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    NOT_PRICED = "not_priced"
    NO_ROUTE = "no_route"
    NO_CREDIT = "no_credit"


REASON: dict[Fault, Reason] = {
    Fault.RECIPIENT_MISSING: Reason.MISSING_TO,
    Fault.PREFIX_MISSING: Reason.PREFIX_MISSING,
    Fault.RECIPIENT_INVALID: Reason.INVALID_DESTINATION,
    Fault.RECIPIENT_REPEATED: Reason.DUPLICATE_ID,
    Fault.REFERENCE_MISSING: Reason.BAD_CONTENT,
    Fault.REFERENCE_INVALID: Reason.BAD_CONTENT,
    Fault.REFERENCE_TAKEN: Reason.DUPLICATE_ID,
    Fault.VALIDITY_INVALID: Reason.BAD_CONTENT,
    Fault.TARIFF_UNKNOWN: Reason.NETWORK_NOT_COVERED,
    Fault.TARIFF_INACTIVE: Reason.NETWORK_NOT_COVERED,
    Fault.SENDER_INVALID: Reason.SENDER_NOT_REGISTERED,
    Fault.TEXT_INVALID: Reason.BAD_CONTENT,
    Fault.TEXT_TOO_LONG: Reason.TOO_LONG,
    Fault.SENDER_NOT_ALLOWED: Reason.SENDER_NOT_REGISTERED,
    Fault.NOT_PRICED: Reason.NETWORK_NOT_COVERED,
    Fault.NO_ROUTE: Reason.NO_ROUTE,
    Fault.NO_CREDIT: Reason.NO_CREDIT,
}
"""What a fault is called in the life of a message, for the dialects that keep refused recipients."""


class Refusal(Exception):
    """The caller must change the request. Nothing was stored and nothing was charged."""

    def __init__(self, fault: Fault, *, row: int | None = None, detail: str = "") -> None:
        super().__init__(f"{fault} in row {row}: {detail}" if row is not None else f"{fault}: {detail}")
        self.fault, self.row, self.detail = fault, row, detail


class Unavailable(Exception):
    """Nobody is at fault: the gateway cannot take this now (queue full, database away). Ask again later."""


class Outdated(Exception):
    """Who asked was remembered, and the catalog has moved since: nothing was done. Look the caller up and ask again."""


class Misconfigured(Exception):
    """The operator must act. The text names the setting."""
