"""`sms/create` as nearly everybody asks for it: the same orders as `create.parse` makes, in a fraction of the time.

What is not as usual, or wrong, is None here, and left to `create.parse`. What messages agree in comes from there, too:
it is asked once for a request, or once for all single messages that agree.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from tidings.dialects.bsg_v1.create import REFERENCE, Parsed, text_fits
from tidings.dialects.bsg_v1.payload import Payload
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.words import Problem
from tidings.domain.order import Order, Pattern, PlainOrder, Remembered

PATTERNS_KNOWN = 1_000
"""So many ways in which single messages agree are remembered; then they are found anew."""

Parse = Callable[[Payload], Parsed]
"""`create.parse` for a caller at a moment. Raises Problem."""


class _One(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A single message, with the members that are usual, in the types that are."""

    destination: Literal["phone"]
    msisdn: str
    originator: str
    body: str
    reference: str | UnsetType = UNSET
    callback_url: str | UnsetType = UNSET
    validity: int | str | UnsetType = UNSET
    tariff: int | str | UnsetType = UNSET


_decode = msgspec.json.Decoder(_One).decode


class Patterns:
    """The patterns of single messages, by who asked, and in which words."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[tuple[object, ...], Pattern] = {}

    def one(self, octets: bytes, remembered: Remembered, parse: Parse) -> Parsed | None:
        """The order of a single message."""
        try:
            wire = _decode(octets)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        caller, as_of = remembered
        asked = (caller.credential_id, as_of, wire.originator, wire.callback_url, wire.validity, wire.tariff)
        pattern = self._known.get(asked) or self._found(asked, wire, parse)
        body, reference = wire.body, wire.reference
        if pattern is None or not text_fits(body, pattern.draft.ucs2, self._settings):
            return None
        if reference is UNSET:
            return Parsed(PlainOrder(pattern, body, [wire.msisdn.strip()], [None]), True, [""])
        if not REFERENCE.fullmatch(reference):
            return None
        return Parsed(PlainOrder(pattern, body, [wire.msisdn.strip()], [reference]), True, [reference])

    def _found(self, asked: tuple[object, ...], wire: _One, parse: Parse) -> Pattern | None:
        members = msgspec.structs.asdict(wire)
        pattern = _pattern(parse, {name: value for name, value in members.items() if value is not UNSET})
        if pattern is not None:
            if len(self._known) >= PATTERNS_KNOWN:
                self._known.clear()
            self._known[asked] = pattern
        return pattern


def many(payload: Payload, parse: Parse, settings: Settings) -> Parsed | None:
    """The order of a message to many."""
    rows, body = payload.get("phones"), payload.get("body")
    if payload.get("destination") != "phones" or not isinstance(rows, list) or not isinstance(body, str):
        return None
    if not 1 < len(rows) <= settings.max_rows:
        return None
    pattern = _pattern(parse, {**payload, "phones": rows[:1]})
    found = _columns(rows)
    if pattern is None or found is None:
        return None
    recipients, references = found
    return Parsed(PlainOrder(pattern, body, recipients, references), False, [one or "" for one in references])


def _columns(rows: list[Any]) -> tuple[list[str], list[str | None]] | None:
    """Numbers and references, where all recipients have references that may be, or none has any."""
    try:
        recipients = [row["msisdn"].strip() for row in rows]
        if not any("reference" in row for row in rows):
            return recipients, [None] * len(rows)
        references = [row["reference"] for row in rows]
        return (recipients, references) if all(map(REFERENCE.fullmatch, references)) else None
    except (TypeError, KeyError, AttributeError):
        return None


def _pattern(parse: Parse, payload: Payload) -> Pattern | None:
    """What a request asks for, whoever is the recipient; None if something is wrong."""
    try:
        order = parse(payload).order
    except Problem:
        return None
    if not isinstance(order, Order) or order.drafts[0].fault is not None:
        return None
    draft = replace(order.drafts[0], recipient="", reference=None, text="")
    return Pattern(replace(order, drafts=[]), draft)
