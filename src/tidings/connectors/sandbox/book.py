"""Writes the truth down while it happens: in memory, and in the state file if there is one."""

from collections.abc import Callable

from tidings.connectors.sandbox.events import Answered, Refused, Told, Took, Turned, Unanswered, Unheard
from tidings.connectors.sandbox.journal import Journal
from tidings.connectors.sandbox.messages import Message
from tidings.connectors.sandbox.truth import Truth


class Book:
    """The truth and its journal, kept equal. `clock` gives seconds since 1970, UTC."""

    def __init__(self, truth: Truth, *, journal: Journal | None, clock: Callable[[], float]) -> None:
        self.truth = truth
        self.now = clock
        self._journal = journal

    def next_id(self) -> int:
        """An id that no message here has had, even if an earlier run kept no state: time, then a count."""
        return max(self.truth.last_id, int(self.now()) * 1_000_000) + 1

    def took(self, event: Took, *, head: bytes) -> Message:
        """A message was taken."""
        if self._journal:
            self._journal.append(event)
        return self.truth.took(event, head=head)

    def refused(self, event: Refused) -> None:
        """A submission was answered with an error."""
        if self._journal:
            self._journal.append(event)
        self.truth.refused(event)

    def unanswered(self, message_id: int) -> None:
        """The response of a message will never be written."""
        event = Unanswered(message_id, self.now())
        if self._journal:
            self._journal.append(event)
        self.truth.unanswered(event)

    def unheard(self, event: Unheard) -> None:
        """A submission came by a session that had ended."""
        if self._journal:
            self._journal.append(event)
        self.truth.unheard(event)

    def turned(self, event: Turned) -> None:
        """A bind was refused because a script says so."""
        if self._journal:
            self._journal.append(event)
        self.truth.turned(event)

    def told(self, message_id: int, n: int, *, session: int) -> None:
        """Receipt `n` of a message is about to be written to a session."""
        event = Told(message_id, n, self.now(), session)
        if self._journal:
            self._journal.append(event)
        self.truth.told(event)

    def answered(self, message_id: int, n: int, status: int) -> None:
        """A peer answered receipt `n` of a message."""
        event = Answered(message_id, n, self.now(), status)
        if self._journal:
            self._journal.append(event)
        self.truth.answered(event)

    def flush(self) -> None:
        """Put it where it survives this process. Raises OSError."""
        if self._journal:
            self._journal.flush()

    def close(self) -> None:
        """Flush and close the state file."""
        if self._journal:
            self._journal.close()
