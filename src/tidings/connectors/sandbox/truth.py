"""What the simulated SMSC really took, what really became of it, and what it told: a fold of its events.

The same fold serves the running SMSC, its restart from a state file, and tests and tools that ask a state
file what happened (`read_truth`). Nothing else in the simulator remembers a message.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from math import inf
from pathlib import Path

import msgspec

from tidings.connectors.sandbox.events import (
    Address,
    Answered,
    Event,
    Part,
    Refused,
    Told,
    Took,
    Turned,
    Unanswered,
    Unheard,
)
from tidings.connectors.sandbox.journal import read_events
from tidings.connectors.sandbox.messages import FINAL, Message, Telling
from tidings.connectors.sandbox.outcomes import OTHERWISE
from tidings.connectors.sandbox.plain import Plain
from tidings.connectors.smpp.codes import Status


class Key(msgspec.Struct, frozen=True):
    """What makes two submissions the same message to a handset."""

    source: Address
    destination: Address
    part: Part | None
    digest: str


class Summary(msgspec.Struct, kw_only=True):
    """Counts since the first event."""

    taken: int = 0
    refused: int = 0
    unanswered: int = 0  # taken, and the response was never written
    unheard: int = 0  # submissions that came by a session that a script had ended
    binds_refused: int = 0  # because a script says so
    delivered: int = 0  # taken, and on the handset whatever its receipts say
    receipts: int = 0  # owed for what was taken
    told: int = 0  # sendings of receipts, repeats included
    repeated: int = 0  # of these, sendings of a receipt that had been sent before
    acknowledged: int = 0  # receipts
    dropped: int = 0  # receipts that the peer refused for good


class Truth:
    """The fold, of bounded size: past `messages_max` the oldest settled messages go, the counts stay."""

    def __init__(self, messages_max: int | None = None) -> None:
        self._messages_max = messages_max
        self._settled: deque[int] = deque()
        self._summary = Summary()
        self._outcomes: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._messages: dict[int, Message] = {}
        self._plain: dict[int, Plain] = {}  # those that nobody has asked for yet
        self.lost: deque[Unheard] = deque(maxlen=messages_max)  # what came by a session that had ended
        self.last_id = 0

    @property
    def room(self) -> float:
        """How many messages more may wait for their receipts to be acknowledged; inf = any number."""
        limit = self._messages_max
        return inf if limit is None else limit - self._remembered + len(self._settled)

    @property
    def full(self) -> bool:
        """Too many messages wait for their receipts to be acknowledged."""
        return self.room <= 0

    @property
    def messages(self) -> dict[int, Message]:
        """What is remembered, by id, in the order it was taken."""
        if self._plain:
            read = {one.id: one.message for one in self._plain.values()}
            self._plain = {}
            self._messages = dict(sorted({**self._messages, **read}.items()))
        return self._messages

    def find(self, message_id: int) -> Message | None:
        """One of them, if it is remembered."""
        found = self._messages.get(message_id)
        if found is None and (plain := self._plain.get(message_id)):
            return plain.message
        return found

    def summary(self) -> Summary:
        """The counts at this moment."""
        return msgspec.structs.replace(self._summary)

    def outcomes(self) -> dict[str, int]:
        """How often each outcome was decided, refusals included."""
        return dict(sorted(self._outcomes.items()))

    def faults(self) -> dict[str, int]:
        """How often a script did what to a message that was taken."""
        return dict(sorted(self._faults.items()))

    def copies(self) -> Counter[Key]:
        """How often each remembered message was taken: more than once means that a handset got it twice."""
        return Counter(
            Key(took.source, took.destination, took.part, took.digest)
            for took in (message.took for message in self.messages.values())
        )

    def to(self, destination: str) -> list[Message]:
        """What is remembered of messages to this number, in the order they were taken."""
        return [it for it in self.messages.values() if it.took.destination.digits == destination]

    def unsettled(self) -> list[Message]:
        """The messages that still owe a receipt."""
        return [message for message in self.messages.values() if not message.settled]

    def fold(self, events: Iterable[Event]) -> "Truth":
        """Learn events of the past; returns itself."""
        for event in events:
            match event:
                case Took():
                    self.took(event)
                case Refused():
                    self.refused(event)
                case Unanswered():
                    self.unanswered(event)
                case Unheard():
                    self.unheard(event)
                case Turned():
                    self.turned(event)
                case Told():
                    self.told(event)
                case Answered():
                    self.answered(event)
        return self

    def took(self, event: Took, *, head: bytes = b"") -> Message:
        """A message was taken."""
        message = Message(event, tuple([Telling() for _ in event.receipts]), head)
        self._messages[event.id] = message
        self.last_id = max(self.last_id, event.id)
        self._summary.taken += 1
        self._summary.receipts += len(event.receipts)
        self._summary.delivered += event.end.stat == "DELIVRD"
        self._outcomes[event.outcome] += 1
        self._faults.update(event.faults)
        if not event.receipts:
            self._settled.append(event.id)
        self._trim()
        return message

    def keep(self, plain: Plain) -> None:
        """An ordinary message was taken; `kept` counts it."""
        self._plain[plain.id] = plain
        self.last_id = plain.id

    def kept(self, count: int) -> None:
        """So many ordinary messages were kept since the last call."""
        summary = self._summary
        summary.taken += count
        summary.receipts += count
        summary.delivered += count
        self._outcomes[OTHERWISE.name] += count
        self._trim()

    def refused(self, event: Refused) -> None:
        """A submission was answered with an error."""
        self._summary.refused += 1
        self._outcomes[event.outcome] += 1

    def unanswered(self, event: Unanswered) -> None:
        """The response of a message will never be written."""
        self._summary.unanswered += 1
        if event.id in self._messages:
            self._messages[event.id].unanswered = True

    def unheard(self, event: Unheard) -> None:
        """A submission was neither taken nor answered."""
        self._summary.unheard += 1
        self.lost.append(event)

    def turned(self, _: Turned) -> None:
        """A bind was refused because a script says so."""
        self._summary.binds_refused += 1

    def told(self, event: Told) -> None:
        """A receipt was written to a session."""
        message = self.find(event.id)
        if message is not None:
            self.sent(message.tellings[event.n], event.at, session=event.session)

    def sent(self, telling: Telling, at: float, *, session: int) -> None:
        """The same, where it is known which."""
        self._summary.told += 1
        self._summary.repeated += telling.sent > 0
        telling.sent += 1
        telling.first_at = telling.first_at or at
        telling.last_at, telling.session = at, session

    def answered(self, event: Answered) -> None:
        """A peer answered a receipt."""
        message = self.find(event.id)
        if message is None:
            return
        telling = message.tellings[event.n]
        if event.status not in FINAL:
            telling.put_off += 1
            return
        before = telling.settled
        if event.status == Status.ESME_ROK:
            self._acknowledged(telling, event.at)
        elif not before:
            telling.dropped_at = event.at
            self._summary.dropped += 1
        if not before and message.settled:
            self._settle(event.id)

    def acknowledged(self, plain: Sequence[Plain], at: float) -> None:
        """A peer acknowledged the receipts of ordinary messages."""
        for one in plain:
            if not one.settled:
                self._settled.append(one.id)
            self._acknowledged(one, at)
        self._trim()

    def _acknowledged(self, telling: Telling, at: float) -> None:
        """The first acknowledgement counts; it also undoes a refusal that another bind gave before it."""
        if telling.acknowledged_at is not None:
            return
        telling.acknowledged_at = at
        self._summary.acknowledged += 1
        self._summary.dropped -= telling.dropped_at is not None
        telling.dropped_at = None

    @property
    def _remembered(self) -> int:
        return len(self._messages) + len(self._plain)

    def _settle(self, message_id: int) -> None:
        self._settled.append(message_id)
        self._trim()

    def _trim(self) -> None:
        while self._messages_max is not None and self._remembered > self._messages_max and self._settled:
            oldest = self._settled.popleft()
            if self._plain.pop(oldest, None) is None:
                del self._messages[oldest]


def read_truth(path: Path) -> Truth:
    """Everything a state file knows, also that of a running simulated SMSC."""
    return Truth().fold(read_events(path))
