"""All evidence that a database holds, told apart by message: for tests that look at it from outside."""

from collections.abc import Iterable
from typing import NamedTuple

import asyncpg

from tidings.domain.evidence import Evidence
from tidings.store.evidence import Pack, read, unpack

PACKS = "select account_id, message_id, seq, body from evidence"


class Noted(NamedTuple):
    """One piece."""

    account_id: int
    message_id: int
    seq: int
    evidence: Evidence


def noted(packs: Iterable[asyncpg.Record]) -> list[Noted]:
    """The rows of PACKS taken apart, message by message, in order."""
    found = [Noted(*key, seq, read(body)) for row in packs for key, seq, body in unpack(Pack(*row))]
    return sorted(found, key=lambda one: one[:3])
