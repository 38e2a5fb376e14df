"""The vendor's words: status words, error codes, and which of ours becomes which of theirs.

The status words are the seven of the vendor's status page; the codes and their texts are those of its API
1.0. A test proves each table total.
"""

from enum import IntEnum, unique
from functools import lru_cache

from tidings.domain.bucket import Bucket, bucket
from tidings.domain.errors import Fault
from tidings.domain.message import Standing


@unique
class Code(IntEnum):
    """The `error` of an answer."""

    OK = 0
    INVALID_KEY = 1
    NO_SUCH_METHOD = 4
    UNKNOWN_ERROR = 5
    TARIFF_UNKNOWN = 6
    BAD_PARAMETER = 7
    NO_MONEY = 8
    TARIFF_INACTIVE = 9
    BAD_SEND_TIME = 10
    BUSY = 11
    BATCH_TOO_LARGE = 12
    SMS_NOT_FOUND = 20
    BAD_MSISDN = 21
    REFERENCE_ABSENT = 22
    REFERENCE_TAKEN = 23
    BAD_PAYLOAD = 24
    BAD_ORIGINATOR = 25
    BAD_TEXT = 26
    BAD_REFERENCE = 27
    BAD_VALIDITY = 28
    BAD_TASK_ID = 29
    TASK_NOT_FOUND = 30
    MSISDN_REPEATED = 31
    ORIGINATOR_NOT_ALLOWED = 32
    DIRECTION_NOT_ALLOWED = 33
    BAD_OTP = 34
    TWO_WAY_OFF = 35


DESCRIPTIONS: dict[Code, str] = {
    Code.OK: "No errors",
    Code.INVALID_KEY: "Invalid API key",
    Code.NO_SUCH_METHOD: "Invalid request or API method does not exist",
    Code.UNKNOWN_ERROR: "Unknown error",
    Code.TARIFF_UNKNOWN: "Invalid price grid parameter",
    Code.BAD_PARAMETER: "Invalid or missing parameters",
    Code.NO_MONEY: "Not enough money",
    Code.TARIFF_INACTIVE: "Inactive price grid",
    Code.BAD_SEND_TIME: "Invalid time sent",
    Code.BUSY: "Exceeded limit for messages processed simultaneously",
    Code.BATCH_TOO_LARGE: "Exceeded batch size limit",
    Code.SMS_NOT_FOUND: "SMS not found",
    Code.BAD_MSISDN: "Invalid MSISDN",
    Code.REFERENCE_ABSENT: "External ID absent",
    Code.REFERENCE_TAKEN: "External ID already exists",
    Code.BAD_PAYLOAD: "Invalid request payload",
    Code.BAD_ORIGINATOR: "Invalid originator",
    Code.BAD_TEXT: "Invalid sms text",
    Code.BAD_REFERENCE: "Invalid External ID",
    Code.BAD_VALIDITY: "Invalid validity time",
    Code.BAD_TASK_ID: "Invalid task ID",
    Code.TASK_NOT_FOUND: "Task not found",
    Code.MSISDN_REPEATED: "MSISDN already present in request",
    Code.ORIGINATOR_NOT_ALLOWED: "Originator not allowed",
    Code.DIRECTION_NOT_ALLOWED: "Direction not allowed",
    Code.BAD_OTP: "Invalid OTP pattern",
    Code.TWO_WAY_OFF: "2way_sms service is not active",
}

ERRORS: dict[Fault, Code] = {
    Fault.RECIPIENT_MISSING: Code.BAD_MSISDN,
    Fault.PREFIX_MISSING: Code.BAD_MSISDN,
    Fault.RECIPIENT_INVALID: Code.BAD_MSISDN,
    Fault.RECIPIENT_REPEATED: Code.MSISDN_REPEATED,
    Fault.REFERENCE_MISSING: Code.REFERENCE_ABSENT,
    Fault.REFERENCE_INVALID: Code.BAD_REFERENCE,
    Fault.REFERENCE_TAKEN: Code.REFERENCE_TAKEN,
    Fault.VALIDITY_INVALID: Code.BAD_VALIDITY,
    Fault.TARIFF_UNKNOWN: Code.TARIFF_UNKNOWN,
    Fault.TARIFF_INACTIVE: Code.TARIFF_INACTIVE,
    Fault.SENDER_INVALID: Code.BAD_ORIGINATOR,
    Fault.TEXT_INVALID: Code.BAD_TEXT,
    Fault.TEXT_TOO_LONG: Code.BAD_TEXT,
    Fault.SENDER_NOT_ALLOWED: Code.ORIGINATOR_NOT_ALLOWED,
    Fault.NOT_PRICED: Code.DIRECTION_NOT_ALLOWED,
    Fault.NO_ROUTE: Code.DIRECTION_NOT_ALLOWED,
    Fault.NO_CREDIT: Code.NO_MONEY,
}

STATUS: dict[Bucket, str] = {
    Bucket.WAITING: "scheduled",  # the only word for what has not left us
    Bucket.SENT: "sent",
    Bucket.DELIVERED: "delivered",
    Bucket.EXPIRED: "expired",
    Bucket.UNDELIVERABLE: "undeliverable",
    Bucket.REJECTED: "rejected",
    Bucket.UNKNOWN: "unknown",
}


@lru_cache(maxsize=1024)
def status_word(standing: Standing) -> str:
    """The status a customer of this API reads; a task's counters count exactly these words."""
    return STATUS[bucket(standing)]


class Problem(Exception):
    """The whole request is answered with a code and nothing else."""

    def __init__(self, code: Code, detail: str = "") -> None:
        description = DESCRIPTIONS[code]
        self.code, self.description = code, f"{description}: {detail}" if detail else description
        super().__init__(f"{int(code)} {self.description}")
