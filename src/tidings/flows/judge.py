"""What becomes of each recipient of an order, under the accounts' locks: a message, a recorded refusal, or a fault."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from tidings.domain import evidence, ids, web_address
from tidings.domain.errors import REASON, Fault, Outdated, Refusal
from tidings.domain.evidence import Evidence
from tidings.domain.money import Units
from tidings.domain.order import (
    NO_EXTRAS,
    USUAL_SOURCE,
    Account,
    Draft,
    Extras,
    OnFault,
    Order,
    Receipted,
    Taken,
)
from tidings.domain.routing import Offer
from tidings.domain.status import Stage, State
from tidings.domain.text import Alphabet, Segments
from tidings.flows.records import (
    Catalog,
    Common,
    Funds,
    Kind,
    Manner,
    MoneyMove,
    NewMessages,
    NewOrders,
    NewTask,
)

RANK = {fault: rank for rank, fault in enumerate(Fault)}
"""Of several faults the one with the lowest rank is shown."""

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")
_encode_extras = msgspec.json.Encoder().encode
_UCS2: Final = Alphabet.UCS2
NOTHING = _encode_extras(NO_EXTRAS)

NOWHERE = Offer(per_part=0, connector_id=0, route_id=0, terms="")
"""Where a message goes that is kept as refused."""

KeyTaken = tuple[int, str, str]
"""(account id, kind, key)."""


@dataclass(slots=True)
class Candidate:
    """A draft with what can be known of it without the database."""

    draft: Draft
    recipient: str
    segments: Segments
    fault: Fault | None


@dataclass(slots=True)
class Prepared:
    """An order ready for the transaction."""

    order: Order
    first_id: int
    rows: list[Candidate]
    as_of: int | None = None  # the version of the catalog that its caller was remembered at


@dataclass(slots=True)
class Ledger:
    """What a transaction has promised so far, by account."""

    funds: dict[int, Funds]
    taken: set[KeyTaken]
    moves: dict[int, MoneyMove] = field(default_factory=dict)
    short: bool = False  # somebody had not enough

    def hold(self, account_id: int, price: Units) -> bool:
        """Hold money if there is enough."""
        funds = self.funds[account_id]
        if not price:
            return True
        if price > funds.available:
            self.short = True
            return False
        move = self.moves.get(account_id)
        if move is None:
            move = self.moves[account_id] = MoneyMove()
        funds.balance -= price
        move.hold += price
        move.held_messages += 1
        return True

    def claim(self, account_id: int, draft: Draft) -> None:
        """The customer's own keys are this message's from now on."""
        if draft.reference is not None:
            self.taken.add((account_id, "reference", draft.reference))
        if draft.message_key is not None:
            self.taken.add((account_id, "message", draft.message_key))

    def copy_of(self, account_id: int) -> tuple[int, Units, MoneyMove]:
        """How an account stands now, for `undo`."""
        promised = self.moves.get(account_id)
        move = msgspec.structs.replace(promised) if promised else MoneyMove()
        return account_id, self.funds[account_id].balance, move

    def undo(self, copy: tuple[int, Units, MoneyMove], keys: Sequence[KeyTaken]) -> None:
        """Take back what was promised since the copy was made, these keys among it."""
        account_id, balance, move = copy
        self.funds[account_id].balance = balance
        self.moves[account_id] = move
        self.taken.difference_update(keys)


class Judge:
    """Turns prepared orders into rows and answers. One a transaction."""

    def __init__(self, ledger: Ledger, catalog: Catalog, *, secret: bytes, now: datetime) -> None:
        self.ledger = ledger
        self.new = NewOrders(now, holds=ledger.moves)
        self.refused = False  # of somebody's order, or of a message that is kept, nothing is sent
        self._catalog = catalog
        self._secret = secret
        self._now = now
        self._openings: dict[tuple[object, ...], Evidence] = {}
        self._alone: dict[tuple[object, ...], _Writing] = {}  # by what tells orders of one message apart

    def write(self, prepared: Prepared, *, as_of: int) -> Receipted | Exception:
        """Append the order's rows to `new`; its answer, or the Refusal or Outdated that left nothing of it.

        `as_of` is the version of the catalog by now.
        """
        try:
            if prepared.as_of not in (None, as_of):
                raise Outdated
            return self._write(prepared)
        except (Outdated, Refusal) as refusal:
            self.refused = True
            return refusal

    def _write(self, prepared: Prepared) -> Receipted:
        order, task_id = prepared.order, prepared.first_id
        account = order.caller.account
        if self.ledger.funds[account.id].closed:
            raise Refusal(Fault.NO_CREDIT, detail="the account is closed")
        judged = self._judge_all(prepared)
        writing = self._writing(order, task_id, [one for one in judged if isinstance(one, _Judged)])
        rows: list[Taken | Fault] = []
        next_id = task_id
        for one in judged:
            if isinstance(one, Fault):
                rows.append(one)
                continue
            next_id += 1
            rows.append(self._message(one, writing, next_id))
        bulk_key = order.bulk_key or (ids.seal(self._secret, task_id) if order.shows_keys else "")
        return Receipted(task_id, bulk_key, self._now, account.currency, rows)

    def _judge_all(self, prepared: Prepared) -> "list[_Judged | Fault]":
        """All recipients. Where one fault refuses everybody, what was promised is undone, and Refusal raised."""
        order = prepared.order
        if order.on_fault is not OnFault.REFUSE_ALL:
            return [self._judge(row, order) for row in prepared.rows]
        before = self.ledger.copy_of(order.caller.account.id)
        judged: list[_Judged | Fault] = []
        for index, row in enumerate(prepared.rows):
            one = self._judge(row, order)
            if isinstance(one, Fault):
                taken = [one.row.draft for one in judged if isinstance(one, _Judged)]
                self.ledger.undo(before, own_keys(order, taken))
                raise Refusal(one, row=index)
            judged.append(one)
        return judged

    def _judge(self, row: Candidate, order: Order) -> "_Judged | Fault":
        """What becomes of one recipient: a message, a recorded refusal, or a fault."""
        account, draft, fault = order.caller.account, row.draft, row.fault
        key_fault = self._key_fault(draft, account.id)
        tariff_fault = self._tariff_fault(draft, account.id)
        sender_fault = _sender_fault(draft, account)
        if key_fault or tariff_fault or sender_fault:
            found = (fault, key_fault, tariff_fault, sender_fault)
            fault = min(filter(None, found), key=RANK.__getitem__)
        if fault is None:
            offers, test = self._catalog.offers[account.id], order.caller.test
            offer = offers.offer(row.recipient, tariff=draft.tariff or 0, test=test)
            if isinstance(offer, Fault):
                fault = offer
            else:
                price = offer.per_part * len(row.segments.parts)
                billed = 0 if test else price
                if self.ledger.hold(account.id, billed):
                    self.ledger.claim(account.id, draft)
                    return _Judged(row, None, price, billed, offer)
                fault = Fault.NO_CREDIT
        if order.on_fault is not OnFault.RECORD:
            return fault
        self.refused = True
        return _Judged(row, fault, 0, 0, NOWHERE)

    def _key_fault(self, draft: Draft, account_id: int) -> Fault | None:
        reference, message_key = draft.reference, draft.message_key
        if reference is not None and self._is_taken((account_id, "reference", reference)):
            return Fault.REFERENCE_TAKEN
        if message_key is not None and self._is_taken((account_id, "message", message_key)):
            return Fault.REFERENCE_TAKEN
        return None

    def _is_taken(self, key: KeyTaken) -> bool:
        return key in self.ledger.taken or ids.unseal(self._secret, key[2]) is not None

    def _tariff_fault(self, draft: Draft, account_id: int) -> Fault | None:
        active = self._catalog.tariffs.get(account_id, {}).get(draft.tariff or 0)
        if active is None:
            return Fault.TARIFF_UNKNOWN
        return None if active else Fault.TARIFF_INACTIVE

    def _writing(self, order: Order, task_id: int, judged: "Sequence[_Judged]") -> "_Writing":
        """What its messages agree in; with a task's row where it is more than its only message.

        Orders of one message that agree in all that matters share it, as one object.
        """
        account_id, test, total = order.caller.account.id, order.caller.test, len(judged)
        if not total or (total == 1 and self._says_all(order, judged[0].row.draft)):
            alike = (id(order.caller), id(order.dialect), order.validity_s, order.scheduled_for,
                     id(order.traffic_class), order.calls_back, order.shows_keys)  # fmt: skip
            writing = self._alone.get(alike)
            if writing is None:
                common = Common(account_id, None, False, order.dialect, test)
                writing = self._alone[alike] = _Writing(order, common)
            return writing
        self.new.tasks.append(
            NewTask(
                account_id=account_id,
                id=task_id,
                total=total,
                source=order.source,
                bulk_key=order.bulk_key,
                name=order.name,
                validity_s=order.validity_s,
                scheduled_for=order.scheduled_for,
            )
        )
        return _Writing(order, Common(account_id, task_id, total > 1, order.dialect, test))

    def _says_all(self, order: Order, draft: Draft) -> bool:
        """Whether the only message of an order says all that there is to say of the order."""
        if order.bulk_key is not None or order.name is not None or order.source != USUAL_SOURCE:
            return False
        start = _later(draft.scheduled_for or order.scheduled_for, self._now)
        return start == order.scheduled_for and (draft.validity_s or order.validity_s) == order.validity_s

    def _message(self, one: "_Judged", writing: "_Writing", message_id: int) -> Taken:
        """Put a message beside those of its kind."""
        row, draft, fault = one.row, one.row.draft, one.fault
        common = writing.common
        reference, own_reference = self._reference(draft, common.account_id, kept=fault is None)
        message_key = draft.message_key
        own_message_key = message_key is not None and fault is None
        if not writing.manner_is_of(draft):
            writing.manner, writing.alike = self._manner(draft, writing.order), {}
            writing.extras = None if draft.extras is NO_EXTRAS else _extras(draft.extras)
        segments = row.segments
        parts = len(segments.parts)
        short = (id(one.offer), parts, segments.alphabet is _UCS2, own_reference, own_message_key, fault)
        alike = writing.alike.get(short)
        if alike is None:
            alike = writing.alike[short] = self._beside(one, writing, (own_reference, own_message_key))
        alike.ids.append(message_id)
        alike.references.append(reference)
        alike.message_keys.append(message_key)
        alike.recipients.append(row.recipient)
        alike.texts.append(draft.text)
        alike.extras.append(writing.extras)
        shown = message_key is not None or not writing.order.shows_keys
        made = "" if shown and reference else ids.seal(self._secret, message_id)
        return Taken(
            message_id,
            reference or made,
            message_key or (made if writing.order.shows_keys else ""),
            row.recipient,
            parts,
            one.price,
            alike.accepted.claim or State.QUEUED,
            fault,
        )

    def _beside(self, one: "_Judged", writing: "_Writing", own: tuple[bool, bool]) -> NewMessages:
        """Those of a message's kind; `own` says whether reference and messageId are the customer's."""
        segments = one.row.segments
        kind = Kind(
            writing.common,
            writing.manner,
            segments.alphabet,
            len(segments.parts),
            one.price,
            one.billed,
            *own,
            one.offer,
            one.fault,
        )
        alike = self.new.messages.get(kind)
        if alike is None:
            alike = self.new.messages[kind] = NewMessages(self._opening(kind))
        return alike

    def _manner(self, draft: Draft, order: Order) -> Manner:
        account = order.caller.account
        return Manner(
            draft.sender,
            draft.flash,
            order.traffic_class or account.class_of(draft.sender),
            draft.validity_s or order.validity_s,
            _later(draft.scheduled_for or order.scheduled_for, self._now),
            _callback_lane(draft, order) if order.calls_back else None,
            account.callback_each,
        )

    def _reference(self, draft: Draft, account_id: int, *, kept: bool) -> tuple[str | None, bool]:
        """The message's reference, and whether it must be kept unique; None: it is made of the id."""
        if draft.reference is not None:
            return draft.reference, kept
        key = draft.message_key
        if key is None or not kept or not _REFERENCE.match(key):
            return None, False
        wanted = (account_id, "reference", key)
        if wanted in self.ledger.taken:
            return None, False
        self.ledger.taken.add(wanted)
        return key, True

    def _opening(self, kind: Kind) -> Evidence:
        """The first evidence of a message's life; one object for all messages that begin alike."""
        scheduled = kind.manner.scheduled_for is not None
        alike = (kind.fault, scheduled, kind.parts, kind.offer.connector_id, kind.offer.route_id)
        opening = self._openings.get(alike)
        if opening is None:
            opening = self._openings[alike] = _accepted(kind, self._now)
        return opening


class _Judged(NamedTuple):
    """A recipient that becomes a message: to be sent, or, with a fault, kept as refused."""

    row: Candidate
    fault: Fault | None
    price: Units
    billed: Units
    offer: Offer


class _Writing:
    """An order, or several alike, while their messages are put down: most are as the one before."""

    __slots__ = ("_draft", "alike", "common", "extras", "manner", "order")

    def __init__(self, order: Order, common: Common) -> None:
        self.order, self.common = order, common
        self.manner: Manner
        self.extras: str | None = None  # JSON
        self.alike: dict[tuple[object, ...], NewMessages] = {}  # of that manner, by what tells kinds apart
        self._draft: Draft | None = None

    def manner_is_of(self, draft: Draft) -> bool:
        """Whether this one is sent as the last one was."""
        last, self._draft = self._draft, draft
        return (
            last is not None
            and draft.sender == last.sender
            and draft.extras is last.extras
            and draft.flash is last.flash
            and draft.validity_s == last.validity_s
            and draft.scheduled_for == last.scheduled_for
        )


def _sender_fault(draft: Draft, account: Account) -> Fault | None:
    return Fault.SENDER_NOT_ALLOWED if account.senders and draft.sender not in account.senders else None


def own_keys(order: Order, drafts: Sequence[Draft]) -> list[KeyTaken]:
    """The keys that the customer chose for these messages."""
    account_id = order.caller.account.id
    references = [(account_id, "reference", one.reference) for one in drafts if one.reference is not None]
    return references + [
        (account_id, "message", one.message_key) for one in drafts if one.message_key is not None
    ]


def wanted_keys(batch: Sequence[Prepared]) -> list[KeyTaken]:
    """Every key the batch may claim; a messageId may become a reference too."""
    wanted: list[KeyTaken] = []
    for one in batch:
        drafts = [row.draft for row in one.rows]
        own = own_keys(one.order, drafts)
        wanted += own
        wanted += [(account_id, "reference", key) for account_id, kind, key in own if kind == "message"]
    return wanted


def _accepted(kind: Kind, now: datetime) -> Evidence:
    fault = kind.fault
    if fault is None:
        claim = State.QUEUED if kind.manner.scheduled_for is None else State.SCHEDULED
        reason = stage = None
    else:
        claim, reason = State.REJECTED, REASON[fault]
        stage = reason.facts.stage if reason.facts.stage is Stage.INTAKE else Stage.DISPATCH
    return Evidence(
        evidence.Kind.ACCEPTED,
        now,
        claim,
        reason=reason,
        stage=stage,
        parts=kind.parts,
        connector=kind.offer.connector_id,
        route=kind.offer.route_id,
        terms=kind.offer.terms or None,
        word=str(fault) if fault else None,
        report=1 if fault else 0,
    )


def _extras(extras: Extras) -> str | None:
    """As JSON; the recipients of a request share theirs."""
    told = _encode_extras(extras)
    return None if told == NOTHING else told.decode()


def _later(when: datetime | None, now: datetime) -> datetime | None:
    """A start that is still to come; what is past starts now."""
    return when if when is not None and when > now else None


def _callback_lane(draft: Draft, order: Order) -> int | None:
    """Where the message's callbacks queue; None if nobody is to be told of its status."""
    url = draft.extras.callback_url or order.caller.account.callback_url
    address = web_address.parse(url) if url else None
    return address.lane if address else None
