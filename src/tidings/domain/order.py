"""What a customer asked for: the one model that every dialect translates into, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from tidings.domain.errors import Fault
from tidings.domain.money import Units
from tidings.domain.status import State


class Dialect(StrEnum):
    """Which API a message came in by. Its place in this list is what is stored: new ones come last."""

    BSG_V1 = "bsg_v1"
    BSG_ONE = "bsg_one"
    INFOBIP = "infobip"
    NATIVE = "native"


class TrafficClass(StrEnum):
    """What a message is for. Decides its lane and what may be done when a submission's fate is unknown."""

    OTP = "otp"
    TRANSACTIONAL = "transactional"
    PROMOTIONAL = "promotional"


LANE = {TrafficClass.OTP: 0, TrafficClass.TRANSACTIONAL: 1, TrafficClass.PROMOTIONAL: 2}
"""Which traffic goes first."""


class OnFault(StrEnum):
    """What happens to a recipient that cannot be taken."""

    SKIP = "skip"  # the others are taken; this one leaves no trace
    RECORD = "record"  # kept as a rejected message that owes a report like any other
    REFUSE_ALL = "refuse_all"  # nothing of the request is taken: raises Refusal with the row


class Account(msgspec.Struct, frozen=True):
    """A customer, as far as answering a request needs to know."""

    id: int
    name: str
    currency: str  # ISO 4217
    senders: tuple[str, ...] = ()  # allowed senders; empty = all
    traffic_class: TrafficClass = TrafficClass.TRANSACTIONAL
    sender_classes: dict[str, TrafficClass] = {}  # what a sender's messages are for, where it differs
    callback_url: str | None = None  # where statuses are pushed to that name no URL of their own
    callback_each: bool = False  # also push that a message was handed over
    settings: dict[str, object] = {}  # dialect switches by name, e.g. {"infobip.ok_word": "OK"}

    def class_of(self, sender: str) -> TrafficClass:
        """What messages from this sender are for."""
        return self.sender_classes.get(sender, self.traffic_class)


class Caller(msgspec.Struct, frozen=True):
    """Who speaks: an account, the credential it used, and whether that is a test one."""

    account: Account
    credential_id: int
    test: bool


class Remembered(NamedTuple):
    """A caller as it was at a version of the catalog, which whoever acts for it says.

    Outdated is raised if another version is in force by then.
    """

    caller: Caller
    as_of: int


class Extras(msgspec.Struct, frozen=True, omit_defaults=True):
    """What rides along with a message and is only handed back, or used after its end."""

    callback_url: str | None = None
    callback_data: str | None = None
    application_id: str | None = None
    entity_id: str | None = None
    campaign_reference_id: str | None = None
    intermediate_report: bool = False
    notify: bool = True
    notify_content_type: str | None = None


NO_EXTRAS = Extras()

USUAL_SOURCE = "rest"
"""Of an order that came in by an API."""


class Draft(msgspec.Struct):
    """One recipient of an order, as the dialect understood it."""

    recipient: str  # as given, trimmed; `domain.number` decides what it is
    sender: str
    text: str
    reference: str | None = None  # the customer's own reference
    message_key: str | None = None  # the customer's own messageId
    tariff: int | None = None  # None = the account's default tariff (code 0)
    ucs2: bool = False  # send as UCS-2 even where the default alphabet would do
    flash: bool = False
    extras: Extras = NO_EXTRAS
    fault: Fault | None = None  # a fault the dialect saw already; the flow adds its own and the first wins
    validity_s: int | None = None  # where the recipient's own differs from the order's
    scheduled_for: datetime | None = None  # aware UTC; where its start differs from the order's


class Order(msgspec.Struct):
    """One request: who, what, when, and what to do with recipients that cannot be taken."""

    caller: Caller
    dialect: Dialect
    drafts: list[Draft]
    on_fault: OnFault
    validity_s: int  # seconds, from acceptance or from `scheduled_for`
    bulk_key: str | None = None  # the customer's bulkId
    name: str | None = None  # campaign name
    source: str = USUAL_SOURCE
    scheduled_for: datetime | None = None  # aware UTC; None = now
    unique_recipients: bool = False  # a number twice in one order is a fault of the later one
    traffic_class: TrafficClass | None = None  # None = the account's default
    calls_back: bool = False  # this API pushes statuses to the message's callback_url, else to the account's
    max_parts: int = 25  # more parts than this is TEXT_TOO_LONG
    shows_keys: bool = True  # its answer names the keys that we make for message and task

    @property
    def size(self) -> int:
        """So many recipients."""
        return len(self.drafts)


class Pattern(NamedTuple):
    """What messages agree in that differ in recipient, reference and text only.

    Where orders agree in it, it is one object, so that they can be judged at a time.
    """

    order: Order  # without drafts
    draft: Draft  # without recipient, reference, text and fault


class PlainOrder(NamedTuple):
    """An order as nearly all are: of one pattern and one text, with nothing wrong in it that its dialect could see."""

    pattern: Pattern
    text: str
    recipients: list[str]  # as in a Draft
    references: list[str | None]  # of each

    @property
    def size(self) -> int:
        """So many recipients."""
        return len(self.recipients)

    def in_full(self) -> Order:
        """The same, recipient by recipient."""
        order, draft = self.pattern
        drafts = [
            replace(draft, recipient=recipient, reference=reference, text=self.text)
            for recipient, reference in zip(self.recipients, self.references, strict=True)
        ]
        return replace(order, drafts=drafts)


class Taken(msgspec.Struct, frozen=True):
    """A recipient that is now a message."""

    id: int
    reference: str
    message_key: str  # "" where the order does not ask for keys that we make
    recipient: str  # digits
    parts: int
    price: Units  # of the whole message
    state: State
    fault: Fault | None = None  # set where OnFault.RECORD kept a recipient as a rejected message


class Receipted(msgspec.Struct, frozen=True):
    """The answer to an order: one row per draft, in the order's order. A skipped draft's row is its Fault."""

    task_id: int
    bulk_key: str  # "" as above
    created_at: datetime
    currency: str
    rows: Sequence[Taken | Fault]
