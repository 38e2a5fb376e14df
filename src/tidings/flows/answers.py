"""What a connector said of its submissions: taken, refused, never written, or nothing at all.

Receipts that outran their answer are applied with it. A refusal that is the route's, not the message's, opens the
next attempt on the next route; the validity goes on.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tidings.domain import routing
from tidings.domain.delivery import Part
from tidings.domain.evidence import UNWRITTEN, Evidence, Kind
from tidings.domain.order import LANE
from tidings.domain.outcome import Next, Outcome, Refused, Taken, Unknown, Unwritten
from tidings.domain.reason import Reason
from tidings.domain.status import Stage, State, Truth, truth
from tidings.flows.catalog import CatalogCache
from tidings.flows.dispatch import Waits, as_written
from tidings.flows.fold import fold
from tidings.flows.points import Point, pause
from tidings.flows.ports import PART_REFUSED, Clock
from tidings.flows.receive import Reading, look_for_receipts, named, receipt_evidence
from tidings.flows.records import Flight, Held, Key, Match, Waiting
from tidings.flows.transaction import Database, DispatchTx

THROTTLE_WAIT = timedelta(seconds=1)
THROTTLE_MOST = timedelta(seconds=60)
HOLD_WAIT = timedelta(seconds=30)
HOLD_MOST = timedelta(minutes=5)
"""Too fast, and not this message's fault: tried without limit within its validity, at growing intervals."""

Log = dict[Key, list[tuple[Evidence, bytes | None]]]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What became of one submission, and under which key its receipts will name it."""

    flight: Flight
    outcome: Outcome
    at: datetime
    stored_key: str | None  # of a Taken with an id


class RecordAnswers:
    """The flow, for one connector."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        connector_id: int,
        waits: Waits,
        catalog: CatalogCache,
        reading: Reading,
    ) -> None:
        self._database = database
        self._clock = clock
        self._connector_id = connector_id
        self._waits = waits
        self._catalog = catalog
        self._reading = reading

    async def __call__(self, answers: Sequence[Answer]) -> None:
        """Write it down, and what follows. Doing it twice does no harm."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            for turn in _in_turns(answers):
                await self._record(tx, turn, now=now)
            await pause(Point.ANSWERS_WRITTEN)
        await pause(Point.ANSWERS_COMMITTED)
        doubts = [one.flight for one in answers if isinstance(one.outcome, Unknown)]
        await look_for_receipts(self._database, doubts, now=now)

    async def _record(self, tx: DispatchTx, answers: Sequence[Answer], *, now: datetime) -> None:
        certain = [one for one in answers if not isinstance(one.outcome, Unknown)]
        doubts = [one.flight for one in answers if isinstance(one.outcome, Unknown)]
        was_in_doubt = await tx.end_flights([one.flight for one in certain])
        doubted = await tx.doubt_flights(
            [(flight, now + self._waits.of(flight)) for flight in doubts], since=now
        )
        was_in_doubt |= dict.fromkeys(doubted, False)
        known = [one for one in answers if one.flight in was_in_doubt]
        held = await tx.lock_deliveries({one.flight.key for one in known})
        reroutes = await self._reroutes(tx, known, held)
        log: Log = {}
        again = []
        for one in known:
            part, lines = part_of(one, held), log.setdefault(one.flight.key, [])
            if not was_in_doubt[one.flight] and not isinstance(one.outcome, Unwritten):
                lines += as_written(one.flight, part)
            evidence = evidence_of(one, part, next_route=reroutes.get(one.flight))
            lines.append((evidence, None))
            if evidence.claim is State.QUEUED:
                again.append(one)
        taken = [match_of(one) for one in known if isinstance(one.outcome, Taken) and one.stored_key]
        await tx.add_submissions(taken)
        await self._apply_early_receipts(tx, taken, held, log)
        await fold(tx, log, now=now, held=held)
        await self._queue_again(tx, again, held, now=now)
        await self._queue_next_attempts(tx, reroutes, held, now=now)

    async def _reroutes(
        self, tx: DispatchTx, known: Sequence[Answer], held: Mapping[Key, Held]
    ) -> dict[Flight, routing.Route]:
        """The next route of each message whose refusal is its route's, where there is one."""
        asking = [one.flight for one in known if _blames_the_route(one, held) and _is_first_word(one, held)]
        if not asking:
            return {}
        # Parts of the same message whose answers are beside this one, or still to come.
        bound = {one.flight.key for one in known if isinstance(one.outcome, Taken | Unknown)}
        bound |= await tx.unanswered({flight.key for flight in asking})
        asking = [flight for flight in asking if flight.key not in bound]
        addressees = await tx.addressees([flight.key for flight in asking])
        catalog = await self._catalog.current(tx)
        found: dict[Flight, routing.Route] = {}
        for flight in asking:
            addressee = addressees[flight.key]
            tried = {attempt.connector for attempt in held[flight.key].delivery.attempts}
            routes = catalog.routes.candidates(
                addressee.recipient, account_id=flight.account_id, test=addressee.test
            )
            following = next((route for route in routes if route.connector_id not in tried), None)
            if following is not None and not any(one.key == flight.key for one in found):
                found[flight] = following
        return found

    async def _apply_early_receipts(
        self, tx: DispatchTx, taken: Sequence[Match], held: Mapping[Key, Held], log: Log
    ) -> None:
        """Receipts that outran the answers just recorded."""
        keys = sorted({match.upstream_key for match in taken})
        orphans = await tx.orphans_named(self._connector_id, keys) if keys else []
        claimed = []
        for orphan in orphans:
            match = named(orphan.receipt, [one for one in taken if one.upstream_key in orphan.upstream_keys])
            if match is not None:
                claimed.append(orphan)
                log[match.key].append(
                    receipt_evidence(
                        orphan.receipt,
                        match,
                        at=orphan.received_at,
                        delivery=held[match.key].delivery,
                        reading=self._reading,
                    )
                )
        await tx.drop_orphans(claimed)

    async def _queue_again(
        self, tx: DispatchTx, answers: Sequence[Answer], held: Mapping[Key, Held], *, now: datetime
    ) -> None:
        """Put back what was certainly not taken and may be tried again."""
        parts = [(one, part_of(one, held)) for one in answers]
        waiting = [(one.flight, now + _wait(one, part)) for one, part in parts if part.state is State.QUEUED]
        await queue_parts(tx, waiting, held)

    async def _queue_next_attempts(
        self,
        tx: DispatchTx,
        reroutes: Mapping[Flight, routing.Route],
        held: Mapping[Key, Held],
        *,
        now: datetime,
    ) -> None:
        rows = []
        for flight, route in reroutes.items():
            attempts = held[flight.key].delivery.attempts
            rows.append(
                _waiting(
                    flight,
                    connector_id=route.connector_id,
                    attempt=len(attempts),
                    part=0,
                    parts=len(attempts[-1].parts),
                    due_at=now,
                )
            )
        await tx.put_in_outbox(rows)


async def queue_parts(
    tx: DispatchTx, rows: Sequence[tuple[Flight, datetime]], held: Mapping[Key, Held]
) -> None:
    """Queue single parts again, each at its time."""
    again = []
    for flight, due_at in rows:
        attempt = held[flight.key].delivery.attempts[flight.attempt - 1]
        again.append(
            _waiting(
                flight,
                connector_id=flight.connector_id,
                attempt=flight.attempt,
                part=flight.part,
                parts=1,
                due_at=due_at,
                tries=attempt.parts[flight.part - 1].tries,
                reference=attempt.reference or flight.reference,
            )
        )
    await tx.put_in_outbox(again)


def _waiting(flight: Flight, **place: Any) -> Waiting:
    """A row of the outbox for the message of a submission."""
    return Waiting(
        account_id=flight.account_id,
        message_id=flight.message_id,
        lane=LANE[flight.traffic_class],
        expires_at=flight.expires_at,
        **place,
    )


def _in_turns(answers: Sequence[Answer]) -> list[list[Answer]]:
    """One answer of each part at a time: a second one, late or of another copy, is told of what the first has made."""
    turns: list[list[Answer]] = []
    heard: Counter[tuple[Key, int, int]] = Counter()
    for one in answers:
        part = (one.flight.key, one.flight.attempt, one.flight.part)
        if heard[part] == len(turns):
            turns.append([])
        turns[heard[part]].append(one)
        heard[part] += 1
    return turns


def part_of(answer: Answer, held: Mapping[Key, Held]) -> Part:
    """The part that an answer is about, as it stands."""
    flight = answer.flight
    return held[flight.key].delivery.attempts[flight.attempt - 1].parts[flight.part - 1]


def _blames_the_route(answer: Answer, held: Mapping[Key, Held]) -> bool:
    """A refusal for good that another route may not share, or that a part was spared because of one."""
    outcome, part = answer.outcome, part_of(answer, held)
    if isinstance(outcome, Unwritten) and outcome.cause == PART_REFUSED:
        parts = held[answer.flight.key].delivery.attempts[answer.flight.attempt - 1].parts
        return any(one.reason is not None and routing.is_the_routes(one.reason) for one in parts)
    if not isinstance(outcome, Refused) or part.is_first_copy(answer.flight.try_no):
        return False
    ends_here = _is_last(outcome, part) or outcome.next is Next.HOLD
    return ends_here and routing.is_the_routes(outcome.reason)


def _is_first_word(answer: Answer, held: Mapping[Key, Held]) -> bool:
    """Nothing of the message was taken, or may have been, and this is its newest attempt."""
    delivery = held[answer.flight.key].delivery
    if delivery.sent_at is not None or answer.flight.attempt != len(delivery.attempts):
        return False
    parts = delivery.attempts[-1].parts
    return truth(delivery.state) is Truth.OPEN and not any(
        part.state is State.IN_DOUBT or part.may_arrive_unseen for part in parts
    )


def _is_last(outcome: Refused, part: Part) -> bool:
    """The refusal ends the part on this route."""
    return outcome.next is Next.GIVE_UP or (
        outcome.next is Next.RETRY and part.retries >= outcome.retries.most
    )


def match_of(answer: Answer) -> Match:
    """What receipts will name, of a submission that was taken."""
    flight = answer.flight
    assert answer.stored_key is not None
    return Match(
        connector_id=flight.connector_id,
        upstream_key=answer.stored_key,
        account_id=flight.account_id,
        message_id=flight.message_id,
        attempt=flight.attempt,
        part=flight.part,
        try_no=flight.try_no,
        recipient=flight.recipient,
        written_at=flight.written_at,
    )


def evidence_of(answer: Answer, part: Part, *, next_route: routing.Route | None) -> Evidence:
    """What an answer says of its part; the first of two copies, or one that was held, is not tried again by itself."""
    evidence = _claim(answer, part, goes_on=next_route is not None)
    if evidence.kind in {Kind.REQUEUED, Kind.DROPPED}:
        if part.is_first_copy(answer.flight.try_no):
            evidence = Evidence(Kind.REFUSED, answer.at, word=evidence.word)
        elif part.held:
            reason = Reason.SUBMIT_RETRIES_EXHAUSTED
            evidence = Evidence(
                Kind.REFUSED, answer.at, State.FAILED, reason=reason, stage=Stage.SUBMIT, word=evidence.word
            )
    if next_route is not None:
        evidence.kind = Kind.REROUTED
        evidence.connector, evidence.route = next_route.connector_id, next_route.id
        evidence.terms = next_route.terms
    flight = answer.flight
    evidence.attempt, evidence.part, evidence.try_no = flight.attempt, flight.part, flight.try_no
    return evidence


def _claim(answer: Answer, part: Part, *, goes_on: bool) -> Evidence:
    """`goes_on`: on another route, so that this one has nothing more to do."""
    outcome = answer.outcome
    match outcome:
        case Taken():
            return Evidence(
                Kind.ANSWERED,
                answer.at,
                State.SENT,
                upstream_id=outcome.upstream_id,
                raw=outcome.raw or None,
            )
        case Refused() if _is_last(outcome, part) or goes_on:
            return _refused(answer.at, outcome)
        case Refused():
            budget = outcome.next is Next.RETRY
            return Evidence(Kind.REQUEUED, answer.at, State.QUEUED, word=outcome.code, budget=budget)
        case Unwritten(cause=cause) if cause == PART_REFUSED:
            reason = Reason.SUPERSEDED
            return Evidence(Kind.DROPPED, answer.at, State.CANCELLED, reason=reason, stage=reason.facts.stage)
        case Unwritten():
            return Evidence(Kind.REQUEUED, answer.at, State.QUEUED, word=UNWRITTEN)
        case Unknown():
            return Evidence(Kind.DOUBT, answer.at, State.IN_DOUBT, word=outcome.cause)


def _refused(at: datetime, outcome: Refused) -> Evidence:
    """A refusal for good. What is usually decided at intake was, this time, decided by the next hop."""
    reason = outcome.reason
    facts = reason.facts
    return Evidence(
        Kind.REFUSED,
        at,
        facts.state,
        reason=reason,
        stage=Stage.SUBMIT if facts.stage is Stage.INTAKE else facts.stage,
        word=outcome.code,
        raw=outcome.raw or None,
    )


def _wait(answer: Answer, part: Part) -> timedelta:
    """How long a requeued part waits."""
    match answer.outcome:
        case Refused(next=Next.THROTTLE):
            return min(THROTTLE_WAIT * answer.flight.try_no, THROTTLE_MOST)
        case Refused(next=Next.HOLD):
            return min(HOLD_WAIT * answer.flight.try_no, HOLD_MOST)
        case Refused():
            return timedelta(seconds=answer.outcome.retries.wait_s(part.retries))
        case _:
            return timedelta(0)
