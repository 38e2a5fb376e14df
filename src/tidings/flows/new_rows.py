"""The rows of a transaction's new orders: messages put down beside those of their kind."""

from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from tidings.domain import evidence, web_address
from tidings.domain.errors import REASON, Fault
from tidings.domain.evidence import Evidence
from tidings.domain.money import Units
from tidings.domain.order import NO_EXTRAS, USUAL_SOURCE, Draft, Extras, Order
from tidings.domain.routing import Offer
from tidings.domain.status import Stage, State
from tidings.domain.text import Alphabet, Weight
from tidings.flows.records import Common, Kind, Manner, MoneyMove, NewMessages, NewOrders, NewTask

_encode_extras = msgspec.json.Encoder().encode
_UCS2: Final = Alphabet.UCS2
NOTHING = _encode_extras(NO_EXTRAS)


class Terms(NamedTuple):
    """For what a message is taken, and where it goes first; or why it is kept as refused."""

    price: Units
    billed: Units
    offer: Offer
    fault: Fault | None = None


class Writing:
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


class NewRows:
    """What a transaction writes, while it grows."""

    def __init__(self, now: datetime, holds: dict[int, MoneyMove]) -> None:
        self.new = NewOrders(now, holds=holds)
        self._now = now
        self._openings: dict[tuple[object, ...], Evidence] = {}
        self._alone: dict[tuple[object, ...], Writing] = {}  # by what tells orders of one message apart

    def writing(self, order: Order, task_id: int, *, total: int, first: Draft | None) -> Writing:
        """What an order's messages agree in; with a task's row where it is more than its only message.

        Orders of one message that agree in all that matters share it, as one object. `first` is the first that is taken
        of `total`.
        """
        account_id, test = order.caller.account.id, order.caller.test
        if first is None or (total == 1 and self.says_all(order, first)):
            alike = (id(order.caller), id(order.dialect), order.validity_s, order.scheduled_for,
                     id(order.traffic_class), order.calls_back, order.shows_keys)  # fmt: skip
            writing = self._alone.get(alike)
            if writing is None:
                common = Common(account_id, None, False, order.dialect, test)
                writing = self._alone[alike] = Writing(order, common)
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
        return Writing(order, Common(account_id, task_id, total > 1, order.dialect, test))

    def beside(
        self, draft: Draft, writing: Writing, *, weight: Weight, terms: Terms, own: tuple[bool, bool]
    ) -> NewMessages:
        """Those of a message's kind; `own` says whether reference and messageId are the customer's."""
        if not writing.manner_is_of(draft):
            writing.manner, writing.alike = self._manner(draft, writing.order), {}
            writing.extras = None if draft.extras is NO_EXTRAS else _extras(draft.extras)
        short = (id(terms.offer), weight.parts, weight.alphabet is _UCS2, own, terms.fault)
        alike = writing.alike.get(short)
        if alike is None:
            kind = Kind(
                writing.common,
                writing.manner,
                weight.alphabet,
                weight.parts,
                terms.price,
                terms.billed,
                *own,
                terms.offer,
                terms.fault,
            )
            alike = writing.alike[short] = self._of_kind(kind)
        return alike

    def says_all(self, order: Order, draft: Draft) -> bool:
        """Whether the only message of an order says all that there is to say of the order."""
        if order.bulk_key is not None or order.name is not None or order.source != USUAL_SOURCE:
            return False
        start = _later(draft.scheduled_for or order.scheduled_for, self._now)
        return start == order.scheduled_for and (draft.validity_s or order.validity_s) == order.validity_s

    def _of_kind(self, kind: Kind) -> NewMessages:
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

    def _opening(self, kind: Kind) -> Evidence:
        """The first evidence of a message's life; one object for all messages that begin alike."""
        scheduled = kind.manner.scheduled_for is not None
        alike = (kind.fault, scheduled, kind.parts, kind.offer.connector_id, kind.offer.route_id)
        opening = self._openings.get(alike)
        if opening is None:
            opening = self._openings[alike] = _accepted(kind, self._now)
        return opening


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
