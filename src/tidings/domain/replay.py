"""A message's life told again from its evidence: what it folds to, and what each piece made of it."""

from collections.abc import Sequence

import msgspec

from tidings.domain.delivery import Delivery
from tidings.domain.evidence import Evidence
from tidings.domain.lifecycle import apply, begin
from tidings.domain.message import Standing


def replay(log: Sequence[Evidence], *, account_id: int, message_id: int) -> Delivery:
    """The delivery that a whole log folds to."""
    delivery = begin(log[0], account_id=account_id, message_id=message_id)
    for evidence in log[1:]:
        apply(delivery, evidence)
    return delivery


class Step(msgspec.Struct, frozen=True):
    """One piece of evidence, and where the message stood after it."""

    seq: int  # from 1
    evidence: Evidence
    standing: Standing
    changed: bool
    contradiction: bool


def steps(log: Sequence[Evidence], *, account_id: int, message_id: int) -> list[Step]:
    """A whole log, with what each piece of evidence made of the message."""
    delivery = begin(log[0], account_id=account_id, message_id=message_id)
    found = [Step(1, log[0], delivery.standing, changed=True, contradiction=False)]
    for seq, evidence in enumerate(log[1:], 2):
        applied = apply(delivery, evidence)
        found.append(Step(seq, evidence, delivery.standing, applied.changed, applied.contradiction))
    return found
