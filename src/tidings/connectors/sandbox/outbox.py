"""Receipts on their way: each is sent until a peer acknowledges it, over any bind that receives."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from tidings.connectors.sandbox.agenda import Agenda
from tidings.connectors.sandbox.book import Book
from tidings.connectors.sandbox.messages import FINAL, Message
from tidings.connectors.sandbox.peer import Owed, Owing, Peer
from tidings.connectors.sandbox.plain import Plain
from tidings.connectors.sandbox.receipts import receipt_frame
from tidings.connectors.sandbox.settings import Settings


class Outbox:
    """The receipts that are due, and the binds to spread them over. They wait as long as nobody is bound."""

    def __init__(
        self, settings: Settings, *, book: Book, agenda: Agenda, stirred: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._book = book
        self._agenda = agenda
        self._stirred = stirred  # there may be something to send: call `pump` soon
        self._due: deque[Owing] = deque()
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

    def owe_all(self, plain: Sequence[Plain], *, delay_s: float) -> None:
        """The same for ordinary messages that came together."""
        if delay_s <= 0:
            self._add_all(plain)
        else:
            self._agenda.after(delay_s, lambda: self._add_all(plain))

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
        if owed is not None:
            self.heard(owed, status=status)

    def heard(self, owed: Owing, *, status: int) -> None:
        """A peer answered this."""
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
            if type(self._due[0]) is Plain:
                self._tell_plain(peer)
                continue
            owed = self._due.popleft()
            if not owed.telling.settled:  # an answer can come while it waits to be sent again
                self._tell(owed, peer)

    def _later(self, owed: Owing, delay_s: float) -> None:
        if delay_s <= 0:
            self._add(owed)
        else:
            self._agenda.after(delay_s, lambda: self._add(owed))

    def _add(self, owed: Owing) -> None:
        self._due.append(owed)
        self._stirred()

    def _add_all(self, owed: Sequence[Owing]) -> None:
        self._due.extend(owed)
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

    def _tell_plain(self, peer: Peer) -> None:
        """Write this peer's share of the ordinary receipts that are due next."""
        due, truth = self._due, self._book.truth
        share = max(1, min(peer.room, len(due) // len(self._receivers)))
        now, at = self._now(), self._book.now()
        frames: list[bytes] = []
        while due and len(frames) < share and type(plain := due[0]) is Plain:
            due.popleft()
            if plain.settled:  # an answer can come while it waits to be sent again
                continue
            sequence = peer.next_sequence()
            peer.expect(sequence, plain, now=now)
            truth.sent(plain, at, session=peer.number)
            frames.append(plain.receipt(sequence=sequence, tlvs=peer.takes_tlvs))
        peer.send_frame(b"".join(frames))

    def _tell(self, owed: Owing, peer: Peer) -> None:
        sequence = peer.next_sequence()
        form, tlvs = self._settings.id_form, peer.takes_tlvs
        peer.expect(sequence, owed, now=self._now())
        self._book.told(owed.message.took.id, owed.n, session=peer.number)
        peer.send_frame(receipt_frame(owed.message, owed.n, sequence=sequence, form=form, tlvs=tlvs))
