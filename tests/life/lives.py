"""A life of the gateway that may end at any named point, with an outside world that remembers everything.

The customer repeats what was not answered. The carrier keeps what it took and sends each receipt until it is
acknowledged. The customer's server hears callbacks. Two couriers work at once. Nothing else survives a death but the
database.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from noted import PACKS, noted
from outside import Carrier, Courier, Death, Deaths
from world import WAITS, World

from tidings.domain.delivery import Flag
from tidings.domain.errors import Fault
from tidings.domain.evidence import Kind
from tidings.domain.message import ReportFilter
from tidings.domain.money import to_decimal
from tidings.domain.order import Draft, Extras, OnFault, Order, Taken, TrafficClass
from tidings.domain.status import FINAL, Truth, truth
from tidings.flows import points
from tidings.flows.answers import Answer, RecordAnswers
from tidings.flows.callbacks import LEASE, Callbacks
from tidings.flows.catalog import CatalogCache
from tidings.flows.close import Close
from tidings.flows.dispatch import Dispatch
from tidings.flows.hear import Hear
from tidings.flows.points import Point
from tidings.flows.receive import EVERY_PART, Incoming, Receive
from tidings.flows.recent import Recent
from tidings.flows.reports import WINDOW
from tidings.store import invariants

VALIDITY_S = 3600
CALLED_BACK = Extras(callback_url="http://customer.example/")

# The promises that a step may break and one statement can check, as one statement: the numbers of the broken ones.
PROMISES = "\nunion all\n".join(
    f"(select {index} from ({one.sql}) as broken_{index} limit 1)"  # noqa: S608 - of constants
    for index, one in enumerate(invariants.CHECKS)
    if one.number != 8  # whose is what is written once, and looked at in the end
)

STORED = """
select (select count(*) from delivery where position($1 in fingerprints) > 0)
     + (select count(*) from orphan where fingerprint = $1)"""


class Life:
    """The world, two couriers, and what everybody outside remembers."""

    def __init__(self, world: World, couriers: Sequence[Courier], connectors: Sequence[int]) -> None:
        self.world = world
        self.couriers = couriers
        self.connectors = connectors
        self.deaths = Deaths()
        self.carrier = Carrier()
        self.catalog = CatalogCache()
        self.promised: dict[str, int] = {}  # reference -> message id, as the customer was told
        self.pulled: list[tuple[int, int]] = []  # message id, report number
        self.handed_to_nobody = 0  # pulls that died after their commit
        self.called: dict[int, list[str]] = {}  # message id -> the states that the customer's server heard
        self.caller = self._new_caller()

    # --- Dying

    async def run(self, step: Callable[[], Awaitable[None]], *, who: Courier | None = None) -> bool:
        """Do a step; False if it died, and then its process (without `who`: every process) starts anew."""
        points.arm(self.deaths)
        try:
            await step()
        except Death:
            points.arm(None)
            if who is None:
                await self.world.reopen()
            await self.restart(self.couriers if who is None else [who])
            return False
        finally:
            points.arm(None)
        return True

    async def restart(self, couriers: Sequence[Courier]) -> None:
        """New couriers: nothing in memory, numbers of their own, recovery."""
        for courier in couriers:
            await courier.start_anew()
        self.caller = self._new_caller()
        await self.recover()

    def _close(self) -> Close:
        return Close(self.world.database, clock=self.world.clock, waits=WAITS)

    async def recover(self) -> None:
        """Somebody looks for what dead couriers left."""
        await self._close().recover()

    async def vanish(self) -> None:
        """A courier dies with submissions written and no answer recorded, and nobody has cleaned up yet."""
        await self.hand_over(self.couriers[0])
        await self.couriers[0].start_anew()

    # --- The customer

    async def send(
        self, *references: str, to: str = "", parts: int = 1, traffic_class: TrafficClass | None = None
    ) -> None:
        """The customer sends until it has an answer. Without `to` each message has a recipient of its own."""
        caller = await self.world.gateway.caller_by_key(self.world.key)
        assert caller is not None
        drafts = [
            Draft(
                to or f"38097{len(self.promised) + index:07d}",
                "Tidings",
                "x" * (150 * parts),
                reference,
                extras=CALLED_BACK,
            )
            for index, reference in enumerate(references)
        ]
        order = Order(
            caller,
            "native",  # type: ignore[arg-type]
            drafts,
            OnFault.SKIP,
            VALIDITY_S,
            traffic_class=traffic_class,
            calls_back=True,
        )
        answer = await self.world.gateway.accept(order)
        for reference, row in zip(references, answer.rows, strict=True):
            if isinstance(row, Taken):
                assert reference not in self.promised, "two messages with one reference"
                self.promised[reference] = row.id
            elif row is Fault.REFERENCE_TAKEN:
                message = await self.world.gateway.message_by_reference(self.world.account_id, reference)
                assert message is not None, "a reference is taken only by a message"
                assert self.promised.setdefault(reference, message.id) == message.id
            else:
                assert row is Fault.NO_CREDIT

    async def pull(self, limit: int = 1000) -> None:
        """The customer pulls; what dies on the way to it is lost to it."""
        before = await self._handed_out()
        try:
            rows = await self.world.gateway.pull_reports(self.world.account_id, ReportFilter(), limit=limit)
        except Death:
            self.handed_to_nobody += await self._handed_out() - before
            raise
        self.pulled += [(one.id, one.number) for one in rows]

    async def _handed_out(self) -> int:
        count: int = await self.world.sql.fetchval(
            "select coalesce(sum(cardinality(message_ids)), 0) from report_pulled"
        )
        return count

    def _new_caller(self) -> Callbacks:
        return Callbacks(
            self.world.database,
            clock=self.world.clock,
            chance=lambda: 0.5,
            give_up_after=WAITS.receipt_grace,
        )

    async def call_back(self, *, well: bool = True, limit: int = 1000) -> int:
        """Tell the customer's server what is due, and record it; how many were due."""
        tellings = (await self.caller.turn([], limit=limit)).tellings
        told = []
        for one in tellings:
            if well:
                self.called.setdefault(one.message.id, []).append(one.message.standing.state)
            points.reach(Point.CALLBACKS_TOLD)
            told.append(self.caller.heard(one.callback, *((200, "") if well else (503, "http_503"))))
        await self.caller.turn(told, limit=0)
        await self.caller.give_up_old()
        return len(tellings)

    async def top_up(self, units: int) -> None:
        """The customer pays."""
        await self.world.admin.top_up(self.world.account_id, to_decimal(units))

    # --- Couriers

    async def hand_over(self, courier: Courier, connector: int = 0, *, room: int = 10_000) -> None:
        """Take what is due and write it; the carrier answers, and the courier has not recorded it yet."""
        connector_id = self.connectors[connector]
        flow = Dispatch(
            self.world.database,
            clock=self.world.clock,
            connector_id=connector_id,
            courier_id=lambda: courier.number,
            recent=courier.memories.setdefault(connector_id, Recent(most=3)),
        )
        for one in await flow.take(room):
            for flight, part in zip(one.flights, one.parts, strict=True):
                courier.unanswered.append((flight, self.carrier.submit(part, flight)))
                assert self.carrier.copies[flight] == 1, f"one submission went out twice: {flight}"
        if courier.unanswered:
            points.reach(Point.DISPATCH_SUBMITTED)

    async def answer(self, courier: Courier, *, most: int = 10_000, newest_first: bool = False) -> None:
        """Record answers, in the order they came or backwards; no answer is told by its timeout."""
        if newest_first:
            courier.unanswered.reverse()
        now, batch = self.world.clock.now(), courier.unanswered[:most]
        del courier.unanswered[:most]
        for connector_id in self.connectors:
            answers = [
                Answer(flight, outcome, now, getattr(outcome, "upstream_id", None))
                for flight, outcome in batch
                if flight.connector_id == connector_id
            ]
            if answers:
                await self._hearer(courier, connector_id)(answers, [])

    async def dispatch(self) -> None:
        """Hand over and record what the carrier says."""
        for connector in range(len(self.connectors)):
            await self.hand_over(self.couriers[0], connector)
        await self.answer(self.couriers[0])

    # --- The carrier

    def says(self, which: int, word: str) -> None:
        """The carrier has something to say of a submission that it took."""
        one = self.carrier.taken[which]
        receipt = self.world.receipt(one.upstream_id, one.part, word)
        self.carrier.unacknowledged.append((one.flight.connector_id, receipt))

    def says_again(self, which: int) -> None:
        """The carrier repeats a receipt although it was acknowledged."""
        one = self.carrier.acknowledged[which]
        [connector_id] = {
            c.flight.connector_id for c in self.carrier.taken if c.upstream_id == one.upstream_id
        }
        self.carrier.unacknowledged.append((connector_id, one))

    async def deliver(self, *, most: int = 10_000, newest_first: bool = False) -> None:
        """The carrier sends what it was not acknowledged for; after the commit it is."""
        if newest_first:
            self.carrier.unacknowledged.reverse()
        for connector_id in self.connectors:
            batch = [one for one in self.carrier.unacknowledged if one[0] == connector_id][:most]
            if batch:
                now = self.world.clock.now()
                # Whichever of them the carrier tells: it may have handed over the message, or not.
                courier = self.couriers[len(self.carrier.acknowledged) % len(self.couriers)]
                await self._hearer(courier, connector_id)(
                    [], [Incoming(one, now, [one.upstream_id or ""]) for _, one in batch]
                )
                self.carrier.acknowledged += [one for _, one in batch]
                for one in batch:
                    self.carrier.unacknowledged.remove(one)

    def _hearer(self, courier: Courier, connector_id: int) -> Hear:
        record = RecordAnswers(
            self.world.database,
            clock=self.world.clock,
            connector_id=connector_id,
            waits=WAITS,
            catalog=self.catalog,
            reading=EVERY_PART,
        )
        recent = courier.memories.setdefault(connector_id, Recent(most=3))
        return Hear(
            self.world.database,
            clock=self.world.clock,
            record=record,
            receive=self._receive(connector_id),
            recent=recent,
        )

    def _receive(self, connector_id: int) -> Receive:
        return Receive(self.world.database, clock=self.world.clock, connector_id=connector_id)

    async def retry_orphans(self) -> None:
        for connector_id in self.connectors:
            await self._receive(connector_id).retry_orphans()

    async def sweep(self) -> None:
        await self._close().sweep()

    async def clean_up(self) -> None:
        """What clerks and couriers do from time to time."""
        await self.sweep()
        await self.recover()
        await self.retry_orphans()

    # --- What must hold

    async def promises_hold(self) -> None:
        """What one statement and the outside world's memory can tell: cheap enough for every step."""
        broken = await self.world.sql.fetch(PROMISES)
        assert not broken, [invariants.CHECKS[row[0]].promise for row in broken]
        assert len(set(self.pulled)) == len(self.pulled), "a report was handed out twice"
        await self._nobody_got_it_twice_unflagged()

    async def holds(self) -> None:
        """Every promise, against the database and against what the outside world remembers."""
        sql = self.world.sql
        assert await invariants.check(sql) == []
        for reference, message_id in self.promised.items():
            message = await self.world.gateway.message_by_reference(self.world.account_id, reference)
            assert message is not None and message.id == message_id, f"promised and gone: {reference}"
        await self._nobody_got_it_twice_unflagged()
        for one in self.carrier.acknowledged:
            stored = await sql.fetchval(STORED, one.fingerprint())
            assert stored == 1, f"acknowledged and not stored once: {one.upstream_id} {one.word} {stored}"
        await self._receipts_are_with_their_messages()
        assert len(set(self.pulled)) == len(self.pulled), "a report was handed out twice"
        assert await self._handed_out() == len(self.pulled) + self.handed_to_nobody

    async def _nobody_got_it_twice_unflagged(self) -> None:
        copies = Counter((one.flight.message_id, one.part.part) for one in self.carrier.taken)
        for (message_id, part), taken in copies.items():
            if taken > 1:
                delivery = await self.world.replayed(message_id)
                assert Flag.POSSIBLE_DUPLICATE in delivery.flags, (
                    f"{message_id} part {part} went out {taken} times"
                )
                assert taken == 2, "the policy allows one more copy, not several"

    async def _receipts_are_with_their_messages(self) -> None:
        """The carrier knows what each of its ids was given for."""
        owners = {one.upstream_id: one.flight for one in self.carrier.taken}
        for _, message_id, _, evidence in noted(await self.world.sql.fetch(PACKS)):
            if evidence.kind is Kind.RECEIPT:
                flight = owners[evidence.upstream_id]
                assert (message_id, evidence.part) == (flight.message_id, flight.part), (
                    f"the receipt for {evidence.upstream_id} is with another part"
                )

    async def everything_ends(self) -> None:
        """With the faults off and time moving on, nothing stays open, and every yes is known."""
        self.deaths.countdown = self.deaths.at = None
        self.carrier.mood = "take"
        await self.restart(self.couriers)
        await self.deliver()
        for _ in range(4):
            if not await invariants.ended(self.world.sql):
                break
            await self.dispatch()
            await self.deliver()
            self.world.clock.advance(130)
            await self.retry_orphans()
            await self.sweep()
        self.world.clock.advance(VALIDITY_S + WAITS.receipt_grace.total_seconds() + 1)
        await self.sweep()
        await self.pull()
        while await self.world.sql.fetchval("select count(*) from callback"):
            self.world.clock.advance(LEASE.total_seconds())
            await self.call_back()
        await self.holds()
        assert await invariants.ended(self.world.sql) == []
        await self._every_report_was_handed_out()
        for message_id in self.promised.values():
            await self._the_truth_is_told(message_id)
            await self._the_server_has_heard(message_id)

    async def _every_report_was_handed_out(self) -> None:
        owed = "select count(*) from report_due where owed_at > $1"
        assert await self.world.sql.fetchval(owed, self.world.clock.now() - WINDOW) == 0

    async def _the_truth_is_told(self, message_id: int) -> None:
        """A yes needs receipts that say so, one for each part, and where they are, the message is a yes."""
        message = await self.world.message(message_id)
        assert message.standing.state in FINAL
        said: dict[int, set[int]] = {}
        for one in await self.world.gateway.timeline(self.world.account_id, message_id):
            if one.kind is Kind.RECEIPT and one.claim and truth(one.claim) is Truth.YES:
                said.setdefault(one.attempt, set()).add(one.part)
        yes = any(len(parts) == message.parts for parts in said.values())
        told = truth(message.standing.state) is Truth.YES
        assert told == yes, f"{message_id} is told {message.standing.state}, and receipts say yes of {said}"

    async def _the_server_has_heard(self, message_id: int) -> None:
        """What the message is in the end, unless telling that was given up, visibly."""
        async with self.world.database.reading() as tx:
            notes = await tx.callback_notes(self.world.account_id, message_id)
        if notes[-1].standing == "delivered":
            state = (await self.world.message(message_id)).standing.state
            assert self.called[message_id][-1] == state, f"{message_id} is {state}, {self.called[message_id]}"
        else:
            assert notes[-1].standing == "given_up"
