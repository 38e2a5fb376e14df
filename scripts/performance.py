"""Puts the latest figures of `make bench` into docs/performance.md: `make docs`. Without figures the page stays."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
LATEST = ROOT / "bench" / "results" / "latest.json"
CONDITIONS = LATEST.with_suffix(".txt")
MILLION = 1_000_000
A_DAY = (1, 10, 50)  # millions of messages
PEAK = 5  # times the day's mean
DAY_S = 86_400
VERDICT = {True: "reached", False: "missed", None: ""}

Line = dict[str, object]


def main() -> None:
    """Write the page."""
    if not LATEST.exists():
        return
    lines = json.loads(LATEST.read_text())
    page = _between(PAGE.read_text(), "figures", figures(lines))
    PAGE.write_text(_between(page, "sizing", sizing(lines)))


def figures(lines: list[Line]) -> str:
    """The table, and what it was measured on."""
    heads = (
        "| row | median | least to most | unit | target | | CPU s per 1,000 | MB | probe s |",
        "|---|--:|--:|---|--:|---|--:|--:|--:|",
    )
    conditions = CONDITIONS.read_text().strip() if CONDITIONS.exists() else "conditions were not kept"
    return "\n\n".join((conditions, "\n".join((*heads, *map(_row, lines)))))


def sizing(lines: list[Line]) -> str:
    """Cores, disk and log for some sizes, from what one message costs."""
    costs = {str(line["row"]): float(str(line["value"])) for line in lines}
    needed = ("cpu_s_per_1000", "disk_per_message", "wal_per_message")
    if any(name not in costs for name in needed):
        return ""
    cpu_s, disk, wal = (costs[name] for name in needed)
    heads = (
        f"| messages a day | a second, at {PEAK} times the mean | cores busy then | disk in 30 days | log a day |"
        "\n|--:|--:|--:|--:|--:|"
    )
    rows = []
    for millions in A_DAY:
        count = millions * MILLION
        peak_per_s = PEAK * count / DAY_S
        rows.append(
            f"| {count:,} | {peak_per_s:,.0f} | {peak_per_s * cpu_s / 1_000:.1f} "
            f"| {30 * count * disk / 1e9:,.0f} GB | {count * wal / 1e9:,.0f} GB |"
        )
    return "From the latest figures, for single requests with callbacks:\n\n" + "\n".join((heads, *rows))


def _row(line: Line) -> str:
    target = "" if line["target"] is None else _figure(line["target"])
    return (
        f"| `{line['row']}` | {_figure(line['value'])} | {_figure(line['min'])} to {_figure(line['max'])} "
        f"| {line['unit']} | {target} | {VERDICT[line['ok']]} "  # type: ignore[index]
        f"| {_or_nothing(line['cpu_s_per_1000'])} | {_or_nothing(line['rss_mb'])} "
        f"| {_or_nothing(line.get('probe_s'))} |"
    )


def _or_nothing(value: object) -> str:
    return "" if value is None else _figure(value)


def _figure(value: object) -> str:
    number = float(str(value))
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _between(page: str, name: str, text: str) -> str:
    pattern = re.compile(rf"(<!-- {name}: [^\n]* -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    found = pattern.search(page)
    assert found, f"the page has no place for {name}"
    middle = f"\n{text}\n\n" if text else ""
    return page[: found.start()] + found[1] + middle + found[2] + page[found.end() :]


if __name__ == "__main__":
    main()
