"""What a carrier said, answers and receipts together: the usual in one statement, the rest in the flows of its own.

Usual is what makes up nearly all traffic: a submission was taken, and a receipt names by its id one that was. Of these
nothing needs to be locked or looked up first. They are folded on the ground of what is remembered, and written if that
is still the newest; a receipt that comes together with its answer costs no write of its own. Whatever does not fit is
read under lock and weighed by `flows.answers` and `flows.receive`, which can do everything.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from tidings.domain.outcome import Taken
from tidings.flows.answers import Answer, Log, RecordAnswers, evidence_of, match_of, part_of
from tidings.flows.dispatch import as_written
from tidings.flows.fold import folding
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.receive import Incoming, Receive, named, receipt_evidence
from tidings.flows.recent import Recent
from tidings.flows.records import Folded, Held, Key, Match, Overtaken, Spelt
from tidings.flows.transaction import Database


class _Batch(NamedTuple):
    """What came together: what of it was folded, the rest, and how often something had gone wrong until then."""

    folded: Spelt
    answers: Sequence[Answer]
    receipts: Sequence[Incoming]
    setbacks: int


class Hear:
    """The flow, for one connector. `record` and `receive` are those of the same connector.

    Calls may overlap: while one is written the next is folded, on the ground of what the first will have made. They
    are written in their order, and if one of them is not, memory is emptied, and what was folded on it weighed anew.
    """

    def __init__(
        self, database: Database, *, clock: Clock, record: RecordAnswers, receive: Receive, recent: Recent
    ) -> None:
        self._database = database
        self._clock = clock
        self._record = record
        self._receive = receive
        self._recent = recent
        self._folding = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._setbacks = 0

    async def __call__(self, answers: Sequence[Answer], receipts: Sequence[Incoming]) -> None:
        """Write it all down, and what follows. Doing it twice does no harm. Raises Unavailable."""
        try:
            async with self._folding:
                batch = await self._fold(answers, receipts)
            async with self._writing:
                if await self._write(batch):
                    answers, receipts = batch.answers, batch.receipts
                if answers:
                    await self._record(answers)
                if receipts:
                    await self._receive(receipts)
        except BaseException:
            self._set_back()  # whatever it was, and although it may never have had its turn
            raise

    async def _fold(self, answers: Sequence[Answer], receipts: Sequence[Incoming]) -> _Batch:
        """The usual, folded in memory."""
        usual = _taken(answers)
        matches = await self._matches(receipts, usual)
        unusual = {one.flight.key for one in answers} - {one.flight.key for one in usual}
        self._recent.forget(unusual)
        claimed = [match if match and match.key not in unusual else None for match in matches]
        held = await self._held({one.flight.key for one in usual} | {one.key for one in claimed if one})
        usual = [one for one in usual if one.flight.key in held]
        claimed = [match if match and match.key in held else None for match in claimed]
        folded = self._folded(usual, receipts, claimed, held)
        self._recent.keep(folded.rows, folded.taken)
        done = {id(one) for one in usual}
        return _Batch(
            self._database.spell(folded),
            [one for one in answers if id(one) not in done],
            [one for one, match in zip(receipts, claimed, strict=True) if match is None],
            self._setbacks,
        )

    async def _write(self, batch: _Batch) -> bool:
        """Write what was folded; False if that was not on the newest ground. Then nothing that is remembered is."""
        if batch.setbacks != self._setbacks:
            return False
        try:
            await pause(Point.HEARD_FOLDED)
            async with self._database.at_once() as tx:
                await tx.write(batch.folded)
        except Overtaken:
            self._set_back()
            return False
        await pause(Point.HEARD_WRITTEN)
        return True

    def _set_back(self) -> None:
        self._setbacks += 1
        self._recent.clear()

    async def _matches(self, receipts: Sequence[Incoming], usual: Sequence[Answer]) -> list[Match | None]:
        """The submission that each receipt names by its id: of this batch, remembered, or stored."""
        fresh = {one.stored_key: match_of(one) for one in usual}
        found: list[Match | None] = []
        for one in receipts:
            surest = one.lookup_keys[0] if one.lookup_keys else ""
            match = fresh.get(surest) or self._recent.taken(surest)
            found.append(named(one.receipt, [match]) if match else None)
        missing = {
            key for one, match in zip(receipts, found, strict=True) if not match for key in one.lookup_keys
        }
        if missing:
            async with self._database.reading() as tx:
                stored = await tx.matches(self._receive.connector_id, sorted(missing))
            for index, one in enumerate(receipts) if stored else ():
                if found[index] is None:
                    its = [match for key in one.lookup_keys for match in stored if match.upstream_key == key]
                    found[index] = named(one.receipt, its)
        return found

    async def _held(self, keys: Set[Key]) -> dict[Key, Held]:
        """The deliveries as they are remembered, else as they stand now; not locked."""
        held = {key: known for key in keys if (known := self._recent.held(key)) is not None}
        missing = keys - held.keys()
        if missing:
            async with self._database.reading() as tx:
                held |= await tx.deliveries(missing)
        return held

    def _folded(
        self,
        answers: Sequence[Answer],
        receipts: Sequence[Incoming],
        matches: Sequence[Match | None],
        held: Mapping[Key, Held],
    ) -> Folded:
        log: Log = {}
        for one in answers:
            part = part_of(one, held)
            lines = log.setdefault(one.flight.key, [])
            lines += as_written(one.flight, part)
            lines.append((evidence_of(one, part, next_route=None), None))
        self._add_receipts(log, receipts, matches, held)
        folded = folding(log, held, now=self._clock.now())
        folded.ended = [one.flight for one in answers]
        folded.taken = [match_of(one) for one in answers]
        folded.connector_id = self._receive.connector_id
        folded.unheard = _names(folded, receipts, matches)
        return folded

    def _add_receipts(
        self,
        log: Log,
        receipts: Sequence[Incoming],
        matches: Sequence[Match | None],
        held: Mapping[Key, Held],
    ) -> None:
        """Each that was not heard before."""
        seen = {(key, known) for key, row in held.items() for known in row.fingerprints}
        for one, match in zip(receipts, matches, strict=True):
            if match is None:
                continue
            key = match.key
            evidence, fingerprint = receipt_evidence(
                one.receipt, match, at=one.at, delivery=held[key].delivery, reading=self._receive.reading
            )
            if (key, fingerprint) not in seen:
                seen.add((key, fingerprint))
                log.setdefault(key, []).append((evidence, fingerprint))


def _names(folded: Folded, receipts: Sequence[Incoming], matches: Sequence[Match | None]) -> list[str]:
    """A receipt that waits under one of these keys came earlier: it is to be heard first."""
    keys = [match.upstream_key for match in folded.taken]
    for one, match in zip(receipts, matches, strict=True):
        if match is not None:
            keys += one.lookup_keys
    return list(dict.fromkeys(keys))


def _taken(answers: Sequence[Answer]) -> list[Answer]:
    """Those of messages of which nothing else is said than that a part was taken, each once."""
    unusual = {one.flight.key for one in answers if not (isinstance(one.outcome, Taken) and one.stored_key)}
    times = Counter((one.flight.key, one.flight.attempt, one.flight.part) for one in answers)
    unusual |= {key for (key, _, _), said in times.items() if said > 1}
    return [one for one in answers if one.flight.key not in unusual]
