"""One connector at work: what is due goes out, answers are recorded, receipts come in."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from operator import attrgetter

import structlog

from tidings.app.bell import Sleepers
from tidings.app.portion import Portion
from tidings.domain.errors import Unavailable
from tidings.domain.outcome import Outcome, Taken, Unknown, Unwritten
from tidings.domain.receipt import Receipt
from tidings.flows.answers import Answer
from tidings.flows.batcher import Batcher
from tidings.flows.dispatch import Dispatch, Handover
from tidings.flows.hear import Hear
from tidings.flows.points import Point, reach
from tidings.flows.ports import Binds, Clock, Connector, Singles
from tidings.flows.receive import Incoming, Receive
from tidings.flows.records import Flight

PAUSE_S = 1.0
"""How long a step waits when the database is away."""

MAX_BATCH = 1_000

CROWD, ENOUGH = 16, 300
CLAIM_APART_S = 0.06
GATHER_S, GATHERINGS = 0.01, 6
"""A claim, or a write of what a carrier said, costs as much as forty messages in it: where the last one had a crowd,
the next one waits for more, until there is enough. A carrier says nothing more once its window is full: what it said is
waited with only as long as more comes."""

LANES = 3
"""Two writes may be under way, for one waits for the disk while the other computes; the third is folded meanwhile."""

CROWDS = 5
"""After so many claims in a row that had a crowd nobody needs to say that there is more."""

MAX_LATE = 10_000
"""Submissions without an answer that are still remembered for a late one."""

log = structlog.get_logger("courier")


class Line:
    """Ties a connector to the flows. Implements `flows.ports.Upstream`."""

    def __init__(
        self,
        name: str,
        *,
        dispatch: Dispatch,
        hear: Hear,
        receive: Receive,
        clock: Clock,
        sleepers: Sleepers,
        claim_limit: int,
        poll_s: float,
    ) -> None:
        self.name = name
        self.wake = asyncio.Event()
        self._dispatch = dispatch
        self._hear = hear
        self._receive = receive
        self._clock = clock
        self._sleepers = sleepers
        self._claim_limit = claim_limit
        self._poll_s = poll_s
        self._connector: Connector
        self._stopping = False
        self._flights: dict[int, Flight] = {}
        self._answers: deque[Answer] = deque()
        self._answered = asyncio.Event()
        self._heard_at: datetime | None = None
        self._crowded = False  # the last that was written down
        self._gathering = asyncio.Lock()
        self._receipts: Batcher[list[Incoming], list[Exception | None]] = Batcher(
            self._store, max_weight=MAX_BATCH, weigh=len, gather=self._gather, lanes=LANES
        )

    def receipts(self, receipts: Sequence[Receipt]) -> asyncio.Future[list[Exception | None]]:
        """Store receipts that came together; done after the commit. Raises Unavailable."""
        now, lookup, suspect = self._moment(), self._connector.lookup_keys, self._connector.suspect_keys
        return self._receipts.ask(
            [
                Incoming(one, now, lookup(named), partial(suspect, named))
                if named
                else Incoming(one, now, [])
                for one in receipts
                for named in (one.upstream_id,)
            ]
        )

    def share(self, among: int) -> None:
        """So many couriers use this carrier account."""
        self._connector.share(among)

    def answered(self, submission_id: int, outcome: Outcome) -> None:
        """Queue an answer to be recorded. An unknown one may still be followed by a late one."""
        flight = self._flights.get(submission_id)
        if flight is None:
            return
        if not isinstance(outcome, Unknown):
            del self._flights[submission_id]
        elif len(self._flights) > MAX_LATE:
            del self._flights[next(iter(self._flights))]
        named = outcome.upstream_id if isinstance(outcome, Taken) else ""
        key = self._connector.stored_key(named) if named else None
        self._answers.append(Answer(flight, outcome, self._heard_at or self._moment(), key))
        self._answered.set()

    def taken(self, answers: Sequence[tuple[int, Taken]]) -> None:
        """Queue answers that came together, of submissions that were taken."""
        now, stored_key, flown = self._moment(), self._connector.stored_key, self._flights.pop
        self._answers.extend(
            [
                Answer(flight, taken, now, stored_key(taken.upstream_id))
                for submission_id, taken in answers
                if (flight := flown(submission_id, None)) is not None
            ]
        )
        self._answered.set()

    def _moment(self) -> datetime:
        """Now; the same for all that is heard in one turn of the loop, so that it can be said once."""
        if self._heard_at is None:
            self._heard_at = self._clock.now()
            asyncio.get_running_loop().call_soon(self._turn_over)
        return self._heard_at

    async def _gather(self) -> None:
        """Wait for more, where more comes. For one write at a time: the next one waits for what this one leaves."""
        async with self._gathering:
            for _ in range(GATHERINGS if self._crowded else 0):
                before = self._unwritten
                if before >= ENOUGH:
                    return
                await asyncio.sleep(GATHER_S)
                if self._unwritten == before:
                    return

    @property
    def _unwritten(self) -> int:
        """Answers and receipts that no write has taken yet."""
        return len(self._answers) + self._receipts.waiting

    def _turn_over(self) -> None:
        self._heard_at = None

    def use(self, connector: Connector) -> None:
        """The connector of this line; it was made with the line as its upstream."""
        self._connector = connector

    def binds(self) -> Binds:
        """How the connector's sessions stand."""
        return self._connector.binds()

    async def run(self, *, held: asyncio.Event, drain_s: float) -> None:
        """Work until cancelled; then drain: take nothing more, wait for answers, record them."""
        binding = asyncio.create_task(self._connector.run())
        recording = asyncio.create_task(self._record())
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(self._hand_over(held))
                work.create_task(self._retry_orphans())
                work.create_task(_fail_with(binding, recording))
        finally:
            await self._connector.close(drain_s)
            await asyncio.wait([binding])
            self._stopping = True
            self._answered.set()
            await recording
            await self._receipts.close()

    async def _hand_over(self, held: asyncio.Event) -> None:
        """What is due goes out as the connector has room. `held`: our courier number is ours."""
        loop = asyncio.get_running_loop()
        next_at, crowds = 0.0, 0
        portion = Portion(self._claim_limit)
        while True:
            if (rest_s := next_at - loop.time()) > 0:
                await asyncio.sleep(rest_s)
            await held.wait()
            await self._connector.wait_room()
            begun_at = loop.time()
            self.wake.clear()
            room = min(self._connector.room, portion.begin(begun_at))
            try:
                handovers = await self._take(room) if room > 0 else []
            except Unavailable as away:
                log.warning("take_failed", connector=self.name, why=str(away))
                await asyncio.sleep(PAUSE_S)
                continue
            for one in handovers:
                self._write(one)
            claimed = sum(one.messages for one in handovers)
            portion.claimed(claimed)
            if CROWD < claimed < ENOUGH:  # for more to come, or for the carrier to make room for more
                next_at = begun_at + (CLAIM_APART_S if claimed < room else GATHER_S)
            crowds = crowds + 1 if claimed > CROWD else 0
            if crowds >= CROWDS:
                await self._sleepers.hush()
            if not handovers:
                await self._sleep_until_woken()

    def _write(self, handover: Handover) -> None:
        """Give it to the connector; `answered` hears what came of each part."""
        flights, parts = handover.flights, handover.parts
        if isinstance(parts, Singles):
            self._flights.update(zip(parts.submission_ids, flights, strict=True))
            self._connector.submit_singles(parts)
        else:
            self._flights.update(zip([part.submission_id for part in parts], flights, strict=True))
            self._connector.submit(parts)
        reach(Point.DISPATCH_SUBMITTED)

    async def _take(self, room: int) -> list[Handover]:
        """A claim, once begun, is finished: what a stop keeps from being written goes back to the queue."""
        taking = asyncio.ensure_future(self._dispatch.take(room))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            with contextlib.suppress(Unavailable):
                now = self._clock.now()
                for one in await taking:
                    self._answers += [
                        Answer(flight, Unwritten("stopping"), now, None) for flight in one.flights
                    ]
                self._answered.set()
            raise

    async def _sleep_until_woken(self) -> None:
        if not await self._sleepers.lie_down():
            return
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self.wake.wait()
        finally:
            self._sleepers.get_up()

    async def _store(self, groups: list[list[Incoming]]) -> list[list[Exception | None]]:
        """Groups of receipts, with the answers that came before them; for each receipt what went wrong, if anything.

        Answers are kept until they are recorded, whatever happens.
        """
        answers = [self._answers.popleft() for _ in range(min(len(self._answers), MAX_BATCH))]
        self._crowded = len(answers) + sum(map(len, groups)) > CROWD
        try:
            told = iter(await self._store_all(answers, [one for group in groups for one in group]))
        except BaseException:
            self._answers = deque(sorted([*answers, *self._answers], key=attrgetter("at")))
            raise
        return [list(islice(told, len(group))) for group in groups]

    async def _store_all(self, answers: list[Answer], batch: list[Incoming]) -> list[Exception | None]:
        """One bad receipt must not fail its neighbours: then each alone, unless all would meet the same end."""
        try:
            await self._hear(answers, batch)
        except Unavailable:
            raise
        except Exception as error:
            if not batch:
                raise
            await self._hear(answers, [])
            if len(batch) == 1:
                return [error]
            return [told for one in batch for told in await self._store_all([], [one])]
        return [None] * len(batch)

    async def _record(self) -> None:
        """Answers are recorded in the order they came, with the receipts of that time; again until it is done."""
        while True:
            await self._answered.wait()
            self._answered.clear()
            while self._answers:
                try:
                    await self._receipts.put([])
                except Unavailable as away:
                    log.warning(
                        "record_failed", connector=self.name, waiting=len(self._answers), why=str(away)
                    )
                    if self._stopping:
                        return  # what is not recorded is recovered as in doubt
                    await asyncio.sleep(PAUSE_S)
            if self._stopping:
                return

    async def _retry_orphans(self) -> None:
        while True:
            await asyncio.sleep(PAUSE_S)
            try:
                await self._receive.retry_orphans()
            except Unavailable as away:
                log.warning("orphans_failed", connector=self.name, why=str(away))


async def _fail_with(*tasks: "asyncio.Task[None]") -> None:
    """Fail as soon as one of the tasks does."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()
