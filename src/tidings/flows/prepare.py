"""What can be known of an order without the database: numbers, parts, and faults that need no account."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tidings.domain import number
from tidings.domain.errors import Fault, Refusal
from tidings.domain.order import Draft, OnFault, Order, PlainOrder
from tidings.domain.text import Weight, weigh
from tidings.flows.ledger import own_keys
from tidings.flows.records import OwnKey

RANK = {fault: rank for rank, fault in enumerate(Fault)}
"""Of several faults the one with the lowest rank is shown."""

CHUNK = 500
"""Recipients that are looked at before others have their turn: one large order must not stop the small ones."""


@dataclass(slots=True)
class Candidate:
    """A draft with what can be known of it without the database."""

    draft: Draft
    recipient: str
    weight: Weight
    fault: Fault | None


@dataclass(slots=True)
class Prepared:
    """An order ready for the transaction."""

    order: Order
    rows: list[Candidate]
    as_of: int | None  # the version of the catalog that its caller was remembered at
    first_id: int = 0  # once it has ids
    size: int = field(init=False)  # so many recipients

    def __post_init__(self) -> None:
        self.size = len(self.rows)

    @property
    def account_id(self) -> int:
        """Whose it is."""
        return self.order.caller.account.id

    def in_full(self) -> "Prepared":
        """Itself."""
        return self


@dataclass(slots=True)
class PreparedPlain:
    """A plain order ready for the transaction: nothing is wrong with it as far as can be seen without the database."""

    order: PlainOrder
    recipients: list[str]  # digits
    weight: Weight
    as_of: int | None
    size: int  # so many recipients
    first_id: int = 0

    @property
    def account_id(self) -> int:
        """Whose it is."""
        return self.order.pattern.order.caller.account.id

    def in_full(self) -> Prepared:
        """The same, recipient by recipient."""
        order = self.order.in_full()
        rows = [
            Candidate(draft, recipient, self.weight, None)
            for draft, recipient in zip(order.drafts, self.recipients, strict=True)
        ]
        return Prepared(order, rows, self.as_of, self.first_id)


def prepare(order: Order | PlainOrder, *, as_of: int | None) -> Prepared | PreparedPlain:
    """An order, ready but for its ids. Raises Refusal (REFUSE_ALL only)."""
    if isinstance(order, PlainOrder):
        plain = _plain(order, as_of)
        if plain is not None:
            return plain
        order = order.in_full()
    return _looked_over(
        Prepared(order, [_candidate(draft, order.max_parts) for draft in order.drafts], as_of)
    )


async def prepare_large(order: Order | PlainOrder, *, as_of: int | None) -> Prepared | PreparedPlain:
    """The same, while others have their turn."""
    if isinstance(order, PlainOrder):
        plain = _plain(order, as_of)
        if plain is not None:
            return plain
        order = order.in_full()
    rows: list[Candidate] = []
    for start in range(0, len(order.drafts), CHUNK):
        await asyncio.sleep(0)
        rows += [_candidate(draft, order.max_parts) for draft in order.drafts[start : start + CHUNK]]
    return _looked_over(Prepared(order, rows, as_of))


def wanted_keys(batch: Sequence[Prepared]) -> list[OwnKey]:
    """Every key the batch may claim; a messageId may become a reference too."""
    wanted: list[OwnKey] = []
    for one in batch:
        drafts = [row.draft for row in one.rows]
        own = own_keys(one.order, drafts)
        wanted += own
        wanted += [(account_id, "reference", key) for account_id, kind, key in own if kind == "message"]
    return wanted


def _plain(order: PlainOrder, as_of: int | None) -> PreparedPlain | None:
    """A plain order, ready; None if something is wrong with it after all."""
    (whole, draft), text = order.pattern, order.text
    weight = weigh(text, ucs2=draft.ucs2)
    if weight.parts > whole.max_parts or "\x00" in text or "\x00" in draft.sender:
        return None
    try:
        recipients = number.all_digits_of(order.recipients)
    except number.NumberFault:
        return None
    size = len(recipients)
    if size > 1 and whole.unique_recipients and len(set(recipients)) < size:
        return None
    return PreparedPlain(order, recipients, weight, as_of, size)


def _looked_over(prepared: Prepared) -> Prepared:
    """See what is wrong with recipients beside others."""
    order, rows = prepared.order, prepared.rows
    if order.unique_recipients and len(rows) > 1:
        _find_repeated(rows)
    if order.on_fault is OnFault.REFUSE_ALL:
        _refuse_any(rows)
    return prepared


def _candidate(draft: Draft, max_parts: int) -> Candidate:
    fault = draft.fault
    recipient = draft.recipient
    if ("\x00" in draft.text or "\x00" in draft.sender) and (
        fault is None or RANK[Fault.TEXT_INVALID] < RANK[fault]
    ):
        fault = Fault.TEXT_INVALID  # no carrier takes it and no database stores it
    try:
        recipient = number.digits_of(recipient)
    except number.NumberFault as bad:
        if fault is None or RANK[bad.fault] < RANK[fault]:
            fault = bad.fault
    weight = _weight(draft.text, draft.ucs2)
    if weight.parts > max_parts and (fault is None or RANK[Fault.TEXT_TOO_LONG] < RANK[fault]):
        fault = Fault.TEXT_TOO_LONG
    return Candidate(draft, recipient, weight, fault)


@lru_cache(maxsize=256)
def _weight(text: str, ucs2: bool) -> Weight:
    return weigh(text, ucs2=ucs2)


def _find_repeated(rows: Sequence[Candidate]) -> None:
    """Mark the second and later row of a number."""
    seen: set[str] = set()
    for row in rows:
        if row.recipient in seen and (row.fault is None or RANK[Fault.RECIPIENT_REPEATED] < RANK[row.fault]):
            row.fault = Fault.RECIPIENT_REPEATED
        seen.add(row.recipient)


def _refuse_any(rows: Sequence[Candidate]) -> None:
    for index, row in enumerate(rows):
        if row.fault is not None:
            raise Refusal(row.fault, row=index)
