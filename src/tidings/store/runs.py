"""Runs of consecutive ids: what waits for connectors is written by the run."""

from collections.abc import Iterator, Sequence

LONGEST = 1_000
"""So many messages a run has at most: couriers of one connector each take from another one, and locking a run locks no
more than that."""

Run = tuple[int, int]
"""(first id, last id)."""


def runs(ids: Sequence[int]) -> list[Run]:
    """The runs that ids form, no two of which are the same; ascending."""
    ids = sorted(ids)
    found: list[Run] = []
    for start in range(0, len(ids), LONGEST):
        some = ids[start : start + LONGEST]
        whole = some[-1] - some[0] == len(some) - 1
        found += [(some[0], some[-1])] if whole else _broken(some)
    return found


def _broken(ids: Sequence[int]) -> Iterator[Run]:
    first = last = ids[0]
    for one in ids[1:]:
        if one != last + 1:
            yield first, last
            first = one
        last = one
    yield first, last
