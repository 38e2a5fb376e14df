"""What a courier remembers of the messages that it wrote about last, or is writing about, so that the next word about
one needs no look at the database.

What is remembered may be outdated: somebody else may have written since. Whoever writes on its ground says which
version that was, and learns if it is not the newest any more. So memory saves questions, and decides nothing.
"""

from collections.abc import Iterable, Mapping

from tidings.flows.records import Held, Key, Match

MOST = 10_000
"""Open messages: some 20 MB. At 1,000 a second a carrier has ten seconds for its receipt."""

ENDED_PART = 10
"""Of those that have come to an end a tenth as many are remembered: little more is heard of them, and soon."""


class Recent:
    """Deliveries as this process wrote, or is writing them, and the submissions that receipts will name."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._held: dict[Key, Held] = {}
        self._ended: dict[Key, Held] = {}
        self._taken: dict[str, Match] = {}

    def held(self, key: Key) -> Held | None:
        """A delivery as it was written last; None if that is not remembered."""
        return self._held.get(key) or self._ended.get(key)

    def taken(self, upstream_key: str) -> Match | None:
        """The newest submission under a key."""
        return self._taken.get(upstream_key)

    def keep(self, rows: Mapping[Key, Held], taken: Iterable[Match] = ()) -> None:
        """Remember what was read, or is written; what is not written after all is to be cleared."""
        for key, held in rows.items():
            if held.delivery.final:
                self._held.pop(key, None)
                self._ended[key] = held
            else:
                self._held[key] = held
        for one in taken:
            self._taken[one.upstream_key] = one
        while len(self._held) > self._most:
            del self._held[next(iter(self._held))]
        while len(self._ended) > self._most // ENDED_PART + 1:
            del self._ended[next(iter(self._ended))]
        while len(self._taken) > self._most:
            del self._taken[next(iter(self._taken))]

    def clear(self) -> None:
        """Nothing of it is certain any more."""
        self._held.clear()
        self._ended.clear()
        self._taken.clear()

    def forget(self, keys: Iterable[Key]) -> None:
        """These may have been written by others, or not at all."""
        for key in keys:
            self._held.pop(key, None)
            self._ended.pop(key, None)
