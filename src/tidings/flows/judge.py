"""What becomes of each recipient of an order, under the accounts' locks: a message, a recorded refusal, or a fault."""

import re
from datetime import datetime
from typing import NamedTuple

from tidings.domain import ids
from tidings.domain.errors import Fault, Outdated, Refusal
from tidings.domain.order import Account, Draft, OnFault, Order, Receipted, Taken
from tidings.domain.routing import Offer
from tidings.domain.status import State
from tidings.flows.ledger import Ledger, own_keys
from tidings.flows.new_rows import NewRows, Terms, Writing
from tidings.flows.prepare import RANK, Candidate, Prepared
from tidings.flows.records import Catalog, OwnKey

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")

NOWHERE = Offer(per_part=0, connector_id=0, route_id=0, terms="")
"""Where a message goes that is kept as refused."""


class Judge:
    """Turns prepared orders into rows and answers. One a transaction."""

    def __init__(self, ledger: Ledger, catalog: Catalog, *, as_of: int, secret: bytes, now: datetime) -> None:
        """`as_of` is the version of the catalog by now."""
        self.ledger = ledger
        self.as_of = as_of
        self.rows = NewRows(now, holds=ledger.moves)
        self.refused = False  # of somebody's order, or of a message that is kept, nothing is sent
        self.catalog = catalog
        self.secret = secret
        self.now = now

    def write(self, prepared: Prepared) -> Receipted | Exception:
        """Append the order's rows; its answer, or the Refusal or Outdated that left nothing of it."""
        try:
            if prepared.as_of not in (None, self.as_of):
                raise Outdated
            return self._write(prepared)
        except (Outdated, Refusal) as refusal:
            self.refused = True
            return refusal

    def tariff_fault(self, draft: Draft, account_id: int) -> Fault | None:
        """What is wrong with its tariff."""
        active = self.catalog.tariffs.get(account_id, {}).get(draft.tariff or 0)
        if active is None:
            return Fault.TARIFF_UNKNOWN
        return None if active else Fault.TARIFF_INACTIVE

    def _write(self, prepared: Prepared) -> Receipted:
        order, task_id = prepared.order, prepared.first_id
        account = order.caller.account
        if self.ledger.funds[account.id].closed:
            raise Refusal(Fault.NO_CREDIT, detail="the account is closed")
        judged = self._judge_all(prepared)
        kept = [one for one in judged if isinstance(one, _Judged)]
        first = kept[0].row.draft if kept else None
        writing = self.rows.writing(order, task_id, total=len(kept), first=first)
        rows: list[Taken | Fault] = []
        next_id = task_id
        for one in judged:
            if isinstance(one, Fault):
                rows.append(one)
                continue
            next_id += 1
            rows.append(self._message(one, writing, next_id))
        bulk_key = order.bulk_key or (ids.seal(self.secret, task_id) if order.shows_keys else "")
        return Receipted(task_id, bulk_key, self.now, account.currency, rows)

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
        tariff_fault = self.tariff_fault(draft, account.id)
        of_sender = sender_fault(draft, account)
        if key_fault or tariff_fault or of_sender:
            found = (fault, key_fault, tariff_fault, of_sender)
            fault = min(filter(None, found), key=RANK.__getitem__)
        if fault is None:
            offers, test = self.catalog.offers[account.id], order.caller.test
            offer = offers.offer(row.recipient, tariff=draft.tariff or 0, test=test)
            if isinstance(offer, Fault):
                fault = offer
            else:
                price = offer.per_part * row.weight.parts
                billed = 0 if test else price
                if self.ledger.hold(account.id, billed):
                    self.ledger.claim(account.id, draft)
                    return _Judged(row, Terms(price, billed, offer))
                fault = Fault.NO_CREDIT
        if order.on_fault is not OnFault.RECORD:
            return fault
        self.refused = True
        return _Judged(row, Terms(0, 0, NOWHERE, fault))

    def _key_fault(self, draft: Draft, account_id: int) -> Fault | None:
        reference, message_key = draft.reference, draft.message_key
        if reference is not None and self._is_taken((account_id, "reference", reference)):
            return Fault.REFERENCE_TAKEN
        if message_key is not None and self._is_taken((account_id, "message", message_key)):
            return Fault.REFERENCE_TAKEN
        return None

    def _is_taken(self, key: OwnKey) -> bool:
        return key in self.ledger.taken or ids.unseal(self.secret, key[2]) is not None

    def _message(self, one: "_Judged", writing: Writing, message_id: int) -> Taken:
        """Put a message beside those of its kind."""
        row, draft, terms = one.row, one.row.draft, one.terms
        kept = terms.fault is None
        reference, own_reference = self._reference(draft, writing.common.account_id, kept=kept)
        message_key = draft.message_key
        own = (own_reference, message_key is not None and kept)
        alike = self.rows.beside(draft, writing, weight=row.weight, terms=terms, own=own)
        alike.ids.append(message_id)
        alike.references.append(reference)
        alike.message_keys.append(message_key)
        alike.recipients.append(row.recipient)
        alike.texts.append(draft.text)
        alike.extras.append(writing.extras)
        shown = message_key is not None or not writing.order.shows_keys
        made = "" if shown and reference else ids.seal(self.secret, message_id)
        return Taken(
            message_id,
            reference or made,
            message_key or (made if writing.order.shows_keys else ""),
            row.recipient,
            row.weight.parts,
            terms.price,
            alike.accepted.claim or State.QUEUED,
            terms.fault,
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


class _Judged(NamedTuple):
    """A recipient that becomes a message: to be sent, or, with a fault, kept as refused."""

    row: Candidate
    terms: Terms


def sender_fault(draft: Draft, account: Account) -> Fault | None:
    """What is wrong with its sender."""
    return Fault.SENDER_NOT_ALLOWED if account.senders and draft.sender not in account.senders else None
