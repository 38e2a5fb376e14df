"""Messages that stand alike, and of which the same is learnt, are folded once for all of them.

A busy carrier says much the same of hundreds of messages in a moment: taken, at this time; delivered, at that. What
folding makes of it depends on how a message stood and on what is learnt, never on which message it is. So each way from
one standing to the next is folded once for a batch, by `fold` as ever, and the messages that go it are counted and
listed: to say of one more that it goes the same way costs a fraction of folding it.

A `Held` here stands for many messages: it is never changed, and its id and fingerprints say nothing.
"""

from collections.abc import Hashable, Iterable, Set
from datetime import datetime
from typing import Any

import msgspec

from tidings.domain.evidence import Evidence, Kind
from tidings.domain.outcome import Taken
from tidings.domain.receipt import Said
from tidings.flows.answers import Answer, evidence_of
from tidings.flows.dispatch import as_written
from tidings.flows.fold import fold_one
from tidings.flows.folded import Cohort, Folded, Leg, Sent, Submitted, Told
from tidings.flows.receive import Incoming, Reading, receipt_evidence
from tidings.flows.records import CounterMove, Flight, Held, MoneyMove

TELLING = frozenset({Kind.ANSWERED, Kind.RECEIPT})
"""Evidence of which each message has an upstream id and octets of its own."""

FINGERPRINT = 8
"""Octets of one."""


class _Stand:
    """Where messages stand within a batch, and how they came there from where they were before it."""

    __slots__ = (
        "evidence", "fingerprints", "following", "held", "message_ids", "moves", "submitted", "told", "verdict", "was",
    )  # fmt: skip

    def __init__(self, held: Held, was: int, evidence: list[Evidence], moves: list[Folded]) -> None:
        self.held = held
        self.was = was
        self.evidence = evidence
        self.moves = moves  # step by step: what moves with each message that comes here
        self.submitted: Submitted | None = None  # by the last step, where that was an answer
        self.verdict = b""  # of the last step, where that was a receipt
        self.following: dict[Hashable, _Stand] = {}
        self.message_ids: list[int] = []  # of those that stay
        self.told: list[tuple[Any, ...]] = []
        self.fingerprints: list[bytes] = []


_Way = tuple[_Stand, tuple[Any, ...], bytes]
"""Where a message has come to; what was said of it alone on its way there, upstream id and octets in turn; and the
fingerprints of the receipts among that, joined.
"""


class Cohorts:
    """A batch of what was learnt. Tell it each thing in its order; `folded` is what it makes of them."""

    def __init__(self, *, now: datetime, reading: Reading) -> None:
        self._now = now
        self._reading = reading
        self._roots: dict[int, _Way] = {}  # by the identity of what is held, which the stand keeps alive
        self._stands: list[_Stand] = []
        self._ways: dict[int, _Way] = {}  # by message
        self._submitted: dict[Leg, Submitted] = {}
        self._known_by_id: list[tuple[Leg, Said]] = []  # kept, so that nothing else has their ids

    def answered(self, answer: Answer, held: Held) -> None:
        """A submission was taken. `held`: how its message stands, unless something of it was told before."""
        flight, taken = answer.flight, answer.outcome
        assert type(taken) is Taken and answer.stored_key is not None
        stand, told, fingerprints = self._ways.get(flight.message_id) or self._root(held)
        step = (
            flight.written_at,
            flight.attempt,
            flight.part,
            flight.try_no,
            flight.reference,
            answer.at,
        )
        after = stand.following.get(step)
        if after is None:
            after = stand.following[step] = self._after_answer(stand, answer)
        told += (taken.upstream_id, taken.raw or None)
        self._ways[flight.message_id] = after, told, fingerprints
        submitted = after.submitted
        assert submitted is not None
        submitted.message_ids.append(flight.message_id)
        submitted.upstream_keys.append(answer.stored_key)
        submitted.recipients.append(flight.recipient)

    def receipted(self, one: Incoming, sent: Sent, held: Held, *, heard: bytes) -> None:
        """A receipt of a submission. `heard`: the fingerprints of those that its message had before the batch."""
        receipt = one.receipt
        message_id, _, leg = sent
        stand, told, fingerprints = self._ways.get(message_id) or self._root(held)
        after = stand.following.get((id(leg), id(receipt.said), one.at)) or self._by_receipt(stand, one, leg)
        fingerprint = receipt.fingerprint(after.verdict)
        if _has(heard, fingerprint) or _has(fingerprints, fingerprint):
            self._ways.setdefault(message_id, (stand, told, fingerprints))
            return
        told += (receipt.upstream_id, receipt.raw)
        self._ways[message_id] = after, told, fingerprints + fingerprint

    @property
    def message_ids(self) -> Set[int]:
        """Of what messages anything was told, were it only what is known of them already."""
        return self._ways.keys()

    def folded(self) -> Folded:
        """What all of it changes."""
        folded = Folded(self._now, submitted=self._submitted)
        for message_id in sorted(self._ways):
            stand, told, fingerprints = self._ways[message_id]
            stand.message_ids.append(message_id)
            stand.told.append(told)
            if fingerprints:
                stand.fingerprints.append(fingerprints)
        for stand in self._stands:
            if stand.message_ids:
                folded.cohorts.append(_cohort(stand))
                for moves in stand.moves:
                    _move(folded, moves, times=len(stand.message_ids))
        return folded

    def _root(self, held: Held) -> _Way:
        """Where messages begin that stand like this."""
        root = self._roots.get(id(held))
        if root is None:
            root = self._roots[id(held)] = _Stand(held, held.delivery.version, [], []), (), b""
        return root

    def _after_answer(self, stand: _Stand, answer: Answer) -> _Stand:
        flight = answer.flight
        part = stand.held.delivery.attempts[flight.attempt - 1].parts[flight.part - 1]
        learnt = [evidence for evidence, _ in as_written(flight, part)]
        after = self._after(stand, [*learnt, evidence_of(answer, part, next_route=None)])
        after.submitted = self._submitted.setdefault(leg_of(flight), Submitted())
        return after

    def _by_receipt(self, stand: _Stand, one: Incoming, leg: Leg) -> _Stand:
        """Where a receipt leads: another one that says the same, of a submission that was claimed with this, too."""
        said = one.receipt.said
        after = stand.following.get((leg, said, one.at))
        if after is None:
            after = stand.following[leg, said, one.at] = self._after_receipt(stand, one, leg)
        stand.following[id(leg), id(said), one.at] = (
            after  # to be found without comparing what is the same one
        )
        self._known_by_id.append((leg, said))
        return after

    def _after_receipt(self, stand: _Stand, one: Incoming, leg: Leg) -> _Stand:
        evidence, _ = receipt_evidence(
            one.receipt, leg, at=one.at, delivery=stand.held.delivery, reading=self._reading
        )
        after = self._after(stand, [evidence])
        after.verdict = one.receipt.said.verdict()
        return after

    def _after(self, stand: _Stand, learnt: Iterable[Evidence]) -> _Stand:
        """Where messages stand that stood here when this was learnt of them."""
        row, moves, evidence = _copy(stand.held), Folded(self._now), list(stand.evidence)
        for one in learnt:
            if one.kind in TELLING:
                one.upstream_id = one.raw = None
            fold_one(row, one, None, moves=moves, now=self._now)
            evidence.append(one)
        after = _Stand(row, stand.was, evidence, [*stand.moves, moves])
        self._stands.append(after)
        return after


def leg_of(flight: Flight) -> Leg:
    """What a submission agrees in with others that were claimed with it."""
    return Leg(
        flight.connector_id, flight.account_id, flight.attempt, flight.part, flight.try_no, flight.written_at
    )


def _has(fingerprints: bytes, one: bytes) -> bool:
    """Whether it is one of those that are joined."""
    if not fingerprints:
        return False
    at = fingerprints.find(one)
    while at >= 0 and at % FINGERPRINT:
        at = fingerprints.find(one, at + 1)
    return at >= 0


def _copy(held: Held) -> Held:
    """One that may be folded into."""
    delivery = held.delivery
    attempts = [
        msgspec.structs.replace(one, parts=[msgspec.structs.replace(part) for part in one.parts])
        for one in delivery.attempts
    ]
    return msgspec.structs.replace(
        held, delivery=msgspec.structs.replace(delivery, attempts=attempts), fingerprints=[]
    )


def _cohort(stand: _Stand) -> Cohort:
    columns = list(zip(*stand.told, strict=True))
    evidence: list[tuple[Evidence, Told | None]] = []
    place = 0
    for one in stand.evidence:
        if one.kind in TELLING:
            evidence.append((one, Told(list(columns[place]), list(columns[place + 1]))))
            place += 2
        else:
            evidence.append((one, None))
    return Cohort(
        was=stand.was,
        held=stand.held,
        message_ids=stand.message_ids,
        evidence=evidence,
        fingerprints=stand.fingerprints,
        reports=[one for moves in stand.moves for one in moves.reports],
        callbacks=[one for moves in stand.moves for one in moves.callbacks],
        settle_timers=[at for moves in stand.moves for _, at in moves.settle_timers],
    )


def _move(folded: Folded, moves: Folded, *, times: int) -> None:
    """Money and counters, as often as there are messages."""
    for account_id, one in moves.money.items():
        money = folded.money.setdefault(account_id, MoneyMove())
        money.hold += one.hold * times
        money.charge += one.charge * times
        money.release += one.release * times
        money.held_messages += one.held_messages * times
        money.charged_messages += one.charged_messages * times
        money.released_messages += one.released_messages * times
    for task, its in moves.counters.items():
        counter = folded.counters.setdefault(task, CounterMove(buckets={}))
        counter.handed_over += its.handed_over * times
        counter.price += its.price * times
        for name, by in its.buckets.items():
            counter.buckets[name] = counter.buckets.get(name, 0) + by * times
