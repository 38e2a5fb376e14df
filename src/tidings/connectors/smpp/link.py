"""One connection and the session on it: moves octets, keeps the session's time, tells its owner what happened."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, cast

from tidings.connectors.smpp.events import BindRefused, Bound, Closed, Delivered, Event, Lost
from tidings.connectors.smpp.session import Bind, Phase, Session, Timers

KEEPALIVE_S = 30


class Owner(Protocol):
    """Who a link reports to. It knows submissions by their ids."""

    def happened(self, link: "Link", events: Sequence[Event[int]]) -> None:
        """What came together of the session: anything but Closed."""
        ...

    def pump(self, link: "Link") -> None:
        """Submit of the link's queue what may be written now."""
        ...

    def ended(self, link: "Link", cause: str, lost: list[Lost[int]]) -> None:
        """The session is over, once; `lost` are the submissions without an answer."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """How a link asks for its session, and how it keeps it."""

    bind: Bind
    timers: Timers
    window: int
    submits: bool  # whether the bind lets us submit
    up: asyncio.Event = field(default_factory=asyncio.Event)  # set while a session on these terms is bound


class Link(asyncio.Protocol):
    """Lives from the connection being made until it is lost; then another one is made."""

    def __init__(self, terms: Terms, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self.terms = terms
        self.queue: deque[tuple[bytes, int]] = deque()  # waiting to be submitted
        self.over = loop.create_future()  # resolves when the connection is gone
        self.bound_at: float | None = None
        self.refused: int | None = None  # the status of a refused bind
        self.cause = ""  # why the session ended
        self._owner = owner
        self._loop = loop
        self._session: Session[int] = Session(terms.timers, now=loop.time())
        self._transport: asyncio.Transport | None = None
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._deaf = False  # the owner has too much to do to read
        self._choked = False  # the peer does not read
        self._told_end = False

    # -- what the owner does -----------------------------------------------------------------------------------

    @property
    def submits(self) -> bool:
        """Whether the session is up, and of a kind that lets us submit."""
        return self._session.phase is Phase.BOUND and self.terms.submits

    @property
    def in_flight(self) -> int:
        """Submissions written and not answered."""
        return self._session.in_flight

    @property
    def free(self) -> int:
        """Places in the window, before what is queued."""
        if self._choked or not self.submits:
            return 0
        return max(0, self.terms.window - self._session.in_flight)

    def enqueue(self, submissions: Iterable[tuple[bytes, int]]) -> None:
        """Have submissions, the bodies of submit_sms and their ids, written as soon as may be, behind those before."""
        self.queue.extend(submissions)
        self._flush_soon()

    def submit(self, count: int, *, now: float) -> None:
        """Write so many of the queue with this turn of the loop."""
        next_, submit = self.queue.popleft, self._session.submit
        for _ in range(count):
            submit(*next_(), now=now)
        self._flush_soon()

    def acknowledge(self, messages: Iterable[Delivered], status: int) -> None:
        """Answer messages that were delivered; nothing happens if the session is over."""
        self._handle(self._session.acknowledge(messages, status))

    def read(self, reading: bool) -> None:
        """Whether to take more octets from the peer: not reading is how it is told to wait."""
        self._deaf = not reading
        self._listen()

    def unbind(self) -> None:
        """End the session in order if it is up, at once if it is not."""
        if self._session.phase in (Phase.OPEN, Phase.BINDING):
            self.abort("closed")
        self._session.unbind(now=self._loop.time())
        self._flush_soon()

    def abort(self, cause: str) -> None:
        """End the session and the connection now."""
        self._end(cause)
        if self._transport is not None:
            self._transport.abort()

    # -- what the loop does ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the session."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not its subclasses
        _tune(self._transport.get_extra_info("socket"))
        self._session.bind(self.terms.bind, now=self._loop.time())
        self._flush_soon()

    def data_received(self, data: bytes) -> None:
        """Octets of the peer."""
        self._handle(self._session.receive(data, now=self._loop.time()))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        self._end("link_lost" if exc is None else f"link_lost: {exc or type(exc).__name__}")
        self._drop_timer()
        if not self.over.done():
            self.over.set_result(None)

    def pause_writing(self) -> None:
        """The peer does not read: neither write to it nor take from it what would need an answer."""
        self._choked = True
        self._listen()

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._choked = False
        self._listen()
        self._flush_soon()

    # -- the session's time and octets -------------------------------------------------------------------------

    def _handle(self, events: list[Event[int]]) -> None:
        """Tell the owner, and end if the last of the events is the end."""
        last = events[-1] if events else None
        if isinstance(last, Closed):
            events = events[:-1]
        if self.bound_at is None:
            self._note_bind(events)
        if events:
            self._owner.happened(self, events)
        if isinstance(last, Closed):
            self._end(last.cause)
        else:
            self._flush_soon()

    def _note_bind(self, events: list[Event[int]]) -> None:
        for event in events:
            match event:
                case Bound():
                    self.bound_at = self._loop.time()
                    self.terms.up.set()
                case BindRefused(status):
                    self.refused = status
                case _:
                    pass

    def _flush_soon(self) -> None:
        """Write once for all that this turn of the loop brings."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self.queue:
            self._owner.pump(self)
        self._flushing = False
        if self._transport is None or self._told_end:
            return
        if octets := self._session.take():
            self._transport.write(octets)
        self._set_timer()

    def _set_timer(self) -> None:
        """Wake up no later than the session wants; too early does no harm, so a timer is only ever advanced."""
        due = self._session.due
        if due < self._timer_at:
            self._drop_timer()
            self._timer_at = due
            self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, inf
        now = self._loop.time()
        if self._deaf:
            self._session.heard(now)  # silence proves nothing while we do not listen
        self._handle(self._session.tick(now))

    def _listen(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._deaf or self._choked:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _end(self, cause: str) -> None:
        """Say goodbye if there is something to say, close, and hand back what is unanswered. Once."""
        if self._told_end:
            return
        self._told_end, self.cause = True, cause
        self.terms.up.clear()
        self._drop_timer()
        lost = self._session.lose()  # before the last octets are taken: no submission may be among them
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._session.take())
            self._transport.close()
            self._timer = self._loop.call_later(self.terms.timers.unbind_s, self._transport.abort)
        self._owner.ended(self, cause, lost)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, inf


def _tune(sock: socket.socket | None) -> None:
    """Small PDUs leave at once, and a peer that is gone is noticed by the kernel too."""
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, KEEPALIVE_S * 1000)
