"""Receipts on their way: each is sent until a peer acknowledges it, over any bind that receives."""

import asyncio
from collections import deque
from collections.abc import Callable

from tidings.connectors.sandbox.agenda import Agenda
from tidings.connectors.sandbox.book import Book
from tidings.connectors.sandbox.peer import Owed, Peer
from tidings.connectors.sandbox.receipts import receipt_frame
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.sandbox.truth import FINAL, Message


class Outbox:
    """The receipts that are due, and the binds to spread them over. They wait as long as nobody is bound."""

    def __init__(
        self, settings: Settings, *, book: Book, agenda: Agenda, stirred: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._book = book
        self._agenda = agenda
        self._stirred = stirred  # there may be something to send: call `pump` soon
        self._due: deque[Owed] = deque()
        self._receivers: deque[Peer] = deque()
        self._now = asyncio.get_running_loop().time

    def owe(self, message: Message, *, delay_s: float, by: Peer | None = None) -> None:
        """Send the receipts of a message that are still open, `delay_s` from now. `by`: who submitted it."""
        took = message.took
        first = [n for n, telling in enumerate(message.tellings) if not telling.settled]
        for n in first[:1] if took.in_turn else first:
            manner = took.manner(n)
            owed = Owed(message, n, avoid=by if manner.other_bind else None)
            self._later(owed, delay_s + manner.after_s)

    def joined(self, peer: Peer) -> None:
        """A bind that receives stands."""
        self._receivers.append(peer)
        self._stirred()

    def left(self, peer: Peer) -> None:
        """A session ended: what it did not answer goes first to the next one."""
        if peer in self._receivers:
            self._receivers.remove(peer)
        self._due.extendleft(reversed(peer.take_unanswered()))
        self._stirred()

    def answered(self, peer: Peer, *, sequence: int, status: int) -> None:
        """A peer answered one of our deliver_sm, or it answered a number that we never used."""
        owed = peer.answered(sequence)
        if owed is None:
            return
        was_settled = owed.telling.settled
        self._book.answered(owed.message.took.id, owed.n, status)
        if was_settled:
            pass
        elif status not in FINAL:
            self._later(owed, self._settings.retry_after_s)
        elif owed.message.took.in_turn:
            self.owe(owed.message, delay_s=0, by=owed.avoid)
        self._stirred()

    def resumed(self) -> None:
        """A bind has room again."""
        self._stirred()

    def resend_overdue(self) -> None:
        """Send again what was not answered in time."""
        before = self._now() - self._settings.resend_after_s
        for peer in self._receivers:
            self._due.extend(peer.take_overdue(before=before))
        self._stirred()

    def close(self) -> None:
        """Send nothing more; what is still owed stays in the book."""
        self._receivers.clear()
        self._due.clear()

    def pump(self) -> None:
        """Write due receipts, in turn to every bind that has room."""
        while self._due and (peer := self._next_peer(self._due[0].avoid)):
            owed = self._due.popleft()
            if not owed.telling.settled:  # an answer can come while it waits to be sent again
                self._tell(owed, peer)

    def _later(self, owed: Owed, delay_s: float) -> None:
        if delay_s <= 0:
            self._add(owed)
        else:
            self._agenda.after(delay_s, lambda: self._add(owed))

    def _add(self, owed: Owed) -> None:
        self._due.append(owed)
        self._stirred()

    def _next_peer(self, avoid: Peer | None) -> Peer | None:
        """The next one that has room, and is not to be avoided unless it is the only one."""
        alone = len(self._receivers) == 1
        for _ in range(len(self._receivers)):
            self._receivers.rotate(-1)
            peer = self._receivers[-1]
            if peer.room > 0 and (peer is not avoid or alone):
                return peer
        return None

    def _tell(self, owed: Owed, peer: Peer) -> None:
        sequence = peer.next_sequence()
        form, tlvs = self._settings.id_form, peer.takes_tlvs
        peer.expect(sequence, owed, now=self._now())
        self._book.told(owed.message.took.id, owed.n, session=peer.number)
        peer.send_frame(receipt_frame(owed.message, owed.n, sequence=sequence, form=form, tlvs=tlvs))
