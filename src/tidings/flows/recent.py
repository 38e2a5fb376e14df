"""What a courier remembers of the messages that it wrote about last, or is writing about, so that the next word about
one needs no look at the database.

What is remembered may be outdated: somebody else may have written since. Whoever writes on its ground says which
version that was, and learns if it is not the newest any more. So memory saves questions, and decides nothing.

Messages that stand alike share what is remembered of how they stand (`flows.cohorts`): one more costs its id and what
its receipt will name.
"""

from collections.abc import Iterable, Sequence
from itertools import islice, repeat
from typing import Any

from tidings.flows.folded import Folded, Sent
from tidings.flows.records import Held

MOST = 40_000
"""Open messages, of 0.4 KB each. At 1,000 a second a carrier has 40 s for its receipt."""

ENDED_PART = 10
"""Of those that have come to an end a tenth as many are remembered: little more is heard of them, and soon."""


class Recent:
    """Deliveries as this process wrote, or is writing them, and the submissions that receipts will name."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._open: dict[int, Held] = {}  # by message
        self._ended: dict[int, Held] = {}
        self._heard: dict[int, bytes] = {}
        self._sent: dict[str, Sent] = {}  # by upstream key
        self._sent_of_ended: dict[str, Sent] = {}

    def held(self, message_id: int) -> Held | None:
        """A delivery as it was written last, but for its id and fingerprints; None if that is not remembered."""
        return self._open.get(message_id) or self._ended.get(message_id)

    def heard(self, message_id: int) -> bytes:
        """The fingerprints of the receipts that such a message had, joined."""
        return self._heard.get(message_id, b"")

    def sent(self, upstream_key: str) -> Sent | None:
        """The newest submission under a key."""
        return self._sent.get(upstream_key) or self._sent_of_ended.get(upstream_key)

    def keep(self, held: Held, message_ids: Sequence[int]) -> None:
        """Remember what these messages were found like, or are written as."""
        if held.delivery.final:
            for one in message_ids:
                self._open.pop(one, None)
            self._ended.update(zip(message_ids, repeat(held), strict=False))
        else:
            self._open.update(zip(message_ids, repeat(held), strict=False))

    def learn(self, message_id: int, held: Held, heard: bytes) -> None:
        """Remember how a message was found to stand, and the fingerprints of the receipts it has had."""
        self.keep(held, [message_id])
        if heard:
            self._heard[message_id] = heard

    def keep_folded(self, folded: Folded, named: Iterable[str]) -> None:
        """Remember what is written; what is not written after all is to be cleared.

        `named`: the keys under which receipts named the submissions of some of it.
        """
        for leg, its in folded.submitted.items():
            self._sent.update(
                zip(
                    its.upstream_keys,
                    zip(its.message_ids, its.recipients, repeat(leg), strict=False),
                    strict=True,
                )
            )
        for cohort in folded.cohorts:
            self.keep(cohort.held, cohort.message_ids)
            if cohort.fingerprints:
                for message_id, more in zip(cohort.message_ids, cohort.fingerprints, strict=True):
                    self._heard[message_id] = self._heard.get(message_id, b"") + more
        for key in named:
            sent = self._sent.get(key)
            if sent is not None and sent[0] in self._ended:
                self._sent_of_ended[key] = self._sent.pop(key)
        self._shorten()

    def clear(self) -> None:
        """Nothing of it is certain any more."""
        for memory in (self._open, self._ended, self._heard, self._sent, self._sent_of_ended):
            memory.clear()

    def forget(self, message_ids: Iterable[int]) -> None:
        """These may have been written by others, or not at all."""
        for one in message_ids:
            self._open.pop(one, None)
            self._ended.pop(one, None)
            self._heard.pop(one, None)

    def _shorten(self) -> None:
        """Forget the oldest of what is too much."""
        ended_most = self._most // ENDED_PART + 1
        for message_id in [*_oldest(self._open, self._most), *_oldest(self._ended, ended_most)]:
            self._heard.pop(message_id, None)
        _oldest(self._sent, self._most)
        _oldest(self._sent_of_ended, ended_most)


def _oldest(memory: dict[Any, Any], most: int) -> list[Any]:
    """Take out what is more than `most`. All in one go: a dictionary looks for its first past all it has lost."""
    gone = list(islice(memory, max(len(memory) - most, 0)))
    for one in gone:
        del memory[one]
    return gone
