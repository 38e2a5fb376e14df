"""Runs of ids: what waits for connectors is written by the run."""

from collections.abc import Iterator, Sequence

LONGEST = 1_000
"""So many messages a run has at most: couriers of one connector each take from another one, and locking a run locks no
more than that."""

NEXT_ORDER = 2
"""From the only message of an order to that of the next: the id between them is the task's, so no message ever has it.
Messages of one order follow each other."""

Run = tuple[int, int]
"""(first id, last id)."""

MESSAGES = "((last_id - message_id) / step + 1)"
"""SQL: how many messages a row of the queue stands for."""


def runs(ids: Sequence[int], *, step: int = 1) -> list[Run]:
    """The runs that ids form, each so far from the one before it; no two are the same. Ascending."""
    ids = sorted(ids)
    found: list[Run] = []
    for start in range(0, len(ids), LONGEST):
        some = ids[start : start + LONGEST]
        found += [(some[0], some[-1])] if _are_whole(some, step) else _broken(some, step)
    return found


def _are_whole(ids: Sequence[int], step: int) -> bool:
    first, last = ids[0], ids[-1]
    return last - first == (len(ids) - 1) * step and (step == 1 or ids == [*range(first, last + 1, step)])


def _broken(ids: Sequence[int], step: int) -> Iterator[Run]:
    first = last = ids[0]
    for one in ids[1:]:
        if one != last + step:
            yield first, last
            first = one
        last = one
    yield first, last
