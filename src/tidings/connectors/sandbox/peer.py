"""The far end of one session: what we write to it, and what it owes us for that."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from tidings.connectors.sandbox.messages import Message, Telling
from tidings.connectors.sandbox.plain import Plain
from tidings.connectors.sandbox.plan import Cut
from tidings.connectors.sandbox.wire import Tamper, TamperedTransport
from tidings.connectors.smpp.codes import SEQUENCE_MAX
from tidings.connectors.smpp.pdu import AnyPdu, encode

WRITE_BUFFER_OCTETS = 1024 * 1024  # a peer that leaves more than this unread is neither told nor heard


class Binding(NamedTuple):
    """What a bound session may do."""

    submits: bool
    receives: bool


UNBOUND = Binding(submits=False, receives=False)


class Owed(NamedTuple):
    """Receipt `n` of a message, not acknowledged yet."""

    message: Message
    n: int
    avoid: "Peer | None" = None  # told on another session, if there is one

    @property
    def telling(self) -> Telling:
        """How often it was sent, and how that was answered."""
        return self.message.tellings[self.n]


Owing = Owed | Plain
"""A receipt, however its message is remembered."""


class Peer:
    """One connection's outgoing half. Writes gather until `flush`, called once per loop tick."""

    def __init__(
        self,
        *,
        touched: Callable[["Peer"], None],
        deliver_window: int,
        number: int = 0,
        tamper: Tamper | None = None,
    ) -> None:
        self.number = number
        self.cut: Cut | None = None  # a script has ended this session
        self._tamper = tamper
        self._touched = touched
        self._window = deliver_window
        self._transport: asyncio.Transport | TamperedTransport | None = None
        self._out: list[bytes] = []
        self._sequence = 0
        self._unanswered: dict[int, tuple[Owing, float]] = {}
        self._overdue: dict[int, Owing] = {}
        self.binding = UNBOUND
        self.takes_tlvs = False
        self.choked = False  # it does not read what we write
        self.closing = False
        self.waiting = 0  # submissions of this session whose responses are still held back

    def connected(self, transport: asyncio.Transport) -> None:
        """The connection stands."""
        transport.set_write_buffer_limits(high=WRITE_BUFFER_OCTETS)
        self._transport = TamperedTransport(transport, self._tamper) if self._tamper else transport
        if self.closing:  # it was given up before it stood
            transport.abort()

    @property
    def room(self) -> int:
        """How many receipts may be written to it now."""
        if self.choked or self.closing or self.cut or not self.binding.receives:
            return 0
        return self._window - len(self._unanswered)

    def next_sequence(self) -> int:
        """The number of our next request."""
        self._sequence = self._sequence % SEQUENCE_MAX + 1
        return self._sequence

    def send(self, pdu: AnyPdu) -> None:
        """Write a PDU with this tick's others; nothing after `close`."""
        self.send_frame(encode(pdu))

    def send_frame(self, frame: bytes) -> bool:
        """The same for a PDU that is octets already; whether it will be written."""
        if self.closing or self.cut:
            return False
        self._out.append(frame)
        self._touched(self)
        return True

    def expect(self, sequence: int, owed: Owing, *, now: float) -> None:
        """A receipt leaves under this sequence number; `now` is the loop's time."""
        self._unanswered[sequence] = (owed, now)

    def answered(self, sequence: int) -> Owing | None:
        """The receipt that this number asked about, also when the answer comes after `take_overdue`."""
        if sequence in self._unanswered:
            return self._unanswered.pop(sequence)[0]
        return self._overdue.pop(sequence, None)

    def take_overdue(self, *, before: float) -> list[Owing]:
        """The receipts written before this time and not answered. They give up their place in the window."""
        late = []
        for sequence, (owed, at) in self._unanswered.items():
            if at > before:
                break
            late.append((sequence, owed))
        for sequence, owed in late:
            del self._unanswered[sequence]
            self._overdue[sequence] = owed
        while len(self._overdue) > self._window:
            del self._overdue[next(iter(self._overdue))]
        return [owed for _, owed in late]

    def take_unanswered(self) -> list[Owing]:
        """Every receipt that still waits for an answer here: the session is over."""
        left = [owed for owed, _ in self._unanswered.values()]
        self._unanswered.clear()
        self._overdue.clear()
        return left

    def close(self) -> None:
        """Write what gathered, then end the connection."""
        self.closing = True
        self._touched(self)

    def end(self, cut: Cut, *, last_words: bytes) -> None:
        """Say nothing more than what gathered and this. Unless half open, the peer is to notice."""
        if self.closing or self.cut:
            return
        self._out.append(last_words)
        self.cut = cut
        self._touched(self)

    def flush(self) -> None:
        """One write for everything since the last one."""
        if self._transport is None:
            return
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()
        if self.closing:
            self._transport.close()
        elif self.cut is Cut.DROP:
            # Only our half of it: what the peer has written already is still heard, and written down as lost.
            self._transport.write_eof()

    def abort(self) -> None:
        """End the connection at once; what was not written is not."""
        self.closing = True
        self._out.clear()
        if self._transport is not None:
            self._transport.abort()
