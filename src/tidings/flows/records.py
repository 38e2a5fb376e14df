"""The rows that flows and store hand each other. Keys of messages are (account id, message id)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from tidings.domain.bucket import Bucket
from tidings.domain.delivery import Delivery
from tidings.domain.errors import Fault
from tidings.domain.evidence import Evidence
from tidings.domain.message import Progress, Standing
from tidings.domain.money import Units
from tidings.domain.order import Caller, Dialect, TrafficClass
from tidings.domain.receipt import Receipt
from tidings.domain.routing import Offer, Offers, RouteTable
from tidings.domain.settlement import Plan
from tidings.domain.text import Alphabet

Key = tuple[int, int]
"""(account id, message id)."""

OwnKey = tuple[int, str, str]
"""(account id, "reference" or "message", what the customer chose)."""

OwnReference = tuple[int, str]
"""(account id, the reference that the customer chose)."""


class Funds(msgspec.Struct):
    """An account under lock: what it may spend and what it pays for."""

    balance: Units
    credit_limit: Units
    closed: bool

    @property
    def available(self) -> Units:
        """What a new hold may take."""
        return self.balance + self.credit_limit


class KeysTaken(Exception):
    """A customer's own key is in use already; nothing was written."""


class Overtaken(Exception):
    """Somebody else has written since what a write is based on was read; nothing was written."""


class NotAsRemembered(Exception):
    """An account cannot pay, or is closed, or the catalog has moved on; nothing was written."""


class KnownCaller(msgspec.Struct, frozen=True):
    """A caller and what proves it."""

    caller: Caller
    secret_hash: bytes
    username: str | None


class Catalog(msgspec.Struct, frozen=True):
    """Routes, prices and tariffs as of one version."""

    version: int
    routes: RouteTable
    offers: dict[int, Offers]  # by account
    tariffs: dict[int, dict[int, bool]]  # account -> code -> active


class NewTask(NamedTuple):
    """The row of a task: of several messages, or one that is more than its only message."""

    account_id: int
    id: int
    total: int
    source: str
    bulk_key: str | None  # chosen by the customer; None: made of the id
    name: str | None
    validity_s: int
    scheduled_for: datetime | None


class Common(NamedTuple):
    """What all messages of an order agree in."""

    account_id: int
    task_id: int | None  # None: each came alone
    counted: bool  # the task keeps counters
    dialect: Dialect
    test: bool


class Manner(NamedTuple):
    """How a message is sent."""

    sender: str
    flash: bool
    traffic_class: TrafficClass
    validity_s: int  # from `scheduled_for`, else from now
    scheduled_for: datetime | None
    callback_lane: int | None  # where its callbacks queue; None: nobody is called back
    callback_each: bool


class Kind(NamedTuple):
    """What messages agree in that are written together."""

    common: Common
    manner: Manner
    alphabet: Alphabet
    parts: int
    price: Units
    billed: Units  # 0 for test traffic and for what was refused
    own_reference: bool  # chosen by the customer: kept unique for ever
    own_message_key: bool
    offer: Offer  # where they wait (connector 0: nowhere)
    fault: Fault | None  # why they are kept as refused


class NewMessages(msgspec.Struct):
    """Messages of one kind, all lists in the same order, and the evidence that each begins with."""

    accepted: Evidence
    ids: list[int] = []
    references: list[str | None] = []  # None: made of the id; so are the next
    message_keys: list[str | None] = []
    recipients: list[str] = []
    texts: list[str] = []
    extras: list[str | None] = []  # JSON
    places: list[str] = []  # where the evidence is found again; the store's to fill in

    def extend(
        self,
        ids: Sequence[int],
        recipients: Sequence[str],
        references: Sequence[str | None],
        texts: Sequence[str],
        *,
        extras: str | None,
    ) -> None:
        """Add several without keys of the customer, who share their extras."""
        self.ids += ids
        self.recipients += recipients
        self.references += references
        self.texts += texts
        self.message_keys += [None] * len(ids)
        self.extras += [extras] * len(ids)


class MoneyMove(msgspec.Struct):
    """How one account's money moves in one transaction."""

    hold: Units = 0
    charge: Units = 0
    release: Units = 0
    held_messages: int = 0
    charged_messages: int = 0
    released_messages: int = 0


class NewOrders(msgspec.Struct):
    """What one transaction takes in, at one time."""

    at: datetime
    tasks: list[NewTask] = []
    messages: dict[Kind, NewMessages] = {}
    holds: dict[int, MoneyMove] = {}  # by account
    version: int | None = None  # of the catalog that must be in force; None: whichever
    rings: Collection[int] = ()  # the connectors whose couriers the commit wakes

    @property
    def feeds(self) -> set[int]:
        """The connectors that something waits for."""
        return {kind.offer.connector_id for kind in self.messages} - {0}


class Held(msgspec.Struct, gc=False):
    """A delivery under lock, with the money and counters that move with it."""

    delivery: Delivery
    plan: Plan
    price: Units
    held: Units
    charged: Units
    reports: int
    counted_task: int | None
    fingerprints: list[bytes]  # of the receipts it had
    callback_lane: int | None  # where its callbacks queue; None: nobody is called back
    callback_each: bool  # also when it was handed over, not only at its end


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A message, or a part of one, that waits for a connector. `part` 0 = all parts of the attempt."""

    account_id: int
    message_id: int
    attempt: int
    part: int
    parts: int
    lane: int
    due_at: datetime
    expires_at: datetime
    connector_id: int
    tries: int = 0  # submissions written so far
    reference: int = 0  # joins the parts of a long message, once it is chosen
    place: tuple[int, int] | None = None  # of its row, or its run's, for the transaction that has locked that

    @property
    def key(self) -> Key:
        """The message it belongs to."""
        return (self.account_id, self.message_id)


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a message says, and to whom."""

    recipient: str
    sender: str
    text: str
    ucs2: bool
    flash: bool
    traffic_class: TrafficClass


class FirstTaken(NamedTuple):
    """Messages of one part that go out for the first time, and agree in all but their ids, recipients and texts.

    `held` is how all of them stand as long as nothing was heard of them: its id says nothing.
    """

    account_id: int
    expires_at: datetime
    sender: str
    ucs2: bool
    flash: bool
    traffic_class: TrafficClass
    held: Held
    message_ids: list[int]
    recipients: list[str]
    texts: list[str]


class Claimed(NamedTuple):
    """What a claim took; how many others it left that are as urgent; and by lane the account where it ended."""

    taken: list[FirstTaken]
    others: int
    served: dict[int, int]


class Addressee(msgspec.Struct, frozen=True):
    """What decides about a message's route."""

    recipient: str
    test: bool


class Flight(msgspec.Struct, frozen=True, gc=False):
    """A submission that is written, or in doubt."""

    connector_id: int
    account_id: int
    message_id: int
    attempt: int
    part: int
    try_no: int
    courier_id: int
    recipient: str
    sender: str
    traffic_class: TrafficClass
    written_at: datetime
    expires_at: datetime
    reference: int  # joins the parts of a long message; 0 for others

    @property
    def key(self) -> Key:
        """The message it belongs to."""
        return (self.account_id, self.message_id)


class Unanswered(NamedTuple):
    """A submission without an answer, and what a receipt that names no id of ours may be told by."""

    flight: Flight
    in_doubt: bool
    text: str | None  # of the whole message, where receipts can repeat it


class Match(msgspec.Struct, frozen=True, gc=False):
    """A submission that a receipt's id may name."""

    connector_id: int
    upstream_key: str
    account_id: int
    message_id: int
    attempt: int
    part: int
    try_no: int
    recipient: str
    written_at: datetime

    @property
    def key(self) -> Key:
        """The message it belongs to."""
        return (self.account_id, self.message_id)


class Orphan(msgspec.Struct, frozen=True):
    """A receipt that waits for a submission to belong to."""

    connector_id: int
    id: int
    upstream_keys: list[str]
    suspect_keys: dict[str, str]
    tries: int
    received_at: datetime
    receipt: Receipt


class CounterMove(msgspec.Struct):
    """How one task's counters move."""

    handed_over: int = 0
    price: Units = 0
    buckets: dict[Bucket, int] = {}


class OwedReport(msgspec.Struct, frozen=True, gc=False):
    """A report that a customer is owed from now on."""

    account_id: int
    message_id: int
    number: int
    standing: Standing
    sent_at: datetime  # of what was never handed over: when the report was owed
    done_at: datetime
    report_at: datetime | None  # when a peer told the status
    price: Units
    owed_at: datetime


class Named(msgspec.Struct, frozen=True):
    """Which message ids a messageId and a bulkId stand for; None = no such condition."""

    ids: list[int] | None = None
    ranges: list[tuple[int, int]] | None = None


LaneKey = tuple[int, int]
"""(account id, lane): the callbacks of one customer to one server."""

HANDED_OVER = 0
"""The number of the callback that says a message was handed over; those of reports have the report's number."""


class OwedCallback(msgspec.Struct, frozen=True, gc=False):
    """A customer's server is to be told of a status from now on."""

    account_id: int
    lane: int
    owed_at: datetime
    message_id: int
    number: int


class LaneDue(NamedTuple):
    """A lane in which something waits."""

    key: LaneKey
    due_at: datetime  # the first of it
    leased_until: datetime | None  # a sender's; None: nobody's


class DueCallback(msgspec.Struct, frozen=True, gc=False):
    """A callback that is to be told. The first four fields name its row."""

    lane_key: LaneKey  # where it queued
    due_at: datetime
    message_id: int
    number: int
    owed_at: datetime
    tries: int  # that have failed so far
    place: str  # where its row was when it was read


class News(NamedTuple):
    """What there is to tell of a message."""

    dialect: Dialect  # the API it came by
    url: str | None  # where to; None: nowhere any more
    reports: int  # how many were owed so far
    message: Progress


class CallbackTold(msgspec.Struct, frozen=True, gc=False):
    """What became of one try: an HTTP status (0: there was none), and why it failed ("": it did not)."""

    callback: DueCallback
    status: int
    why: str = ""


class CallbackNote(msgspec.Struct, frozen=True):
    """How a message's callback stands, for its timeline."""

    number: int
    standing: str  # pending, delivered, given_up
    at: datetime  # when it is tried next, was answered, or was given up
    tries: int
    status: int  # the last answer's; 0: none
    why: str
