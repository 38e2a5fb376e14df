"""In which order the steps are run, how often, and which of them some rows need."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bench.measuring import Bench
from bench.results import Results, Sample
from bench.rows import ROWS, Amount
from bench.strain import Trials


@dataclass(frozen=True, slots=True)
class Step:
    """One method of Bench, the rows it measures, and those that need what it leaves behind."""

    run: Callable[[Trials], Awaitable[None]]
    rows: tuple[str, ...]
    feeds: tuple[str, ...] = ()

    def serves(self, wanted: Collection[str]) -> bool:
        """Whether these rows need this step."""
        return not {*self.rows, *self.feeds}.isdisjoint(wanted)


DISK, DRAINED, MEMORY = "disk_per_message", "reports_drained", "memory"
CARRIED = ("hand_over", "receipts_in")
ABOUT_MESSAGES = ("lookup_by_id", "lookup_by_id_p99", "lookup_by_reference", "lookup_by_reference_p99")
CONSTANT = ("constant_same_size", "lookup_to_constant")
PAGES = tuple(name for name in ROWS if name.startswith("page_"))
TIMES_BEFORE = 4
"""How many times as many lookups are asked beforehand as are measured."""
GROWTH = {"growth_accept": "accept_single", "growth_lookup": "lookup_by_id", "growth_receive": "receipts_in"}
ABOUT_TASKS = ("lookup_by_task", "lookup_by_task_p99")

THROUGH: Sequence[Step] = (
    Step(
        Bench.end_to_end_single,
        ("end_to_end_single", "cpu_s_per_1000", "wal_per_message"),
        feeds=(DISK, MEMORY),
    ),
    Step(Bench.end_to_end_bulk, ("end_to_end_bulk", "cpu_s_per_1000_bulk"), feeds=(DISK, DRAINED, MEMORY)),
    Step(Bench.reports_drained, (DRAINED,), feeds=(DISK, MEMORY)),
)
STAGES: Sequence[Step] = (
    Step(
        Bench.accept_single,
        ("accept_single", "accept_single_p99"),
        feeds=(*CARRIED, *ABOUT_MESSAGES, *CONSTANT, *PAGES),
    ),
    Step(
        Bench.accept_bulk,
        ("accept_bulk", "accept_bulk_request"),
        feeds=(*CARRIED, *ABOUT_TASKS, *PAGES, MEMORY),
    ),
    Step(Bench.carry, CARRIED, feeds=(MEMORY,)),
    Step(Trials.fairness_otp, ("fairness_otp_p99",)),
)
QUESTIONS: Sequence[Step] = (
    Step(Bench.lookup_by_id, ABOUT_MESSAGES[:2]),
    Step(Bench.lookup_by_reference, ABOUT_MESSAGES[2:]),
    Step(Bench.lookup_by_task, ABOUT_TASKS),
    Step(Bench.constant_answer, ("constant_answer",)),
    Step(Bench.constant_same_size, CONSTANT),
    Step(Bench.pages, PAGES),
)
DISK_TAKEN = Step(Bench.disk_per_message, (DISK,))
MOST_MEMORY = Step(Bench.memory, (MEMORY,))
STANDS_STILL = Step(Trials.backpressure, ("backpressure_answer",))
STARTS = Step(Bench.start_after_stop, ("start_after_stop",))
STARTS_AFTER_KILL = Step(Trials.start_after_kill, ("start_after_kill",))


async def follow(bench: Trials, wanted: Collection[str], *, tell: Callable[[str], None]) -> None:
    """Measure the rows that are wanted, each as often as the sizes say, after a warm-up of everything they take."""
    needed = {*wanted, *(GROWTH[one] for one in wanted if one in GROWTH)}
    groups = [[step for step in group if step.serves(needed)] for group in (THROUGH, STAGES, QUESTIONS)]
    if bench.sizes.stored and not groups[0]:
        groups[0] = [THROUGH[0], THROUGH[1]]  # the past is copied from what they send
    await _warm_up(bench, groups)
    await _run(bench, groups[0], DISK_TAKEN if DISK_TAKEN.serves(wanted) else None, tell)
    few = await _become_old(bench, groups[1:], tell) if bench.sizes.stored else None
    await _run(bench, groups[1], None, tell)
    if few is not None:
        await _get_about(bench, groups[2])
    await _run(bench, groups[2], None, tell)
    if MOST_MEMORY.serves(wanted):
        await MOST_MEMORY.run(bench)
    if few is not None:
        _note_growth(bench, few)
    if STANDS_STILL.serves(wanted):
        tell("once: backpressure")
        await STANDS_STILL.run(bench)


async def _run(
    bench: Trials, group: Sequence[Step], afterwards: Step | None, tell: Callable[[str], None]
) -> None:
    for turn in range(1, bench.sizes.runs + 1):
        for step in group:
            tell(f"run {turn} of {bench.sizes.runs}: {step.run.__name__}")
            await step.run(bench)
    if afterwards is not None and group:
        await afterwards.run(bench)


async def _become_old(
    bench: Trials, groups: Sequence[Sequence[Step]], tell: Callable[[str], None]
) -> Results:
    """What the steps cost while little is stored; then store what the sizes say."""
    measured, bench.results = bench.results, Results()
    for step in (step for group in groups for step in group if step.serves(GROWTH.values())):
        tell(f"while little is stored: {step.run.__name__}")
        await _get_about(bench, [step])
        await step.run(bench)
    few, bench.results = bench.results, measured
    tell(f"storing {bench.sizes.stored:,} messages of the past")
    await bench.fill()
    return few


async def _get_about(bench: Trials, group: list[Step]) -> None:
    """Ask a few times as many of a group's lookups as will be measured, and forget it.

    A process of PostgreSQL pays some microseconds for each piece of the tables that it has never met. One that has
    answered for an hour has met nearly all of them, and one that has just begun none.
    """
    measured, bench.results = bench.results, Results()
    for step in group * TIMES_BEFORE:
        if {*step.rows} & {*ABOUT_MESSAGES, *ABOUT_TASKS}:
            await step.run(bench)
    bench.results = measured


def _note_growth(bench: Trials, few: Results) -> None:
    for row, about in GROWTH.items():
        before, now = few.cost(about), bench.results.cost(about)
        if before and now:
            bench.results.note(row, Sample(now / before))


async def restart(bench: Trials, wanted: Collection[str]) -> None:
    """The rows that stop the gateway; to be measured last."""
    for step in (STARTS, STARTS_AFTER_KILL):
        for _ in range(bench.sizes.runs if step.serves(wanted) else 0):
            await step.run(bench)
    if STARTS_AFTER_KILL.serves(wanted):
        await bench.verify_after_kills()


async def _warm_up(bench: Trials, groups: Sequence[Sequence[Step]]) -> None:
    """Everything once, small, and forgotten: caches are filled, statements prepared."""
    sizes = bench.sizes
    few = sizes.warm_up
    bench.sizes = replace(
        sizes, singles=few, bulk=few, accepted=few, questions=few, pages=few // 10, backlog=few
    )
    for group in groups:
        for step in group:
            await step.run(bench)
    bench.sizes, bench.results = sizes, Results(Amount(sizes.stored, sizes.backlog))


def rows_of(names: Sequence[str]) -> set[str]:
    """The rows of these names; all of them if none is named. Raises KeyError for a name that is none."""
    for name in names:
        if name not in ROWS:
            raise KeyError(name)
    return set(names) or set(ROWS)
