"""Many rows in few parameters: each column travels as one text, and a column that says the same throughout as one word.

The driver encodes an array element by element, which cost more than all the rest of accepting a message. A text is
joined and split by machines that do nothing else. Times travel as microseconds: PostgreSQL reads a number in a tenth of
the time that it needs for a date.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

Row = TypeVar("Row")

TIME = "timestamptz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_UNUSUAL = ("\x1f", "\x1e", "\x1d", "\x1c")


class Column(NamedTuple):
    """A column of a sheet. `null` says that the empty text stands for NULL; without it, it is an empty text."""

    name: str
    type: str
    of: Callable[
        [Any], object
    ]  # a row's value: what PostgreSQL reads as this type once it is a text, or None
    null: bool = False

    def texts(self, rows: Sequence[Any]) -> Sequence[str]:
        """The values of all rows; one where they are all the same."""
        if len(rows) == 1:
            return (self._text(self.of(rows[0])),)
        return self.spelt(list(map(self.of, rows)))

    def spelt(self, values: Sequence[Any]) -> Sequence[str]:
        """These values; one where they are all the same."""
        values = alike(values)
        if self.type == TIME:
            spelt: dict[Any, str] = {one: self._text(one) for one in set(values)}
            return [spelt[one] for one in values]
        if self.null:
            return ["" if value is None else str(value) for value in values]
        return values if self.type == "text" else list(map(str, values))

    def _text(self, value: Any) -> str:
        if value is None and (self.null or self.type == TIME):
            return ""
        if self.type == TIME:
            return _microseconds(value)
        text: str = value if self.type == "text" else str(value)
        return text


def alike(values: Sequence[Any]) -> Sequence[Any]:
    """The values, or the one that all of them are."""
    return values[:1] if values[0] == values[-1] and values.count(values[0]) == len(values) else values


class Sheet(Generic[Row]):
    """Rows of one kind. `source` stands in a statement for the rows, `arguments` gives what it needs.

    `first` is the number of the first of its parameters.
    """

    def __init__(self, *columns: Column, first: int = 1) -> None:
        self._columns = columns
        self.end = first + 2 + len(columns)  # the number of the parameter that follows
        arrays = ", ".join(
            array(
                _travelling(column), f"${number}::text", separator=f"${first}", count=f"${first + 1}::integer"
            )
            for number, column in enumerate(columns, start=first + 2)
        )
        names = ", ".join(column.name for column in columns)
        self.source = f"unnest({arrays}) as sheet ({names})"
        if any(column.type == TIME for column in columns):
            shown = ", ".join(map(_arrived, columns))
            self.source = f"(select {shown} from {self.source}) as sheet"

    def at(self, first: int) -> "Sheet[Row]":
        """The same in a statement where its first parameter has this number."""
        return Sheet(*self._columns, first=first)

    def arguments(self, rows: Sequence[Row]) -> list[object]:
        """The parameters that say these rows: what separates values, how many rows, and the columns."""
        separator, joined = join([column.texts(rows) for column in self._columns])
        return [separator, len(rows), *joined]


def join(columns: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """What separates the values of these columns, being in none of them, and each column with that in between."""
    between = sum([len(texts) - 1 for texts in columns])
    for separator in _separators():
        joined = [separator.join(texts) for texts in columns]
        if sum([text.count(separator) for text in joined]) == between:
            return separator, joined
    raise AssertionError("no separator is in every text")


def _separators() -> Iterator[str]:
    """What is in no text, as a rule; whoever writes all of these into a text cannot guess the next ones."""
    return chain(_UNUSUAL, iter(lambda: secrets.token_hex(8), None))


def array(column: Column, text: str, *, separator: str, count: str) -> str:
    """The array that a text says; of what is the same throughout, as many copies as there are rows."""
    one, null_text = (f"nullif({text}, '')", ", ''") if column.null else (text, "")
    same = f"array_fill({one}::{column.type}, array[{count}])"
    each = f"string_to_array({text}, {separator}{null_text})::{column.type}[]"
    return f"case when strpos({text}, {separator}) = 0 then {same} else {each} end"


def _travelling(column: Column) -> Column:
    """A column as it is sent."""
    return column._replace(type="bigint") if column.type == TIME else column


def _arrived(column: Column) -> str:
    """A column as it is seen."""
    if column.type != TIME:
        return column.name
    return f"timestamptz 'epoch' + {column.name} * interval '1 us' as {column.name}"


@lru_cache(maxsize=1_024)
def _microseconds(moment: datetime) -> str:
    """As PostgreSQL multiplies them into a time: exactly, for 285 years to come."""
    return str((moment - EPOCH) // MICROSECOND)
