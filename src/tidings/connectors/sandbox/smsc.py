"""The simulated SMSC: real SMPP 3.4 on a TCP port, with a truth of its own.

One loop tick goes like this: sessions read what came and decide; then, once, due receipts are spread over the
binds, the truth is written down, and only after that every session's bytes leave in one write. So whatever a
peer was answered is in the state file, and neither bytes nor lines cost a system call each.
"""

import asyncio
import errno
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from tidings.connectors.sandbox.agenda import Agenda
from tidings.connectors.sandbox.binds import Binds
from tidings.connectors.sandbox.book import Book
from tidings.connectors.sandbox.desk import Desk, Judge, by_destination
from tidings.connectors.sandbox.faults import Faults
from tidings.connectors.sandbox.journal import Journal
from tidings.connectors.sandbox.lane import Lane
from tidings.connectors.sandbox.outbox import Outbox
from tidings.connectors.sandbox.peer import Peer
from tidings.connectors.sandbox.script import Script
from tidings.connectors.sandbox.session import Session
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.sandbox.truth import Truth
from tidings.domain.errors import Misconfigured

CALM = Script()
CHECK_S_MAX = 1.0  # how often silent peers and overdue receipts are looked for, at the least


class SimulatedSmsc:
    """One SMSC with one account. Make it inside a running loop, then start and stop it or enter its context.

    `judge` decides what becomes of each message, then `script` what goes wrong with it, by the numbers of
    `seed`; `clock` gives seconds since 1970. Raises Misconfigured if the state file cannot be used. Peers reach
    it over TCP only.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        judge: Judge = by_destination,
        script: Script = CALM,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._hurried = _may_hurry(settings, judge=judge, script=script)
        self._faults = Faults(script, seed=seed)
        self._connected = 0
        self._loop = asyncio.get_running_loop()
        self._sessions: set[Session] = set()
        self._touched: dict[Peer, None] = {}  # those with something to write this tick, in that order
        self._tick: asyncio.Handle | None = None
        self._checks: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()
        self.port = 0
        self.failed: asyncio.Future[OSError] = self._loop.create_future()
        """Done once the state file can no longer be written. From then on nothing is answered."""
        self._book = _open_book(settings, clock)
        self._agenda = Agenda(self._loop)
        self._outbox = Outbox(settings, book=self._book, agenda=self._agenda, stirred=self._stirred)
        self._binds = Binds(settings, book=self._book, faults=self._faults, outbox=self._outbox)
        self._desk = Desk(
            settings,
            book=self._book,
            agenda=self._agenda,
            outbox=self._outbox,
            faults=self._faults,
            judge=judge,
        )

    async def start(self) -> None:
        """Listen, and go on with the receipts that the state file says are open. Raises Misconfigured."""
        host, port = self._settings.host, self._settings.port
        try:
            self._server = await self._loop.create_server(self._connection, host, port)
        except OSError as error:
            self._book.close()
            raise _cannot_listen(self._settings, error) from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        for message in self._book.truth.unsettled():
            self._outbox.owe(message, delay_s=message.took.due - self._book.now())
        self._check()

    async def stop(self) -> None:
        """Take nothing more, answer what is owed an answer, unbind every session, close the state file."""
        self._server.close()
        self._desk.close()
        self._outbox.close()
        for session in self._sessions:
            session.part()
        # Whoever stops it may have been cancelled, where `asyncio.timeout` fails in Python 3.11.2.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), self._settings.unbind_within_s)
        for session in self._sessions:
            session.peer.abort()
        await self._empty.wait()
        self._agenda.close()
        if self._checks is not None:
            self._checks.cancel()
        if not self.failed.done():
            self._book.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def truth(self) -> Truth:
        """What it took, decided and told up to now."""
        return self._book.truth

    def calm(self) -> None:
        """Nothing of the script happens from now on; receipts that it delayed still come late."""
        self._faults.calm()

    def _connection(self) -> asyncio.Protocol:
        if len(self._sessions) >= self._settings.connections_max:
            return _NoRoom()
        self._connected += 1
        peer = Peer(
            touched=self._touch,
            deliver_window=self._settings.deliver_window,
            number=self._connected,
            tamper=self._faults.write if self._faults.on_wire else None,
        )
        session = Session(
            peer,
            binds=self._binds,
            desk=self._desk,
            outbox=self._outbox,
            lost=self._lost,
            lane=self._lane(peer) if self._hurried else None,
        )
        self._sessions.add(session)
        self._empty.clear()
        return session

    def _lane(self, peer: Peer) -> Lane:
        return Lane(self._settings, peer, book=self._book, desk=self._desk, outbox=self._outbox)

    def _lost(self, session: Session) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._empty.set()

    def _touch(self, peer: Peer) -> None:
        self._touched[peer] = None
        self._stirred()

    def _stirred(self) -> None:
        if self._tick is None:
            self._tick = self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """The end of a tick: truth first, bytes after it."""
        self._tick = None
        self._outbox.pump()
        if not self._written_down():
            return
        touched, self._touched = self._touched, {}
        for peer in touched:
            peer.flush()

    def _written_down(self) -> bool:
        """Whether the truth is safe. If it cannot be, nobody is answered: to the peers this SMSC has died."""
        if not self.failed.done():
            try:
                self._book.flush()
            except OSError as error:
                self.failed.set_result(error)
        if not self.failed.done():
            return True
        for session in self._sessions:
            session.peer.abort()
        return False

    def _check(self) -> None:
        """Look after what nobody else wakes us for: overdue receipts and silent peers."""
        settings = self._settings
        self._outbox.resend_overdue()
        for session in self._sessions:
            session.check(now=self._loop.time(), settings=settings)
        shortest = min(settings.resend_after_s, settings.enquire_after_s, settings.bind_within_s)
        self._checks = self._loop.call_later(min(CHECK_S_MAX, shortest / 4), self._check)


class _NoRoom(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _may_hurry(settings: Settings, *, judge: Judge, script: Script) -> bool:
    """Whether ordinary submissions may go the short way: where each has to be written down, they may not."""
    held_back = settings.response_delay_s > 0 or settings.throughput_per_s is not None
    return not (script.rule or settings.state or held_back) and judge is by_destination


def _open_book(settings: Settings, clock: Callable[[], float]) -> Book:
    truth = Truth(settings.messages_max)
    journal = Journal(settings.state) if settings.state else None
    if journal:
        try:
            truth.fold(journal.read())
        except Misconfigured:
            journal.close()
            raise
    return Book(truth, journal=journal, clock=clock)


def _cannot_listen(settings: Settings, error: OSError) -> Misconfigured:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return Misconfigured(
            f"{where} is taken: another program listens there. Choose another port with --port"
        )
    return Misconfigured(f"cannot listen on {where} ({error.strerror}); see --host and --port")
