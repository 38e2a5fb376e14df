"""What a carrier said, answers and receipts together: the usual in one statement, the rest in the flows of its own.

Usual is what makes up nearly all traffic: a submission was taken, and a receipt names by its id one that was. Of these
nothing needs to be locked or looked up first. They are folded on the ground of what is remembered, and written if that
is still the newest; a receipt that comes together with its answer costs no write of its own. What is not remembered any
more is read in one question. Whatever does not fit is read under lock and weighed by `flows.answers` and
`flows.receive`, which can do everything.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from tidings.domain.outcome import Taken
from tidings.flows.answers import Answer, RecordAnswers
from tidings.flows.cohorts import Cohorts, leg_of
from tidings.flows.folded import Leg, Sent, Spelt, Stored
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.receive import Incoming, Receive, same_recipient
from tidings.flows.recent import Recent
from tidings.flows.records import Flight, Key, Overtaken
from tidings.flows.transaction import Database


@dataclass(eq=False, slots=True)
class _Batch:
    """What came together: what of it was folded, the rest, and how often something had gone wrong until then."""

    folded: Spelt
    message_ids: Set[int]  # that something of it was folded for, or is known already
    answers: Sequence[Answer]
    receipts: Sequence[Incoming]
    setbacks: int
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def meets(self, earlier: "_Batch") -> bool:
        """Whether the order of the two matters; of what was not folded nobody knows yet which messages it is about."""
        unknown = self.answers or self.receipts or earlier.answers or earlier.receipts
        return bool(unknown) or not self.message_ids.isdisjoint(earlier.message_ids)


class Hear:
    """The flow, for one connector. `record` and `receive` are those of the same connector.

    Calls may overlap: while one is written the next is folded, on the ground of what the first will have made. Those
    that are about the same messages are written in their order, the others side by side. If one of them is not
    written, memory is emptied, and what was folded on it weighed anew.
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
        self._unwritten: list[_Batch] = []  # in the order of their folding
        self._setbacks = 0

    async def __call__(self, answers: Sequence[Answer], receipts: Sequence[Incoming]) -> None:
        """Write it all down, and what follows. Doing it twice does no harm. Raises Unavailable."""
        try:
            async with self._folding:
                batch = await self._fold(answers, receipts)
                before = [one for one in self._unwritten if batch.meets(one)]
                self._unwritten.append(batch)
            try:
                for one in before:
                    await one.over.wait()
                if await self._write(batch):
                    answers, receipts = batch.answers, batch.receipts
                if answers:
                    await self._record(answers)
                if receipts:
                    await self._receive(receipts)
            finally:
                self._unwritten.remove(batch)
                batch.over.set()
        except BaseException:
            self._set_back()  # whatever it was, and although it may never have had its turn
            raise

    async def _fold(self, answers: Sequence[Answer], receipts: Sequence[Incoming]) -> _Batch:
        """The usual, folded in memory: nothing is remembered of messages of which something else is said."""
        usual, unusual = _usual(answers)
        self._recent.forget(unusual)
        sent = await self._sent(receipts, usual, unusual)
        cohorts = Cohorts(now=self._clock.now(), reading=self._receive.reading)
        left_answers, left_receipts = [], []
        recent = self._recent
        for answer in answers:
            held = recent.held(answer.flight.message_id)
            if held is None:
                left_answers.append(answer)
            else:
                cohorts.answered(answer, held)
        names: list[str] = []
        for receipt, found in zip(receipts, sent, strict=True):
            held = None if found is None else recent.held(found[0])
            if found is None or held is None:
                left_receipts.append(receipt)
                continue
            cohorts.receipted(receipt, found, held, heard=recent.heard(found[0]))
            names += receipt.lookup_keys
        return self._batch(cohorts, left_answers, left_receipts, names)

    def _batch(
        self, cohorts: Cohorts, answers: Sequence[Answer], receipts: Sequence[Incoming], names: Sequence[str]
    ) -> _Batch:
        """What is to be written; `names` is what receipts in it call their submissions."""
        folded = cohorts.folded()
        folded.connector_id = self._receive.connector_id
        # A receipt that waits under one of these keys came earlier: it is to be heard first.
        keys = [key for its in folded.submitted.values() for key in its.upstream_keys]
        folded.unheard = list(dict.fromkeys([*keys, *names]))
        self._recent.keep_folded(folded, names)
        return _Batch(self._database.spell(folded), cohorts.message_ids, answers, receipts, self._setbacks)

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

    async def _sent(
        self, receipts: Sequence[Incoming], usual: Sequence[Answer], unusual: Set[int]
    ) -> list[Sent | None]:
        """The submission that each receipt names by its id: of this batch, remembered, or stored.

        How their messages stand is remembered afterwards, and how those of the answers do; not of what is `unusual`.
        """
        found = self._known(receipts, {one.stored_key: one.flight for one in usual})
        missing = {
            key for one, its in zip(receipts, found, strict=True) if its is None for key in one.lookup_keys
        }
        unknown = [one.flight.key for one in usual if self._recent.held(one.flight.message_id) is None]
        if missing or unknown:
            stored = await self._look_up(missing, unknown, unusual)
            for index, one in enumerate(receipts):
                if found[index] is None:
                    found[index] = _named(one, stored)
        return found

    def _known(self, receipts: Sequence[Incoming], fresh: Mapping[str | None, Flight]) -> list[Sent | None]:
        """The submissions that receipts name, of those that need not be looked for."""
        sent_of, held = self._recent.sent, self._recent.held
        found: list[Sent | None] = []
        legs: dict[Leg, Leg] = {}  # those that are equal are to be the same
        for one in receipts:
            sent: Sent | None = None
            if one.lookup_keys:
                surest = one.lookup_keys[0]
                flight = fresh.get(surest)
                if flight is not None:
                    sent = flight.message_id, flight.recipient, legs.setdefault(leg := leg_of(flight), leg)
                else:
                    sent = sent_of(surest)
                    if sent is not None and held(sent[0]) is None:
                        sent = None
            if sent is not None and not same_recipient(one.receipt.recipient, sent[1]):
                sent = None
            found.append(sent)
        return found

    async def _look_up(
        self, keys: Set[str], messages: Sequence[Key], unusual: Set[int]
    ) -> Mapping[str, Sequence[Stored]]:
        """The submissions under these keys, newest first; remembers how their messages stand, and how these do."""
        by_key: dict[str, list[Stored]] = {}
        async with self._database.reading() as tx:
            stored = await tx.stored(self._receive.connector_id, sorted(keys)) if keys else []
            stands = await tx.stands(messages) if messages else {}
        for one in stored:
            by_key.setdefault(one.upstream_key, []).append(one)
            stands[one.sent[0]] = one.held, one.heard
        for message_id, (held, heard) in stands.items():
            if message_id not in unusual and self._recent.held(message_id) is None:
                self._recent.learn(message_id, held, heard)
        return by_key


def _usual(answers: Sequence[Answer]) -> tuple[Sequence[Answer], set[int]]:
    """Those of messages of which nothing else is said than that a part was taken, each once; the others' messages."""
    unusual = {
        one.flight.message_id for one in answers if type(one.outcome) is not Taken or not one.stored_key
    }
    if len({one.flight.message_id for one in answers}) != len(answers):  # parts, or a word and another one
        times = Counter((one.flight.message_id, one.flight.attempt, one.flight.part) for one in answers)
        unusual |= {message_id for (message_id, _, _), said in times.items() if said > 1}
    if not unusual:
        return answers, unusual
    return [one for one in answers if one.flight.message_id not in unusual], unusual


def _named(one: Incoming, stored: Mapping[str, Sequence[Stored]]) -> Sent | None:
    """The first of the submissions under the receipt's keys whose recipient agrees; they come newest first."""
    for key in one.lookup_keys:
        for its in stored.get(key, ()):
            if same_recipient(one.receipt.recipient, its.sent[1]):
                return its.sent
    return None
