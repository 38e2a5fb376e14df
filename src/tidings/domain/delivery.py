"""One message's delivery, as folding its evidence keeps it: where each part of each attempt stands, and what follows.

The shapes only; how evidence changes them is in `lifecycle` and `part`.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from tidings.domain import status
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State

DOWNSTREAM = frozenset(
    {State.SENT, State.ENROUTE, State.AT_CARRIER, State.DELIVERED, State.READ, State.NO_RECEIPT}
)
"""States that only a part that was taken, or may have been taken, by the next hop can reach."""

TAKEN = DOWNSTREAM - {State.NO_RECEIPT}
"""The same, where a peer says so."""


class Flag(StrEnum):
    """Facts beside the status."""

    POSSIBLE_DUPLICATE = "possible_duplicate"
    UNCONFIRMED_SUBMIT = "unconfirmed_submit"
    PARTIAL = "partial"
    CORRECTED = "corrected"
    ID_FORM_SUSPECT = "id_form_suspect"
    UNTRUSTED_RECEIPT = "untrusted_receipt"


class Part(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """Where one part stands. What nearly every part comes to have is first: stored is what is up to the last of it."""

    state: State
    tries: int = 0  # submissions written
    confirmation: Confirmation = Confirmation.NONE
    inferred: bool = False
    reason: Reason | None = None
    stage: Stage | None = None
    resent_after: int = 0  # queued again after a doubt about this submission; 0 = never
    network_error: int | None = None
    retries: int = 0  # refusals that count against the retry budget
    arrived_at: datetime | None = None  # of one part of several: the last to arrive dates the message
    first_failed: bool = (
        False  # of two copies: not taken, or did not arrive, or closed by its carrier as unknown
    )
    second_failed: bool = False
    verdict: Standing | None = None  # of the copy that failed while nothing was known of the other

    def is_first_copy(self, try_no: int) -> bool:
        """Whether a submission is the copy that was in doubt before the part was sent again."""
        return 0 < try_no <= self.resent_after

    @property
    def may_arrive_unseen(self) -> bool:
        """Its first copy is out there, and nothing is known of it."""
        return self.resent_after > 0 and not self.first_failed

    @property
    def held(self) -> bool:
        """It counts as sent because we say so: its answer never came."""
        return self.state is State.SENT and self.inferred

    @property
    def taken(self) -> bool:
        """Whether the next hop took it, or may have."""
        if self.verdict is not None and (
            self.verdict.stage is Stage.NETWORK or self.verdict.state in DOWNSTREAM
        ):
            return True
        return self.state in DOWNSTREAM or self.stage is Stage.NETWORK


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """One try to deliver a message over one route."""

    connector: int
    route: int
    left_us: bool
    parts: list[Part]
    reference: int = 0  # joins the parts at the handset; kept for parts that are sent again
    all_arrived: bool = (
        False  # one receipt said so of every part, also of those whose answer is still waited for
    )


class Delivery(msgspec.Struct, gc=False):
    """The folded state of one message."""

    account_id: int
    message_id: int
    attempts: list[Attempt]
    standing: Standing
    version: int = 0  # evidence folded so far
    flags: frozenset[Flag] = frozenset()
    first_written_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    done_at: datetime | None = None
    report_at: datetime | None = None
    read_at: datetime | None = None
    negative_at: datetime | None = None  # when the first part became negative

    @property
    def state(self) -> State:
        """The message's state."""
        return self.standing.state

    @property
    def final(self) -> bool:
        """Nothing more is waited for."""
        return self.standing.state in status.FINAL

    @property
    def taken(self) -> bool:
        """Whether the next hop took some part of it, or may have; what was only held may have been refused since."""
        return any(part.taken for attempt in self.attempts for part in attempt.parts)


class Applied(msgspec.Struct, frozen=True, gc=False):
    """What one piece of evidence did."""

    changed: bool  # the message's standing is another one now
    contradiction: bool  # it claims what the part's state rules out, and was not obeyed
    before: Standing
