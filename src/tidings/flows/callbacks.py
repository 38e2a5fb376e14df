"""Tell customers' servers of statuses: record what came of earlier ones, read what is due, and tell it.

What one customer has for one server is a lane, and a lane is one sender's at a time: he leases it before he reads what
is due in it, and lets go of it once he has nothing of it in hand. Whoever dies leaves a lease that ends, and what he
had in hand to be told again, so that each is told at least once. What is told is the message as it stands when it is
read. Dialects put it into words (the app brings that together); here is only when, to whom, and how often.

A server may handle two requests in any order, so of one message nothing is told while an earlier callback is in
hand, and the newest callback stands for those before it. All callbacks of a message are in one lane: whoever leases it
knows what is in hand.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tidings.domain import web_address
from tidings.domain.callback import Lane, pause
from tidings.domain.message import Progress
from tidings.domain.order import Dialect
from tidings.domain.web_address import WebAddress
from tidings.flows import points
from tidings.flows.callback_transaction import CallbackTx
from tidings.flows.points import Point
from tidings.flows.ports import Clock
from tidings.flows.records import CallbackTold, DueCallback, LaneDue, LaneKey, News
from tidings.flows.transaction import Database

LEASE = timedelta(seconds=60)
"""How long a lane is one sender's. He must not begin to tell anything when the time that a try takes is not left of
that."""

RENEWED_AFTER = timedelta(seconds=10)
"""A lease that was renewed lately lasts for one more turn."""

LANES_AT_ONCE = 256
MAX_LANES = 10_000
"""How many lanes are remembered before those are forgotten that have nothing in hand and no trouble."""

BEFORE_ALL: LaneKey = (0, -1)

SUPERSEDED = "superseded"  # not told, because a later callback says more
NO_URL = "no_url"  # the account's URL was taken away meanwhile
ADDRESS_REFUSED = "address_refused"  # it leads into a network that the operator does not allow
HOPELESS = frozenset({ADDRESS_REFUSED})


class Telling(NamedTuple):
    """What is to be told now, and where."""

    callback: DueCallback
    dialect: Dialect
    message: Progress
    to: WebAddress


class Claim(NamedTuple):
    """What a turn took."""

    callbacks: Sequence[tuple[DueCallback, News]]
    after: LaneKey  # where the next turn begins
    more: bool = False
    pressed: bool = False


@dataclass(slots=True)
class Held:
    """A lane that was leased, and the messages of it that are in hand: read, and what came of it not recorded."""

    until: datetime
    messages: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Turn:
    """What a turn brought."""

    tellings: list[Telling] = field(default_factory=list)
    more: bool = False  # more may be due that could be taken
    pressed: bool = False  # a lane may have been given all that it can take


class Callbacks:
    """The flow. Any number of senders may run at once; each has its own view of how the lanes fare."""

    def __init__(
        self, database: Database, *, clock: Clock, chance: Callable[[], float], give_up_after: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._give_up_after = give_up_after
        self._lanes: dict[LaneKey, Lane] = {}
        self._held: dict[LaneKey, Held] = {}
        self._after = BEFORE_ALL
        self._at_work = asyncio.Lock()

    async def turn(self, told: Sequence[CallbackTold], *, limit: int) -> Turn:
        """Record what came of earlier ones, then read up to `limit` more.

        Raises Unavailable; call it again with the same `told` then.
        """
        now = self._clock.now()
        async with self._at_work:
            if told:
                await self._record(told, now=now)
            claim = await self._claim(now=now, limit=limit) if limit > 0 else Claim([], self._after)
            tellings, settled = self._weighed(claim.callbacks)
            if settled:
                await self._settle(settled, now=now)
            await self._let_go(but={one.callback.lane_key for one in tellings})
            for one in tellings:
                key = one.callback.lane_key
                self._held[key].messages.add(one.callback.message_id)
                self._lane(key).in_hand += 1
        self._after = claim.after
        return Turn(tellings, claim.more, claim.pressed)

    def heard(self, callback: DueCallback, status: int, why: str = "") -> CallbackTold:
        """What came of a try, to be recorded with the next turn. `why` it failed; "": it did not."""
        lane = self._lane(callback.lane_key)
        if why:
            lane.failed(self._clock.now())
        else:
            lane.answered()
        return CallbackTold(callback, status, why)

    async def give_back(self, rows: Sequence[DueCallback]) -> None:
        """They were not told; anybody may do that now. Raises Unavailable."""
        async with self._at_work:
            for one in rows:
                if self._put_down(one):
                    self._lane(one.lane_key).returned()
            await self._let_go()

    async def give_up_old(self, limit: int = 1_000) -> int:
        """Give up what is too old and was tried in vain, or waits for a server that is down; how many."""
        now = self._clock.now()
        too_old, down = now - self._give_up_after, [key for key, lane in self._lanes.items() if lane.down]
        async with self._at_work:
            async with self._database.at_once() as tx:
                await tx.forget_leases(now - LEASE)
                lanes = await tx.lanes_of_old_callbacks(down, owed_before=too_old, limit=LANES_AT_ONCE)
                own = await self._leased(tx, self._to_be_had(lanes, now), now=now)
            async with self._database.transaction() as tx:
                given_up = await tx.give_up_old_callbacks(
                    {key: key in down for key in own},
                    self._in_hand(own),
                    owed_before=too_old,
                    at=now,
                    limit=limit,
                )
                await points.pause(Point.CALLBACKS_OUTDATED)
            await self._let_go()
        return given_up

    def _lane(self, key: LaneKey) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) > MAX_LANES:
                self._lanes = {key: lane for key, lane in self._lanes.items() if not lane.unremarkable}
            lane = self._lanes[key] = Lane()
        return lane

    async def _record(self, told: Sequence[CallbackTold], *, now: datetime) -> None:
        again: list[tuple[CallbackTold, datetime]] = []
        hopeless: list[CallbackTold] = []
        for one in told:
            if one.why:
                next_try = now + pause(one.callback.tries + 1, self._chance())
                if one.why in HOPELESS or next_try > one.callback.owed_at + self._give_up_after:
                    hopeless.append(one)
                else:
                    again.append((one, next_try))
        async with self._database.calling_back() as tx:
            await tx.callbacks_delivered([one for one in told if not one.why], at=now)
            await tx.retry_callbacks(again)
            await tx.give_up_callbacks(hopeless, at=now)
            await points.pause(Point.CALLBACKS_WRITTEN)
        for one in told:
            self._put_down(one.callback)

    async def _claim(self, *, now: datetime, limit: int) -> Claim:
        """To each lane what it can take; the next turn begins behind the lanes that had theirs."""
        async with self._database.at_once() as tx:
            lanes = await self._next_lanes(tx)
            rooms = {one.key: self._room(one.key, now) for one in lanes if one.due_at <= now}
            wanted = [one for one in lanes if rooms.get(one.key)][:limit]
            own = await self._leased(tx, self._to_be_had(wanted, now), now=now)
            await points.pause(Point.CALLBACKS_LEASED)
            rooms = {key: rooms[key] for key in own}
            found = await tx.due_callbacks(rooms, self._in_hand(own), now=now, limit=limit) if rooms else []
        if len(found) == limit:
            places = {key: place for place, key in enumerate(rooms)}
            last = max((one.lane_key for one, _ in found), key=places.__getitem__)
            return Claim(found, last, more=True)
        more = len(lanes) == LANES_AT_ONCE
        pressed = bool(rooms) and len(found) >= min(rooms.values())
        return Claim(found, lanes[-1].key if more else BEFORE_ALL, more, pressed)

    async def _next_lanes(self, tx: CallbackTx) -> list[LaneDue]:
        """Those behind the last ones, and then from the beginning up to them; LANES_AT_ONCE at most."""
        lanes = await tx.callback_lanes(self._after, limit=LANES_AT_ONCE)
        if self._after != BEFORE_ALL and len(lanes) < LANES_AT_ONCE:
            first = await tx.callback_lanes(BEFORE_ALL, limit=LANES_AT_ONCE - len(lanes))
            lanes += [lane for lane in first if lane.key <= self._after]
        return lanes

    def _room(self, key: LaneKey, now: datetime) -> int:
        lane = self._lanes.get(key)
        return (lane or Lane()).room(now)

    # -- whose a lane is -----------------------------------------------------------------------------------------------

    def _to_be_had(self, lanes: Iterable[LaneDue], now: datetime) -> list[LaneKey]:
        """Those of these lanes that nobody else leases."""
        return [
            one.key
            for one in lanes
            if one.leased_until is None or one.leased_until <= now or one.leased_until == self._until(one.key)
        ]

    async def _leased(self, tx: CallbackTx, wanted: Sequence[LaneKey], *, now: datetime) -> list[LaneKey]:
        """Lease those, as far as they are still to be had; which of them are ours for the time that a turn needs."""
        until, fresh = now + LEASE, now + LEASE - RENEWED_AFTER
        ends = {key: self._until(key) for key in wanted}
        asked = {key: end for key, end in ends.items() if end is None or end < fresh}
        had = set(await tx.lease_lanes(asked, now=now, until=until)) if asked else set()
        for key in had:
            self._held.setdefault(key, Held(until)).until = until
        return [key for key in wanted if key in had or key not in asked]

    async def _let_go(self, *, but: Collection[LaneKey] = ()) -> None:
        """Release the lanes of which nothing is in hand."""
        done = {key: one.until for key, one in self._held.items() if not one.messages and key not in but}
        if done:
            async with self._database.at_once() as tx:
                await tx.release_lanes(done)
            for key in done:
                del self._held[key]

    def _until(self, key: LaneKey) -> datetime | None:
        held = self._held.get(key)
        return held.until if held else None

    def _in_hand(self, lanes: Iterable[LaneKey]) -> list[int]:
        return [message_id for key in lanes for message_id in self._held[key].messages]

    def _put_down(self, callback: DueCallback) -> bool:
        """It is not in hand any more; whether it was."""
        held = self._held.get(callback.lane_key)
        if held is None or callback.message_id not in held.messages:
            return False
        held.messages.remove(callback.message_id)
        return True

    # -- what is told --------------------------------------------------------------------------------------------------

    def _weighed(self, found: Sequence[tuple[DueCallback, News]]) -> tuple[list[Telling], list[CallbackTold]]:
        """What is to be told and where it goes; and what need not or cannot be told, which is done with at once."""
        tellings: list[Telling] = []
        settled: list[CallbackTold] = []
        for one, (dialect, url, reports, message) in found:
            to = web_address.parse(url) if url else None
            if one.number < reports:
                settled.append(CallbackTold(one, 0, SUPERSEDED))
            elif to is None:
                settled.append(CallbackTold(one, 0, NO_URL))
            else:
                tellings.append(Telling(one, dialect, message, to))
        return tellings, settled

    async def _settle(self, settled: Sequence[CallbackTold], *, now: datetime) -> None:
        async with self._database.calling_back() as tx:
            await tx.callbacks_delivered([one for one in settled if one.why == SUPERSEDED], at=now)
            await tx.give_up_callbacks([one for one in settled if one.why == NO_URL], at=now)
            await points.pause(Point.CALLBACKS_WRITTEN)
