"""What the sender of callbacks asks of the database; see `flows.transaction`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidings.flows.records import CallbackTold, DueCallback, Key, LaneKey, News


class CallbackTx(Protocol):
    """Customers' servers that are told of a status."""

    async def callback_lanes(self, after: LaneKey, *, limit: int) -> list[tuple[LaneKey, datetime]]:
        """Lanes in which something waits, in order, after one; with the earliest due time of each."""
        ...

    async def claim_callbacks(
        self, rooms: Mapping[LaneKey, int], *, now: datetime, leased_until: datetime, limit: int
    ) -> list[DueCallback]:
        """Take up to so many due callbacks of each lane, in the order of the lanes, and `limit` in all.

        Nobody else takes them before `leased_until`. A later one of a message is not due while an earlier one is
        taken; one that somebody takes at this moment is not seen.
        """
        ...

    async def callbacks_delivered(self, rows: Sequence[CallbackTold], *, at: datetime) -> None:
        """They are delivered: noted, and no longer due."""
        ...

    async def retry_callbacks(self, rows: Sequence[tuple[CallbackTold, datetime]]) -> None:
        """They failed; when to try each again."""
        ...

    async def give_up_callbacks(self, rows: Sequence[CallbackTold], *, at: datetime) -> None:
        """They failed for the last time: kept, with the reason."""
        ...

    async def give_up_old_callbacks(
        self, lanes: Sequence[LaneKey], *, owed_before: datetime, at: datetime, limit: int
    ) -> int:
        """Give up what is as old as that, was tried in vain, or waits in one of these lanes; how many."""
        ...

    async def return_callbacks(self, rows: Sequence[DueCallback]) -> None:
        """They were claimed and not tried: anybody may take them."""
        ...

    async def news_of(self, keys: Sequence[Key]) -> dict[Key, News]:
        """What customers' servers are to be told of these messages."""
        ...
