"""A life of the gateway that may end at any named point, with an outside world that remembers everything.

The customer repeats what was not answered. The carrier keeps what it took and sends each receipt until it is
acknowledged. Nothing else survives a death but the database.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from world import World

from tidings.domain.errors import Fault
from tidings.domain.lifecycle import Flag
from tidings.domain.message import ReportFilter
from tidings.domain.order import Draft, OnFault, Order, Taken, TrafficClass
from tidings.domain.outcome import Next, Outcome, Refused, Unknown
from tidings.domain.outcome import Taken as TakenUp
from tidings.domain.reason import Reason
from tidings.domain.receipt import Receipt
from tidings.domain.status import FINAL, State, Truth, truth
from tidings.flows import points
from tidings.flows.points import Point
from tidings.flows.ports import Outgoing
from tidings.flows.receive import Incoming, Receive
from tidings.store import invariants
from tidings.store.flights import become_courier


class Death(BaseException):
    """The process ends here. No flow can swallow it."""


class Deaths:
    """Dies at the n-th point reached, or at the next one of a name; counts what was reached and where it died."""

    def __init__(self) -> None:
        self.reached: Counter[Point] = Counter()
        self.died: Counter[Point] = Counter()
        self.countdown: int | None = None
        self.at: Point | None = None

    def __call__(self, point: Point) -> None:
        self.reached[point] += 1
        if self.at is point or self._counted_down():
            self.at = self.countdown = None
            self.died[point] += 1
            raise Death(point)

    def _counted_down(self) -> bool:
        if self.countdown is None:
            return False
        self.countdown -= 1
        return self.countdown < 0


@dataclass
class Carrier:
    """What the upstream really took, and the receipts it still owes us."""

    mood: str = "take"  # take | silent | refuse | throttle | refuse_sender
    takes_silently: bool = True  # whether a silent submission was taken
    taken: list[tuple[int, str, Outgoing]] = field(default_factory=list)  # message id, upstream id, part
    unacknowledged: list[Receipt] = field(default_factory=list)
    acknowledged: list[Receipt] = field(default_factory=list)

    def submit(self, part: Outgoing, message_id: int) -> Outcome:
        if self.mood == "throttle":
            return Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x58")
        if self.mood == "refuse":
            return Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0b")
        if self.mood == "refuse_sender":
            return Refused(Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP, "0x0a")
        if self.mood == "silent" and not self.takes_silently:
            return Unknown("timeout")
        upstream_id = f"up{len(self.taken) + 1}"
        self.taken.append((message_id, upstream_id, part))
        return Unknown("timeout") if self.mood == "silent" else TakenUp(upstream_id)


class Life:
    """The world, one courier's worth of state, and what everybody outside remembers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deaths = Deaths()
        self.carrier = Carrier()
        self.promised: dict[str, int] = {}  # reference -> message id, as the customer was told
        self.pulled: list[tuple[int, int]] = []  # message id, report number
        self.handed_to_nobody = 0  # pulls that died after their commit

    async def run(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Do a step; False if it died, and then everything restarts."""
        points.arm(self.deaths)
        try:
            await step()
        except Death:
            points.arm(None)
            await self.restart()
            return False
        finally:
            points.arm(None)
        return True

    async def restart(self) -> None:
        """A new process: nothing in memory, a courier number of its own, recovery."""
        world = self.world
        await world.sql.execute("select pg_advisory_unlock_all()")
        world.courier_id = await become_courier(world.sql)
        await world.reopen()
        await self.recover()

    async def recover(self) -> None:
        await self.world.close_flow().recover()

    async def vanish(self) -> None:
        """The courier dies with submissions written and no answer recorded, and nobody has cleaned up yet."""
        for flight, part in await self.world.take():
            self.carrier.submit(part, flight.message_id)
        await self.world.sql.execute("select pg_advisory_unlock_all()")
        self.world.courier_id = await become_courier(self.world.sql)

    async def send(
        self, reference: str, *, parts: int = 1, traffic_class: TrafficClass | None = None
    ) -> None:
        """The customer sends until it has an answer."""
        caller = await self.world.gateway.caller_by_key(self.world.key)
        assert caller is not None
        draft = Draft(f"38097{len(self.promised):07d}", "BSG", "x" * (150 * parts), reference)
        order = Order(caller, "bsg_v1", [draft], OnFault.SKIP, 3600, traffic_class=traffic_class)  # type: ignore[arg-type]
        [row] = (await self.world.gateway.accept(order)).rows
        if isinstance(row, Taken):
            self.promised[reference] = row.id
            return
        assert row is Fault.REFERENCE_TAKEN
        message = await self.world.gateway.message_by_reference(self.world.account_id, reference)
        assert message is not None, "a reference is taken only by a message"
        self.promised[reference] = message.id

    async def dispatch(self) -> None:
        """What is due goes to the carrier; its answers are recorded."""
        pairs = await self.world.take()
        answers = [
            self.world.answer(flight, self.carrier.submit(part, flight.message_id)) for flight, part in pairs
        ]
        if pairs:
            points.reach(Point.DISPATCH_SUBMITTED)
            await self.world.record(answers)

    def says(self, which: int, word: str) -> None:
        """The carrier has something to say of a submission that it took."""
        _, upstream_id, part = self.carrier.taken[which]
        self.carrier.unacknowledged.append(self.world.receipt(upstream_id, part, word))

    async def deliver(self) -> None:
        """The carrier sends what it was not acknowledged for; after the commit it is."""
        batch = list(self.carrier.unacknowledged)
        if not batch:
            return
        flow = Receive(self.world.database, clock=self.world.clock, connector_id=self.world.connector_id)
        now = self.world.clock.now()
        await flow([Incoming(one, now, [one.upstream_id or ""]) for one in batch])
        self.carrier.acknowledged += batch
        del self.carrier.unacknowledged[: len(batch)]

    async def retry_orphans(self) -> None:
        flow = Receive(self.world.database, clock=self.world.clock, connector_id=self.world.connector_id)
        await flow.retry_orphans()

    async def sweep(self) -> None:
        await self.world.sweep()

    async def pull(self) -> None:
        """The customer pulls; what dies on the way to it is lost to it."""
        before = await self._handed_out()
        try:
            rows = await self.world.gateway.pull_reports(self.world.account_id, ReportFilter(), limit=1000)
        except Death:
            self.handed_to_nobody += await self._handed_out() - before
            raise
        self.pulled += [(one.message.id, one.number) for one in rows]

    async def _handed_out(self) -> int:
        count: int = await self.world.sql.fetchval("select count(*) from report where pulled_at is not null")
        return count

    async def holds(self) -> None:
        """Every promise, against the database and against what the outside world remembers."""
        sql = self.world.sql
        assert await invariants.check(sql) == []
        for reference, message_id in self.promised.items():
            message = await self.world.gateway.message_by_reference(self.world.account_id, reference)
            assert message is not None and message.id == message_id, f"promised and gone: {reference}"
        await self._nobody_got_it_twice_unflagged()
        for one in self.carrier.acknowledged:
            stored = await sql.fetchval(
                "select (select count(*) from evidence where fingerprint = $1)"
                " + (select count(*) from orphan where fingerprint = $1)",
                one.fingerprint(),
            )
            assert stored == 1, f"acknowledged and not stored once: {one.upstream_id} {one.word} {stored}"
        assert len(set(self.pulled)) == len(self.pulled), "a report was handed out twice"
        assert await self._handed_out() == len(self.pulled) + self.handed_to_nobody

    async def _nobody_got_it_twice_unflagged(self) -> None:
        copies = Counter((message_id, part.part) for message_id, _, part in self.carrier.taken)
        for (message_id, part), taken in copies.items():
            if taken > 1:
                delivery = await self.world.replayed(message_id)
                assert Flag.POSSIBLE_DUPLICATE in delivery.flags, (
                    f"{message_id} part {part} went out {taken} times"
                )
                assert taken == 2, "the policy allows one more copy, not several"

    async def everything_ends(self) -> None:
        """With the faults off and time moving on, nothing stays open, and every yes is known."""
        self.deaths.countdown = self.deaths.at = None
        self.carrier.mood = "take"
        for _ in range(4):
            await self.dispatch()
            await self.deliver()
            self.world.clock.advance(130)
            await self.retry_orphans()
            await self.sweep()
        self.world.clock.advance(3600 + 86_400 + 1)
        await self.sweep()
        await self.pull()
        await self.holds()
        assert await invariants.ended(self.world.sql) == []
        for message_id in self.promised.values():
            message = await self.world.message(message_id)
            assert message.standing.state in FINAL
            await self._the_truth_is_told(message_id, message.standing.state)

    async def _the_truth_is_told(self, message_id: int, state: State) -> None:
        """A yes needs a receipt that says so."""
        ids = {upstream_id for owner, upstream_id, _ in self.carrier.taken if owner == message_id}
        yes = any(
            one.state is not None and truth(one.state) is Truth.YES and one.upstream_id in ids
            for one in self.carrier.acknowledged
        )
        if truth(state) is Truth.YES:
            assert yes, f"{message_id} is told delivered without a receipt"
