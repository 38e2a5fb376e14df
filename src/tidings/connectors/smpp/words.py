"""What a carrier's words mean in ours: receipt states, error numbers and response statuses. Tables first.

A word that is not in a table is a note: it never crashes, never becomes delivered and is never guessed at
by its beginning. What DELIVRD certifies depends on the carrier, not on the word; `ReceiptClass` says it.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from tidings.connectors.smpp.codes import Status, status_name
from tidings.domain.outcome import RETRIES, Next, Refused, Retries
from tidings.domain.reason import Reason
from tidings.domain.status import NEGATIVE, Confirmation, State


class ReceiptClass(StrEnum):
    """What this carrier's DELIVRD is worth, as tested by the operator."""

    HANDSET = "handset"  # the handset confirmed
    CARRIER = "carrier"  # the next network took it
    UNTRUSTED = "untrusted"  # it has been seen for phones that were off
    NONE = "none"  # no receipts are promised


STATES: dict[str, State | None] = {
    "SCHEDLD": State.ENROUTE,
    "ENROUTE": State.ENROUTE,
    "BUFFRED": State.ENROUTE,
    "BUFFERD": State.ENROUTE,
    "BUFFERED": State.ENROUTE,
    "DELIVRD": State.DELIVERED,
    "DELIVERD": State.DELIVERED,
    "DELIVERED": State.DELIVERED,
    "EXPIRED": State.EXPIRED,
    "DELETED": State.CANCELLED,
    "SKIPPED": State.CANCELLED,
    "UNDELIV": State.UNDELIVERABLE,
    "UNDELIVERED": State.UNDELIVERABLE,
    "UNDELIVERABLE": State.UNDELIVERABLE,
    "FAILED": State.UNDELIVERABLE,
    "REJECTD": State.REJECTED,
    "REJECTED": State.REJECTED,
    # Final by the specification; in the field "the next network has it", and the verdict follows.
    "ACCEPTD": State.AT_CARRIER,
    "ACCEPTED": State.AT_CARRIER,
    "ACKED": State.AT_CARRIER,
    "UNKNOWN": None,
}
"""`stat` in upper case. None = known, and says nothing."""

MESSAGE_STATE = {
    0: "SCHEDLD",
    1: "ENROUTE",
    2: "DELIVRD",
    3: "EXPIRED",
    4: "DELETED",
    5: "UNDELIV",
    6: "ACCEPTD",
    7: "UNKNOWN",
    8: "REJECTD",
    9: "SKIPPED",
}
"""The `message_state` TLV, as the word it stands for."""

USUAL_REASON = {
    "EXPIRED": Reason.VALIDITY_EXPIRED,
    "DELETED": Reason.DELETED,
    "SKIPPED": Reason.SKIPPED,
    "REJECTD": Reason.REJECTED_BY_OPERATOR,
    "REJECTED": Reason.REJECTED_BY_OPERATOR,
}
"""Why a negative word was said, where `err` does not tell; UNSPECIFIED_FAILURE for the others."""

MAP_REASONS = {
    1: Reason.UNKNOWN_SUBSCRIBER,
    5: Reason.UNIDENTIFIED_SUBSCRIBER,
    6: Reason.ABSENT_SUBSCRIBER_SM,
    8: Reason.ROAMING_NOT_ALLOWED,
    9: Reason.ILLEGAL_SUBSCRIBER,
    11: Reason.TELESERVICE_NOT_PROVISIONED,
    12: Reason.ILLEGAL_EQUIPMENT,
    13: Reason.CALL_BARRED,
    21: Reason.FACILITY_NOT_SUPPORTED,
    27: Reason.ABSENT_SUBSCRIBER,
    31: Reason.SUBSCRIBER_BUSY,
    32: Reason.SM_DELIVERY_FAILURE,
    33: Reason.WAITING_LIST_FULL,
    34: Reason.SYSTEM_FAILURE,
    256: Reason.MEMORY_FULL,
}
"""GSM MAP user errors; 256 and up are 256 + the cause of an SM-DeliveryFailure."""


class Claim(NamedTuple):
    """What a receipt's word and error number claim for a part."""

    state: State | None
    confirmation: Confirmation = Confirmation.NONE
    reason: Reason | None = None
    network_error: int | None = None  # where no reason stands for the number
    untrusted: bool = False  # a DELIVRD of a carrier that says it of phones that are off


class Trust(NamedTuple):
    """How much a connector's words are worth: the operator's settings."""

    receipt_class: ReceiptClass
    err_is_map: bool = False
    err_table: Mapping[str, Reason] = MappingProxyType({})
    unknown_is_final: bool = False


def claim(word: str, err: str | None, *, intermediate: bool, trust: Trust) -> Claim:
    """What a receipt says. `word` is `stat` or the name of `message_state`; `err` as given, None if absent.

    An intermediate notification with a negative word reports one attempt that failed while others follow: the
    message is on its way, and the reason is only the last error seen.
    """
    word = word.upper()
    state = STATES.get(word)
    if state is State.DELIVERED:
        return _delivered(trust.receipt_class)
    if state is State.AT_CARRIER:
        return Claim(state, Confirmation.CARRIER)
    if state in NEGATIVE:
        return _negative(word, state, err, intermediate=intermediate, trust=trust)
    if state is None and word == "UNKNOWN" and trust.unknown_is_final and not intermediate:
        return Claim(State.NO_RECEIPT, reason=Reason.NO_RECEIPT)
    return Claim(state)


def _delivered(receipt_class: ReceiptClass) -> Claim:
    if receipt_class is ReceiptClass.HANDSET:
        return Claim(State.DELIVERED, Confirmation.HANDSET)
    if receipt_class is ReceiptClass.UNTRUSTED:  # made up by somebody: not even the next network is proved
        return Claim(State.AT_CARRIER, untrusted=True)
    return Claim(State.AT_CARRIER, Confirmation.CARRIER)


def _negative(word: str, state: State, err: str | None, *, intermediate: bool, trust: Trust) -> Claim:
    reason, number = error(err, trust)
    if intermediate:
        return Claim(State.ENROUTE, reason=reason, network_error=number)
    if state is State.CANCELLED:  # somebody's decision, whatever the last error was
        return Claim(state, reason=USUAL_REASON[word])
    usual = USUAL_REASON.get(word, Reason.UNSPECIFIED_FAILURE)
    return Claim(state, reason=reason or usual, network_error=number)


def error(err: str | None, trust: Trust) -> tuple[Reason | None, int | None]:
    """Why, by the connector's own table first; then, only where `err` is declared to be MAP, by number.

    The number is returned where it is a MAP error that no reason of ours stands for.
    """
    if err is None:
        return None, None
    if listed := trust.err_table.get(err) or trust.err_table.get(err.lstrip("0")):
        return listed, None
    if not (trust.err_is_map and err.isascii() and err.isdigit() and len(err) <= 5) or not int(err):
        return None, None
    reason = MAP_REASONS.get(int(err))
    return reason, None if reason else int(err)


_OPERATOR = (Reason.ROUTE_CONFIG, Next.GIVE_UP)  # our settings are wrong for this carrier: alarm
_ACCOUNT = (Reason.ROUTE_CONFIG, Next.HOLD)  # the account, not the message: alarm
_SESSION = (Reason.PLATFORM_ERROR, Next.HOLD)  # the session is out of step: a new one helps
_LATER = (Reason.SUBMIT_RETRIES_EXHAUSTED, Next.RETRY)
_REFUSED = (Reason.SMSC_REFUSED, Next.GIVE_UP)

STATUSES: dict[int, tuple[Reason, Next]] = {
    Status.ESME_RINVMSGLEN: (Reason.TOO_LONG, Next.GIVE_UP),
    Status.ESME_RINVCMDLEN: _OPERATOR,
    Status.ESME_RINVCMDID: _ACCOUNT,
    Status.ESME_RINVBNDSTS: _SESSION,
    Status.ESME_RALYBND: _SESSION,
    Status.ESME_RINVPRTFLG: _OPERATOR,
    Status.ESME_RINVREGDLVFLG: _OPERATOR,
    Status.ESME_RSYSERR: _LATER,
    Status.ESME_RINVSRCADR: (Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP),
    Status.ESME_RINVDSTADR: (Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP),
    Status.ESME_RINVMSGID: _LATER,  # belongs to query_sm and cancel_sm, as do the next two and 0x67
    Status.ESME_RBINDFAIL: _ACCOUNT,
    Status.ESME_RINVPASWD: _ACCOUNT,
    Status.ESME_RINVSYSID: _ACCOUNT,
    Status.ESME_RCANCELFAIL: _LATER,
    Status.ESME_RREPLACEFAIL: _LATER,
    Status.ESME_RMSGQFUL: (Reason.DEST_QUEUE_FULL, Next.RETRY),
    Status.ESME_RINVSERTYP: _OPERATOR,
    Status.ESME_RINVNUMDESTS: _REFUSED,
    Status.ESME_RINVDLNAME: _REFUSED,
    Status.ESME_RINVDESTFLAG: _REFUSED,
    Status.ESME_RINVSUBREP: _REFUSED,
    Status.ESME_RINVESMCLASS: _OPERATOR,
    Status.ESME_RCNTSUBDL: _REFUSED,
    Status.ESME_RSUBMITFAIL: (Reason.SMSC_REFUSED, Next.RETRY),  # says nothing: duplicates, credit, content
    Status.ESME_RINVSRCTON: _OPERATOR,
    Status.ESME_RINVSRCNPI: _OPERATOR,
    Status.ESME_RINVDSTTON: _OPERATOR,
    Status.ESME_RINVDSTNPI: _OPERATOR,
    Status.ESME_RINVSYSTYP: _ACCOUNT,
    Status.ESME_RINVREPFLAG: _OPERATOR,
    Status.ESME_RINVNUMMSGS: _OPERATOR,
    Status.ESME_RTHROTTLED: (Reason.SUBMIT_RETRIES_EXHAUSTED, Next.THROTTLE),
    Status.ESME_RINVSCHED: _OPERATOR,
    Status.ESME_RINVEXPIRY: (Reason.ROUTE_CONFIG, Next.RETRY),  # in another form than this one
    Status.ESME_RINVDFTMSGID: _OPERATOR,
    Status.ESME_RX_T_APPN: _LATER,
    Status.ESME_RX_P_APPN: _REFUSED,
    Status.ESME_RX_R_APPN: _REFUSED,
    Status.ESME_RQUERYFAIL: _LATER,
    Status.ESME_RINVOPTPARSTREAM: _OPERATOR,
    Status.ESME_ROPTPARNOTALLWD: _OPERATOR,
    Status.ESME_RINVPARLEN: _OPERATOR,
    Status.ESME_RMISSINGOPTPARAM: _OPERATOR,
    Status.ESME_RINVOPTPARAMVAL: _OPERATOR,
    Status.ESME_RDELIVERYFAILURE: (Reason.UNSPECIFIED_FAILURE, Next.GIVE_UP),  # tried at once, and failed
    Status.ESME_RUNKNOWNERR: _LATER,
    Status.ESME_RSERTYPUNAUTH: _ACCOUNT,
    Status.ESME_RPROHIBITED: _ACCOUNT,
    Status.ESME_RSERTYPUNAVAIL: _LATER,
    Status.ESME_RSERTYPDENIED: _ACCOUNT,
    Status.ESME_RINVDCS: _OPERATOR,
    Status.ESME_RINVSRCADDRSUBUNIT: _REFUSED,
    Status.ESME_RINVDSTADDRSUBUNIT: _REFUSED,
}
"""What a submission's status means: the reason if it ends there, and what may be done. Unlisted: later."""

STATUS_RETRIES: dict[int, Retries] = {
    Status.ESME_RMSGQFUL: Retries(
        most=5, first_s=60, longest_s=180
    ),  # this recipient's queue, or the whole SMSC
    Status.ESME_RSUBMITFAIL: Retries(most=1, first_s=30, longest_s=30),
    Status.ESME_RINVEXPIRY: Retries(most=1, first_s=1, longest_s=1),
}
"""How often a status that may pass is tried again, where it is not as usual."""

UNKNOWN_STATUS = Retries(most=2, first_s=30, longest_s=60)
"""The same of a status that no table has."""

CREDENTIALS = frozenset(
    {Status.ESME_RBINDFAIL, Status.ESME_RINVPASWD, Status.ESME_RINVSYSID, Status.ESME_RINVSYSTYP}
)
"""Refusals of a bind that mean the credentials or the account, whichever of them a carrier picks."""


class StatusRule(NamedTuple):
    """An operator's own reading of a status, for vendor codes and carriers that bend the standard ones."""

    next: Next
    reason: Reason | None = None  # None = as the table says


NO_RULES: Mapping[int, StatusRule] = MappingProxyType({})


def refused(
    status: int,
    raw: bytes,
    *,
    nack: bool = False,
    rules: Mapping[int, StatusRule] = NO_RULES,
    network: Reason | None = None,
) -> Refused:
    """What a submission's non-zero status means. `nack`: it came in a generic_nack.

    A nack that calls the length or the command id invalid is about our PDU: the same one would be refused
    again. `network`: why the network did not deliver it, where the carrier tried at once.
    """
    reason, then = STATUSES.get(status, _LATER)
    if network and status == Status.ESME_RDELIVERYFAILURE:
        reason = network
    if nack and status in (Status.ESME_RINVCMDLEN, Status.ESME_RINVCMDID):
        reason, then = _OPERATOR
    if rule := rules.get(status):
        reason, then = rule.reason or reason, rule.next
    retries = STATUS_RETRIES.get(status, RETRIES if status in STATUSES or rule else UNKNOWN_STATUS)
    return Refused(reason, then, status_name(status), raw, retries)


def needs_operator(refusal: Refused) -> bool:
    """Whether a refusal is about our settings or account: somebody must look."""
    return refusal.reason is Reason.ROUTE_CONFIG


def is_the_accounts(refusal: Refused) -> bool:
    """Whether the next message would be refused just the same: the account is out of credit, blocked or barred."""
    return refusal.next is Next.HOLD and refusal.reason is not Reason.PLATFORM_ERROR
