"""Hand over: take what is due, commit the intent, let the connector write, record what it said.

The intent to write a submission is committed before its bytes leave, and only for what the connector's window takes
now: a death between the commit and the answer leaves at most one window in doubt, never a silent second copy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tidings.domain.lifecycle import Delivery, Evidence, Kind
from tidings.domain.order import LANE, TrafficClass
from tidings.domain.outcome import Next, Outcome, Refused, Taken, Unknown, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.status import Stage, State
from tidings.domain.text import Alphabet, segment
from tidings.flows.fold import fold
from tidings.flows.ports import Clock, Outgoing
from tidings.flows.receive import named, receipt_evidence
from tidings.flows.records import Content, Flight, Key, Match, Waiting
from tidings.flows.transaction import Database, DispatchTx

MIN_REMAINING = timedelta(seconds=1)
"""With less validity left than this a message is not submitted any more: it ends as expired."""

RETRY_FIRST = timedelta(seconds=30)
RETRY_MOST = 5
THROTTLE_WAIT = timedelta(seconds=1)
HOLD_WAIT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Handover:
    """The parts of one message to write now, with the submission each of them is."""

    flights: list[Flight]
    parts: list[Outgoing]


class Answer(msgspec.Struct, frozen=True):
    """What became of one submission, and under which key its receipts will name it."""

    flight: Flight
    outcome: Outcome
    at: datetime
    stored_key: str | None  # of a Taken with an id


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
            contents = await tx.contents([row.key for row in chosen])
            log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
            for row in chosen:  # several of them may be parts of one message
                log.setdefault(row.key, []).extend(_intent(row, contents[row.key], now))
            deliveries = await fold(tx, log, now=now)
            handovers = [
                self._handover(row, contents[row.key], deliveries[row.key].delivery, now=now)
                for row in chosen
            ]
            await tx.add_flights([flight for one in handovers for flight in one.flights])
        return handovers

    def _handover(self, row: Waiting, content: Content, delivery: Delivery, *, now: datetime) -> Handover:
        """The parts of one row of the outbox, as the connector wants them."""
        texts = segment(content.text, ucs2=content.ucs2).parts
        numbers = range(1, len(texts) + 1) if row.part == 0 else (row.part,)
        tries = delivery.attempts[row.attempt - 1].parts
        flights, parts = [], []
        for part in numbers:
            self._next_submission += 1
            flights.append(self._flight(row, content, part=part, try_no=tries[part - 1].tries, now=now))
            parts.append(
                Outgoing(
                    submission_id=self._next_submission,
                    recipient=content.recipient,
                    sender=content.sender,
                    alphabet=Alphabet.UCS2 if content.ucs2 else Alphabet.GSM7,
                    text=texts[part - 1],
                    part=part,
                    parts=len(texts),
                    reference=row.message_id % 255 + 1,
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

    async def record(self, answers: list[Answer]) -> list[None]:
        """Write down what the connector said; receipts that came before their answer are applied with it."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            doubts = [one.flight for one in answers if isinstance(one.outcome, Unknown)]
            ended = await tx.end_flights(
                [one.flight for one in answers if not isinstance(one.outcome, Unknown)]
            )
            known = [one for one in answers if isinstance(one.outcome, Unknown) or one.flight in ended]
            log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
            for one in known:
                log.setdefault(one.flight.key, []).append((_answer_evidence(one), None))
            taken = [_match(one) for one in known if isinstance(one.outcome, Taken) and one.stored_key]
            await tx.add_submissions(taken)
            await self._apply_early_receipts(tx, taken, log)
            deliveries = await fold(tx, log, now=now)
            await tx.doubt_flights([(flight, now + self._waits.of(flight)) for flight in doubts], since=now)
            await _queue_again(tx, known, {key: held.delivery for key, held in deliveries.items()}, now=now)
        return [None] * len(answers)

    async def _apply_early_receipts(
        self, tx: DispatchTx, taken: Sequence[Match], log: dict[Key, list[tuple[Evidence, bytes | None]]]
    ) -> None:
        """Receipts that outran the answers just recorded."""
        keys = sorted({match.upstream_key for match in taken})
        orphans = await tx.orphans_named(self._connector_id, keys) if keys else []
        claimed = []
        for orphan in orphans:
            match = named(orphan.receipt, [one for one in taken if one.upstream_key == orphan.upstream_key])
            if match is not None:
                claimed.append(orphan)
                log[match.key].append(receipt_evidence(orphan.receipt, match, at=orphan.received_at))
        await tx.drop_orphans(claimed)


def _fitting(rows: Sequence[Waiting], room: int) -> list[Waiting]:
    """The most urgent rows whose parts fit; the first always does."""
    chosen: list[Waiting] = []
    for row in rows:
        room -= 1 if row.part else row.parts
        if chosen and room < 0:
            break
        chosen.append(row)
    return chosen


def _intent(row: Waiting, content: Content, now: datetime) -> list[tuple[Evidence, bytes | None]]:
    """Written now; where a start was asked for, it has come. Only a first hand-over is of all parts at once."""
    written = Evidence(Kind.WRITTEN, now, State.SENDING, attempt=row.attempt, part=row.part)
    if not (content.scheduled and row.part == 0):
        return [(written, None)]
    start = Evidence(Kind.TIMER, now, State.QUEUED, attempt=row.attempt, inferred=True, word="start")
    return [(start, None), (written, None)]


def _match(answer: Answer) -> Match:
    flight = answer.flight
    assert answer.stored_key is not None
    return Match(
        connector_id=flight.connector_id,
        upstream_key=answer.stored_key,
        account_id=flight.account_id,
        message_id=flight.message_id,
        attempt=flight.attempt,
        part=flight.part,
        recipient=flight.recipient,
        written_at=flight.written_at,
    )


def _answer_evidence(answer: Answer) -> Evidence:
    """What an answer says of its part."""
    flight, outcome = answer.flight, answer.outcome
    attempt, part = flight.attempt, flight.part
    match outcome:
        case Taken():
            return Evidence(
                Kind.ANSWERED,
                answer.at,
                State.SENT,
                attempt=attempt,
                part=part,
                upstream_id=outcome.upstream_id,
                raw=outcome.raw or None,
            )
        case Refused(next=Next.GIVE_UP):
            facts = outcome.reason.facts
            return Evidence(
                Kind.REFUSED,
                answer.at,
                facts.state,
                attempt=attempt,
                part=part,
                reason=outcome.reason,
                stage=facts.stage if facts.stage is not Stage.INTAKE else Stage.SUBMIT,
                word=outcome.code,
                raw=outcome.raw or None,
            )
        case Refused() if outcome.next is Next.RETRY and flight.try_no >= RETRY_MOST:
            reason = (
                outcome.reason
                if outcome.reason is Reason.DEST_QUEUE_FULL
                else Reason.SUBMIT_RETRIES_EXHAUSTED
            )
            return Evidence(
                Kind.REFUSED,
                answer.at,
                State.FAILED,
                attempt=attempt,
                part=part,
                reason=reason,
                stage=Stage.SUBMIT,
                word=outcome.code,
            )
        case Refused():
            return Evidence(
                Kind.REQUEUED, answer.at, State.QUEUED, attempt=attempt, part=part, word=outcome.code
            )
        case Unwritten():
            return Evidence(
                Kind.REQUEUED, answer.at, State.QUEUED, attempt=attempt, part=part, word="unwritten"
            )
        case Unknown():
            return Evidence(
                Kind.DOUBT, answer.at, State.IN_DOUBT, attempt=attempt, part=part, word=outcome.cause
            )


async def _queue_again(
    tx: DispatchTx, answers: Sequence[Answer], deliveries: dict[Key, Delivery], *, now: datetime
) -> None:
    """Put back what was certainly not taken and may be tried again."""
    again: list[tuple[Flight, datetime]] = []
    for one in answers:
        part = deliveries[one.flight.key].attempts[one.flight.attempt - 1].parts[one.flight.part - 1]
        if part.state is State.QUEUED:
            again.append((one.flight, now + _wait(one)))
    await queue_parts(tx, again)


async def queue_parts(tx: DispatchTx, rows: Sequence[tuple[Flight, datetime]]) -> None:
    """Queue single parts again, each at its time."""
    places = await tx.waiting_of([flight.key for flight, _ in rows], LANE) if rows else {}
    await tx.put_in_outbox(
        [
            msgspec.structs.replace(
                places[flight.key],
                connector_id=flight.connector_id,
                attempt=flight.attempt,
                part=flight.part,
                parts=1,
                due_at=due_at,
            )
            for flight, due_at in rows
        ]
    )


def _wait(answer: Answer) -> timedelta:
    """How long a requeued part waits."""
    match answer.outcome:
        case Refused(next=Next.THROTTLE):
            return THROTTLE_WAIT
        case Refused(next=Next.HOLD):
            return HOLD_WAIT
        case Refused():
            return RETRY_FIRST * (1 << (answer.flight.try_no - 1))
        case _:
            return timedelta(0)
