"""Hand over: take what is due and commit the intent, for the connector to write; `flows.answers` records the rest.

The intent to write a submission is committed before its bytes leave, and only for what the connector's window takes
now: a death between the commit and the answer leaves at most one window in doubt, never a silent second copy. The
message itself is told only with the answer, or the doubt, and then first that it was written: `as_written`.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final

import msgspec

from tidings.domain.delivery import Delivery, Part
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.order import LANE, TrafficClass
from tidings.domain.reason import Reason
from tidings.domain.status import PRE, State
from tidings.domain.text import Alphabet, segment
from tidings.flows.fold import fold
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock, Outgoing, Singles
from tidings.flows.recent import Recent
from tidings.flows.records import Content, FirstTaken, Flight, Held, Key, Waiting
from tidings.flows.transaction import Database, DispatchTx

_UCS2: Final = Alphabet.UCS2
_GSM7: Final = Alphabet.GSM7

LANES = tuple(sorted(set(LANE.values())))

ACCOUNTS_AT_ONCE = 32
"""How many accounts share a claim, so that one's million messages do not hold up another's."""

FOLLOW_AFTER = timedelta(seconds=1)
"""How soon a part that waits for the one before it is looked at again."""

MIN_REMAINING = timedelta(seconds=30)
"""With less validity left than this, and less than half of what there was when it became due, a message is not
submitted any more, for a carrier could do nothing with it: it ends as expired."""


@dataclass(frozen=True, slots=True)
class Handover:
    """The parts of one message to write now, or messages of one part each; with the submission that each is."""

    flights: list[Flight]
    parts: list[Outgoing] | Singles

    @property
    def messages(self) -> int:
        """How many messages these are."""
        return len(self.flights) if isinstance(self.parts, Singles) else 1


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the outside world is waited for."""

    doubt: timedelta  # for an answer, before the traffic class's policy decides
    doubt_otp: timedelta
    receipt_grace: timedelta  # for a receipt, after the validity's end

    def of(self, flight: Flight) -> timedelta:
        """How long this submission's answer is waited for."""
        return self.doubt_otp if flight.traffic_class is TrafficClass.OTP else self.doubt


class Dispatch:
    """The flow, for one connector of one courier."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        connector_id: int,
        courier_id: Callable[[], int],
        recent: Recent | None = None,
    ) -> None:
        self._database = database
        self._recent = recent or Recent()
        self._clock = clock
        self._connector_id = connector_id
        self._courier_id = courier_id
        self._next_submission = 0
        self._served = dict.fromkeys(LANES, 0)  # by lane: the account after which the next claim goes on

    async def take(self, room: int) -> list[Handover]:
        """What to write now, at most `room` submissions (one message may exceed it), intent committed."""
        now, courier_id = self._clock.now(), self._courier_id()
        async with self._database.at_once() as tx:
            claimed = await tx.claim(
                self._connector_id,
                self._served,
                courier_id=courier_id,
                now=now,
                remaining=MIN_REMAINING,
                accounts=ACCOUNTS_AT_ONCE,
                room=room,
            )
        await pause(Point.DISPATCH_COMMITTED)
        self._served |= claimed.served
        handovers = [self._first(its, courier_id=courier_id, now=now) for its in claimed.taken]
        room -= sum(one.messages for one in handovers)
        if claimed.others and room > 0:
            handovers += await self._take_others(room, now=now)
        return handovers

    async def _take_others(self, room: int, *, now: datetime) -> list[Handover]:
        """The same for what has several parts, was written before, or goes on to another route: weighed under lock."""
        async with self._database.reading() as asking:
            lanes = await asking.accounts_waiting(
                self._connector_id, self._served, now=now, limit=ACCOUNTS_AT_ONCE
            )
        if not lanes:
            return []
        async with self._database.transaction() as tx:
            rows = await self._due(tx, lanes, room, now=now)
            if not rows:
                return []
            rows = await self._without_the_late(tx, rows, now=now)
            long = Counter(content.recipient for row, content in rows if _is_new_and_long(row))
            free = await tx.next_references(self._connector_id, long)
            references = {
                row.message_id: free[content.recipient].pop()
                for row, content in rows
                if _is_new_and_long(row)
            }
            courier_id = self._courier_id()
            await tx.take_off([row for row, _ in rows], courier_id=courier_id, now=now, references=references)
            await pause(Point.DISPATCH_CLAIMED)
        await pause(Point.DISPATCH_COMMITTED)
        together: dict[Key, tuple[list[Flight], list[Outgoing]]] = {}
        for row, content in sorted(rows, key=lambda one: one[0].part) if len(rows) > 1 else rows:
            reference = references.get(row.message_id, row.reference)
            its = self._parts(row, content, reference, courier_id=courier_id, now=now)
            flights, parts = together.setdefault(
                row.key, ([], [])
            )  # also of parts that were queued one by one
            flights += its[0]
            parts += its[1]
        return [Handover(flights, parts) for flights, parts in together.values()]

    async def _due(
        self, tx: DispatchTx, lanes: Mapping[int, list[int]], room: int, *, now: datetime
    ) -> list[tuple[Waiting, Content]]:
        """The most urgent rows whose parts fit, lane by lane; the first always does."""
        chosen: list[tuple[Waiting, Content]] = []
        for lane, accounts in sorted(lanes.items()):
            due = await tx.due(
                self._connector_id, lane, accounts, now=now, remaining=MIN_REMAINING, limit=room
            )
            self._served[lane] = accounts[-1] if len(accounts) == ACCOUNTS_AT_ONCE else 0
            for row, content in _in_turn(due):
                room -= 1 if row.part else row.parts
                if room >= 0 or not chosen:
                    chosen.append((row, content))
                if room <= 0:
                    self._served[lane] = chosen[-1][0].account_id  # the others go on from here
                    return chosen
        return chosen

    async def _without_the_late(
        self, tx: DispatchTx, rows: Sequence[tuple[Waiting, Content]], *, now: datetime
    ) -> list[tuple[Waiting, Content]]:
        """Drop what came to an end while it waited, put off what follows a part that waits; all was queued again."""
        again = {row.key for row, _ in rows if row.part or row.attempt > 1}
        if not again:
            return list(rows)
        held = await tx.lock_deliveries(again)
        late = [row for row, _ in rows if row.key in again and not _is_wanted(row, held[row.key].delivery)]
        log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
        for row in late:  # several of them may be parts of one message
            log.setdefault(row.key, []).append((too_late(row, held[row.key].delivery, now), None))
        await fold(tx, log, now=now, held=held)
        going = {(row.key, row.part) for row, _ in rows if row not in late}
        early = [row for row, _ in rows if (row.key, row.part) in going and _follows(row, held, going)]
        await tx.take_from_outbox([*late, *early])
        await tx.put_in_outbox([msgspec.structs.replace(row, due_at=now + FOLLOW_AFTER) for row in early])
        return [(row, content) for row, content in rows if row not in late and row not in early]

    def _first(self, its: FirstTaken, *, courier_id: int, now: datetime) -> Handover:
        """Messages of one part, written for the first time."""
        connector_id, account_id, sender, expires_at = (
            self._connector_id,
            its.account_id,
            its.sender,
            its.expires_at,
        )
        traffic_class = its.traffic_class
        self._recent.keep(its.held, its.message_ids)
        flights = [
            Flight(
                connector_id, account_id, message_id, 1, 1, 1, courier_id, recipient, sender, traffic_class, now,
                expires_at, 0,
            )
            for message_id, recipient in zip(its.message_ids, its.recipients, strict=True)
        ]  # fmt: skip
        singles = Singles(
            first_id=self._next_submission + 1,
            sender=sender,
            alphabet=_UCS2 if its.ucs2 else _GSM7,
            validity_s=_left_s(expires_at, now),
            flash=its.flash,
            recipients=its.recipients,
            texts=its.texts,
        )
        self._next_submission += len(flights)
        return Handover(flights, singles)

    def _parts(
        self, row: Waiting, content: Content, reference: int, *, courier_id: int, now: datetime
    ) -> tuple[list[Flight], list[Outgoing]]:
        """The parts of one row of the outbox, as the connector wants them."""
        texts = (
            (content.text,)
            if row.parts == 1 and row.part == 0
            else segment(content.text, ucs2=content.ucs2).parts
        )
        flights, parts = [], []
        for part in range(1, len(texts) + 1) if row.part == 0 else (row.part,):
            self._next_submission += 1
            flights.append(
                Flight(
                    connector_id=self._connector_id,
                    account_id=row.account_id,
                    message_id=row.message_id,
                    attempt=row.attempt,
                    part=part,
                    try_no=row.tries + 1,
                    courier_id=courier_id,
                    recipient=content.recipient,
                    sender=content.sender,
                    traffic_class=content.traffic_class,
                    written_at=now,
                    expires_at=row.expires_at,
                    reference=reference,
                )
            )
            parts.append(
                Outgoing(
                    submission_id=self._next_submission,
                    recipient=content.recipient,
                    sender=content.sender,
                    alphabet=_UCS2 if content.ucs2 else _GSM7,
                    text=texts[part - 1],
                    part=part,
                    parts=len(texts),
                    reference=reference,
                    validity_s=_left_s(row.expires_at, now),
                    flash=content.flash,
                )
            )
        return flights, parts


def _left_s(expires_at: datetime, now: datetime) -> int:
    """What is left of a message's validity."""
    return max(int((expires_at - now).total_seconds()), 1)


def as_written(flight: Flight, part: Part) -> list[tuple[Evidence, bytes | None]]:
    """That a submission was written, to be told before what became of it; where a start was asked for, it has come.

    A first copy that was taken meanwhile keeps its part where it is.
    """
    written = Evidence(
        Kind.WRITTEN,
        flight.written_at,
        State.SENDING if part.state in PRE else None,
        attempt=flight.attempt,
        part=flight.part,
        try_no=flight.try_no,
        reference=flight.reference,
    )
    if part.state is not State.SCHEDULED:
        return [(written, None)]
    start = Evidence(
        Kind.TIMER,
        flight.written_at,
        State.QUEUED,
        attempt=flight.attempt,
        part=flight.part,
        inferred=True,
        word="start",
    )
    return [(start, None), (written, None)]


def _in_turn(due: Sequence[tuple[Waiting, Content]]) -> list[tuple[Waiting, Content]]:
    """One of each account, then the second of each, and so on."""
    turns: Counter[int] = Counter()
    numbered = []
    for one in due:
        turns[one[0].account_id] += 1
        numbered.append((turns[one[0].account_id], one))
    return [one for _, one in sorted(numbered, key=itemgetter(0))]


def still_waits(row: Waiting, delivery: Delivery) -> bool:
    """A part that is queued for its second copy does not wait any more once the first has arrived."""
    parts = delivery.attempts[row.attempt - 1].parts
    return all(part.state in PRE for part in (parts if row.part == 0 else parts[row.part - 1 : row.part]))


def _is_wanted(row: Waiting, delivery: Delivery) -> bool:
    is_newest = row.attempt == len(delivery.attempts)  # the next route has the whole message
    return is_newest and still_waits(row, delivery) and not delivery.final


def _follows(row: Waiting, held: Mapping[Key, Held], going: set[tuple[Key, int]]) -> bool:
    """A part before it has not been taken yet, nor goes with it: a fragment alone helps nobody."""
    if row.part <= 1:
        return False
    before = held[row.key].delivery.attempts[row.attempt - 1].parts[: row.part - 1]
    return any(part.state in PRE and (row.key, number) not in going for number, part in enumerate(before, 1))


def too_late(row: Waiting, delivery: Delivery, now: datetime) -> Evidence:
    """It, or its attempt, came to an end while it waited: by a first copy's receipt, or by another part's refusal."""
    evidence = Evidence(Kind.DROPPED, now, attempt=row.attempt, part=row.part, inferred=True)
    if still_waits(row, delivery):
        evidence.claim, evidence.reason = State.CANCELLED, Reason.SUPERSEDED
        evidence.stage = Reason.SUPERSEDED.facts.stage
    return evidence


def _is_new_and_long(row: Waiting) -> bool:
    """A message of several parts that goes to this connector for the first time."""
    return row.part == 0 and row.parts > 1
