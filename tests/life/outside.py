"""Who is outside of a life: death, the couriers' processes, and a carrier that keeps the truth."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import asyncpg

from tidings.domain.outcome import Next, Outcome, Refused, Unknown
from tidings.domain.outcome import Taken as TakenUp
from tidings.domain.reason import Reason
from tidings.domain.receipt import Receipt
from tidings.flows.points import Point
from tidings.flows.ports import Outgoing
from tidings.flows.recent import Recent
from tidings.flows.records import Flight
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


class Courier:
    """A courier's process: its number, and the answers it has heard and not recorded."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.number = 0
        self.unanswered: list[tuple[Flight, Outcome]] = []
        self.memories: dict[int, Recent] = {}  # by connector

    async def start_anew(self) -> None:
        """It died, and another one is here."""
        self.unanswered, self.memories = [], {}
        await self.lose_its_number()

    async def lose_its_number(self) -> None:
        """Its connection broke: others take it for dead, but it lives on under a new number and may answer."""
        await self._connection.execute("select pg_advisory_unlock_all()")
        self.number = await become_courier(self._connection)


class Copy(NamedTuple):
    """What reached the carrier and was taken."""

    upstream_id: str
    flight: Flight
    part: Outgoing


@dataclass
class Carrier:
    """What the upstream really took, and the receipts it still owes us."""

    mood: str = "take"  # take | silent | lost | throttle | busy | refuse | refuse_sender
    taken: list[Copy] = field(default_factory=list)
    copies: Counter[Flight] = field(default_factory=Counter)
    unacknowledged: list[tuple[int, Receipt]] = field(default_factory=list)  # with the connector it comes on
    acknowledged: list[Receipt] = field(default_factory=list)

    def submit(self, part: Outgoing, flight: Flight) -> Outcome:
        """What it does with a submission. Silent: taken without an answer. Lost: never seen, no answer."""
        self.copies[flight] += 1
        match self.mood:
            case "lost":
                return Unknown("timeout")
            case "throttle":
                return Refused(Reason.SMSC_REFUSED, Next.THROTTLE, "0x58")
            case "busy":
                return Refused(Reason.DEST_QUEUE_FULL, Next.RETRY, "0x14")
            case "refuse":
                return Refused(Reason.SMSC_REFUSED_NUMBER, Next.GIVE_UP, "0x0b")
            case "refuse_sender":
                return Refused(Reason.SMSC_REFUSED_SENDER, Next.GIVE_UP, "0x0a")
        upstream_id = f"up{len(self.taken) + 1}"
        self.taken.append(Copy(upstream_id, flight, part))
        return Unknown("timeout") if self.mood == "silent" else TakenUp(upstream_id)
