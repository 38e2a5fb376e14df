"""How much is measured: by default what two cores do in a few minutes; BENCH_… in the environment says more."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

FULL = {
    "BENCH_N": "100000",
    "BENCH_BULK_N": "200000",
    "BENCH_ACCEPT_N": "200000",
    "BENCH_QUESTIONS": "100000",
    "BENCH_STORED": "10000000",
    "BENCH_BACKLOG": "500000",
}
"""What `make bench-full` takes where nothing else is said."""

BULK_CONNECTIONS = 4  # that offer bulk requests at the same time
BULK_OF = 10_000  # recipients of one bulk request, the most that the API takes
MIX = (BULK_OF, 1_000, 4_000, 1_000)  # of one bulk request after the other


class BadSize(ValueError):
    """A size that cannot be."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one run of a row; every row is run `runs` times after a warm-up."""

    runs: int = 3
    singles: int = 24_000  # messages in requests of their own
    bulk: int = 40_000  # recipients in bulk requests, from the request to the status
    accepted: int = 64_000  # recipients in bulk requests that are only accepted
    questions: int = 20_000
    connections: int = 64
    readers: int = 2  # that drain reports at the same time
    warm_up: int = 500
    pages: int = 400  # of lists, of each kind
    backlog: int = 20_000  # messages that wait while a single one comes, and at a kill
    stored: int = 0  # messages of the past, beside those that are sent

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The sizes that the environment asks for. Raises BadSize."""
        asked = {
            "runs": "BENCH_RUNS",
            "singles": "BENCH_N",
            "bulk": "BENCH_BULK_N",
            "accepted": "BENCH_ACCEPT_N",
            "questions": "BENCH_QUESTIONS",
            "connections": "BENCH_CONNECTIONS",
            "readers": "BENCH_READERS",
            "warm_up": "BENCH_WARM_UP",
            "pages": "BENCH_PAGES",
            "backlog": "BENCH_BACKLOG",
            "stored": "BENCH_STORED",
        }
        return cls(**{name: _count(environ, key) for name, key in asked.items() if environ.get(key)})


def mixed(count: int) -> list[int]:
    """So many recipients, in bulk requests of different sizes: like MIX, or smaller where they are few."""
    wanted = max(BULK_CONNECTIONS, -(-count * len(MIX) // sum(MIX)))
    shares = [MIX[number % len(MIX)] for number in range(wanted)]
    ends = [count * sum(shares[: number + 1]) // sum(shares) for number in range(wanted)]
    sizes = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    return [min(size, BULK_OF) for size in sizes if size]


def _count(environ: Mapping[str, str], key: str) -> int:
    try:
        count = int(environ[key])
    except ValueError:
        count = 0
    if count < 1:
        raise BadSize(f"{key}={environ[key]!r}: a number above 0 is expected")
    return count
