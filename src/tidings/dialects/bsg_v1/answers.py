"""What is answered: from what the gateway says to the shapes of `wire`."""

from msgspec import UNSET

from tidings.dialects.bsg_v1.create import Parsed
from tidings.dialects.bsg_v1.wire import (
    NO_ERRORS,
    Answer,
    CreatedMany,
    CreatedOne,
    Funds,
    Row,
    Sms,
    TaskSummary,
    number,
    stamp,
)
from tidings.dialects.bsg_v1.words import DESCRIPTIONS, ERRORS, Code, status_word
from tidings.domain.errors import Fault
from tidings.domain.message import Balance, Progress, Task
from tidings.domain.money import plain
from tidings.domain.order import Receipted, Taken


def created(parsed: Parsed, receipted: Receipted) -> Answer:
    """To `sms/create`: rows in the request's order, the taken beside the refused."""
    rows = [
        _refused(row, reference) if isinstance(row, Fault) else _taken(row, receipted.currency)
        for row, reference in zip(receipted.rows, parsed.references, strict=True)
    ]
    if parsed.single and parsed.otp_code is not None and rows[0].id is not UNSET:
        rows[0].otp_code = parsed.otp_code
    return _one(rows[0]) if parsed.single else _many(rows, receipted)


def _taken(row: Taken, currency: str) -> Row:
    return Row(reference=row.reference, id=str(row.id), price=number(row.price), currency=currency)


def _refused(fault: Fault, reference: str) -> Row:
    code = ERRORS[fault]
    return Row(error=int(code), error_description=DESCRIPTIONS[code], reference=reference)


def _one(row: Row) -> CreatedOne:
    return CreatedOne(
        error=row.error,
        error_description=row.error_description,
        reference=row.reference,
        id=row.id,
        price=row.price,
        currency=row.currency,
        otp_code=row.otp_code,
        result=row,
    )


def _many(rows: list[Row], receipted: Receipted) -> CreatedMany:
    """A list of one collapses to the recipient itself, whose error is then the answer's as well.

    A request of which nothing was taken has no task.
    """
    taken = [row.price for row in receipted.rows if isinstance(row, Taken)]
    only = rows[0] if len(rows) == 1 else None
    return CreatedMany(
        error=only.error if only else int(Code.OK),
        error_description=only.error_description if only else NO_ERRORS,
        task_id=str(receipted.task_id) if taken else UNSET,
        result=only or rows,
        total_price=number(sum(taken)),
        total_price_old=number(sum(taken)),
        currency=only.currency if only else receipted.currency,
    )


def sms(message: Progress) -> Sms:
    """The status of one message. `time_dr` is when a report reached us, good or bad."""
    return Sms(
        id=str(message.id),
        msisdn=message.recipient,
        reference=message.reference,
        time_in=stamp(message.created_at),
        time_sent=stamp(message.sent_at or message.scheduled_for or message.created_at),
        time_dr=None if message.report_at is None else stamp(message.report_at),
        status=status_word(message.standing),
        price=number(message.price),
        currency=message.currency,
    )


def task_summary(task: Task) -> TaskSummary:
    """A task's counters. `sent` counts what was ever handed over and never falls."""
    return TaskSummary(
        originator=task.sender,
        body=task.text,
        validity=-(-task.validity_s // 3600),
        total_price=number(task.price),
        currency=task.currency,
        sent=task.handed_over,
        delivered=task.delivered,
        expired=task.expired,
        undeliverable=task.undeliverable,
        unknown=task.unknown,
    )


def funds(balance: Balance) -> Funds:
    """What an account has, and its credit line."""
    return Funds(amount=plain(balance.amount), currency=balance.currency, limit=plain(balance.limit))
