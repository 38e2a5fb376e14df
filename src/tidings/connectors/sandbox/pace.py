"""How many submissions a second the SMSC takes, over all its binds."""


class Pace:
    """A bucket that holds one second's worth. Without a rate it never says no. Times are the caller's."""

    def __init__(self, per_s: int | None, *, now: float) -> None:
        self._per_s = per_s
        self._left = float(per_s or 0)
        self._at = now

    def allows(self, now: float) -> bool:
        """Whether one more may be taken at this time; if so, it counts."""
        if self._per_s is None:
            return True
        self._left = min(self._per_s, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
