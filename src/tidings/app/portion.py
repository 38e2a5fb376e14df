"""How many messages a line claims at a time: what is urgent goes first in each claim, but waits for the last one."""

CLAIM_WITHIN_S = 0.1
"""What is claimed at a time should have left by then: a code that comes meanwhile waits for two of these at most."""

LEAST = 100
"""A claim costs as much as forty messages in it."""

GROWTH = 1.25


class Portion:
    """As many as the line may claim, and fewer where that takes too long: the machine, or the carrier, is slow."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = most
        self._began_at = 0.0
        self._full = False  # the last claim, so that what it took says something

    def begin(self, now_s: float) -> int:
        """A claim begins, at this second of any clock; how many it may have."""
        if self._full:
            fits = CLAIM_WITHIN_S / max(now_s - self._began_at, 1e-3)
            self._size = min(max(int(self._size * min(fits, GROWTH)), LEAST), self._most)
        else:
            self._size = self._most
        self._began_at = now_s
        return self._size

    def claimed(self, messages: int) -> None:
        """So many it had."""
        self._full = messages >= self._size
