"""Messages, campaigns and balances as the One API shows them."""

from datetime import datetime, tzinfo

import msgspec

from tidings.dialects.bsg_one import times, words
from tidings.dialects.bsg_one.orders import PHONE_MAX, PHONE_MIN, VALIDITY_MAX_H
from tidings.dialects.bsg_one.query import MessageQuery
from tidings.dialects.bsg_one.settings import Settings
from tidings.dialects.bsg_one.wire import (
    Amount,
    BalanceData,
    Campaign,
    MessageItem,
    MessageList,
    Meta,
    Page,
    Statistics,
)
from tidings.domain import money
from tidings.domain.message import Balance, Message, MessagePage, Task
from tidings.domain.money import Units
from tidings.domain.order import Order, Receipted, Taken


def message_list(page: MessagePage, query: MessageQuery, *, settings: Settings, zone: tzinfo) -> MessageList:
    """A page of messages with its place in the whole."""
    rows = [_item(message, settings, zone) for message in page.rows]
    return MessageList(rows, Meta(Page(page.total, query.offset, query.limit)))


def _item(message: Message, settings: Settings, zone: tzinfo) -> MessageItem:
    amount = Amount(money.seven_decimals(message.price), message.currency)
    return MessageItem(
        id=message.id,
        campaign_id=message.task_id,
        reference_id=message.reference,
        type="sms",
        source=words.source(message.source),
        text=message.text,
        phone=_phone(message.recipient),
        validity=_hours(message.validity_s),
        status=words.status(message.standing, strict=settings.strict_seed_vocabulary),
        amount=amount,
        sender=message.sender,
        created_at=times.write(message.created_at, zone=zone),
        sent_at=times.write(message.sent_at, zone=zone),
        delivered_at=times.write(message.report_at, zone=zone),
        country=message.country,
        parts=message.parts,
        amont=[amount] if settings.amont else msgspec.UNSET,
    )


def _phone(recipient: str) -> int | None:
    """The number as an integer; what other dialects keep though it is no number has none."""
    digits = recipient if recipient.isascii() and recipient.isdigit() and len(recipient) <= 15 else "0"
    return int(digits) if PHONE_MIN <= int(digits) <= PHONE_MAX else None


def _hours(seconds: int) -> int:
    """Whole hours, rounded up, within what clients take."""
    return min(max(-(-seconds // 3600), 1), VALIDITY_MAX_H)


def new_campaign(order: Order, receipted: Receipted, *, zone: tzinfo) -> Campaign:
    """What a send answers. An instant campaign is `done` at once, as in every sample: all of it was taken."""
    total = sum(row.price for row in receipted.rows if isinstance(row, Taken))
    return Campaign(
        id=receipted.task_id,
        name=_name(receipted.created_at, zone),
        sender=order.drafts[0].sender,
        status="scheduled" if order.scheduled_for else "done",
        start_at=times.write(order.scheduled_for or receipted.created_at, zone=zone),
        created_at=times.write(receipted.created_at, zone=zone),
        calculated_price=_number(total),
        currency=receipted.currency,
        statistics=Statistics(),
    )


def campaign(task: Task, *, now: datetime, zone: tzinfo) -> Campaign:
    """A campaign read back. Its price was told when it was created; here it is 0 without a currency."""
    return Campaign(
        id=task.id,
        name=task.name or _name(task.created_at, zone),
        sender=task.sender,
        status=_campaign_status(task, now),
        start_at=times.write(task.scheduled_for or task.created_at, zone=zone),
        created_at=times.write(task.created_at, zone=zone),
        calculated_price=_number(0),
        currency=None,
        statistics=Statistics(delivered=task.delivered, sent=task.handed_over),
    )


def _campaign_status(task: Task, now: datetime) -> str:
    if not task.waiting:
        return "done"
    return "scheduled" if task.scheduled_for and task.scheduled_for > now else "sending"


def _name(created_at: datetime, zone: tzinfo) -> str:
    return f"SMS api campaign / {times.write(created_at, zone=zone)}"


def balance(now: Balance) -> BalanceData:
    """What the account has."""
    return BalanceData(balance=_number(now.amount), currency=now.currency, credit=_number(now.limit))


def _number(units: Units) -> msgspec.Raw:
    """Money as a JSON number in plain decimals, exact."""
    return msgspec.Raw(money.plain(units).encode())
