"""How fast one carrier account is submitted to: a token bucket that gives way when the carrier says "too fast"."""

from collections import deque
from itertools import repeat
from math import inf

BURST_S = 0.1
"""How much of a second's tokens may be used at once: carriers count in short windows."""

REACT_S = 1.0
"""Refusals within this time are one event: a whole window of them was under way."""

RECOVER_S = 10.0
RECOVER_BY = 0.1
"""Every RECOVER_S without a refusal the rate grows by this share of the configured one."""

QUEUE_FULL_OF = 50
QUEUE_FULL_MOST = 10
"""More answers than this that say "queue full", of the last QUEUE_FULL_OF, are not about single recipients."""

CONGESTED = 90
"""A peer of SMPP 5.0 says from 0 to 100 how congested it is: from here on nearly, at 100 wholly."""
GIVE_WAY_BY = 0.1

IN_A_ROW_MAX = 20
PAUSE_S = 30.0
"""After so many refusals in a row nothing is submitted for a while."""


class Pace:
    """Tokens for submissions. Without a configured rate there is no bucket, only pauses. Times in seconds."""

    def __init__(self, rate_per_s: float, *, now: float) -> None:
        self._whole = rate_per_s or inf  # of the carrier account
        self._limit = self._whole  # our share of it
        self._rate = self._limit
        self._burst = _burst(self._limit)
        self._tokens, self._at = self._burst, now
        self._paused_until = now
        self._reacted_at = -inf
        self._in_a_row = 0
        self._queue_full: deque[bool] = deque(maxlen=QUEUE_FULL_OF)  # whether so, of the last answers

    @property
    def rate_per_s(self) -> float:
        """The rate now; inf = no limit."""
        return self._rate

    def share(self, among: int, now: float) -> None:
        """So many couriers submit to the account now: each takes an equal part of its rate."""
        limit = self._whole / among
        if limit == self._limit:
            return
        self._refill(now)
        self._rate = min(self._rate * limit / self._limit, limit) if limit != inf else inf
        self._limit = limit
        self._burst = _burst(limit)
        self._tokens = min(self._tokens, self._burst)

    def room(self, now: float) -> float:
        """How many submissions may be written now; inf = as many as you like."""
        if now < self._paused_until:
            return 0
        if self._limit == inf:
            return inf
        self._refill(now)
        return int(self._tokens + 1e-9)

    def take(self, now: float, most: int = 1) -> int:
        """Use up to so many tokens up; how many there were."""
        there = self.room(now)
        taken = most if there >= most else int(there)
        self._tokens -= taken
        return taken

    def wait_s(self, now: float) -> float:
        """How long until there is a token; 0 = there is one."""
        if now < self._paused_until:
            return self._paused_until - now
        return 0.0 if self.room(now) >= 1 else (1 - self._tokens) / self._rate

    def throttled(self, now: float) -> None:
        """The carrier refused a submission as too fast."""
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW_MAX:
            self._in_a_row = 0
            self.pause(now)
        self._slow(0.5, now)

    def answered(self, *, queue_full: bool = False) -> bool:
        """The carrier answered a submission otherwise. True if it says "queue full" so often that it means itself."""
        self._in_a_row = 0
        self._queue_full.append(queue_full)
        return queue_full and self._queue_full.count(True) > QUEUE_FULL_MOST

    def taken(self, submissions: int) -> None:
        """The carrier took so many."""
        self._in_a_row = 0
        self._queue_full.extend(repeat(False, min(submissions, QUEUE_FULL_OF)))

    def congested(self, state: int, now: float) -> None:
        """The carrier said how congested it is."""
        if state >= CONGESTED:
            self._slow(0.5 if state >= 100 else 1 - GIVE_WAY_BY, now)

    def pause(self, now: float) -> None:
        """Submit nothing for a while: the account itself is refused."""
        self._paused_until = max(self._paused_until, now + PAUSE_S)

    def _slow(self, to: float, now: float) -> None:
        """Go on at this share of the rate; without one, wait a moment. Once for a whole window."""
        if now < self._reacted_at + REACT_S:
            return
        self._refill(now)
        self._reacted_at = now
        if self._limit == inf and to <= 0.5:
            self._paused_until = max(self._paused_until, now + REACT_S)
        self._rate = max(self._rate * to, min(self._limit, 1.0))

    def _refill(self, now: float) -> None:
        if self._rate < self._limit and now >= self._reacted_at + RECOVER_S:
            steps = (now - self._reacted_at) // RECOVER_S
            self._rate = min(self._limit, self._rate + steps * RECOVER_BY * self._limit)
            self._reacted_at += steps * RECOVER_S
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now


def _burst(limit: float) -> float:
    return 1.0 if limit == inf else max(1.0, limit * BURST_S)
