"""In which order the steps are run, how often, and which of them some rows need."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bench.measuring import Bench
from bench.results import Results
from bench.rows import ROWS


@dataclass(frozen=True, slots=True)
class Step:
    """One method of Bench, the rows it measures, and those that need what it leaves behind."""

    run: Callable[[Bench], Awaitable[None]]
    rows: tuple[str, ...]
    feeds: tuple[str, ...] = ()

    def serves(self, wanted: Collection[str]) -> bool:
        """Whether these rows need this step."""
        return not {*self.rows, *self.feeds}.isdisjoint(wanted)


DISK, DRAINED = "disk_per_message", "reports_drained"
CARRIED = ("hand_over", "receipts_in")
ABOUT_MESSAGES = ("lookup_by_id", "lookup_by_id_p99", "lookup_by_reference", "lookup_by_reference_p99")
ABOUT_TASKS = ("lookup_by_task", "lookup_by_task_p99")

THROUGH: Sequence[Step] = (
    Step(Bench.end_to_end_single, ("end_to_end_single", "cpu_s_per_1000", "wal_per_message"), feeds=(DISK,)),
    Step(Bench.end_to_end_bulk, ("end_to_end_bulk", "cpu_s_per_1000_bulk"), feeds=(DISK, DRAINED)),
    Step(Bench.reports_drained, (DRAINED,), feeds=(DISK,)),
)
STAGES: Sequence[Step] = (
    Step(Bench.accept_single, ("accept_single", "accept_single_p99"), feeds=(*CARRIED, *ABOUT_MESSAGES)),
    Step(Bench.accept_bulk, ("accept_bulk", "accept_bulk_request"), feeds=ABOUT_TASKS),
    Step(Bench.carry, CARRIED),
)
QUESTIONS: Sequence[Step] = (
    Step(Bench.lookup_by_id, ABOUT_MESSAGES[:2]),
    Step(Bench.lookup_by_reference, ABOUT_MESSAGES[2:]),
    Step(Bench.lookup_by_task, ABOUT_TASKS),
    Step(Bench.constant_answer, ("constant_answer",)),
)
DISK_TAKEN = Step(Bench.disk_per_message, (DISK,))
MOST_MEMORY = Step(Bench.memory, ("memory",))
STARTS = Step(Bench.start_after_stop, ("start_after_stop",))


async def follow(bench: Bench, wanted: Collection[str], *, tell: Callable[[str], None]) -> None:
    """Measure the rows that are wanted, each as often as the sizes say, after a warm-up of everything they take."""
    groups = [[step for step in group if step.serves(wanted)] for group in (THROUGH, STAGES, QUESTIONS)]
    await _warm_up(bench, groups)
    for group, afterwards in zip(groups, (DISK_TAKEN, None, MOST_MEMORY), strict=True):
        for turn in range(1, bench.sizes.runs + 1):
            for step in group:
                tell(f"run {turn} of {bench.sizes.runs}: {step.run.__name__}")
                await step.run(bench)
        if afterwards is not None and group and afterwards.serves(wanted):
            await afterwards.run(bench)


async def restart(bench: Bench, wanted: Collection[str]) -> None:
    """The rows that stop the gateway; to be measured last."""
    if STARTS.serves(wanted):
        for _ in range(bench.sizes.runs):
            await STARTS.run(bench)


async def _warm_up(bench: Bench, groups: Sequence[Sequence[Step]]) -> None:
    """Everything once, small, and forgotten: caches are filled, statements prepared."""
    sizes = bench.sizes
    few = sizes.warm_up
    bench.sizes = replace(sizes, singles=few, bulk=few, questions=few)
    for group in groups:
        for step in group:
            await step.run(bench)
    bench.sizes, bench.results = sizes, Results()


def rows_of(names: Sequence[str]) -> set[str]:
    """The rows of these names; all of them if none is named. Raises KeyError for a name that is none."""
    for name in names:
        if name not in ROWS:
            raise KeyError(name)
    return set(names) or set(ROWS)
