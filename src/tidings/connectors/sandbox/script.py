"""Fault scripts: which misfortunes a simulated SMSC has, how often, and to whom. A TOML file of `[[rule]]` tables."""

import tomllib
from enum import StrEnum, unique
from importlib import resources
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tidings.connectors.sandbox.outcomes import ACCEPTED, DELIVERED, ENROUTE, EXPIRED, UNDELIVERABLE, Verdict
from tidings.domain.errors import Misconfigured

SHIPPED = resources.files("tidings.connectors.sandbox") / "scripts"
DAY_S = 86_400

WORDS: dict[str, Verdict] = {one.stat: one for one in (ENROUTE, DELIVERED, EXPIRED, UNDELIVERABLE, ACCEPTED)}
"""What `contradict` can have receipts say."""


@unique
class Fault(StrEnum):
    """Every misfortune, by what happens."""

    # what becomes of the submission and its answer
    THROTTLE = "throttle"  # answered ESME_RTHROTTLED, not taken
    QUEUE_FULL = "queue_full"  # answered ESME_RMSGQFUL, not taken
    SYSTEM_ERROR = "system_error"  # answered ESME_RSYSERR, not taken
    DROP_RESPONSE = "drop_response"  # taken, never answered
    DELAY_RESPONSE = "delay_response"  # taken, answered after `after_s`
    EMPTY_MESSAGE_ID = "empty_message_id"  # taken, answered without an id
    SAME_ID = "same_id"  # taken under the id of the message taken before it, if that went to another number
    # what is said of it
    DROP_RECEIPT = "drop_receipt"  # nothing, ever
    DELAY_RECEIPT = "delay_receipt"  # `after_s` later than usual
    DUPLICATE_RECEIPT = "duplicate_receipt"  # everything `copies` times more
    REORDER_RECEIPTS = "reorder_receipts"  # up to `after_s` later, at random: others overtake
    RECEIPT_BEFORE_RESPONSE = "receipt_before_response"
    RECEIPT_ON_OTHER_BIND = "receipt_on_other_bind"  # than the submission's, where there is one
    CONTRADICT = "contradict"  # `words`, each after the one before it was acknowledged
    # how it is said
    WRONG_ID_BASE = "wrong_id_base"  # the right id in the base that it is not given out in
    UNKNOWN_ID = "unknown_id"  # an id that nobody was given
    DATA_SM_RECEIPT = "data_sm_receipt"  # a data_sm that has only TLVs
    UCS2_RECEIPT = "ucs2_receipt"  # its text in UCS-2
    # what becomes of the parts of a long message
    LOSE_PART_RECEIPT = "lose_part_receipt"  # nothing is said of this part
    ONLY_LAST_PART = "only_last_part"  # only of the last one
    ANY_ONE_PART = "any_one_part"  # only of one, whichever
    # what becomes of the session
    REFUSE_BIND = "refuse_bind"  # answered ESME_RBINDFAIL, or ESME_RALYBND with `status = 5`
    UNBIND = "unbind"  # we unbind while submissions are unanswered
    DROP_CONNECTION = "drop_connection"  # the connection ends
    HALF_OPEN = "half_open"  # it stays, and nothing is heard or said any more
    # what becomes of octets on the wire
    SPLIT_PDUS = "split_pdus"  # they arrive in pieces
    MERGE_PDUS = "merge_pdus"  # several at once


PARTS = frozenset({Fault.LOSE_PART_RECEIPT, Fault.ONLY_LAST_PART, Fault.ANY_ONE_PART})
"""They happen to parts of long messages, and to nothing else."""

WHOLE = frozenset({Fault.ONLY_LAST_PART, Fault.ANY_ONE_PART})
"""They happen to all parts of a message alike."""

ON_BIND = frozenset({Fault.REFUSE_BIND})
ON_WIRE = frozenset({Fault.SPLIT_PDUS, Fault.MERGE_PDUS})

AFTER_S: dict[Fault, float] = {
    Fault.DELAY_RESPONSE: 70,
    Fault.DELAY_RECEIPT: 3 * DAY_S,
    Fault.REORDER_RECEIPTS: 1,
    Fault.DUPLICATE_RECEIPT: 0,
    Fault.MERGE_PDUS: 0.05,
    Fault.SPLIT_PDUS: 0.005,
}
"""What `after_s` is if a rule does not say; other faults do not know it."""

_OFTEN = ("share", "every", "nth", "first")
_WHOM = ("to_prefix", "to_suffix", "part")
_ONLY: dict[str, frozenset[Fault]] = {
    "after_s": frozenset(AFTER_S),
    "copies": frozenset({Fault.DUPLICATE_RECEIPT}),
    "words": frozenset({Fault.CONTRADICT}),
    "status": ON_BIND,
}

Positive = Annotated[int, Meta(ge=1)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One misfortune. Of `share`, `every`, `nth` and `first` at most one; without any it happens always."""

    fault: Fault

    share: Annotated[float, Meta(ge=0, le=1)] | None = None  # of those it could happen to, by the seed
    every: Positive | None = None  # to the n-th, the 2n-th, ...
    nth: Positive | None = None  # to this one only, counted from 1
    first: Positive | None = None  # to so many at the start
    burst: Positive = 1  # each time, to so many in a row

    to_prefix: str = ""  # only for destinations that start like this
    to_suffix: str = ""  # only for those that end like this
    part: Positive | None = None  # only for this part of a long message

    after_s: Annotated[float, Meta(ge=0, le=30 * DAY_S)] | None = None
    copies: Annotated[int, Meta(ge=1, le=8)] = 1
    words: Annotated[tuple[str, ...], Meta(min_length=1, max_length=8)] = (EXPIRED.stat, DELIVERED.stat)
    status: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] = 0x0D

    def __post_init__(self) -> None:
        """Refuse what could only be a mistake."""
        chosen = [name for name in _OFTEN if getattr(self, name) is not None]
        if len(chosen) > 1:
            raise ValueError(f"{self.fault}: `{'` and `'.join(chosen)}` exclude each other")
        for name, faults in _ONLY.items():
            if self.fault not in faults and self._says(name):
                raise ValueError(f"{self.fault}: it has no `{name}`")
        if self.fault in ON_BIND | ON_WIRE:
            for name in filter(self._says, _WHOM):
                raise ValueError(f"{self.fault}: it happens to sessions, not to messages: no `{name}`")
        if self.fault in WHOLE and (chosen not in ([], ["share"]) or self.burst > 1 or self.part):
            raise ValueError(f"{self.fault}: it happens to whole messages: only `share` says how often")
        for word in self.words:
            if word not in WORDS:
                raise ValueError(f"{self.fault}: `words` has {word!r}; known are {', '.join(WORDS)}")

    @property
    def delay_s(self) -> float:
        """`after_s`, or what it is without it."""
        return AFTER_S[self.fault] if self.after_s is None else self.after_s

    def _says(self, name: str) -> bool:
        default = {field.name: field.default for field in msgspec.structs.fields(Rule)}[name]
        return bool(getattr(self, name) != default)


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file. An empty one is an SMSC without misfortunes."""

    about: str = ""
    rule: tuple[Rule, ...] = ()

    def hurried(self, factor: float) -> "Script":
        """The same with every time that is given in it divided by this: a day of receipts in a minute of test."""
        rules = [
            msgspec.structs.replace(one, after_s=one.delay_s / factor) for one in self.rule if _waits(one)
        ]
        calm = [one for one in self.rule if not _waits(one)]
        return msgspec.structs.replace(self, rule=tuple(calm + rules))


def _waits(rule: Rule) -> bool:
    return rule.fault in AFTER_S and rule.fault not in ON_WIRE


def shipped() -> list[str]:
    """The names of the scripts that come with the product."""
    return sorted(one.name.removesuffix(".toml") for one in SHIPPED.iterdir() if one.name.endswith(".toml"))


def read_script(name: str) -> Script:
    """The script in a file, or the shipped one of this name. Raises Misconfigured, naming file, rule and key."""
    if "/" in name or name.endswith(".toml"):
        try:
            return parse(Path(name).read_text(encoding="utf-8"), where=name)
        except OSError as error:
            raise Misconfigured(f"cannot read the script {name}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Misconfigured(f"{name} is not UTF-8") from None
    if name not in shipped():
        raise Misconfigured(
            f"there is no script {name!r}; a file ends in .toml, shipped are: {', '.join(shipped())}"
        )
    return parse((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), where=name)


def parse(text: str, *, where: str = "script") -> Script:
    """A script from its text. Raises Misconfigured."""
    try:
        return msgspec.convert(tomllib.loads(text), Script)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{where} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise Misconfigured(f"{where}: {error}") from None
