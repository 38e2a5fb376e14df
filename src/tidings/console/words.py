"""Our words in plain English: states, reasons, events. Tests prove the tables total."""

from typing import NamedTuple

from tidings.domain.delivery import Flag
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State, Truth, truth
from tidings.flows.records import CallbackNote


class Named(NamedTuple):
    """A state's name, and what it means in one sentence."""

    name: str
    meaning: str


STATES: dict[State, Named] = {
    State.SCHEDULED: Named("Scheduled", "It waits for the time the application asked for."),
    State.MODERATION: Named("In review", "It is held for review."),
    State.QUEUED: Named("Queued", "It waits here for its turn."),
    State.SENDING: Named("Sending", "It is being handed to the carrier; no answer yet."),
    State.IN_DOUBT: Named("In doubt", "It was written to the carrier, and the answer is lost."),
    State.SENT: Named("Sent", "The carrier took it; no word of delivery yet."),
    State.ENROUTE: Named("On its way", "The carrier is still trying to deliver it."),
    State.AT_CARRIER: Named(
        "At the network", "The next network has it; nobody has vouched for the handset yet."
    ),
    State.DELIVERED: Named("Delivered", "It arrived."),
    State.READ: Named("Read", "It arrived and was displayed."),
    State.NO_RECEIPT: Named("No receipt", "It left us, and nobody ever said what became of it."),
    State.EXPIRED: Named("Expired", "Its validity ended before it could be delivered."),
    State.UNDELIVERABLE: Named("Undeliverable", "The network or the handset could not take it."),
    State.REJECTED: Named("Rejected", "It was refused."),
    State.FAILED: Named("Failed", "It could not be handed to a carrier."),
    State.NOT_SERVICE_USER: Named("Not on this channel", "The recipient does not use this channel."),
    State.CANCELLED: Named("Cancelled", "It was withdrawn."),
}

REASONS: dict[Reason, str] = {
    Reason.NO_CREDIT: "the account had no credit left",
    Reason.PREPAID_EXPIRED: "the account's prepaid time was over",
    Reason.NETWORK_NOT_COVERED: "there is no price for this destination",
    Reason.NO_ROUTE: "no route leads to this destination",
    Reason.PREFIX_MISSING: "the number has no country prefix",
    Reason.INVALID_DESTINATION: "the number is not a valid one",
    Reason.MISSING_TO: "no recipient was given",
    Reason.DND: "the recipient is on a do-not-disturb list",
    Reason.SENDER_NOT_REGISTERED: "the sender is not registered for this account",
    Reason.SENDER_BLOCKED: "the sender is blocked here",
    Reason.DEST_BLOCKLISTED: "the number is on a block list here",
    Reason.DEST_NOT_ALLOWED: "this destination is not allowed for the account",
    Reason.FLOOD: "too many messages to the same number",
    Reason.DUPLICATE_ID: "the id or the recipient was used already",
    Reason.BAD_UDH: "the user data header is malformed",
    Reason.TOO_LONG: "the text needs too many parts",
    Reason.BAD_CONTENT: "the content was not acceptable",
    Reason.UNSUPPORTED_FEATURE: "it asks for something the route cannot do",
    Reason.MODERATION_DENIED: "review refused it",
    Reason.FRAUD_BLOCKED: "it looked like fraud",
    Reason.PLATFORM_ERROR: "something broke on our side",
    Reason.CANCELLED_BY_CUSTOMER: "the customer withdrew it",
    Reason.SUPERSEDED: "another part was refused, so this one was not sent",
    Reason.EXPIRED_IN_QUEUE: "its validity ended while it waited here",
    Reason.SUBMIT_RETRIES_EXHAUSTED: "the carrier refused it too many times",
    Reason.ROUTE_CONFIG: "the route is set up wrongly",
    Reason.AGENT_FORBIDDEN: "the agent may not send to this recipient",
    Reason.USER_RATE_LIMIT: "too many messages to this user",
    Reason.SMSC_REFUSED_NUMBER: "the carrier refused the number",
    Reason.SMSC_REFUSED_SENDER: "the carrier refused the sender",
    Reason.SMSC_REFUSED: "the carrier refused it",
    Reason.DEST_QUEUE_FULL: "the carrier's queue for this number is full",
    Reason.UNKNOWN_SUBSCRIBER: "the number belongs to nobody",
    Reason.UNIDENTIFIED_SUBSCRIBER: "the network could not identify the subscriber",
    Reason.ABSENT_SUBSCRIBER_SM: "the phone was off or out of reach",
    Reason.ROAMING_NOT_ALLOWED: "the subscriber may not roam there",
    Reason.ILLEGAL_SUBSCRIBER: "the network bars this subscriber",
    Reason.TELESERVICE_NOT_PROVISIONED: "the subscriber has no SMS service",
    Reason.ILLEGAL_EQUIPMENT: "the network bars this handset",
    Reason.CALL_BARRED: "the subscriber or operator barred it",
    Reason.FACILITY_NOT_SUPPORTED: "the network does not support what it needs",
    Reason.ABSENT_SUBSCRIBER: "the phone was off or out of reach",
    Reason.SUBSCRIBER_BUSY: "the phone was busy for messages",
    Reason.SM_DELIVERY_FAILURE: "the network could not deliver it",
    Reason.WAITING_LIST_FULL: "too many messages waited for this phone",
    Reason.SYSTEM_FAILURE: "something broke in the network",
    Reason.MEMORY_FULL: "the phone's memory was full",
    Reason.UNSPECIFIED_FAILURE: "the carrier gave no reason",
    Reason.REJECTED_BY_OPERATOR: "the operator rejected it",
    Reason.CONTENT_BLOCKED: "the operator blocked the content",
    Reason.SENDER_BLOCKED_BY_OPERATOR: "the operator blocks this sender",
    Reason.DEST_BLOCKED_BY_OPERATOR: "the operator blocks this number",
    Reason.DELETED: "it was deleted on the way",
    Reason.SKIPPED: "the carrier skipped it",
    Reason.VALIDITY_EXPIRED: "its validity ended in the network",
    Reason.TTL_REVOKED: "it was revoked when its time was over",
    Reason.REVOKED_BY_GATEWAY: "it was revoked from here",
    Reason.NOT_SERVICE_USER: "the recipient does not use this channel",
    Reason.BLOCKED_BY_USER: "the recipient blocks the sender",
    Reason.UNSUPPORTED_DEVICE: "the device does not support it",
    Reason.NO_SESSION: "there was no open conversation",
    Reason.FREQUENCY_CAP: "the recipient had enough messages of this kind",
    Reason.NO_RECEIPT: "no receipt came before the deadline",
    Reason.SUBMIT_NOT_CONFIRMED: "the carrier never answered the hand-over",
}

FLAGS: dict[Flag, str] = {
    Flag.POSSIBLE_DUPLICATE: "It may have arrived twice: an answer was lost, and it was sent again.",
    Flag.UNCONFIRMED_SUBMIT: "The carrier never answered the hand-over; it counts as sent all the same.",
    Flag.PARTIAL: "Some of its parts arrived, the message as a whole did not.",
    Flag.CORRECTED: "A later word corrected an earlier final status.",
    Flag.ID_FORM_SUSPECT: "A receipt named it in another id form than the one that is set for the carrier.",
    Flag.UNTRUSTED_RECEIPT: "The carrier says it arrived, and is known to say so of phones that are off.",
}

EVENTS: dict[Kind, str] = {
    Kind.ACCEPTED: "Accepted from the application",
    Kind.WRITTEN: "Handed to the connector",
    Kind.ANSWERED: "The carrier took it",
    Kind.REFUSED: "The carrier refused it",
    Kind.REQUEUED: "The carrier could not take it now: back in the queue",
    Kind.DROPPED: "Not sent: the message was decided without it",
    Kind.REROUTED: "The carrier refused it for the route's sake: the next route tries",
    Kind.DOUBT: "Written to the carrier, and no answer came",
    Kind.RESENT: "Still no answer: queued to be sent a second time",
    Kind.HELD: "Still no answer: not sent again, counted as sent",
    Kind.RECEIPT: "A receipt came from the carrier",
    Kind.TIMER: "A deadline passed",
}

CAUSES: dict[str, str] = {
    "unwritten": "Not written after all: back in the queue",
    "start": "Its scheduled time came",
    "validity": "Its validity ended while it waited here",
    "settle": "The wait for its other parts is over",
    "receipt_deadline": "No receipt came before the deadline",
}
"""Events that our own word for what made us do it tells better than their kind."""

MATCHES: dict[str, str] = {"doubt": "recipient, sender and time", "operator": "an operator"}
"""How a receipt found its message, where its id did not."""

_PEERS = frozenset({Kind.REFUSED, Kind.REQUEUED, Kind.REROUTED, Kind.RECEIPT})
_TONES = {Truth.YES: "good", Truth.NO: "bad", Truth.UNKNOWN: "unsure", Truth.OPEN: "open"}

_VOUCHED = {
    Confirmation.READ: "The recipient's device says it was displayed.",
    Confirmation.HANDSET: "The handset confirmed it.",
    Confirmation.CARRIER: "A carrier vouches for it; the handset did not confirm it.",
}
_DECIDED = {
    Stage.INTAKE: "Decided here, when it was accepted.",
    Stage.DISPATCH: "Decided here, before any carrier had it.",
    Stage.SUBMIT: "The carrier's answer to the hand-over says so.",
    Stage.NETWORK: "A carrier's receipt says so.",
    Stage.CLOSING: "Concluded here: nobody can say more.",
}


def tone(state: State) -> str:
    """Which of the four colours a state is shown in; never the only sign of it."""
    return "unsure" if state is State.IN_DOUBT else _TONES[truth(state)]


def certainty(standing: Standing) -> str:
    """How sure the status is, and who says so."""
    known = truth(standing.state)
    if standing.inferred:
        return "Concluded here from silence or a deadline; no carrier said so."
    if known is Truth.OPEN:
        return "Nothing is final yet."
    if known is Truth.YES:
        return _VOUCHED.get(standing.confirmation, "A carrier says so, without saying how it knows.")
    return _DECIDED.get(standing.stage, "") if standing.stage else ""


def happened(evidence: Evidence) -> str:
    """What happened, in a short sentence."""
    if _says_it_all(evidence):
        return CAUSES[evidence.word or ""]
    if evidence.kind is Kind.ACCEPTED and evidence.claim is State.REJECTED:
        return "Received from the application, and refused"
    if evidence.untrusted:
        return "A receipt came from the carrier, which is known to make them up: not believed"
    if evidence.kind is Kind.RECEIPT and evidence.claim:
        return f"A receipt came from the carrier: {STATES[evidence.claim].name.lower()}"
    return EVENTS[evidence.kind]


def carriers_word(evidence: Evidence) -> str | None:
    """The carrier's own word, where it is one."""
    return None if _says_it_all(evidence) or evidence.kind not in _PEERS else evidence.word


def our_cause(evidence: Evidence) -> str | None:
    """What made us do it, where no carrier's word did and the event does not say it already."""
    if _says_it_all(evidence) or evidence.kind in _PEERS or evidence.word is None:
        return None
    return evidence.word.replace("_", " ")


def route(evidence: Evidence, connector: str | None = None) -> str | None:
    """Which route was chosen, and why; None where none was. `connector`: its name, where it may be told."""
    if evidence.terms is None:
        return None
    towards = f"connector {connector or evidence.connector}"
    if not evidence.route:
        return f"{towards}: {evidence.terms}"
    return f"route {evidence.route} to {towards}: {evidence.terms}"


def matched(evidence: Evidence) -> str | None:
    """How a receipt found its message, where it was not simply by its id."""
    if evidence.suspect_form:
        return f"its id in another form ({evidence.suspect_form})"
    return MATCHES.get(evidence.matched_by, evidence.matched_by) if evidence.matched_by else None


def told_back(note: CallbackNote) -> str:
    """How a callback stands."""
    what = f"callback of report {note.number}" if note.number else "callback of handing over"
    tries = "1 try" if note.tries == 1 else f"{note.tries} tries"
    said = note.why or (f"HTTP {note.status}" if note.status else "not told, a later one says more")
    match note.standing:
        case "delivered":
            return f"{what}: delivered after {tries}, {said}"
        case "given_up":
            return f"{what}: given up after {tries}, {said}"
    return f"{what}: to be told then" + (f"; {tries}, {said}" if note.tries else "")


def _says_it_all(evidence: Evidence) -> bool:
    """Whether the word is one of ours that tells the event; a carrier may use the same letters."""
    return evidence.word in CAUSES and evidence.kind not in _PEERS - {Kind.REQUEUED}
