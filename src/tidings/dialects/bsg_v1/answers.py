"""What is answered: from what the gateway says to the shapes of `wire`."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import UNSET, Raw

from tidings.dialects.bsg_v1.create import Parsed
from tidings.dialects.bsg_v1.wire import (
    NO_ERRORS,
    Answer,
    CreatedMany,
    CreatedOne,
    Funds,
    Row,
    encode,
    number,
    stamp,
)
from tidings.dialects.bsg_v1.words import DESCRIPTIONS, ERRORS, Code, status_word
from tidings.domain.errors import Fault
from tidings.domain.message import Balance, Progress, Standing, Task
from tidings.domain.money import Units, plain
from tidings.domain.order import Receipted, Taken

# Filled in, these are what encoding structs would give, in half the time.
_NO_ERRORS = b'{"error":%d,"errorDescription":%b,' % (Code.OK, encode(NO_ERRORS))
SMS = _NO_ERRORS + (
    b'"id":"%d","msisdn":%b,"reference":%b,"time_in":"%b","time_sent":"%b","time_dr":%b,"status":%b,"price":%b,'
    b'"currency":%b}'
)
_ROW = _NO_ERRORS + b'"reference":%b,"id":"%d","price":%b,"currency":%b}'
_MANY = _NO_ERRORS + b'%b"result":[%b],"total_price":%b,"totalprice":%b,"currency":%b}'
TASK = _NO_ERRORS + (
    b'"originator":%b,"body":%b,"validity":%d,"totalprice":%b,"currency":%b,"sent":%d,"delivered":%d,"expired":%d,'
    b'"undeliverable":%d,"unknown":%d}'
)


def created_in_json(parsed: Parsed, receipted: Receipted) -> bytes:
    """`created`, encoded. What is answered most takes a third of the time."""
    if not parsed.single and len(receipted.rows) > 1:
        return _many_in_json(parsed.references, receipted)
    row = receipted.rows[0]
    if not parsed.single or parsed.otp_code is not None or isinstance(row, Fault):
        return encode(created(parsed, receipted))
    told = _ROW % (encode(row.reference), row.id, number(row.price), encode(receipted.currency))
    return b'%b,"result":%b}' % (told[:-1], told)


def _many_in_json(references: Sequence[str], receipted: Receipted) -> bytes:
    currency = encode(receipted.currency)
    told = [
        encode(_refused(row, reference))
        if isinstance(row, Fault)
        else _ROW % (encode(row.reference), row.id, number(row.price), currency)
        for row, reference in zip(receipted.rows, references, strict=True)
    ]
    taken = [row.price for row in receipted.rows if isinstance(row, Taken)]
    task, total = b'"task_id":"%d",' % receipted.task_id if taken else b"", number(sum(taken))
    return _MANY % (task, b",".join(told), total, total, currency)


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


def sms(
    message: Progress,
    price: Callable[[Units], bytes | Raw] = number,
    stamped: Callable[[datetime], bytes] = stamp,
) -> bytes:
    """The status of one message, JSON. `time_dr` is when a report reached us, good or bad.

    `price` and `stamped` spell amounts and times: callbacks have other prices, and many times that are the same.
    """
    return SMS % (
        message.id,
        encode(message.recipient),
        encode(message.reference),
        stamped(message.created_at),
        stamped(message.sent_at or message.scheduled_for or message.created_at),
        b"null" if message.report_at is None else b'"%b"' % stamped(message.report_at),
        status(message.standing),
        price(message.price),
        encode(message.currency),
    )


@lru_cache(maxsize=1024)
def status(standing: Standing) -> bytes:
    """The word of a message that stands so, JSON."""
    return encode(status_word(standing))


def task_summary(task: Task) -> bytes:
    """A task's counters, JSON. `sent` counts what was ever handed over and never falls."""
    return TASK % (
        encode(task.sender),
        encode(task.text),
        -(-task.validity_s // 3600),
        number(task.price),
        encode(task.currency),
        task.handed_over,
        task.delivered,
        task.expired,
        task.undeliverable,
        task.unknown,
    )


def funds(balance: Balance) -> Funds:
    """What an account has, and its credit line."""
    return Funds(amount=plain(balance.amount), currency=balance.currency, limit=plain(balance.limit))
