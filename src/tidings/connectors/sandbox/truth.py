"""What the simulated SMSC really took, what really became of it, and what it told: a fold of its events.

The same fold serves the running SMSC, its restart from a state file, and tests and tools that ask a state
file what happened (`read_truth`). Nothing else in the simulator remembers a message.
"""

from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tidings.connectors.sandbox.events import Address, Answered, Event, Part, Refused, Told, Took
from tidings.connectors.sandbox.journal import read_events
from tidings.connectors.smpp.codes import Status

FINAL = frozenset({Status.ESME_ROK, Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN})
"""Answers after which an SMSC never sends that receipt again: taken, and the two that refuse it for good."""


class Telling(msgspec.Struct, gc=False):
    """One receipt that the SMSC owes or owed: how often it was sent, and how it was answered."""

    sent: int = 0
    first_at: float | None = None
    last_at: float | None = None
    acknowledged_at: float | None = None  # the first answer 0
    dropped_at: float | None = None  # the first answer that refuses it for good, unless one acknowledged it
    put_off: int = 0  # other answers: not now

    @property
    def settled(self) -> bool:
        """Nothing more is sent."""
        return self.acknowledged_at is not None or self.dropped_at is not None


class Message(msgspec.Struct, gc=False):
    """One submission that was taken. `tellings` stand beside `took.receipts`."""

    took: Took
    tellings: tuple[Telling, ...]
    head: bytes = b""  # how its text starts, for its receipts; never written down

    @property
    def settled(self) -> bool:
        """Every receipt it ever gets was acknowledged, or dropped by the peer."""
        return all(telling.settled for telling in self.tellings)


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
        self.messages: dict[int, Message] = {}
        self.last_id = 0

    @property
    def full(self) -> bool:
        """Too many messages wait for their receipts to be acknowledged."""
        limit = self._messages_max
        return limit is not None and len(self.messages) - len(self._settled) >= limit

    def summary(self) -> Summary:
        """The counts at this moment."""
        return msgspec.structs.replace(self._summary)

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
                case Told():
                    self.told(event)
                case Answered():
                    self.answered(event)
        return self

    def took(self, event: Took, *, head: bytes = b"") -> Message:
        """A message was taken."""
        message = Message(event, tuple([Telling() for _ in event.receipts]), head)
        self.messages[event.id] = message
        self.last_id = max(self.last_id, event.id)
        self._summary.taken += 1
        self._summary.receipts += len(event.receipts)
        self._summary.delivered += event.end.stat == "DELIVRD"
        if not event.receipts:
            self._settled.append(event.id)
        self._trim()
        return message

    def refused(self, _: Refused) -> None:
        """A submission was answered with an error."""
        self._summary.refused += 1

    def told(self, event: Told) -> None:
        """A receipt was written to a session."""
        message = self.messages.get(event.id)
        if message is None:
            return
        telling = message.tellings[event.n]
        self._summary.told += 1
        self._summary.repeated += telling.sent > 0
        telling.sent += 1
        telling.first_at = telling.first_at or event.at
        telling.last_at = event.at

    def answered(self, event: Answered) -> None:
        """A peer answered a receipt."""
        message = self.messages.get(event.id)
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
            self._settled.append(event.id)
            self._trim()

    def _acknowledged(self, telling: Telling, at: float) -> None:
        """The first acknowledgement counts; it also undoes a refusal that another bind gave before it."""
        if telling.acknowledged_at is not None:
            return
        telling.acknowledged_at = at
        self._summary.acknowledged += 1
        self._summary.dropped -= telling.dropped_at is not None
        telling.dropped_at = None

    def _trim(self) -> None:
        while self._messages_max is not None and len(self.messages) > self._messages_max and self._settled:
            del self.messages[self._settled.popleft()]


def read_truth(path: Path) -> Truth:
    """Everything a state file knows, also that of a running simulated SMSC."""
    return Truth().fold(read_events(path))
