"""The short way through one session, for what is nearly everything under load: submissions that are ordinary,
and acknowledgements.

It is open only where nothing else is asked for: no fault script, no state file, no delay of answers, no limit
of throughput, and destinations that decide for themselves. Whatever it does not know goes the long way
(`session.py`), which it gives the same results as.
"""

from tidings.connectors.sandbox.book import Book
from tidings.connectors.sandbox.desk import Desk
from tidings.connectors.sandbox.outbox import Outbox
from tidings.connectors.sandbox.peer import Peer
from tidings.connectors.sandbox.plain import Plain, Turn, plain
from tidings.connectors.sandbox.settings import Settings
from tidings.connectors.smpp.codes import Command

_SUBMIT = Command.SUBMIT_SM.to_bytes(4)
_ACKNOWLEDGED = Command.DELIVER_SM_RESP.to_bytes(4) + bytes(4)  # with command_status 0


class Lane:
    """Takes frames one after the other, and does together what can be done together when `done` is called."""

    def __init__(self, settings: Settings, peer: Peer, *, book: Book, desk: Desk, outbox: Outbox) -> None:
        self._settings = settings
        self._peer = peer
        self._book = book
        self._truth = book.truth
        self._desk = desk
        self._outbox = outbox
        self._turn: Turn | None = None
        self._taken: list[Plain] = []
        self._answers: list[bytes] = []
        self._room = 0.0  # for messages of this turn
        self._acknowledged: list[Plain] = []
        self._resumes = False  # acknowledgements have made room

    def took(self, frame: bytes) -> bool:
        """Whether this frame is dealt with."""
        if frame[4:8] == _SUBMIT:
            return self._submitted(frame)
        if frame[4:12] == _ACKNOWLEDGED:
            return self._heard(int.from_bytes(frame[12:16]))
        return False

    def done(self) -> None:
        """No more comes at the moment, or something that goes the long way."""
        if self._taken:
            self._truth.kept(len(self._taken))
            self._outbox.owe_all(self._taken, delay_s=self._settings.receipt_delay_s)
            self._peer.send_frame(b"".join(self._answers))
            self._taken, self._answers = [], []
        if self._acknowledged:
            self._truth.acknowledged(self._acknowledged, self._book.now())
            self._acknowledged = []
        if self._resumes:
            self._resumes = False
            self._outbox.resumed()
        self._turn = None

    def _submitted(self, frame: bytes) -> bool:
        peer, truth = self._peer, self._truth
        if not peer.binding.submits or peer.closing or peer.waiting or self._desk.closed:
            return False
        turn = self._turn or self._begin()
        one = plain(frame, id=truth.last_id + 1, turn=turn) if self._room > 0 else None
        if one is None:
            return False
        self._room -= 1
        truth.keep(one)
        self._taken.append(one)
        self._answers.append(one.response())
        return True

    def _begin(self) -> Turn:
        now = self._book.now()
        self._room = self._truth.room
        self._truth.last_id = self._book.next_id() - 1
        due = now + self._settings.receipt_delay_s
        self._turn = Turn(at=now, due=due, session=self._peer.number, id_form=self._settings.id_form)
        return self._turn

    def _heard(self, sequence: int) -> bool:
        peer = self._peer
        if peer.closing:
            return False
        self._resumes = True
        owed = peer.answered(sequence)
        if type(owed) is Plain:
            self._acknowledged.append(owed)
        elif owed is not None:
            self._outbox.heard(owed, status=0)
        return True
