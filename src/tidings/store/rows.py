"""What every family of tables starts from: a connection inside a transaction."""

from collections.abc import Sequence
from typing import Any

import asyncpg


class Rows:
    """Statements of one transaction."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` takes, also when there are none."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
