"""Take an order: judge each recipient, hold the money, and write it all in one commit before anybody is answered.

Many orders share a transaction. The accounts are locked first and stay locked to the end, so that references,
balances and ids need no second look: within an account, accepting is a line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Protocol

import msgspec

from tidings.domain import ids, number
from tidings.domain.errors import REASON, Fault, Refusal
from tidings.domain.lifecycle import Evidence, Kind
from tidings.domain.money import Units
from tidings.domain.order import LANE, NO_EXTRAS, Draft, OnFault, Order, Receipted, Taken
from tidings.domain.status import Stage, State
from tidings.domain.text import Alphabet, Segments, segment
from tidings.flows.batcher import Batcher
from tidings.flows.catalog import CatalogCache
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.records import Catalog, Funds, MoneyMove, NewMessage, NewTask
from tidings.flows.transaction import Database

_RANK = {fault: rank for rank, fault in enumerate(Fault)}
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")
_encode_extras = msgspec.json.Encoder().encode

KeyTaken = tuple[int, str, str]
"""(account id, kind, key)."""


class Ids(Protocol):
    """Where ids come from."""

    async def reserve(self, count: int) -> int:
        """The first of `count` consecutive ids that nobody else has."""
        ...


@dataclass(slots=True)
class Candidate:
    """A draft with what can be known of it without the database."""

    draft: Draft
    recipient: str
    country: str | None
    segments: Segments
    fault: Fault | None


@dataclass(slots=True)
class Prepared:
    """An order ready for the transaction."""

    order: Order
    first_id: int
    rows: list[Candidate]


@dataclass(slots=True)
class Ledger:
    """What a transaction has promised so far, by account."""

    funds: dict[int, Funds]
    taken: set[KeyTaken]
    moves: dict[int, MoneyMove] = field(default_factory=dict)

    def hold(self, account_id: int, price: Units) -> bool:
        """Hold money if there is enough."""
        funds = self.funds[account_id]
        if price and price > funds.available:
            return False
        if price:
            funds.balance -= price
            move = self.moves.setdefault(account_id, MoneyMove())
            move.hold += price
            move.held_messages += 1
        return True


class Accept:
    """The flow. One instance a process; its batcher groups the orders of all callers."""

    def __init__(self, database: Database, *, clock: Clock, new_ids: Ids, id_secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._ids = new_ids
        self._secret = id_secret
        self._catalog = CatalogCache()
        self._batcher: Batcher[Prepared, Receipted] = Batcher(self._run, weigh=lambda one: len(one.rows))

    async def __call__(self, order: Order) -> Receipted:
        """The order's answer, after the commit. Raises Refusal (REFUSE_ALL only) or Unavailable."""
        if not order.drafts:
            raise ValueError("an order has at least one recipient")
        rows = [_candidate(draft, order.max_parts) for draft in order.drafts]
        if order.unique_recipients:
            _find_repeated(rows)
        if order.on_fault is OnFault.REFUSE_ALL:
            _refuse_any(rows)
        first_id = await self._ids.reserve(len(rows) + 1)
        return await self._batcher.put(Prepared(order, first_id, rows))

    async def close(self) -> None:
        """Finish what waits."""
        await self._batcher.close()

    async def _run(self, batch: list[Prepared]) -> list[Receipted | Exception]:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            accounts = {one.order.caller.account.id for one in batch}
            funds, version = await tx.lock_accounts(accounts)
            catalog = await self._catalog.current(tx, version)
            ledger = Ledger(funds, await tx.keys_taken(_wanted_keys(batch)))
            answers: list[Receipted | Exception] = []
            tasks: list[NewTask] = []
            messages: list[NewMessage] = []
            for one in batch:
                writer = _Writer(one, ledger, catalog, secret=self._secret, now=now)
                answers.append(writer.write(tasks, messages))
            await tx.add_orders(tasks, messages)
            await tx.move_money(ledger.moves, now)
            await pause(Point.ACCEPT_WRITTEN)
        await pause(Point.ACCEPT_COMMITTED)
        return answers


class _Writer:
    """Turns one prepared order into rows and an answer."""

    def __init__(
        self, prepared: Prepared, ledger: Ledger, catalog: Catalog, *, secret: bytes, now: datetime
    ) -> None:
        self._order = prepared.order
        self._rows = prepared.rows
        self._account = prepared.order.caller.account
        self._ledger = ledger
        self._catalog = catalog
        self._secret = secret
        self._now = now
        self._task_id = prepared.first_id

    def write(self, tasks: list[NewTask], messages: list[NewMessage]) -> Receipted | Exception:
        """Append the order's rows; its answer, or the Refusal that left nothing of it."""
        order, task_id = self._order, self._task_id
        bulk_key = order.bulk_key or ids.seal(self._secret, task_id)
        if self._ledger.funds[self._account.id].closed:
            return Refusal(Fault.NO_CREDIT, detail="the account is closed")
        judged = (
            [self._judge(row) for row in self._rows] if order.on_fault is not OnFault.REFUSE_ALL else None
        )
        if judged is None:
            try:
                judged = self._judge_all()
            except Refusal as refusal:
                return refusal
        kept = [one for one in judged if isinstance(one, _Judged)]
        rows: list[Taken | Fault] = []
        next_id = task_id
        new: list[NewMessage] = []
        for one in judged:
            if isinstance(one, Fault):
                rows.append(one)
                continue
            next_id += 1
            message = self._message(one, next_id, counted=len(kept) > 1)
            new.append(message)
            rows.append(_taken(message, one.fault))
        if new:
            tasks.append(self._task(bulk_key, len(new)))
            messages.extend(new)
        return Receipted(task_id, bulk_key, self._now, self._account.currency, rows)

    def _judge_all(self) -> "list[_Judged | Fault]":
        """All recipients or, undoing what was promised, none."""
        funds, account_id = self._ledger.funds[self._account.id], self._account.id
        balance, promised = funds.balance, self._ledger.moves.get(account_id)
        before = msgspec.structs.replace(promised) if promised else MoneyMove()
        claimed: list[KeyTaken] = []
        judged: list[_Judged | Fault] = []
        for index, row in enumerate(self._rows):
            one = self._judge(row, claimed)
            if isinstance(one, Fault):
                funds.balance = balance
                self._ledger.moves[account_id] = before
                self._ledger.taken.difference_update(claimed)
                raise Refusal(one, row=index)
            judged.append(one)
        return judged

    def _judge(self, row: Candidate, claimed: list[KeyTaken] | None = None) -> "_Judged | Fault":
        """What becomes of one recipient: a message, a recorded refusal, or a fault."""
        draft, account = row.draft, self._account
        tariff = draft.tariff or 0
        connector_id = route_id = 0
        price: Units | None = None
        fault = row.fault
        for found in (self._key_fault(draft), self._tariff_fault(tariff), self._sender_fault(draft)):
            if found is not None and (fault is None or _RANK[found] < _RANK[fault]):
                fault = found
        if fault is None:
            per_part = self._catalog.prices[account.id].price(tariff, row.recipient)
            routes = self._catalog.routes.candidates(
                row.recipient, account_id=account.id, test=self._order.caller.test
            )
            if per_part is None:
                fault = Fault.NOT_PRICED
            elif not routes:
                fault = Fault.NO_ROUTE
            else:
                price = per_part * len(row.segments.parts)
                connector_id, route_id = routes[0].connector_id, routes[0].id
                if not self._ledger.hold(account.id, 0 if self._order.caller.test else price):
                    fault = Fault.NO_CREDIT
        if fault is None:
            for key in _own_keys(account.id, draft):
                self._ledger.taken.add(key)
                if claimed is not None:
                    claimed.append(key)
        elif self._order.on_fault is not OnFault.RECORD:
            return fault
        return _Judged(row, fault, 0 if fault else price or 0, connector_id, route_id)

    def _key_fault(self, draft: Draft) -> Fault | None:
        account_id = self._account.id
        own = [("reference", draft.reference), ("message", draft.message_key)]
        for kind, key in own:
            if key is None:
                continue
            if (account_id, kind, key) in self._ledger.taken or ids.unseal(self._secret, key) is not None:
                return Fault.REFERENCE_TAKEN
        return None

    def _tariff_fault(self, tariff: int) -> Fault | None:
        active = self._catalog.tariffs.get(self._account.id, {}).get(tariff)
        if active is None:
            return Fault.TARIFF_UNKNOWN
        return None if active else Fault.TARIFF_INACTIVE

    def _sender_fault(self, draft: Draft) -> Fault | None:
        allowed = self._account.senders
        return Fault.SENDER_NOT_ALLOWED if allowed and draft.sender not in allowed else None

    def _task(self, bulk_key: str, total: int) -> NewTask:
        order = self._order
        return NewTask(
            account_id=self._account.id,
            id=self._task_id,
            total=total,
            dialect=order.dialect,
            source=order.source,
            test=order.caller.test,
            bulk_key=bulk_key,
            name=order.name,
            validity_s=order.validity_s,
            created_at=self._now,
            scheduled_for=order.scheduled_for,
        )

    def _message(self, one: "_Judged", message_id: int, *, counted: bool) -> NewMessage:
        row, draft, order = one.row, one.row.draft, self._order
        generated = ids.seal(self._secret, message_id)
        reference, own_reference = self._reference(draft, generated, kept=one.fault is None)
        scheduled_for = _later(draft.scheduled_for or order.scheduled_for, self._now)
        start = scheduled_for or self._now
        traffic_class = order.traffic_class or self._account.class_of(draft.sender)
        validity = timedelta(seconds=draft.validity_s or order.validity_s)
        return NewMessage(
            account_id=self._account.id,
            id=message_id,
            task_id=self._task_id,
            reference=reference,
            message_key=draft.message_key or generated,
            own_reference=own_reference,
            own_message_key=draft.message_key is not None and one.fault is None,
            recipient=row.recipient,
            sender=draft.sender,
            text=draft.text,
            parts=len(row.segments.parts),
            ucs2=row.segments.alphabet is Alphabet.UCS2,
            flash=draft.flash,
            traffic_class=traffic_class,
            price=one.price,
            billed=0 if order.caller.test else one.price,
            country=row.country,
            created_at=self._now,
            scheduled_for=scheduled_for,
            expires_at=start + validity,
            extras=_encode_extras(draft.extras) if draft.extras != NO_EXTRAS else None,
            connector_id=one.connector_id if one.fault is None else 0,
            lane=LANE[traffic_class],
            accepted=self._opening(one, scheduled=scheduled_for is not None),
            counted=counted,
        )

    def _reference(self, draft: Draft, generated: str, *, kept: bool) -> tuple[str, bool]:
        """The message's reference, and whether it must be kept unique."""
        if draft.reference is not None:
            return draft.reference, kept
        key = draft.message_key
        if key is None or not kept or not _REFERENCE.match(key):
            return generated, False
        wanted = (self._account.id, "reference", key)
        if wanted in self._ledger.taken:
            return generated, False
        self._ledger.taken.add(wanted)
        return key, True

    def _opening(self, one: "_Judged", *, scheduled: bool) -> Evidence:
        """The first evidence of a message's life."""
        if one.fault is None:
            claim = State.SCHEDULED if scheduled else State.QUEUED
            reason = stage = None
        else:
            claim, reason = State.REJECTED, REASON[one.fault]
            stage = reason.facts.stage if reason.facts.stage is Stage.INTAKE else Stage.DISPATCH
        return Evidence(
            Kind.ACCEPTED,
            self._now,
            claim,
            reason=reason,
            stage=stage,
            parts=len(one.row.segments.parts),
            connector=one.connector_id,
            route=one.route_id,
            word=str(one.fault) if one.fault else None,
            report=1 if one.fault else 0,
        )


@dataclass(slots=True)
class _Judged:
    """A recipient that becomes a message: to be sent, or, with a fault, kept as refused."""

    row: Candidate
    fault: Fault | None
    price: Units
    connector_id: int
    route_id: int


def _candidate(draft: Draft, max_parts: int) -> Candidate:
    fault = draft.fault
    recipient, country = draft.recipient, None
    if "\x00" in draft.text + draft.sender and (fault is None or _RANK[Fault.TEXT_INVALID] < _RANK[fault]):
        fault = Fault.TEXT_INVALID  # no carrier takes it and no database stores it
    try:
        recipient, country = number.parse(draft.recipient)
    except number.NumberFault as bad:
        if fault is None or _RANK[bad.fault] < _RANK[fault]:
            fault = bad.fault
    segments = _segments(draft.text, draft.ucs2)
    if len(segments.parts) > max_parts and (fault is None or _RANK[Fault.TEXT_TOO_LONG] < _RANK[fault]):
        fault = Fault.TEXT_TOO_LONG
    return Candidate(draft, recipient, country, segments, fault)


@lru_cache(maxsize=256)
def _segments(text: str, ucs2: bool) -> Segments:
    return segment(text, ucs2=ucs2)


def _find_repeated(rows: Sequence[Candidate]) -> None:
    """Mark the second and later row of a number."""
    seen: set[str] = set()
    for row in rows:
        if row.recipient in seen and (
            row.fault is None or _RANK[Fault.RECIPIENT_REPEATED] < _RANK[row.fault]
        ):
            row.fault = Fault.RECIPIENT_REPEATED
        seen.add(row.recipient)


def _refuse_any(rows: Sequence[Candidate]) -> None:
    for index, row in enumerate(rows):
        if row.fault is not None:
            raise Refusal(row.fault, row=index)


def _own_keys(account_id: int, draft: Draft) -> list[KeyTaken]:
    """The keys the customer chose for a message."""
    keys = [("reference", draft.reference), ("message", draft.message_key)]
    return [(account_id, kind, key) for kind, key in keys if key is not None]


def _wanted_keys(batch: Sequence[Prepared]) -> list[KeyTaken]:
    """Every key the batch may claim; a messageId may become a reference too."""
    wanted: list[KeyTaken] = []
    for one in batch:
        account_id = one.order.caller.account.id
        for row in one.rows:
            wanted += _own_keys(account_id, row.draft)
            if row.draft.message_key is not None:
                wanted.append((account_id, "reference", row.draft.message_key))
    return wanted


def _taken(message: NewMessage, fault: Fault | None) -> Taken:
    return Taken(
        id=message.id,
        reference=message.reference,
        message_key=message.message_key,
        recipient=message.recipient,
        parts=message.parts,
        price=message.price,
        country=message.country,
        state=message.accepted.claim or State.QUEUED,
        fault=fault,
    )


def _later(when: datetime | None, now: datetime) -> datetime | None:
    """A start that is still to come; what is past starts now."""
    return when if when is not None and when > now else None
