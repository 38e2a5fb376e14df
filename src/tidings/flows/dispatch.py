"""Hand over: take what is due and commit the intent, for the connector to write; `flows.answers` records the rest.

The intent to write a submission is committed before its bytes leave, and only for what the connector's window takes
now: a death between the commit and the answer leaves at most one window in doubt, never a silent second copy.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tidings.domain.lifecycle import Delivery, Evidence, Kind
from tidings.domain.order import TrafficClass
from tidings.domain.reason import Reason
from tidings.domain.status import PRE, State
from tidings.domain.text import Alphabet, segment
from tidings.flows.fold import fold
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock, Outgoing
from tidings.flows.records import Content, Flight, Key, Waiting
from tidings.flows.transaction import Database

MIN_REMAINING = timedelta(seconds=1)
"""With less validity left than this a message is not submitted any more: it ends as expired."""


@dataclass(frozen=True, slots=True)
class Handover:
    """The parts of one message to write now, with the submission each of them is."""

    flights: list[Flight]
    parts: list[Outgoing]


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
        waits: Waits,
    ) -> None:
        self._database = database
        self._clock = clock
        self._connector_id = connector_id
        self._courier_id = courier_id
        self._waits = waits
        self._next_submission = 0

    async def take(self, room: int) -> list[Handover]:
        """What to write now, at most `room` submissions (one message may exceed it), intent committed."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await tx.due(self._connector_id, now=now + MIN_REMAINING, limit=room)
            chosen = _fitting([row for row in due if row.due_at <= now], room)
            if not chosen:
                return []
            await tx.take_from_outbox(chosen)
            held = await tx.lock_deliveries({row.key for row in chosen})
            contents = await tx.contents([row.key for row in chosen])
            wanted = [row for row in chosen if _is_wanted(row, held[row.key].delivery)]
            references = await tx.next_references(self._connector_id, _long(wanted, contents))
            log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
            for row in chosen:  # several of them may be parts of one message
                content = contents[row.key]
                if not _is_wanted(row, held[row.key].delivery):
                    log.setdefault(row.key, []).append((_too_late(row, held[row.key].delivery, now), None))
                    continue
                reference = references[content.recipient].pop() if _is_new_and_long(row) else 0
                log.setdefault(row.key, []).extend(_intent(row, content, reference, now))
            await fold(tx, log, now=now, held=held)
            handovers = [
                self._handover(row, contents[row.key], held[row.key].delivery, now=now) for row in wanted
            ]
            await tx.add_flights([flight for one in handovers for flight in one.flights])
            await pause(Point.DISPATCH_CLAIMED)
        await pause(Point.DISPATCH_COMMITTED)
        return handovers

    def _handover(self, row: Waiting, content: Content, delivery: Delivery, *, now: datetime) -> Handover:
        """The parts of one row of the outbox, as the connector wants them."""
        texts = segment(content.text, ucs2=content.ucs2).parts
        numbers = range(1, len(texts) + 1) if row.part == 0 else (row.part,)
        attempt = delivery.attempts[row.attempt - 1]
        flights, parts = [], []
        for part in numbers:
            self._next_submission += 1
            flights.append(
                self._flight(row, content, part=part, try_no=attempt.parts[part - 1].tries, now=now)
            )
            parts.append(
                Outgoing(
                    submission_id=self._next_submission,
                    recipient=content.recipient,
                    sender=content.sender,
                    alphabet=Alphabet.UCS2 if content.ucs2 else Alphabet.GSM7,
                    text=texts[part - 1],
                    part=part,
                    parts=len(texts),
                    reference=attempt.reference,
                    validity_s=max(int((row.expires_at - now).total_seconds()), 1),
                    flash=content.flash,
                )
            )
        return Handover(flights, parts)

    def _flight(self, row: Waiting, content: Content, *, part: int, try_no: int, now: datetime) -> Flight:
        return Flight(
            connector_id=self._connector_id,
            account_id=row.account_id,
            message_id=row.message_id,
            attempt=row.attempt,
            part=part,
            try_no=try_no,
            courier_id=self._courier_id(),
            recipient=content.recipient,
            sender=content.sender,
            traffic_class=content.traffic_class,
            written_at=now,
        )


def _fitting(rows: Sequence[Waiting], room: int) -> list[Waiting]:
    """The most urgent rows whose parts fit; the first always does."""
    chosen: list[Waiting] = []
    for row in rows:
        room -= 1 if row.part else row.parts
        if chosen and room < 0:
            break
        chosen.append(row)
    return chosen


def still_waits(row: Waiting, delivery: Delivery) -> bool:
    """A part that is queued for its second copy does not wait any more once the first has arrived."""
    parts = delivery.attempts[row.attempt - 1].parts
    return all(part.state in PRE for part in (parts if row.part == 0 else parts[row.part - 1 : row.part]))


def _is_wanted(row: Waiting, delivery: Delivery) -> bool:
    return still_waits(row, delivery) and not delivery.final


def _too_late(row: Waiting, delivery: Delivery, now: datetime) -> Evidence:
    """It, or its message, came to an end while it waited: by a first copy's receipt, or by another part's refusal."""
    evidence = Evidence(Kind.DROPPED, now, attempt=row.attempt, part=row.part, inferred=True)
    if still_waits(row, delivery):
        evidence.claim, evidence.reason = State.CANCELLED, Reason.SUPERSEDED
        evidence.stage = Reason.SUPERSEDED.facts.stage
    return evidence


def _is_new_and_long(row: Waiting) -> bool:
    """A message of several parts that goes to this connector for the first time."""
    return row.part == 0 and row.parts > 1


def _long(rows: Sequence[Waiting], contents: Mapping[Key, Content]) -> Counter[str]:
    """How many of them there are to each recipient."""
    return Counter(contents[row.key].recipient for row in rows if _is_new_and_long(row))


def _intent(
    row: Waiting, content: Content, reference: int, now: datetime
) -> list[tuple[Evidence, bytes | None]]:
    """Written now; where a start was asked for, it has come. Only a first hand-over is of all parts at once."""
    written = Evidence(
        Kind.WRITTEN, now, State.SENDING, attempt=row.attempt, part=row.part, reference=reference
    )
    if not (content.scheduled and row.part == 0):
        return [(written, None)]
    start = Evidence(Kind.TIMER, now, State.QUEUED, attempt=row.attempt, inferred=True, word="start")
    return [(start, None), (written, None)]
