"""What processes use: CPU of whole trees, from /proc, and memory. Linux only."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
POSTGRES = "postgres"
SAMPLE_EVERY_S = 2.0  # looking at the memory of a tree takes tens of milliseconds of CPU


class Process(NamedTuple):
    """One process. `cpu_s` includes its children that have ended and were waited for."""

    pid: int
    parent_pid: int
    name: str
    cpu_s: float


class Usage(NamedTuple):
    """Seconds of CPU, and of the clock."""

    elapsed_s: float
    gateway_s: float
    postgres_s: float
    simulator_s: float
    harness_s: float
    machine_s: float  # of all processes of this machine, ours and others', and of its host's other guests

    def minus(self, earlier: "Usage") -> "Usage":
        """What was used since."""
        return Usage(*(now - then for now, then in zip(self, earlier, strict=True)))

    @property
    def product_s(self) -> float:
        """What the product costs: the gateway's processes and PostgreSQL."""
        return self.gateway_s + self.postgres_s

    @property
    def others_share(self) -> float:
        """Which part of this machine was taken by what has nothing to do with us: above 0.1 spoils a figure."""
        ours = self.product_s + self.simulator_s + self.harness_s
        return max(0.0, (self.machine_s - ours) / (self.elapsed_s * (os.cpu_count() or 1)))


class Meter:
    """Reads what the gateway's tree of processes, the simulator and this process have used so far.

    `backend_pid` is the process of PostgreSQL that answers us: it is in the gateway's tree, and the harness's.
    """

    def __init__(
        self, *, gateway_pids: Sequence[int], simulator_pid: int, backend_pid: int | None = None
    ) -> None:
        self._gateway_pids, self._simulator_pid = gateway_pids, simulator_pid
        self._backend_pid = backend_pid

    def read(self) -> Usage:
        """Everything up to now; two readings make a measurement."""
        tree = self._gateway()
        return Usage(
            elapsed_s=time.perf_counter(),
            gateway_s=sum(one.cpu_s for one in tree if one.name != POSTGRES),
            postgres_s=sum(
                one.cpu_s for one in tree if one.name == POSTGRES and one.pid != self._backend_pid
            ),
            simulator_s=sum(one.cpu_s for one in descendants(self._simulator_pid)),
            harness_s=time.process_time() + sum(one.cpu_s for one in tree if one.pid == self._backend_pid),
            machine_s=_machine_s(),
        )

    def memory_bytes(self) -> int:
        """Proportional set sizes of the gateway's tree, without what PostgreSQL shares."""
        return sum(private_bytes(one.pid) for one in self._gateway() if one.pid != self._backend_pid)

    def _gateway(self) -> list[Process]:
        return [one for pid in self._gateway_pids for one in descendants(pid)]


class PeakMemory:
    """A context that looks at the memory again and again; `bytes` is the most that was seen."""

    def __init__(self, meter: Meter) -> None:
        self.bytes = 0
        self._meter = meter
        self._over = threading.Event()
        self._looking = threading.Thread(target=self._look_again, daemon=True)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looking.join()
        self._look()

    def _look_again(self) -> None:
        while not self._over.wait(SAMPLE_EVERY_S):
            self._look()

    def _look(self) -> None:
        self.bytes = max(self.bytes, self._meter.memory_bytes())


def descendants(pid: int) -> list[Process]:
    """A process and all that it and its children started and that still run."""
    running = {one.pid: one for one in _processes()}
    found: list[Process] = []
    wanted = {pid}
    while wanted:
        found += [running[one] for one in wanted if one in running]
        wanted = {one.pid for one in running.values() if one.parent_pid in wanted}
    return found


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that only waits to be asked for its end is none."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def private_bytes(pid: int) -> int:
    """A process's proportional set size without shared memory segments; 0 if it is gone."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return 1024 * (kilobytes["Pss"] - kilobytes.get("Pss_Shmem", 0))


def _processes() -> Iterator[Process]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                yield _read(int(entry.name))


def _read(pid: int) -> Process:
    before, _, after = (PROC / str(pid) / "stat").read_text().rpartition(")")
    fields = after.split()
    ticks = sum(map(int, fields[11:15]))  # utime, stime, and both of the children that were waited for
    return Process(pid, int(fields[1]), before.partition("(")[2], ticks / TICKS_PER_S)


def _machine_s() -> float:
    user, nice, system, _idle, _iowait, irq, softirq, stolen = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + stolen) / TICKS_PER_S
