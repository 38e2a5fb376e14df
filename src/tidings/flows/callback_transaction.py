"""What the sender of callbacks asks of the database; see `flows.transaction`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tidings.flows.records import CallbackTold, DueCallback, LaneDue, LaneKey, News


class CallbackTx(Protocol):
    """Customers' servers that are told of a status."""

    async def callback_lanes(self, after: LaneKey, *, limit: int) -> list[LaneDue]:
        """Lanes in which something waits, in order, after one."""
        ...

    async def lanes_of_old_callbacks(
        self, down: Collection[LaneKey], *, owed_before: datetime, limit: int
    ) -> list[LaneDue]:
        """Lanes in which something is as old as that, and was tried in vain or waits for a server that is down."""
        ...

    async def lease_lanes(
        self, lanes: Mapping[LaneKey, datetime | None], *, now: datetime, until: datetime
    ) -> list[LaneKey]:
        """Lease those that are free, or that the asker knows to be leased until then: his own. Which it has now."""
        ...

    async def release_lanes(self, lanes: Mapping[LaneKey, datetime]) -> None:
        """Let go of those that are still leased until then."""
        ...

    async def forget_leases(self, before: datetime) -> None:
        """Forget those that ended before."""
        ...

    async def due_callbacks(
        self, rooms: Mapping[LaneKey, int], in_hand: Collection[int], *, now: datetime, limit: int
    ) -> list[tuple[DueCallback, News]]:
        """What is due in leased lanes, up to so many of each, in the order of the lanes, and `limit` in all.

        None of the messages in hand; and what each says.
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
        self,
        lanes: Mapping[LaneKey, bool],
        in_hand: Collection[int],
        *,
        owed_before: datetime,
        at: datetime,
        limit: int,
    ) -> int:
        """Give up what is as old as that in leased lanes, and was tried in vain or whose server is down; how many."""
        ...
