"""Sends callbacks: what the flow gives out, in the words of the dialect that each message came by."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Final

import structlog

from tidings.app.bell import CALLBACKS, Bell
from tidings.app.config import Config
from tidings.connectors.webhook.exchange import Post
from tidings.connectors.webhook.networks import Allowed
from tidings.connectors.webhook.poster import NOT_BEGUN, Poster
from tidings.dialects.bsg_v1.callbacks import callback as bsg_v1
from tidings.domain.errors import Unavailable
from tidings.domain.message import Progress
from tidings.domain.order import Dialect
from tidings.flows.callbacks import LEASE, RENEWED_AFTER, Callbacks, Telling, Turn
from tidings.flows.points import Point, reach
from tidings.flows.ports import Clock
from tidings.flows.records import CallbackTold, DueCallback
from tidings.store.database import PostgresDatabase

BODIES: dict[Dialect, Callable[[Progress], bytes]] = {Dialect.BSG_V1: bsg_v1}
"""What each API posts. An API that is not here does not call back."""

GATHER_S = 0.1
"""Between two turns, so that each has many callbacks to record and to claim: a turn costs as much as fifty of them."""

BUSY, BUSY_GATHER_S = 50, 0.25
"""After a turn that took so many, unless more of them wait already: the next one takes more."""

PAUSE_S = 1.0
"""How long to wait when the database is away."""

OLD_EVERY_S = 60.0
_TOLD: Final = Point.CALLBACKS_TOLD

MARGIN_S = 5.0
"""So much sooner than the lease ends a callback's last answer is waited for."""

log = structlog.get_logger("callbacks")


class CallbackSender:
    """Runs until cancelled. Any number of them may run at once."""

    def __init__(self, database: PostgresDatabase, config: Config, clock: Clock) -> None:
        settings = config.callbacks
        self._database = database
        self._settings = settings
        self._flow = Callbacks(
            database,
            clock=clock,
            chance=random.random,
            give_up_after=timedelta(seconds=settings.give_up_after_s),
        )
        self._poster = Poster(
            user_agent=f"Tidings/{version('tidings')}",
            answer_within_s=settings.answer_within_s,
            connections=settings.connections,
            connections_per_server=settings.connections_per_server,
            pipelined=settings.pipelined,
            allowed=Allowed(settings.allow_networks),
        )
        leased_s = (LEASE - RENEWED_AFTER).total_seconds()
        self._begin_within_s = leased_s - settings.answer_within_s - MARGIN_S
        self._wake = asyncio.Event()
        self._bell = Bell(database, CALLBACKS, lambda _: self._wake.set())
        self._in_hand = 0
        self._told: list[CallbackTold] = []
        self._not_begun: list[DueCallback] = []

    async def run(self) -> None:
        """Turn after turn; at the end wait for answers on the way and record them."""
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(self._bell.run())
                work.create_task(self._turn_after_turn())
                work.create_task(self._now_and_then())
        finally:
            await self._drain()

    async def _turn_after_turn(self) -> None:
        while True:
            self._wake.clear()
            turning = asyncio.ensure_future(self._turn())
            try:
                turn = await asyncio.shield(turning)
            except asyncio.CancelledError:
                await turning  # a claim, once begun, is finished
                raise
            gathers = len(turn.tellings) >= BUSY and not (turn.more or turn.pressed)
            if gathers:
                await self._bell.hush()
            await asyncio.sleep(BUSY_GATHER_S if gathers else GATHER_S)
            if not (turn.more or self._told):
                await self._rest()

    async def _turn(self) -> Turn:
        """Record and claim, and send what was claimed."""
        try:
            await self._give_back()
            told, self._told = self._told, []
            turn = await self._record_and_claim(told)
        except Unavailable as away:
            log.warning("database_away", why=str(away))
            await asyncio.sleep(PAUSE_S)
            return Turn(more=True)
        begin_by = asyncio.get_running_loop().time() + self._begin_within_s
        for telling in turn.tellings:
            self._send(telling, begin_by)
        return turn

    async def _record_and_claim(self, told: list[CallbackTold], *, claim: bool = True) -> Turn:
        try:
            room = max(self._settings.in_hand - self._in_hand, 0) if claim else 0
            return await self._flow.turn(told, limit=room)
        except Unavailable:
            self._told = told + self._told
            raise

    async def _give_back(self) -> None:
        """What was not begun goes back; more of it may come meanwhile."""
        rows, self._not_begun = self._not_begun, []
        try:
            if rows:
                await self._flow.give_back(rows)
        except Unavailable:
            self._not_begun = rows + self._not_begun
            raise

    def _send(self, telling: Telling, begin_by: float) -> None:
        self._in_hand += 1
        body = BODIES[telling.dialect](telling.message)
        self._poster.post(Post(telling.to, body, partial(self._answered, telling.callback), begin_by))

    def _answered(self, callback: DueCallback, status: int, why: str) -> None:
        self._in_hand -= 1
        if why == NOT_BEGUN:
            self._not_begun.append(callback)
        else:
            reach(_TOLD)
            self._told.append(self._flow.heard(callback, status, why))
        self._wake.set()

    async def _rest(self) -> None:
        """Until there is something to do, or to look for because nobody said so."""
        if self._bell.hushed:
            await self._bell.heed()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.poll_s):
                await self._wake.wait()

    async def _now_and_then(self) -> None:
        """What need not be done often."""
        while True:
            await asyncio.sleep(OLD_EVERY_S)
            self._poster.forget_idle()
            try:
                while (given_up := await self._flow.give_up_old()) > 0:
                    log.warning("callbacks_given_up", callbacks=given_up)
            except Unavailable as away:
                log.warning("database_away", why=str(away))

    async def _drain(self) -> None:
        """Nothing more is claimed; what is on its way may be answered, and what is not begun goes back."""
        # Not `asyncio.timeout`: in a cancelled task it ends as cancelled in Python 3.11.2, not in a TimeoutError.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nothing_in_hand(), self._settings.drain_s)
        await self._poster.close()
        await self._nothing_in_hand()
        with contextlib.suppress(Unavailable):  # what is not recorded is told again when its lease ends
            await self._record_and_claim(self._told, claim=False)
            await self._give_back()

    async def _nothing_in_hand(self) -> None:
        while self._in_hand:
            self._wake.clear()
            await self._wake.wait()
