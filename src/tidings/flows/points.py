"""The places where dying matters: before and after every commit and every outside effect, by name.

In production nothing happens there. Tests arm it: to die at a point as `kill -9` would there (flows keep no state
between commits, so it is the same), or to hold two flows between a read and a write. A name that no test ever reaches
fails the test that counts them.
"""

from collections.abc import Awaitable, Callable
from enum import StrEnum


class Point(StrEnum):
    """Every point, as `flow:after what`."""

    ACCEPT_WRITTEN = "accept:written"  # everything stored, nothing committed
    ACCEPT_COMMITTED = "accept:committed"  # the customer has no answer yet
    DISPATCH_CLAIMED = "dispatch:claimed"  # rows taken from the outbox, nothing committed
    DISPATCH_COMMITTED = "dispatch:committed"  # the intent is committed, no byte has left
    DISPATCH_SUBMITTED = "dispatch:submitted"  # bytes have left, no answer is recorded
    ANSWERS_WRITTEN = "answers:written"
    ANSWERS_COMMITTED = "answers:committed"
    HEARD_FOLDED = "heard:folded"  # answers and receipts folded on the ground of memory, nothing written
    HEARD_WRITTEN = "heard:written"  # and committed; nobody was acknowledged
    RECEIVE_MATCHED = "receive:matched"  # receipts found their messages, nothing written
    RECEIVE_WRITTEN = "receive:written"
    RECEIVE_COMMITTED = "receive:committed"  # the carrier has no acknowledgement yet
    ORPHANS_WRITTEN = "orphans:written"
    ORPHANS_COMMITTED = "orphans:committed"
    RECOVER_WRITTEN = "recover:written"
    RECOVER_COMMITTED = "recover:committed"
    EXPIRE_WRITTEN = "expire:written"
    EXPIRE_COMMITTED = "expire:committed"
    DECIDE_WRITTEN = "decide:written"
    DECIDE_COMMITTED = "decide:committed"
    SETTLE_WRITTEN = "settle:written"
    SETTLE_COMMITTED = "settle:committed"
    SILENCE_WRITTEN = "silence:written"
    SILENCE_COMMITTED = "silence:committed"
    REPORTS_COMMITTED = "reports:committed"  # the customer has not seen them
    CALLBACKS_WRITTEN = "callbacks:written"  # what came of some is recorded, nothing committed
    CALLBACKS_LEASED = "callbacks:leased"  # lanes are leased, and nothing of them is read
    CALLBACKS_TOLD = "callbacks:told"  # the customer's server knows, and it is not recorded
    CALLBACKS_OUTDATED = "callbacks:outdated"  # too old ones given up, nothing committed


_armed: Callable[[Point], Awaitable[None] | None] | None = None


def reach(point: Point) -> None:
    """Say that the point is reached, where nothing can wait."""
    if _armed is not None:
        _armed(point)


async def pause(point: Point) -> None:
    """Say that the point is reached; a test may hold the flow there."""
    if _armed is not None:
        held = _armed(point)
        if held is not None:
            await held


def arm(hook: Callable[[Point], Awaitable[None] | None] | None) -> None:
    """Have `hook` called at every point; None disarms. For tests."""
    global _armed  # noqa: PLW0603 - one switch, off in production
    _armed = hook
