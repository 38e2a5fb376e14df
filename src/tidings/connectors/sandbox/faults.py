"""Decides which rules of a script strike. One seed and one order of events tell one story."""

from random import Random

from tidings.connectors.sandbox.content import Content
from tidings.connectors.sandbox.outcomes import Outcome
from tidings.connectors.sandbox.plan import EFFECTS, ORDER, Case, Plan
from tidings.connectors.sandbox.script import ON_BIND, ON_WIRE, PARTS, WHOLE, Fault, Rule, Script
from tidings.connectors.smpp.codes import Status


class Dice:
    """Counts for one rule when it is its turn. Each rule has numbers of its own, so that none shifts another's."""

    def __init__(self, rule: Rule, seed: str) -> None:
        self.rule = rule
        self.random = Random(seed)  # noqa: S311 - a toy's misfortunes
        self.seed = seed
        self._seen = 0
        self._burst = 0

    def strikes(self) -> bool:
        """Whether it happens to the next one that it could happen to."""
        self._seen += 1
        if self._burst:
            self._burst -= 1
            return True
        struck = self._struck()
        self._burst = self.rule.burst - 1 if struck else 0
        return struck

    def strikes_whole(self, message: str) -> bool:
        """The same, equally for all parts of one message, whenever they come."""
        share = self.rule.share
        return share is None or self._of(message).random() < share

    def chosen(self, message: str, total: int) -> int:
        """One of its parts, the same whichever of them asks."""
        return self._of(f"{message}/part").randint(1, total)

    def _struck(self) -> bool:
        rule, seen = self.rule, self._seen
        if rule.share is not None:
            return self.random.random() < rule.share
        if rule.every is not None:
            return seen % rule.every == 0
        if rule.nth is not None:
            return seen == rule.nth
        return rule.first is None or seen <= rule.first

    def _of(self, message: str) -> Random:
        return Random(f"{self.seed}/{message}")  # noqa: S311


class Faults:
    """The script at work."""

    def __init__(self, script: Script, *, seed: int) -> None:
        dice = [Dice(rule, f"{seed}/{n}") for n, rule in enumerate(script.rule)]
        self._on_bind = [one for one in dice if one.rule.fault in ON_BIND]
        self._on_wire = [one for one in dice if one.rule.fault in ON_WIRE]
        of_messages = [one for one in dice if one.rule.fault not in ON_BIND | ON_WIRE]
        self._on_submit = sorted(of_messages, key=lambda one: ORDER[one.rule.fault])

    @property
    def on_wire(self) -> bool:
        """Whether octets are tampered with."""
        return bool(self._on_wire)

    def calm(self) -> None:
        """Nothing happens from now on; what was decided stays."""
        self._on_bind, self._on_submit, self._on_wire = [], [], []

    def bind(self) -> int:
        """The status that refuses the next bind; 0 lets it stand."""
        struck = [one.rule.status for one in self._on_bind if one.strikes()]
        return struck[0] if struck else Status.ESME_ROK

    def write(self) -> Rule | None:
        """What happens to the octets that are written next."""
        struck = [one.rule for one in self._on_wire if one.strikes()]
        return struck[0] if struck else None

    def plan(self, destination: str, content: Content, outcome: Outcome) -> Plan:
        """What happens to a submission."""
        plan = Plan(outcome)
        for dice in self._on_submit:
            rule = dice.rule
            strikes = _may(rule, destination, content) and _does(dice, destination, content)
            if strikes and EFFECTS[rule.fault](plan, rule, _case(dice, destination, content)):
                plan.faults += (rule.fault.value,)
        return plan


def _may(rule: Rule, destination: str, content: Content) -> bool:
    """Whether the rule is about such a message."""
    part = content.part
    if rule.fault in PARTS and (part is None or part.total < 2):
        return False
    if rule.part is not None and (part is None or part.number != rule.part):
        return False
    return destination.startswith(rule.to_prefix) and destination.endswith(rule.to_suffix)


def _does(dice: Dice, destination: str, content: Content) -> bool:
    if dice.rule.fault in WHOLE:
        return dice.strikes_whole(_message(destination, content))
    return dice.strikes()


def _case(dice: Dice, destination: str, content: Content) -> Case:
    chosen = 0
    if dice.rule.fault is Fault.ANY_ONE_PART and content.part:
        chosen = dice.chosen(_message(destination, content), content.part.total)
    return Case(content.part, dice.random, chosen)


def _message(destination: str, content: Content) -> str:
    return f"{destination}/{content.part.reference if content.part else ''}"
