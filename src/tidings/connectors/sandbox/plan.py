"""What is to happen to one submission: what its destination asks for, and what a fault script makes of that."""

from collections.abc import Callable
from enum import StrEnum, unique
from random import Random

import msgspec

from tidings.connectors.sandbox.events import USUAL, Manner, Part, Shape, Spelling
from tidings.connectors.sandbox.outcomes import DELIVERED, Outcome, Verdict, When
from tidings.connectors.sandbox.script import WORDS, Fault, Rule
from tidings.connectors.smpp.codes import Status


@unique
class Cut(StrEnum):
    """How a session ends by a script's will."""

    UNBIND = "unbind"
    DROP = "drop"
    HALF_OPEN = "half_open"


class Plan(msgspec.Struct, gc=False):
    """Of a submission that is neither busy nor malformed. Without a script it is its outcome and nothing else."""

    outcome: Outcome
    refusal: int = 0  # a command_status
    answered: bool = True
    answer_after_s: float | None = None  # instead of the usual delay
    with_id: bool = True
    same_id: bool = False  # as the message before it
    manners: tuple[Manner, ...] = ()  # beside `outcome.receipts`; none: all are usual
    cut: Cut | None = None
    faults: tuple[str, ...] = ()

    def say(self, receipts: list[Verdict], manners: list[Manner]) -> None:
        """Have these said, in these manners."""
        self.outcome = self.outcome._replace(receipts=tuple(receipts))
        self.manners = tuple(manners)

    def each(self, change: Callable[[Manner], Manner]) -> None:
        """Change the manner of every receipt."""
        old = self.manners or (USUAL,) * len(self.outcome.receipts)
        self.manners = tuple(map(change, old))

    def hush(self) -> None:
        """Say nothing of it."""
        self.say([], [])


class Case(msgspec.Struct, frozen=True, gc=False):
    """What a fault may want to know of the submission it happens to."""

    part: Part | None
    dice: Random  # the rule's own
    chosen: int  # ANY_ONE_PART: the part that is spoken of


Effect = Callable[[Plan, Rule, Case], bool]
"""Works a fault into a plan; whether it made a difference."""


def _refuse(status: Status) -> Effect:
    def effect(plan: Plan, _: Rule, __: Case) -> bool:
        plan.refusal = plan.refusal or status
        return True

    return effect


def _cut(how: Cut) -> Effect:
    def effect(plan: Plan, _: Rule, __: Case) -> bool:
        plan.cut, plan.answered = how, False
        return True

    return effect


def _manner(**how: object) -> Effect:
    def effect(plan: Plan, _: Rule, __: Case) -> bool:
        plan.each(lambda manner: manner._replace(**how))  # type: ignore[arg-type]
        return bool(plan.outcome.receipts)

    return effect


def _drop_response(plan: Plan, _: Rule, __: Case) -> bool:
    plan.answered = False
    return True


def _delay_response(plan: Plan, rule: Rule, _: Case) -> bool:
    plan.answer_after_s = rule.delay_s
    return True


def _empty_id(plan: Plan, _: Rule, __: Case) -> bool:
    plan.with_id = False
    return True


def _same_id(plan: Plan, _: Rule, __: Case) -> bool:
    plan.same_id = True
    return True


def _drop_receipt(plan: Plan, _: Rule, __: Case) -> bool:
    had = bool(plan.outcome.receipts)
    plan.hush()
    return had


def _delay_receipt(plan: Plan, rule: Rule, _: Case) -> bool:
    plan.each(lambda manner: manner._replace(after_s=manner.after_s + rule.delay_s))
    return bool(plan.outcome.receipts)


def _reorder(plan: Plan, rule: Rule, case: Case) -> bool:
    plan.each(lambda manner: manner._replace(after_s=manner.after_s + case.dice.uniform(0, rule.delay_s)))
    return bool(plan.outcome.receipts)


def _duplicate(plan: Plan, rule: Rule, _: Case) -> bool:
    once = plan.outcome.receipts
    manners = plan.manners or (USUAL,) * len(once)
    rounds = range(rule.copies + 1)
    later = [one._replace(after_s=one.after_s + n * rule.delay_s) for n in rounds for one in manners]
    plan.say([one for _ in rounds for one in once], later)
    return bool(once)


def _early(plan: Plan, _: Rule, __: Case) -> bool:
    plan.outcome = plan.outcome._replace(when=When.EARLY)
    return bool(plan.outcome.receipts)


def _contradict(plan: Plan, rule: Rule, _: Case) -> bool:
    said = [WORDS[word] for word in rule.words]
    end = DELIVERED if DELIVERED in said else said[-1]
    plan.outcome = plan.outcome._replace(end=end, in_turn=True)
    plan.say(said, [])
    return True


def _only_part(number: Callable[[Part, Case], int]) -> Effect:
    def effect(plan: Plan, rule: Rule, case: Case) -> bool:
        assert case.part is not None
        return case.part.number != number(case.part, case) and _drop_receipt(plan, rule, case)

    return effect


EFFECTS: dict[Fault, Effect] = {
    Fault.THROTTLE: _refuse(Status.ESME_RTHROTTLED),
    Fault.QUEUE_FULL: _refuse(Status.ESME_RMSGQFUL),
    Fault.SYSTEM_ERROR: _refuse(Status.ESME_RSYSERR),
    Fault.DROP_RESPONSE: _drop_response,
    Fault.DELAY_RESPONSE: _delay_response,
    Fault.EMPTY_MESSAGE_ID: _empty_id,
    Fault.SAME_ID: _same_id,
    Fault.CONTRADICT: _contradict,
    Fault.DROP_RECEIPT: _drop_receipt,
    Fault.LOSE_PART_RECEIPT: _drop_receipt,
    Fault.ONLY_LAST_PART: _only_part(lambda part, _: part.total),
    Fault.ANY_ONE_PART: _only_part(lambda _, case: case.chosen),
    Fault.RECEIPT_BEFORE_RESPONSE: _early,
    Fault.RECEIPT_ON_OTHER_BIND: _manner(other_bind=True),
    Fault.WRONG_ID_BASE: _manner(spelling=Spelling.OTHER_BASE),
    Fault.UNKNOWN_ID: _manner(spelling=Spelling.UNKNOWN),
    Fault.DATA_SM_RECEIPT: _manner(shape=Shape.DATA_SM),
    Fault.UCS2_RECEIPT: _manner(shape=Shape.UCS2),
    Fault.DELAY_RECEIPT: _delay_receipt,
    Fault.REORDER_RECEIPTS: _reorder,
    Fault.DUPLICATE_RECEIPT: _duplicate,
    Fault.UNBIND: _cut(Cut.UNBIND),
    Fault.DROP_CONNECTION: _cut(Cut.DROP),
    Fault.HALF_OPEN: _cut(Cut.HALF_OPEN),
}
"""What each fault of a message does, in the order in which they are worked in: what is said, then how."""

ORDER = {fault: n for n, fault in enumerate(EFFECTS)}
