"""What every family of tables starts from: a connection inside a transaction, and rows as one parameterized table.

Arrays are what a batch's statement costs most: asyncpg looks at every element anew (0.5 us; 2 us for a time). But
the rows of a batch agree in most of what they say, and numbers join to an array literal in a tenth of the time.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import asyncpg

from tidings.domain.order import Dialect

DIALECTS = dict(enumerate(Dialect, 1))
"""How a message says by which API it came."""
DIALECT_NUMBERS = {one: number for number, one in DIALECTS.items()}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US, SECOND_US = 86_400_000_000, 1_000_000

Fields = tuple[tuple[str, str], ...]
"""Name and type of each column."""


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


def fields(*spelt: str) -> Fields:
    """Columns as `name type`."""
    return tuple((name, kind) for name, _, kind in (one.partition(" ") for one in spelt))


def table(rows: Sequence[Sequence[Any]], of: Fields) -> tuple[str, list[Any]]:
    """Rows as something to select from, and its arguments, which are the statement's first.

    What all rows agree in is one argument, the rest are arrays: a statement a shape, of which a kind of traffic has
    few. No two rows may be the same. Their order is kept. It is fenced off: a planner that saw that all is of one
    account would read everything of that account where it has no statistics yet.
    """
    values: list[Any] = []
    varying: list[bool] = []
    for (_, kind), column in zip(of, zip(*rows, strict=True), strict=True):
        varies = column[0] != column[-1] or column.count(column[0]) != len(column)
        varying.append(varies)
        values.append(_array(kind, column) if varies else column[0])
    return _selection(of, tuple(varying)), values


@lru_cache(maxsize=1_000)
def _selection(of: Fields, varying: tuple[bool, ...]) -> str:
    shown, arrays, names = [], [], []
    for number, ((name, kind), varies) in enumerate(zip(of, varying, strict=True), 1):
        if not varies:
            shown.append(f"${number}::{kind} as {name}")
            continue
        names.append(name)
        if kind in _NATIVE:
            arrays.append(f"${number}::{kind}[]")
            shown.append(f"u.{name}")
        elif kind == "timestamptz":
            arrays.append(f"${number}::text::bigint[]")
            shown.append(f"timestamptz 'epoch' + u.{name} * interval '1 us' as {name}")
        else:
            arrays.append(f"${number}::text::{kind}[]")
            shown.append(f"u.{name}")
    if not arrays:
        return f"(select {', '.join(shown)} offset 0)"
    return f"(select {', '.join(shown)} from unnest({', '.join(arrays)}) as u ({', '.join(names)}) offset 0)"


def _literal(spell: Callable[[Any], str]) -> Callable[[Sequence[Any]], str]:
    def literal(column: Sequence[Any]) -> str:
        if None in column:
            return f"{{{','.join('NULL' if one is None else spell(one) for one in column)}}}"
        return f"{{{','.join(map(spell, column))}}}"

    return literal


def _microseconds(moment: datetime) -> str:
    """As PostgreSQL multiplies them into a time: exactly, for 285 years to come."""
    since = moment - EPOCH
    return str(since.days * DAY_US + since.seconds * SECOND_US + since.microseconds)


_NATIVE = frozenset({"text", "json", "jsonb"})
"""What may contain anything is left to asyncpg to quote."""

_words = _literal(str)
_LITERALS = {
    "timestamptz": _literal(_microseconds),
    "bytea": _literal(lambda octets: f'"\\\\x{octets.hex()}"'),
    "tid": _literal(lambda place: f'"({place[0]},{place[1]})"'),
}


def _array(kind: str, column: Sequence[Any]) -> str | list[Any]:
    return list(column) if kind in _NATIVE else _LITERALS.get(kind, _words)(column)
