"""What can be said of a message, a task and a report: the shapes every dialect answers from."""

from datetime import datetime

import msgspec

from tidings.domain.money import Units
from tidings.domain.order import NO_EXTRAS, Dialect, Extras
from tidings.domain.reason import Reason
from tidings.domain.status import Confirmation, Stage, State


class Standing(msgspec.Struct, frozen=True, gc=False):
    """The lossless tuple that every northbound word is a projection of."""

    state: State
    reason: Reason | None = None
    stage: Stage | None = None
    confirmation: Confirmation = Confirmation.NONE
    inferred: bool = False  # our own timer said so, not a peer
    network_error: int | None = None  # the network's own error number, where no reason stands for it


class Message(msgspec.Struct, frozen=True):
    """One recipient of one request, with all it may be asked for. Times are aware UTC."""

    id: int
    task_id: int
    dialect: Dialect
    source: str
    test: bool
    bulk_key: str  # bulkId
    message_key: str  # messageId
    reference: str
    recipient: str
    sender: str
    text: str
    parts: int
    validity_s: int
    standing: Standing
    price: Units  # of the whole message: held while open, then what was charged (0 if released)
    currency: str
    country: str | None  # ISO 3166-1 alpha-2
    mccmnc: str | None
    created_at: datetime
    scheduled_for: datetime | None
    expires_at: datetime
    sent_at: datetime | None  # when the first part was handed over
    delivered_at: datetime | None  # the provider's time of delivery
    done_at: datetime | None  # the provider's time of the final word, or ours
    report_at: datetime | None  # when we received the final report; None for what only our timers closed
    read_at: datetime | None = None
    reports: int = 0  # how many of it were owed so far
    flags: tuple[str, ...] = ()  # `lifecycle.Flag`s, e.g. possible_duplicate
    extras: Extras = NO_EXTRAS


class Progress(msgspec.Struct, frozen=True):
    """How far a message is: what most questions are about, and no more. Its members mean what a Message's do."""

    id: int
    reference: str
    recipient: str
    standing: Standing
    price: Units
    currency: str
    created_at: datetime
    scheduled_for: datetime | None
    sent_at: datetime | None
    report_at: datetime | None


class Task(msgspec.Struct, frozen=True):
    """One northbound bulk request and its counters."""

    id: int
    dialect: Dialect
    bulk_key: str
    name: str | None
    sender: str  # of the first row where rows differ
    text: str  # of the first row where rows differ
    validity_s: int
    created_at: datetime
    scheduled_for: datetime | None
    currency: str
    total: int  # messages
    price: Units  # the sum of its messages' prices as `Message.price` shows them
    handed_over: int  # messages ever handed over; never decreases
    waiting: int
    sent: int
    delivered: int
    expired: int
    undeliverable: int
    rejected: int
    unknown: int


class Report(msgspec.Struct, frozen=True):
    """A final status owed to a customer, as it stood when it was decided, with what identifies its message."""

    id: int  # the message's
    number: int  # 1, then corrections
    standing: Standing
    done_at: datetime
    sent_at: datetime
    price: Units  # of the whole message
    bulk_key: str
    message_key: str
    recipient: str
    sender: str
    parts: int
    currency: str
    mccmnc: str | None
    extras: Extras


class Sort(msgspec.Struct, frozen=True):
    """How a page of messages is ordered."""

    by: str = "id"  # id | recipient | delivered
    descending: bool = False


class MessageFilter(msgspec.Struct, frozen=True):
    """Which messages a page shows; conditions are joined by AND."""

    created_from: datetime
    created_to: datetime
    task_id: int | None = None
    reference: str | None = None
    id: int | None = None


class MessagePage(msgspec.Struct, frozen=True):
    """A slice of the messages that meet a filter, and how many meet it in all."""

    rows: list[Message]
    total: int


class ReportFilter(msgspec.Struct, frozen=True):
    """Which owed reports a pull takes; conditions are joined by AND."""

    bulk_key: str | None = None
    message_key: str | None = None
    application_id: str | None = None
    entity_id: str | None = None
    campaign_reference_id: str | None = None


class Balance(msgspec.Struct, frozen=True):
    """What an account has: `amount` = top-ups - charges - open holds; `limit` = its credit line."""

    amount: Units
    limit: Units
    currency: str
