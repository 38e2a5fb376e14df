"""Rows for people: columns as wide as what stands in them."""

from collections.abc import Sequence

NOTHING = "(none)"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The rows under their headings; `None` is shown as nothing."""
    if not rows:
        return NOTHING
    cells = [list(headings), *(["" if cell is None else str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(row, widths) for row in cells)


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """One fact a line, its name before it; facts that are nothing are left out."""
    known = [(name, str(value)) for name, value in pairs if value is not None and value != ""]
    width = max((len(name) for name, _ in known), default=0)
    return "\n".join(f"  {name.ljust(width)}  {value}" for name, value in known)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
