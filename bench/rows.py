"""What is measured: each row's name, which stays, its unit, its target and which way is better."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple, Self


class Better(Enum):
    """Which way a figure should go."""

    MORE = "at least"
    LESS = "at most"


class Amount(NamedTuple):
    """How much a bench is about: what some targets are for."""

    stored: int = 0  # messages of the past in the database
    waiting: int = 0  # messages before a single one
    sent: int = 0  # messages that the bench itself sent, until its memory was looked at


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result.

    `target` is for two cores, everything on the same machine. `unlike` says why today's figure may not be held
    against it; empty where it may.
    """

    unit: str
    better: Better = Better.MORE
    target: float | None = None
    unlike: str = ""

    def among(self, amount: Amount) -> Self:
        """The row where so much is stored, waits and was sent."""
        wanted = NEEDED.get(self.unlike)
        enough = wanted is not None and all(one >= least for one, least in zip(amount, wanted, strict=True))
        return replace(self, unlike="") if enough else self

    def ok(self, value: float) -> bool | None:
        """Whether the target is reached; None where there is none, or the figure is of something else."""
        if self.target is None or self.unlike:
            return None
        return value >= self.target if self.better is Better.MORE else value <= self.target


FEW_STORED = "the target is for 10 million messages stored"
FEW_WAITING = "the target is for 500,000 messages waiting"
FEW_SENT = "the target is for 1 million messages sent"
NEEDED = {
    FEW_STORED: Amount(stored=10_000_000),
    FEW_WAITING: Amount(waiting=500_000),
    FEW_SENT: Amount(sent=1_000_000),
}
"""From where on a figure may be held against such a target."""

ROWS: dict[str, Row] = {
    "accept_single": Row("messages/s", target=10_000),
    "accept_single_p99": Row("ms", Better.LESS, 20),
    "accept_bulk": Row("recipients/s", target=60_000),
    "accept_bulk_request": Row("s per 10,000", Better.LESS, 0.5),
    "end_to_end_single": Row("messages/s", target=4_000),
    "end_to_end_bulk": Row("messages/s", target=10_000),
    "hand_over": Row("messages/s"),
    "receipts_in": Row("receipts/s", target=15_000),
    "reports_drained": Row("reports/s", target=60_000),
    "lookup_by_id": Row("lookups/s", target=15_000, unlike=FEW_STORED),
    "lookup_by_id_p99": Row("ms", Better.LESS, 10, unlike=FEW_STORED),
    "lookup_by_reference": Row("lookups/s", target=15_000, unlike=FEW_STORED),
    "lookup_by_reference_p99": Row("ms", Better.LESS, 10, unlike=FEW_STORED),
    "lookup_by_task": Row("lookups/s", target=15_000, unlike=FEW_STORED),
    "lookup_by_task_p99": Row("ms", Better.LESS, 10, unlike=FEW_STORED),
    "constant_answer": Row("answers/s"),
    "constant_same_size": Row("answers/s"),
    "lookup_to_constant": Row("ratio", target=0.5, unlike=FEW_STORED),
    "page_by_id_p99": Row("ms", Better.LESS, 25, unlike=FEW_STORED),
    "page_by_phone_p99": Row("ms", Better.LESS, 25, unlike=FEW_STORED),
    "page_by_delivered_p99": Row("ms", Better.LESS, 25, unlike=FEW_STORED),
    "page_of_window_p99": Row("ms", Better.LESS, 25, unlike=FEW_STORED),
    "page_of_campaign_p99": Row("ms", Better.LESS, 25, unlike=FEW_STORED),
    "page_of_reference_p99": Row("ms", Better.LESS, 25, unlike=FEW_STORED),
    "growth_accept": Row("ratio", Better.LESS, 1.2),
    "growth_lookup": Row("ratio", Better.LESS, 1.2),
    "growth_receive": Row("ratio", Better.LESS, 1.2),
    "fairness_otp_p99": Row("ms", Better.LESS, 250, unlike=FEW_WAITING),
    "backpressure_answer": Row("s", Better.LESS, 30),
    "cpu_s_per_1000": Row("s", Better.LESS, 0.40),
    "cpu_s_per_1000_bulk": Row("s", Better.LESS),
    "wal_per_message": Row("bytes", Better.LESS),
    "disk_per_message": Row("bytes", Better.LESS, 1_536),
    "memory": Row("MB", Better.LESS, 300, unlike=FEW_SENT),
    "start_after_stop": Row("s", Better.LESS, 3),
    "start_after_kill": Row("s", Better.LESS, 10),
    "peer_single": Row("messages/s"),
    "peer_cpu_s_per_1000": Row("s", Better.LESS),
    "to_peer": Row("ratio"),
}
"""All of them, in the order in which they are shown."""
