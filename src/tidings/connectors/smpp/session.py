"""One SMPP session from the client's side, without sockets and without a clock: octets and times in, events out.

          bind()            bind_resp 0                    unbind()
    OPEN --------> BINDING ------------> BOUND ------------------------> UNBINDING --+
                     |                     |  the peer's unbind                      | unbind_resp
                     | refused, late       +-----------------> LEAVING --+           |
                     v                     v a probe unanswered          | all acked v
                  CLOSED <-----------------+<----------------------------+-----------+

* What is to be written gathers in the outbox; `take` hands it over and marks the submissions in it as written.
  So a session that dies can say of each unanswered submission whether its octets may have left us.
* A submission that is not answered in time is Overdue and frees its place in the window; its entry stays for a
  while, so that a late answer still finds it.
* Every request of the peer gets at most one answer. Messages are answered only when `acknowledge` says so.
* Times are seconds of any monotonic clock. `due` says when `tick` wants to be called next; calling it earlier or
  later does no harm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Generic

import msgspec

from tidings.connectors.smpp import ordinary
from tidings.connectors.smpp import pdu as wire
from tidings.connectors.smpp.codes import RESPONSE, SEQUENCE_MAX, Command, Status, Tlv
from tidings.connectors.smpp.events import (
    Answered,
    BindRefused,
    Bound,
    Closed,
    Delivered,
    Event,
    Leaving,
    Lost,
    Overdue,
    Stray,
    Token,
    Took,
)
from tidings.connectors.smpp.frames import HEADER_OCTETS, BadFrame, Framer
from tidings.connectors.smpp.pdu import (
    AnyPdu,
    BadPdu,
    DataSm,
    DeliverSm,
    GenericNack,
    Pdu,
    SubmitSmResp,
)
from tidings.domain.outcome import Taken

Bind = wire.BindReceiver | wire.BindTransmitter | wire.BindTransceiver
BindResp = wire.BindReceiverResp | wire.BindTransmitterResp | wire.BindTransceiverResp


_ANSWER, _DELIVER = int(Command.SUBMIT_SM_RESP), int(Command.DELIVER_SM)  # plain integers compare faster
_NO_ID = b"\0"
"""The body of an answer to a message: its message_id is empty."""
_NO_ID_OCTETS = HEADER_OCTETS + len(_NO_ID)


class Phase(Enum):
    """Where a session stands."""

    OPEN = auto()
    BINDING = auto()
    BOUND = auto()
    UNBINDING = auto()  # we asked to end it
    LEAVING = auto()  # the peer asked to end it, and still waits for acknowledgements
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Timers:
    """How long the peer is waited for, in seconds."""

    bind_s: float = 30
    answer_s: float = 60  # to a submission; then it is overdue
    late_s: float = 120  # to a submission; then it is forgotten
    idle_s: float = 30  # without a word from the peer before it is probed
    probe_s: float = 15  # for any word after a probe; then the link is dead
    unbind_s: float = 5  # for an unbind's answer, or for our acknowledgements when the peer leaves


_Waiting = tuple[Token, float]
"""A submission without an answer, and since when it waits."""


class Session(Generic[Token]):
    """The state of one session. `Token` is whatever the client knows a submission by."""

    def __init__(self, timers: Timers, *, now: float) -> None:
        self.phase = Phase.OPEN
        self._timers = timers
        self._framer = Framer()
        self._last_sequence = 0
        self._outbox: list[bytes] = []
        self._unwritten: dict[int, bytes] = {}  # submissions, kept apart so that they can be held back
        self._window: dict[int, _Waiting[Token]] = {}  # in the order of submission, so the oldest is first
        self._overdue: dict[int, _Waiting[Token]] = {}
        self._owed: dict[tuple[int, int], int] = {}  # messages that wait for our answer, and how many
        self._heard_at = now
        self._probed_at: float | None = None
        self._deadline = inf  # of the phase itself
        self._bind_sequence = 0
        self._unbind_sequence = 0  # of the peer's

    # -- what the client asks for ----------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Nothing can be sent or received any more."""
        return self.phase is Phase.CLOSED

    @property
    def in_flight(self) -> int:
        """Submissions in the window: neither answered nor overdue."""
        return len(self._window)

    @property
    def due(self) -> float:
        """When `tick` has something to do, if nothing else happens before; inf = never."""
        if self.over:
            return inf
        due = self._deadline
        if self.phase is Phase.BOUND:
            due = min(due, self._next_probe())
        for _, since in self._window.values():
            due = min(due, since + self._timers.answer_s)
            break  # the first is the oldest
        for _, since in self._overdue.values():
            due = min(due, since + self._timers.late_s)
            break
        return due

    def bind(self, request: Bind, *, now: float) -> None:
        """Ask for a session; Bound or BindRefused follows."""
        assert self.phase is Phase.OPEN
        self.phase, self._deadline = Phase.BINDING, now + self._timers.bind_s
        self._bind_sequence = self._next_sequence()
        self._send(msgspec.structs.replace(request, sequence=self._bind_sequence))

    def submit(self, body: bytes, token: Token, *, now: float) -> None:
        """Put a submission into the outbox and the window.

        `body` is that of a submit_sm, the session adds its header. The window's size is the client's to keep.
        """
        assert self.phase is Phase.BOUND
        sequence = self._next_sequence()
        self._unwritten[sequence] = wire.frame(Command.SUBMIT_SM, body, sequence=sequence)
        self._window[sequence] = token, now

    def acknowledge(self, messages: Iterable[Delivered], status: int = Status.ESME_ROK) -> list[Event[Token]]:
        """Answer messages that were Delivered: status 0 = stored, ESME_RX_T_APPN = bring them again.

        Nothing is said if the session is over, or of those that are answered already.
        """
        if self.over:
            return []
        for message in messages:
            command_id, sequence = key = message.command_id, message.sequence
            owed = self._owed.pop(key, 0)
            if not owed:
                continue
            if owed > 1:  # a careless peer has several of that number under way
                self._owed[key] = owed - 1
            self._outbox.append(
                wire.HEADER.pack(_NO_ID_OCTETS, command_id | RESPONSE, status, sequence) + _NO_ID
            )
        return self._leave_if_free() if self.phase is Phase.LEAVING else []

    def unbind(self, *, now: float) -> None:
        """Ask to end the session in order; Closed follows, with the answer or without it."""
        if self.phase is Phase.BOUND:
            self.phase, self._deadline = Phase.UNBINDING, now + self._timers.unbind_s
            self._send(wire.Unbind(self._next_sequence()))

    def heard(self, now: float) -> None:
        """The peer counts as alive: the client knows better than its silence, having not listened."""
        self._heard_at, self._probed_at = now, None

    def take(self) -> bytes:
        """The octets to write now. From here on the submissions among them count as written.

        A session that is ending holds its submissions back: they are certain not to have been sent.
        """
        octets, self._outbox = self._outbox, []
        if self.phase is Phase.BOUND:
            octets += self._unwritten.values()
            self._unwritten.clear()
        return b"".join(octets)

    def lose(self) -> list[Lost[Token]]:
        """End the session in whatever state it is: the submissions that will never be answered now.

        Overdue ones are not among them: they were reported before.
        """
        self.phase = Phase.CLOSED
        lost = [Lost(token, number not in self._unwritten) for number, (token, _) in self._window.items()]
        self._window.clear()
        self._overdue.clear()
        return lost

    # -- what the world does -----------------------------------------------------------------------------------

    def receive(self, chunk: bytes, *, now: float) -> list[Event[Token]]:
        """What the peer's octets mean. Answers that need no decision are in the outbox afterwards."""
        events: list[Event[Token]] = []
        if self.over:
            return events
        try:
            for frame in self._framer.feed(chunk):
                self._heard_at, self._probed_at = now, None
                if self._ordinary(frame, events):
                    continue
                events += self._frame(frame, now)
                if self.phase is Phase.CLOSED:
                    break
        except BadFrame:
            self._send(GenericNack(0, Status.ESME_RINVCMDLEN))
            events.append(self._close("bad_frame"))
        return events

    def tick(self, now: float) -> list[Event[Token]]:
        """What the passing of time means."""
        if self.over:
            return []
        events: list[Event[Token]] = list(self._overdue_by(now))
        if now >= self._deadline:
            return [*events, self._leave() if self.phase is Phase.LEAVING else self._close("unanswered")]
        if self.phase is Phase.BOUND and (events or now >= self._next_probe()):
            events += self._probe(now)
        return events

    # -- time --------------------------------------------------------------------------------------------------

    def _next_probe(self) -> float:
        if self._probed_at is not None:
            return self._probed_at + self._timers.probe_s
        return self._heard_at + self._timers.idle_s

    def _probe(self, now: float) -> list[Event[Token]]:
        """Ask whether the peer is there, or give it up if it was asked and said nothing at all since."""
        if self._probed_at is None:
            self._probed_at = now
            self._send(wire.EnquireLink(self._next_sequence()))
        elif now >= self._probed_at + self._timers.probe_s:
            return [self._close("enquire_unanswered")]
        return []

    def _overdue_by(self, now: float) -> list[Overdue[Token]]:
        """Move what is overdue out of the window, and forget what is too old for any answer."""
        events = []
        for sequence in _older(self._window, self._timers.answer_s, now):
            entry = self._overdue[sequence] = self._window.pop(sequence)
            events.append(Overdue(entry[0]))
        for sequence in _older(self._overdue, self._timers.late_s, now):
            del self._overdue[sequence]
        return events

    # -- octets ------------------------------------------------------------------------------------------------

    def _ordinary(self, frame: bytes, events: list[Event[Token]]) -> bool:
        """Hear one of the two frames that nearly all are; False if it is another one, or comes unexpectedly."""
        _, command_id, status, sequence = wire.HEADER.unpack_from(frame)
        if command_id == _ANSWER:
            upstream_id = None if status else ordinary.only_id(frame)
            if upstream_id is None or sequence not in self._window or sequence in self._unwritten:
                return False
            token, _ = self._window.pop(sequence)
            last = events[-1] if events else None
            if type(last) is not Took:
                last = Took([])
                events.append(last)
            last.answers.append((token, Taken(upstream_id, frame)))
            return True
        if command_id == _DELIVER and self.phase is Phase.BOUND and ordinary.is_whole(frame):
            events.append(self._owe(_DELIVER, sequence, frame))
            return True
        return False

    def _frame(self, frame: bytes, now: float) -> list[Event[Token]]:
        try:
            pdu = wire.decode(frame)
        except BadPdu as bad:
            self._send(GenericNack(bad.header.sequence, Status.ESME_RINVCMDLEN))
            return [Stray(bad.header.command_id, bad.header.status, bad.header.sequence)]
        match pdu:
            case SubmitSmResp():
                return [self._answered(pdu, frame)]
            case DeliverSm() | DataSm():
                return self._delivered(pdu, frame)
            case GenericNack() if pdu.sequence in self._window or pdu.sequence in self._overdue:
                return [self._answered(pdu, frame)]
            case _:
                return self._control(pdu, now)

    def _control(self, pdu: AnyPdu, now: float) -> list[Event[Token]]:
        match pdu:
            case wire.EnquireLink():
                self._send(wire.EnquireLinkResp(pdu.sequence))
                return []
            case wire.EnquireLinkResp():
                return []
            case wire.Unbind():
                return self._peer_leaves(pdu, now)
            case wire.UnbindResp() if self.phase is Phase.UNBINDING:
                return [self._close("unbound")]
            case _ if self.phase is Phase.BINDING and pdu.sequence == self._bind_sequence:
                return self._bind_answered(pdu)
            case _:
                return self._unexpected(pdu)

    def _answered(self, pdu: SubmitSmResp | GenericNack, frame: bytes) -> Event[Token]:
        if pdu.sequence in self._unwritten:  # nobody can answer what was never sent
            return Stray(pdu.command_id, pdu.status, pdu.sequence)
        if entry := self._window.pop(pdu.sequence, None):
            return Answered(entry[0], pdu, frame, late=False)
        if entry := self._overdue.pop(pdu.sequence, None):
            return Answered(entry[0], pdu, frame, late=True)
        return Stray(pdu.command_id, pdu.status, pdu.sequence)

    def _delivered(self, pdu: DeliverSm | DataSm, frame: bytes) -> list[Event[Token]]:
        delivered = self._owe(pdu.command_id, pdu.sequence, frame)
        if self.phase in (Phase.OPEN, Phase.BINDING):
            stray = Stray(pdu.command_id, 0, pdu.sequence)
            return [stray, *self.acknowledge([delivered], Status.ESME_RINVBNDSTS)]
        return [delivered]

    def _owe(self, command_id: int, sequence: int, frame: bytes) -> Delivered:
        """A message of the peer, which is owed an answer from here on."""
        key = command_id, sequence
        self._owed[key] = self._owed.get(key, 0) + 1
        return Delivered(command_id, sequence, frame)

    def _bind_answered(self, pdu: AnyPdu) -> list[Event[Token]]:
        if not isinstance(pdu, BindResp | GenericNack):
            return self._unexpected(pdu)
        if pdu.status != Status.ESME_ROK or isinstance(pdu, GenericNack):
            return [BindRefused(pdu.status), self._close("bind_refused")]
        self.phase, self._deadline = Phase.BOUND, inf
        version = pdu.tlvs.get(Tlv.SC_INTERFACE_VERSION)
        return [Bound(version[0] if version else None)]

    def _peer_leaves(self, pdu: wire.Unbind, now: float) -> list[Event[Token]]:
        """The peer ends the session: acknowledge what we owe first, for it would bring it all again."""
        self._unbind_sequence = pdu.sequence
        if self.phase is not Phase.LEAVING:
            self.phase, self._deadline = Phase.LEAVING, now + self._timers.unbind_s
        return [Leaving(), *self._leave_if_free()]

    def _leave_if_free(self) -> list[Event[Token]]:
        return [] if self._owed else [self._leave()]

    def _leave(self) -> Closed:
        self._send(wire.UnbindResp(self._unbind_sequence))
        return self._close("peer_unbound")

    def _unexpected(self, pdu: AnyPdu) -> list[Event[Token]]:
        """Refuse a request that a client does not serve; an answer to nothing is only noted."""
        if not pdu.command_id & RESPONSE and pdu.command_id != Command.ALERT_NOTIFICATION:
            self._send(GenericNack(pdu.sequence, Status.ESME_RINVCMDID))
        return [Stray(pdu.command_id, pdu.status, pdu.sequence)]

    def _send(self, pdu: Pdu) -> None:
        self._outbox.append(wire.encode(pdu))

    def _next_sequence(self) -> int:
        """The next number that no submission of ours waits under."""
        while True:
            self._last_sequence = self._last_sequence % SEQUENCE_MAX + 1
            if self._last_sequence not in self._window and self._last_sequence not in self._overdue:
                return self._last_sequence

    def _close(self, cause: str) -> Closed:
        self.phase = Phase.CLOSED
        return Closed(cause)


def _older(entries: Mapping[int, _Waiting[Token]], than_s: float, now: float) -> list[int]:
    """The sequence numbers of the entries that are at least so old; entries are in the order of their age."""
    old = []
    for sequence, (_, since) in entries.items():
        if since + than_s > now:
            break
        old.append(sequence)
    return old
