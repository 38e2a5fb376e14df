"""When a callback that failed is tried again, and how much a customer's server is given at a time.

Times are passed in. A lane is one customer's callbacks to one server.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 3600.0
GROWTH = 3.0
SPREAD = 0.2  # of a pause, up and down: what failed together does not come back together

FIRST_ROOM = 32
MOST_ROOM = 1000
DOWN_AFTER = 5  # failures in a row
LONGEST_REST_S = 60.0


def pause(tries: int, chance: float) -> timedelta:
    """How long to wait after so many tries; `chance` is in [0, 1)."""
    assert tries > 0
    growing_s = FIRST_PAUSE_S * GROWTH ** min(tries - 1, 20)
    return timedelta(seconds=min(growing_s, LONGEST_PAUSE_S) * (1 + SPREAD * (2 * chance - 1)))


@dataclass(slots=True)
class Lane:
    """How a lane fares: what it is given grows while its server answers and shrinks when it does not.

    A server that fails again and again rests: then one callback at a time asks whether it is back.
    """

    in_hand: int = 0
    failures: int = 0  # in a row
    _window: float = FIRST_ROOM
    _rests_until: datetime | None = None

    @property
    def down(self) -> bool:
        """Its server has failed so often in a row that it rests."""
        return self.failures >= DOWN_AFTER

    @property
    def unremarkable(self) -> bool:
        """Nothing much is lost if it is forgotten."""
        return self.in_hand == 0 and self.failures == 0

    def room(self, now: datetime) -> int:
        """How many more callbacks it may be given now."""
        if self._rests_until is not None and now < self._rests_until:
            return 0
        return max(int(self._window) - self.in_hand, 0)

    def returned(self) -> None:
        """One of those in hand was not tried, because those before it took too long: it was given too many."""
        self.in_hand -= 1
        self._window = max(min(self._window, self.in_hand), 1)

    def answered(self) -> None:
        """One of those in hand was told."""
        self.in_hand -= 1
        self.failures, self._rests_until = 0, None
        if self._window < MOST_ROOM:
            self._window += 1

    def failed(self, now: datetime) -> None:
        """One of those in hand was told in vain."""
        self.in_hand -= 1
        if self._rests_until is not None and now < self._rests_until:
            return  # it was in hand before the rest began
        self.failures += 1
        self._window = max(self._window / 2, 1)
        if self.down:
            self._window = 1
            rest_s = min(2.0 ** (self.failures - DOWN_AFTER), LONGEST_REST_S)
            self._rests_until = now + timedelta(seconds=rest_s)
