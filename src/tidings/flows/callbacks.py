"""Tell customers' servers of statuses: claim what is due, commit, tell, and record what came of it with the next claim.

A claim is a lease: whoever dies with callbacks in hand leaves them to be told again, so that each is told at least
once. What is told is the message as it stands at that moment. Dialects put it into words (the app brings that
together); here is only when, to whom, and how often.

A server may handle two requests in any order, so of one message nothing is told while an earlier callback is in
hand, here or elsewhere, and the newest callback stands for those before it. Two senders cannot miss one another's
claims: each message is read after the claim is committed. Either that shows that a later callback is owed, and
this one is not told; or the later one became due after this claim could be seen.
"""

from collections.abc import Callable, Sequence
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
from tidings.flows.records import CallbackTold, DueCallback, LaneKey
from tidings.flows.transaction import Database

LEASE = timedelta(seconds=60)
"""How long a claimed callback is one sender's. It must not begin to tell it when the time that a try takes is not
left of that."""

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

    callbacks: Sequence[DueCallback]
    after: LaneKey  # where the next turn begins
    more: bool = False
    pressed: bool = False


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
        self._after = BEFORE_ALL

    async def turn(self, told: Sequence[CallbackTold], *, limit: int) -> Turn:
        """Record what came of earlier ones and claim up to `limit` more, in one commit; then read what they say.

        Raises Unavailable; call it again with the same `told` then. What it claimed waits for its lease to end.
        """
        now = self._clock.now()
        async with self._database.calling_back() as tx:
            await self._record(tx, told, now=now)
            claim = await self._claim(tx, now=now, limit=limit) if limit > 0 else Claim([], self._after)
            await points.pause(Point.CALLBACKS_WRITTEN)
        await points.pause(Point.CALLBACKS_COMMITTED)
        self._after = claim.after
        turn = Turn(await self._tellings(claim.callbacks, now=now), claim.more, claim.pressed)
        for telling in turn.tellings:
            self._lane(telling.callback.lane_key).in_hand += 1
        return turn

    def heard(self, callback: DueCallback, status: int, why: str = "") -> CallbackTold:
        """What came of a try, to be recorded with the next turn. `why` it failed; "": it did not."""
        lane = self._lane(callback.lane_key)
        if why:
            lane.failed(self._clock.now())
        else:
            lane.answered()
        return CallbackTold(callback, status, why)

    async def give_back(self, rows: Sequence[DueCallback]) -> None:
        """They were claimed and not told; anybody may take them now. Raises Unavailable."""
        async with self._database.calling_back() as tx:
            await tx.return_callbacks(rows)
        for one in rows:
            self._lane(one.lane_key).returned()

    async def give_up_old(self, limit: int = 1_000) -> int:
        """Give up what is too old and was tried in vain, or waits for a server that is down; how many."""
        now = self._clock.now()
        down = [key for key, lane in self._lanes.items() if lane.down]
        async with self._database.transaction() as tx:
            given_up = await tx.give_up_old_callbacks(
                down, owed_before=now - self._give_up_after, at=now, limit=limit
            )
            await points.pause(Point.CALLBACKS_OUTDATED)
        return given_up

    def _lane(self, key: LaneKey) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) > MAX_LANES:
                self._lanes = {key: lane for key, lane in self._lanes.items() if not lane.unremarkable}
            lane = self._lanes[key] = Lane()
        return lane

    async def _record(self, tx: CallbackTx, told: Sequence[CallbackTold], *, now: datetime) -> None:
        again: list[tuple[CallbackTold, datetime]] = []
        hopeless: list[CallbackTold] = []
        for one in told:
            if one.why:
                next_try = now + pause(one.callback.tries + 1, self._chance())
                if one.why in HOPELESS or next_try > one.callback.owed_at + self._give_up_after:
                    hopeless.append(one)
                else:
                    again.append((one, next_try))
        await tx.callbacks_delivered([one for one in told if not one.why], at=now)
        await tx.retry_callbacks(again)
        await tx.give_up_callbacks(hopeless, at=now)

    async def _claim(self, tx: CallbackTx, *, now: datetime, limit: int) -> Claim:
        """To each lane what it can take; the next turn begins behind the lanes that had theirs."""
        lanes = await self._next_lanes(tx)
        rooms = {key: self._room(key, now) for key, due_at in lanes if due_at <= now}
        rooms = {key: room for key, room in rooms.items() if room > 0}
        claimed = await tx.claim_callbacks(rooms, now=now, leased_until=now + LEASE, limit=limit)
        if len(claimed) == limit:
            places = {key: place for place, key in enumerate(rooms)}
            return Claim(claimed, max((one.lane_key for one in claimed), key=places.__getitem__), more=True)
        more = len(lanes) == LANES_AT_ONCE
        pressed = bool(rooms) and len(claimed) >= min(rooms.values())
        return Claim(claimed, lanes[-1][0] if more else BEFORE_ALL, more, pressed)

    async def _next_lanes(self, tx: CallbackTx) -> list[tuple[LaneKey, datetime]]:
        """Those behind the last ones, and then from the beginning up to them; LANES_AT_ONCE at most."""
        lanes = await tx.callback_lanes(self._after, limit=LANES_AT_ONCE)
        if self._after != BEFORE_ALL and len(lanes) < LANES_AT_ONCE:
            first = await tx.callback_lanes(BEFORE_ALL, limit=LANES_AT_ONCE - len(lanes))
            lanes += [lane for lane in first if lane[0] <= self._after]
        return lanes

    def _room(self, key: LaneKey, now: datetime) -> int:
        lane = self._lanes.get(key)
        return (lane or Lane()).room(now)

    async def _tellings(self, claimed: Sequence[DueCallback], *, now: datetime) -> list[Telling]:
        """What each of them says and where it goes; what need not or cannot be told is done with at once."""
        if not claimed:
            return []
        async with self._database.at_once() as tx:
            news = await tx.news_of([one.key for one in claimed])
        tellings: list[Telling] = []
        settled: list[CallbackTold] = []
        for one in claimed:
            dialect, url, reports, message = news[one.key]
            to = web_address.parse(url) if url else None
            if one.number < reports:
                settled.append(CallbackTold(one, 0, SUPERSEDED))
            elif to is None:
                settled.append(CallbackTold(one, 0, NO_URL))
            else:
                tellings.append(Telling(one, dialect, message, to))
        if settled:
            await self._settle(settled, now=now)
        return tellings

    async def _settle(self, settled: Sequence[CallbackTold], *, now: datetime) -> None:
        async with self._database.calling_back() as tx:
            await tx.callbacks_delivered([one for one in settled if one.why == SUPERSEDED], at=now)
            await tx.give_up_callbacks([one for one in settled if one.why == NO_URL], at=now)
            await points.pause(Point.CALLBACKS_WRITTEN)
