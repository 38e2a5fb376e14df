"""What was measured, as a table for people and as JSON for programs."""

import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.processes import Usage
from bench.rows import ROWS, Amount, Row

LATEST = Path(__file__).parent / "results" / "latest.json"
MB = 1024 * 1024
CROWDED = 0.1
"""Which part of the machine others may take before a figure is called noisy."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a row: its figure, and what it took to do `count` of whatever the row counts."""

    value: float
    count: int = 0
    usage: Usage | None = None
    memory_bytes: int = 0
    probe_s: float | None = None  # what a fixed loop took just before; None: nobody looked


class Results:
    """Gathers samples by row."""

    def __init__(self, amount: Amount = Amount()) -> None:  # noqa: B008 - a tuple
        self.amount = amount
        self._samples: defaultdict[str, list[Sample]] = defaultdict(list)

    def note(self, row: str, sample: Sample) -> None:
        """One run of a row."""
        assert row in ROWS, row
        self._samples[row].append(sample)

    def lines(self) -> list[dict[str, object]]:
        """One object a row, in the order of ROWS."""
        return [self._line(name) for name in ROWS if name in self._samples]

    def _line(self, name: str) -> dict[str, object]:
        return _line(name, self._samples[name], ROWS[name].among(self.amount))

    def write(self, file: Path = LATEST, *, conditions: str) -> None:
        """Put these rows into the file of the latest results; it keeps what this run did not measure.

        Beside it stands under which conditions the last run was made.
        """
        file.parent.mkdir(exist_ok=True)
        kept = {line["row"]: line for line in json.loads(file.read_text())} if file.exists() else {}
        rows = kept | {line["row"]: line for line in self.lines()}
        file.write_text(json.dumps([rows[name] for name in ROWS if name in rows], indent=2) + "\n")
        file.with_suffix(".txt").write_text(conditions + "\n")

    def cost(self, row: str) -> float | None:
        """The product's CPU for each of what a row counts, by the harness's; None if it was not measured.

        The harness does the same work for each, whenever it does, on a machine that changes its speed meanwhile.
        """
        costs = [one.usage.product_s / one.usage.harness_s for one in self._samples.get(row, ()) if one.usage]
        return median(costs) if costs else None

    def ratio(self, row: str, to: str) -> float | None:
        """One row's median by another's; None if one of them was not measured."""
        if row not in self._samples or to not in self._samples:
            return None
        return median(one.value for one in self._samples[row]) / median(
            one.value for one in self._samples[to]
        )

    def table(self) -> str:
        """For people. The seconds of CPU are per 1,000; those of harness and simulator are not the product's."""
        heads = (
            "row", "median", "unit", "min", "max", "target", "",
            "CPU gateway", "PostgreSQL", "simulator", "harness", "others", "probe s",
        )  # fmt: skip
        shown = [heads, *(self._shown(line) for line in self.lines())]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        return "\n".join(
            "  ".join(_aligned(cell, width, place) for place, (cell, width) in enumerate(_pair(row, widths)))
            for row in shown
        )

    def remarks(self) -> list[str]:
        """What to know before believing a figure."""
        about: defaultdict[str, list[str]] = defaultdict(list)
        for name in self._samples:
            if unlike := ROWS[name].among(self.amount).unlike:
                about[f"not held against its target, because {unlike}"].append(name)
            if _others(self._samples[name]) > CROWDED:
                about["noisy, because other processes, or its host, kept this machine busy"].append(name)
        return [f"{said}: {', '.join(names)}" for said, names in about.items()]

    def _shown(self, line: dict[str, object]) -> tuple[str, ...]:
        samples = self._samples[str(line["row"])]
        target = line["target"]
        return (
            str(line["row"]),
            _figure(line["value"]),
            str(line["unit"]),
            _figure(line["min"]),
            _figure(line["max"]),
            "" if target is None else _figure(target),
            {True: "reached", False: "missed", None: ""}[line["ok"]],  # type: ignore[index]
            *(_per_1000(samples, part) for part in ("gateway_s", "postgres_s", "simulator_s", "harness_s")),
            f"{_others(samples):.0%}" if samples[0].usage else "",
            "" if line["probe_s"] is None else f"{line['probe_s']:.3f}",
        )


def _line(name: str, samples: list[Sample], row: Row) -> dict[str, object]:
    values = [one.value for one in samples]
    costs = [1_000 * one.usage.product_s / one.count for one in samples if one.usage]
    probes = [one.probe_s for one in samples if one.probe_s is not None]
    return {
        "row": name,
        "value": round(median(values), 4),
        "unit": row.unit,
        "min": round(min(values), 4),
        "max": round(max(values), 4),
        "target": row.target,
        "ok": row.ok(median(values)),
        "cpu_s_per_1000": round(median(costs), 4) if costs else None,
        "rss_mb": round(max(one.memory_bytes for one in samples) / MB, 1) or None,
        "probe_s": round(median(probes), 4) if probes else None,
    }


def _per_1000(samples: list[Sample], part: str) -> str:
    costs = [1_000 * getattr(one.usage, part) / one.count for one in samples if one.usage]
    return f"{median(costs):.3f}" if costs else ""


def _others(samples: list[Sample]) -> float:
    return max((one.usage.others_share for one in samples if one.usage), default=0.0)


def _figure(value: object) -> str:
    assert isinstance(value, int | float)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _pair(row: tuple[str, ...], widths: list[int]) -> list[tuple[str, int]]:
    return list(zip(row, widths, strict=True))


def _aligned(cell: str, width: int, place: int) -> str:
    return cell.ljust(width) if place in (0, 2, 6) else cell.rjust(width)


def machine() -> str:
    """What this ran on, in a line."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        "unknown processor",
    )
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{os.cpu_count()} cores, {model}; load before: {load}"


def _lines(file: str) -> list[str]:
    return Path(file).read_text("utf-8", "replace").splitlines()
