"""How fast this machine is at the moment: a guest may be half as fast for minutes, with nothing else running."""

import time

TURNS = 1_000_000


def probe_s() -> float:
    """The CPU seconds that a fixed loop takes now: what a figure was measured at, to be compared with other runs."""
    began, total = time.thread_time(), 0
    for number in range(TURNS):
        total += number
    return time.thread_time() - began
