"""What an account may have otherwise than usual in a vendor's API: named, read and checked before it is stored."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import click

from tidings.dialects.infobip.settings import preferences
from tidings.domain.errors import Misconfigured
from tidings.domain.order import Account

_SAID = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Switch(NamedTuple):
    """One of them: how its value is read, and what it is for."""

    read: Callable[[str], object]
    means: str


def _switch(text: str) -> object:
    """What the dialects take for a bool; anything else they would refuse or ignore."""
    return _SAID.get(text.lower(), text)


SWITCHES: dict[str, Switch] = {
    "infobip.ok_word": Switch(str, "what error.groupName says of a success: Ok (usual) or OK"),
    "infobip.utc_offset": Switch(str, "the zone of its dates, as +0100; usual: +0000"),
    "infobip.carrier_receipt_as_unknown": Switch(
        _switch, "true: never say DELIVERED_TO_OPERATOR, which reads as a success"
    ),
    "bsg_one.strict_seed_vocabulary": Switch(
        _switch, "true: fold not_service_user and not_viber_user into undelivered"
    ),
    "bsg_one.amont": Switch(_switch, "false: do not repeat `amount` as the array `amont`"),
}

HELP = "\b\n" + "\n".join(["Switches:", *(f"  {name}: {one.means}" for name, one in SWITCHES.items())])


class Change(NamedTuple):
    """One switch and what it becomes; None = as usual."""

    name: str
    value: object | None


def read_change(_: click.Context, __: click.Parameter, given: Sequence[str]) -> list[Change]:
    """The callback of an argument of KEY=VALUE words; `KEY=` is what is usual."""
    return [_read(word) for word in given]


def _read(word: str) -> Change:
    name, equals, text = word.partition("=")
    if name not in SWITCHES or not equals:
        raise click.BadParameter(f"{word!r} is none of KEY=VALUE, where KEY is {', '.join(SWITCHES)}")
    return Change(name, SWITCHES[name].read(text) if text else None)


def changed(settings: Mapping[str, object], changes: Sequence[Change]) -> dict[str, object]:
    """The account's settings after the changes. Raises Misconfigured, naming the switch with a senseless value."""
    after = {**settings, **{one.name: one.value for one in changes}}
    after = {name: value for name, value in after.items() if value is not None}
    for name, switch in SWITCHES.items():
        if switch.read is _switch and not isinstance(after.get(name, True), bool):
            raise Misconfigured(f"{name} must be true or false")
    if after.get("infobip.ok_word", "OK") not in {"Ok", "OK"}:
        raise Misconfigured("infobip.ok_word must be Ok or OK: clients hold the words as closed")
    preferences(Account(0, "", "", settings=after))
    return after


def plain_word(value: object) -> str:
    """A switch's value as it is written on the command line."""
    return "as usual" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
