"""Many rows in few parameters: each column travels as one text, and a column that says the same throughout as one word.

The driver encodes an array element by element, which cost more than all the rest of accepting a message. A text is
joined and split by machines that do nothing else.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

Row = TypeVar("Row")

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
        values: list[Any] = list(map(self.of, rows))
        if values[0] == values[-1] and values.count(values[0]) == len(values):
            values = values[:1]
        if self.null:
            return ["" if value is None else str(value) for value in values]
        return values if self.type == "text" else list(map(str, values))


class Sheet(Generic[Row]):
    """Rows of one kind. `source` stands in a statement for the rows, `arguments` gives what it needs.

    `first` is the number of the first of its parameters.
    """

    def __init__(self, *columns: Column, first: int = 1) -> None:
        self._columns = columns
        self.end = first + 2 + len(columns)  # the number of the parameter that follows
        arrays = ", ".join(
            _array(column, first, f"${number}::text")
            for number, column in enumerate(columns, start=first + 2)
        )
        self.source = f"unnest({arrays}) as sheet ({', '.join(column.name for column in columns)})"

    def at(self, first: int) -> "Sheet[Row]":
        """The same in a statement where its first parameter has this number."""
        return Sheet(*self._columns, first=first)

    def arguments(self, rows: Sequence[Row]) -> list[object]:
        """The parameters that say these rows: what separates values, how many rows, and the columns."""
        columns = [column.texts(rows) for column in self._columns]
        for separator in _separators():
            joined = [separator.join(texts) for texts in columns]
            if all(
                text.count(separator) == len(texts) - 1 for text, texts in zip(joined, columns, strict=True)
            ):
                return [separator, len(rows), *joined]
        raise AssertionError("no separator is in every text")


def _separators() -> Iterator[str]:
    """What is in no text, as a rule; whoever writes all of these into a text cannot guess the next ones."""
    return chain(_UNUSUAL, iter(lambda: secrets.token_hex(8), None))


def _array(column: Column, first: int, parameter: str) -> str:
    """The array that a parameter says; of what is the same throughout, as many copies as there are rows."""
    separator, count = f"${first}", f"${first + 1}::integer"
    one, null_text = (f"nullif({parameter}, '')", ", ''") if column.null else (parameter, "")
    same = f"array_fill({one}::{column.type}, array[{count}])"
    each = f"string_to_array({parameter}, {separator}{null_text})::{column.type}[]"
    return f"case when strpos({parameter}, {separator}) = 0 then {same} else {each} end"
