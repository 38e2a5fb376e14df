"""Deadlines: what ends because nobody said anything, and what a dead courier left behind.

Silence is never turned into success or failure. A message that never left us expires in our queue; one that left us
and hears nothing until its validity and the grace are over ends as `no_receipt`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from tidings.domain import doubt
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.reason import Reason
from tidings.domain.status import LIVE, Stage, State
from tidings.flows.answers import queue_parts
from tidings.flows.dispatch import Waits, as_written, still_waits, too_late
from tidings.flows.fold import fold
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.receive import look_for_receipts
from tidings.flows.records import Flight, Held, Key
from tidings.flows.reports import WINDOW
from tidings.flows.transaction import CloseTx, Database

OVERLAP = timedelta(minutes=10)
"""How far a sweep looks back behind where it was: a slow transaction may commit into the past."""

MATCHED_FOR = timedelta(days=30)
"""How long receipts that belong to nobody, and doubts that nobody resolved, are kept to be matched."""

UNHEARD_FOR = timedelta(minutes=30)
"""Longer than any connector waits for an answer: what has none by then is nobody's, even if its courier lives."""

COMMITTED_WITHIN = timedelta(seconds=5)
"""Nearly every order is, from when its messages count as created; what takes longer is added up all the same."""

_SWEEP = "receipt_deadline"

FORGOTTEN = "forgotten_reports"
"""The sweep that forgets reports which nobody can pull any more."""


class Close:
    """The flow. Every step is a small transaction of its own and may run in several processes at once."""

    def __init__(self, database: Database, *, clock: Clock, waits: Waits) -> None:
        self._database = database
        self._clock = clock
        self._waits = waits

    async def sweep(self, limit: int = 1_000) -> int:
        """Everything that is due now; how many messages were moved."""
        moved = 0
        for step in (self._expire, self._decide, self._settle, self._silence):
            while True:
                done = await step(limit)
                moved += done
                if done < limit:
                    break
        async with self._database.transaction() as tx:
            await tx.age_out(before=self._clock.now() - MATCHED_FOR)
        for step in (self._forget_reports, self._add_up):
            while await step(limit) == limit:
                pass
        return moved

    async def recover(self, limit: int = 1_000) -> int:
        """What couriers that died had written and not heard of is in doubt from now on; how many submissions."""
        found = 0
        while True:
            now = self._clock.now()
            async with self._database.transaction() as tx:
                lost = await tx.deserted(written_before=now - UNHEARD_FOR, limit=limit)
                held = await tx.lock_deliveries({one.key for one in lost})
                await fold(tx, _log(lost, held, now=now), now=now, held=held)
                await tx.doubt_flights([(one, now + self._waits.of(one)) for one in lost], since=now)
                await pause(Point.RECOVER_WRITTEN)
            await pause(Point.RECOVER_COMMITTED)
            await look_for_receipts(self._database, lost, now=now)
            found += len(lost)
            if len(lost) < limit:
                return found

    async def _expire(self, limit: int) -> int:
        """Validity is over for what still waits in our queue."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            rows = await tx.overdue(now=now, limit=limit)
            await tx.take_from_outbox(rows)
            held = await tx.lock_deliveries({row.key for row in rows})
            log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
            for row in rows:
                delivery = held[row.key].delivery
                if still_waits(row, delivery):
                    ended = _expired(now, attempt=row.attempt, part=row.part)
                else:
                    ended = too_late(row, delivery, now)
                log.setdefault(row.key, []).append((ended, None))
            await fold(tx, log, now=now, held=held)
            await pause(Point.EXPIRE_WRITTEN)
        await pause(Point.EXPIRE_COMMITTED)
        return len(rows)

    async def _decide(self, limit: int) -> int:
        """The wait for a lost answer is over: the traffic class's written policy decides."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            rows = await tx.undecided(now=now, limit=limit)
            held = await tx.lock_deliveries({one.key for one in rows})
            log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
            resend: list[tuple[Flight, datetime]] = []
            for one in rows:
                part = held[one.key].delivery.attempts[one.attempt - 1].parts[one.part - 1]
                if part.state is not State.IN_DOUBT:
                    continue
                # What went on to another route is not sent on this one again.
                resent = part.resent_after > 0 or one.attempt < len(held[one.key].delivery.attempts)
                evidence = _verdict(one, resent_before=resent, now=now)
                log.setdefault(one.key, []).append((evidence, None))
                if evidence.kind is Kind.RESENT:
                    resend.append((one, now))
            await fold(tx, log, now=now, held=held)
            await queue_parts(tx, resend, held)
            await tx.decide_flights(rows)
            await pause(Point.DECIDE_WRITTEN)
        await pause(Point.DECIDE_COMMITTED)
        return len(rows)

    async def _settle(self, limit: int) -> int:
        """The wait for the rest of a message with a failed part is over."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            keys = await tx.settle_due(now=now, limit=limit)
            await fold(tx, {key: [(_settled(now), None)] for key in keys}, now=now)
            await pause(Point.SETTLE_WRITTEN)
        await pause(Point.SETTLE_COMMITTED)
        return len(keys)

    async def _silence(self, limit: int) -> int:
        """Validity and grace are over for what left us and was never heard of again."""
        now = self._clock.now()
        edge = now - self._waits.receipt_grace
        async with self._database.transaction() as tx:
            reached = await tx.swept_to(_SWEEP)
            after = reached - OVERLAP if reached else datetime.min.replace(tzinfo=now.tzinfo)
            # Asked first: what is answered from here on is not passed by.
            in_flight = await tx.first_expiry_in_flight()
            keys = await tx.silent(expired_before=edge, after=after, limit=limit)
            await self._close_silent(tx, keys, now=now)
            if len(keys) < limit:
                await tx.sweep_reached(_SWEEP, min(edge, in_flight or edge))
            await pause(Point.SILENCE_WRITTEN)
        await pause(Point.SILENCE_COMMITTED)
        return len(keys)

    async def _add_up(self, limit: int) -> int:
        """Lists say how many messages there are by counts of days, and of minutes that are over."""
        before = (self._clock.now() - COMMITTED_WITHIN).replace(second=0, microsecond=0)
        async with self._database.transaction() as tx:
            return await tx.add_up_tallies(limit, before=before)

    async def _forget_reports(self, limit: int) -> int:
        """Nobody can pull them any more."""
        owed_before = self._clock.now() - WINDOW
        async with self._database.transaction() as tx:
            await tx.sweep_reached(FORGOTTEN, owed_before)
            return await tx.forget_reports(owed_before=owed_before, limit=limit)

    async def _close_silent(self, tx: CloseTx, keys: Sequence[Key], *, now: datetime) -> None:
        """End the parts that left us."""
        held = await tx.lock_deliveries(keys)
        log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
        for key, row in held.items():
            for number, attempt in enumerate(row.delivery.attempts, 1):
                for part_no, part in enumerate(attempt.parts, 1):
                    if part.state in LIVE:
                        unconfirmed = part.state is State.IN_DOUBT or part.held
                        log.setdefault(key, []).append(
                            (_silent(now, attempt=number, part=part_no, unconfirmed=unconfirmed), None)
                        )
        await fold(tx, log, now=now, held=held)


def _log(
    flights: Sequence[Flight], held: Mapping[Key, Held], *, now: datetime
) -> dict[Key, list[tuple[Evidence, bytes | None]]]:
    """Each of them was written, and what became of it is unknown."""
    log: dict[Key, list[tuple[Evidence, bytes | None]]] = {}
    for flight in flights:
        part = held[flight.key].delivery.attempts[flight.attempt - 1].parts[flight.part - 1]
        doubt = Evidence(
            Kind.DOUBT,
            now,
            State.IN_DOUBT,
            attempt=flight.attempt,
            part=flight.part,
            try_no=flight.try_no,
            word="courier_lost",
        )
        log.setdefault(flight.key, []).extend([*as_written(flight, part), (doubt, None)])
    return log


def _settled(now: datetime) -> Evidence:
    """Of each message its own: folding writes into evidence what it cost."""
    return Evidence(Kind.TIMER, now, closes=True, inferred=True, word="settle")


def _expired(now: datetime, *, attempt: int, part: int) -> Evidence:
    reason = Reason.EXPIRED_IN_QUEUE
    return Evidence(
        Kind.TIMER,
        now,
        State.EXPIRED,
        attempt=attempt,
        part=part,
        reason=reason,
        stage=reason.facts.stage,
        inferred=True,
        word="validity",
    )


def _silent(now: datetime, *, attempt: int, part: int, unconfirmed: bool) -> Evidence:
    reason = Reason.SUBMIT_NOT_CONFIRMED if unconfirmed else Reason.NO_RECEIPT
    return Evidence(
        Kind.TIMER,
        now,
        State.NO_RECEIPT,
        attempt=attempt,
        part=part,
        reason=reason,
        stage=Stage.CLOSING,
        inferred=True,
        word="receipt_deadline",
    )


def _verdict(one: Flight, *, resent_before: bool, now: datetime) -> Evidence:
    """Send again, flagged, or hold as sent without confirmation."""
    remaining_s = int((one.expires_at - now).total_seconds())
    verdict = doubt.decide(one.traffic_class, remaining_validity_s=remaining_s, resent_before=resent_before)
    attempt, part = one.attempt, one.part
    if verdict is doubt.Verdict.RESEND:
        return Evidence(
            Kind.RESENT,
            now,
            State.QUEUED,
            attempt=attempt,
            part=part,
            inferred=True,
            word=f"policy:{one.traffic_class}",
        )
    return Evidence(
        Kind.HELD,
        now,
        State.SENT,
        attempt=attempt,
        part=part,
        inferred=True,
        word=f"policy:{one.traffic_class}",
    )
