"""What every family of tables starts from: a connection inside a transaction, and rows as columns."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import asyncpg

from tidings.domain.order import Dialect

POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

DIALECTS = dict(enumerate(Dialect, 1))
"""How a message says by which API it came."""
DIALECT_NUMBERS = {one: number for number, one in DIALECTS.items()}


class Rows:
    """Statements of one transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes, also when there are none."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def literal(column: Sequence[object]) -> str:
    """An array of numbers or of our own words, for `$1::text::bigint[]`."""
    return f"{{{','.join(map(str, column))}}}"


def seconds(column: str) -> str:
    """A time as seconds since 1970, for `datetime.fromtimestamp(…, UTC)`: to the microsecond until the year 2242."""
    return f"date_part('epoch', {column})"


@lru_cache(maxsize=4_096)
def moment(octets: bytes) -> datetime:
    """A time as `timestamptz_send` gives it. Those of a transaction are the same; reading one anew takes some us."""
    return POSTGRES_EPOCH + timedelta(microseconds=int.from_bytes(octets, signed=True))
