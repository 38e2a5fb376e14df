"""What a page says of a message and of a task beside the history: rows of labels and values. Never the text."""

from collections.abc import Sequence
from dataclasses import dataclass

from tidings.console import words
from tidings.console.row import Row
from tidings.domain import money
from tidings.domain.bucket import Bucket
from tidings.domain.delivery import Flag
from tidings.domain.message import Message, Task
from tidings.domain.status import FINAL, Stage, State

BAR = 1000
"""How many units wide the bar of a task's counters is drawn."""

BUCKET_NAMES: dict[Bucket, tuple[str, str]] = {
    Bucket.DELIVERED: ("Delivered", "good"),
    Bucket.SENT: ("Sent", "open"),
    Bucket.WAITING: ("Waiting", "quiet"),
    Bucket.UNKNOWN: ("Unknown", "unsure"),
    Bucket.EXPIRED: ("Expired", "bad"),
    Bucket.UNDELIVERABLE: ("Undeliverable", "bad"),
    Bucket.REJECTED: ("Rejected", "bad"),
}
"""Names and colours of the counters, in the order they are shown."""


@dataclass(frozen=True, slots=True)
class MessageCard:
    """All that is known of a message but its text."""

    id: int
    recipient: str
    sender: str
    test: bool
    state: State
    reason: str | None
    reason_code: str | None
    stage: Stage | None
    network_error: int | None
    certainty: str
    notes: list[str]
    ids: list[Row]
    facts: list[Row]
    times: list[Row]


@dataclass(frozen=True, slots=True)
class Slice:
    """One counter of a task, and where it lies on the bar."""

    name: str
    tone: str
    count: int
    start: int
    width: int


@dataclass(frozen=True, slots=True)
class TaskCard:
    """All that is known of a task but its text."""

    id: int
    name: str | None
    total: int
    rows: list[Row]
    slices: list[Slice]


def message_card(message: Message, flags: Sequence[Flag] = ()) -> MessageCard:
    """The card of a message, with what its history flagged."""
    standing = message.standing
    return MessageCard(
        id=message.id,
        recipient=number(message.recipient),
        sender=message.sender,
        test=message.test,
        state=standing.state,
        reason=words.REASONS[standing.reason] if standing.reason else None,
        reason_code=standing.reason,
        stage=standing.stage,
        network_error=standing.network_error,
        certainty=words.certainty(standing),
        notes=[words.FLAGS[flag] for flag in flags],
        ids=_ids(message),
        facts=_facts(message),
        times=_times(message),
    )


def task_card(task: Task) -> TaskCard:
    """The card of a task."""
    rows = [
        Row("bulkId", task.bulk_key, exact=True),
        Row("Messages", f"{task.total:,}"),
        Row("Handed over", f"{task.handed_over:,}"),
        Row("Price", f"{money.plain(task.price)} {task.currency}"),
        Row("Accepted", at=task.created_at),
    ]
    if task.scheduled_for:
        rows.append(Row("Scheduled for", at=task.scheduled_for))
    return TaskCard(task.id, task.name, task.total, rows, _slices(task))


def number(recipient: str) -> str:
    """A number with its plus; whatever else stands in its place as it is."""
    return f"+{recipient}" if recipient.isascii() and recipient.isdigit() else recipient


def _ids(message: Message) -> list[Row]:
    return [
        Row("Message id", str(message.id), exact=True),
        Row("Task or campaign id", str(message.task_id), search=str(message.task_id), exact=True),
        Row("Reference", message.reference, exact=True),
        Row("messageId", message.message_key, exact=True),
        Row("bulkId", message.bulk_key, search=message.bulk_key, exact=True),
    ]


def _facts(message: Message) -> list[Row]:
    rows = [
        Row("To", number(message.recipient), search=message.recipient, exact=True),
        Row("From", message.sender),
        Row("Parts", str(message.parts)),
        Row("Price", _price(message)),
        Row("Came in by", f"{message.dialect} ({message.source})"),
    ]
    if message.country:
        rows.insert(1, Row("Country", message.country))
    return rows


def _price(message: Message) -> str:
    if message.test:
        fate = "test: not billed"
    elif message.standing.state not in FINAL:
        fate = "held until it is final"
    else:
        fate = "charged" if message.price else "not charged"
    return f"{money.plain(message.price)} {message.currency}, {fate}"


def _times(message: Message) -> list[Row]:
    moments = [
        ("Accepted", message.created_at),
        ("Scheduled for", message.scheduled_for),
        ("First handed over", message.sent_at),
        ("Delivered", message.delivered_at),
        ("Read", message.read_at),
        ("Final since", message.done_at),
        ("Final word received", message.report_at),
        ("Valid until", message.expires_at),
    ]
    return [Row(label, at=at) for label, at in moments if at]


def _slices(task: Task) -> list[Slice]:
    """The counters; their edges are rounded once, so that neighbours meet on the bar."""
    slices, before = [], 0
    whole = max(task.total, 1)
    for one, (name, tone) in BUCKET_NAMES.items():
        count: int = getattr(task, one)
        start, end = BAR * before // whole, BAR * (before + count) // whole
        slices.append(Slice(name, tone, count, start, end - start))
        before += count
    return slices
