"""Tasks as they begin: the row of each, and the counters of those that keep them."""

from operator import attrgetter

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.message import Standing
from tidings.flows.records import NewOrders, NewTask
from tidings.store.sheet import Column, Sheet

TASKS: Sheet[NewTask] = Sheet(
    Column("account_id", "integer", attrgetter("account_id")),
    Column("id", "bigint", attrgetter("id")),
    Column("total", "integer", attrgetter("total")),
    Column("source", "text", attrgetter("source")),
    Column("bulk_key", "text", attrgetter("bulk_key"), null=True),
    Column("name", "text", attrgetter("name"), null=True),
    Column("validity_s", "integer", attrgetter("validity_s")),
    Column("scheduled_for", "timestamptz", attrgetter("scheduled_for"), null=True),
)


def counters(new: NewOrders) -> list[tuple[int, int, int, int, int, int]]:
    """The opening counters of tasks that keep them."""
    found: dict[tuple[int, int], dict[Bucket | str, int]] = {}
    for kind, some in new.messages.items():
        if kind.common.counted:
            assert kind.common.task_id is not None
            counter = found.setdefault((kind.common.account_id, kind.common.task_id), {})
            accepted = some.accepted
            assert accepted.claim is not None
            where = bucket(Standing(accepted.claim, accepted.reason, accepted.stage))
            counter[where] = counter.get(where, 0) + len(some.ids)
            counter["price"] = counter.get("price", 0) + kind.billed * len(some.ids)
    shown = (Bucket.WAITING, Bucket.REJECTED, Bucket.UNDELIVERABLE, "price")
    return [(*task, *(counter.get(name, 0) for name in shown)) for task, counter in found.items()]  # type: ignore[misc]
