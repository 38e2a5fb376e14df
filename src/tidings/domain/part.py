"""One part of a message on one route: where it stands, and how evidence moves it, also where it was sent twice."""

import msgspec

from tidings.domain import status
from tidings.domain.delivery import TAKEN, Part
from tidings.domain.evidence import UNWRITTEN, Evidence, Kind
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State, Truth, truth

# See `lifecycle`: a member of its own name is found at once.
_WRITTEN, _REQUEUED, _RESENT, _REFUSED, _RECEIPT = (
    Kind.WRITTEN,
    Kind.REQUEUED,
    Kind.RESENT,
    Kind.REFUSED,
    Kind.RECEIPT,
)
_SENT, _QUEUED, _FAILED = State.SENT, State.QUEUED, State.FAILED
_NETWORK = Stage.NETWORK
_OPEN = Truth.OPEN
_NONE = Confirmation.NONE
_VALIDITY_EXPIRED = Reason.VALIDITY_EXPIRED


def standing_of(part: Part) -> Standing:
    return Standing(part.state, part.reason, part.stage, part.confirmation, part.inferred, part.network_error)


def takes_back(evidence: Evidence) -> bool:
    """What was noted as written was not: no byte left."""
    return evidence.kind is _REQUEUED and evidence.word == UNWRITTEN


def move(part: Part, evidence: Evidence) -> bool:
    """Move one part; True if a peer's claim was not obeyed because of what is known already."""
    _number(part, evidence)
    claim = evidence.claim
    if part.resent_after and _is_a_failure(evidence):
        return _fail_a_copy(part, evidence)
    if claim is None:
        return False
    first_copy_taken = (
        part.resent_after and part.state is _QUEUED and claim in TAKEN and not evidence.inferred
    )
    never_taken = part.held and evidence.kind is _REFUSED and claim is _FAILED
    if first_copy_taken or never_taken or status.step(part.state, part.inferred, claim, evidence.inferred):
        _stand(part, _with_last_error(part, _claimed(evidence, claim)))
        return False
    if claim is part.state:
        part.inferred = part.inferred and evidence.inferred
        return False
    return truth(part.state) is not _OPEN and evidence.kind is _RECEIPT


def _number(part: Part, evidence: Evidence) -> None:
    """Count the part's submissions."""
    if evidence.kind is _WRITTEN:
        part.tries += 1
    elif takes_back(evidence) and part.tries >= max(evidence.try_no, 1):
        part.tries -= 1  # the try had been noted
    elif evidence.budget:
        part.retries += 1
    elif evidence.kind is _RESENT:
        part.resent_after = part.tries


def _is_a_failure(evidence: Evidence) -> bool:
    """Whether it says that a copy was not taken, or did not arrive, or will not be sent, or is given up as unknown."""
    if evidence.kind is Kind.TIMER:
        return evidence.claim is State.EXPIRED
    if evidence.kind in {_REFUSED, Kind.DROPPED}:
        return True
    return evidence.kind is _RECEIPT and evidence.claim in {*status.NEGATIVE, State.NO_RECEIPT}


def _fail_a_copy(part: Part, evidence: Evidence) -> bool:
    """One of two copies failed; True if what is known already contradicts.

    Copies combine with OR: that one was taken, or arrived, counts at once (and spares a second that still waits); that
    one failed counts when the other one has failed, too. Until then nobody knows. What the network said goes before
    what the next hop or we did, and that nobody knows before all.
    """
    claimed = _claimed(evidence, evidence.claim) if evidence.claim else None
    if part.is_first_copy(evidence.try_no):
        part.first_failed = True
    else:
        part.second_failed = True
    verdict = max((one for one in (part.verdict, claimed) if one), key=_tells, default=None)
    if not (part.first_failed and part.second_failed):
        part.verdict = verdict
        if part.second_failed and part.state in {_QUEUED, State.SENDING}:
            part.state = State.IN_DOUBT
        return False
    is_open = truth(part.state) is _OPEN
    if verdict and (is_open or status.step(part.state, part.inferred, verdict.state, verdict.inferred)):
        _stand(part, verdict)
        return False
    return truth(part.state) is Truth.YES and evidence.kind is _RECEIPT


def _tells(one: Standing) -> tuple[bool, bool, bool]:
    return one.state is State.NO_RECEIPT, one.stage is _NETWORK, not one.inferred


def _claimed(evidence: Evidence, claim: State) -> Standing:
    """What evidence says of the part it is about."""
    return Standing(
        claim,
        evidence.reason,
        evidence.stage,
        evidence.confirmation,
        evidence.inferred,
        evidence.network_error,
    )


def _with_last_error(part: Part, new: Standing) -> Standing:
    """Why it could not be delivered until its validity ended says more than that it ended."""
    if new.reason is not _VALIDITY_EXPIRED or part.state is not State.ENROUTE or part.reason is None:
        return new
    return msgspec.structs.replace(new, reason=part.reason, network_error=part.network_error)


def _stand(part: Part, standing: Standing) -> None:
    part.state, part.inferred = standing.state, standing.inferred
    part.reason, part.stage = standing.reason, standing.stage
    part.network_error = standing.network_error
    if standing.confirmation is not _NONE:
        part.confirmation = standing.confirmation
