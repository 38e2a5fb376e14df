"""The smallest thing a page is made of."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its value: a word, or a moment. `search` makes it a link that asks for it."""

    label: str
    value: str = ""
    at: datetime | None = None
    search: str | None = None
    exact: bool = False  # an id or number: shown so that every character is told apart
