"""Deliveries: read, and read under lock. They are written in store/folded.py."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec

from tidings.domain.delivery import Attempt, Delivery, Flag, Part
from tidings.domain.message import Standing
from tidings.domain.reason import Reason
from tidings.domain.settlement import Plan
from tidings.domain.status import Confirmation, Stage, State
from tidings.flows.records import Held, Key
from tidings.store.rows import Rows, columns

FOLDED = """d.message_id, d.fingerprints, d.account_id, d.version, d.state::text as state, d.reason,
       d.stage::text as stage, d.confirmation::text as confirmation, d.inferred, d.network_error,
       array_to_string(d.flags, ',') as flags, d.first_written_at, d.sent_at, d.delivered_at, d.done_at, d.report_at,
       d.read_at, d.negative_at, d.held, d.charged, d.reports, d.attempts, d.price, d.counted_task, d.callback_lane,
       d.callback_each"""

DELIVERIES = f"""
select d.*, a.plan
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, message_id)
cross join lateral (
    select {FOLDED} from delivery d
    where d.account_id = wanted.account_id and d.message_id = wanted.message_id
    {{locking}}) as d
join account a on a.id = d.account_id"""

# Each in its turn, so that two that want the same lock them in the same order.
LOCK_DELIVERIES = DELIVERIES.format(locking="for no key update")
READ_DELIVERIES = DELIVERIES.format(locking="offset 0")

FINGERPRINT = 8
"""Octets of one."""

PLANS = {str(one): one for one in Plan}
NO_FLAGS: frozenset[Flag] = frozenset()

decode_attempts = msgspec.json.Decoder(list[Attempt]).decode
_encode = msgspec.json.Encoder().encode

PART = (None, *msgspec.json.decode(_encode(Part(State.QUEUED)))[1:])
ATTEMPT = (None, None, None, None, *msgspec.json.decode(_encode(Attempt(1, 1, False, [])))[4:])
"""What stands at each place unless something happened."""

PART_PLACES = {name: place for place, name in enumerate(Part.__struct_fields__)}
"""Where a part's fields stand, for statements that look into `attempts`. What is missing there is as it began."""


def standing_of(row: asyncpg.Record) -> Standing:
    """The standing that a row's columns spell."""
    return standing_as(
        row["state"],
        row["reason"],
        row["stage"],
        row["confirmation"],
        row["inferred"],
        row["network_error"],
    )


@lru_cache(maxsize=1_024)
def standing_as(
    state: str,
    reason: str | None,
    stage: str | None,
    confirmation: str,
    inferred: bool,
    network_error: int | None,
) -> Standing:
    """There are few of them, and a thousand rows of a batch share one."""
    return Standing(
        state=State(state),
        reason=Reason(reason) if reason else None,
        stage=Stage(stage) if stage else None,
        confirmation=Confirmation(confirmation),
        inferred=inferred,
        network_error=network_error,
    )


class DeliveryRows(Rows):
    """Statements on deliveries."""

    async def lock_deliveries(self, keys: Iterable[Key]) -> dict[Key, Held]:
        """The deliveries, locked in one order until the transaction ends."""

        wanted = sorted(set(keys))
        if not wanted:
            return {}
        rows = await self._connection.fetch(LOCK_DELIVERIES, *columns(wanted, 2))
        return {(row[2], row[0]): held_of(row) for row in rows}

    async def stands(self, keys: Sequence[Key]) -> dict[int, tuple[Held, bytes]]:
        """How messages stand, of which others may write at any time, and the fingerprints of their receipts, joined."""
        rows = await self._connection.fetch(READ_DELIVERIES, *columns(keys, 2))
        return {row[0]: (stand_of(row[2:]), row[1] or b"") for row in rows}


@lru_cache(maxsize=1_024)
def stand_of(stand: tuple[Any, ...]) -> Held:
    """What messages have in common whose rows say the same but for ids and fingerprints. Not to be changed."""
    return held_of((0, None, *stand))


def held_of(row: Sequence[Any]) -> Held:
    """The delivery, and the money that moves with it, from a row of FOLDED and its account's plan."""
    (
        message_id, fingerprints, account_id, version, state, reason, stage, confirmation, inferred, network_error,
        flags, first_written_at, sent_at, delivered_at, done_at, report_at, read_at, negative_at, held, charged,
        reports, attempts, price, counted_task, callback_lane, callback_each, plan,
    ) = row  # fmt: skip
    delivery = Delivery(
        account_id=account_id,
        message_id=message_id,
        attempts=decode_attempts(attempts),
        standing=standing_as(state, reason, stage, confirmation, inferred, network_error),
        version=version,
        flags=frozenset(map(Flag, flags.split(","))) if flags else NO_FLAGS,
        first_written_at=first_written_at,
        sent_at=sent_at,
        delivered_at=delivered_at,
        done_at=done_at,
        report_at=report_at,
        read_at=read_at,
        negative_at=negative_at,
    )
    return Held(
        delivery=delivery,
        plan=PLANS[plan],
        price=price,
        held=held,
        charged=charged,
        reports=reports,
        counted_task=counted_task,
        callback_lane=callback_lane,
        callback_each=callback_each,
        fingerprints=_fingerprints(fingerprints) if fingerprints else [],
    )


def _fingerprints(joined: bytes) -> list[bytes]:
    return [joined[start : start + FINGERPRINT] for start in range(0, len(joined), FINGERPRINT)]


def spell_attempts(attempts: list[Attempt]) -> str:
    """As JSON, without what every part and attempt begins with."""
    return _without_defaults(_encode(attempts))


@lru_cache(maxsize=4_096)
def _without_defaults(encoded: bytes) -> str:
    """Few different ones are in use at a time."""
    attempts = msgspec.json.decode(encoded)
    for one in attempts:
        one[3] = [_trimmed(part, PART) for part in one[3]]
    return msgspec.json.encode([_trimmed(one, ATTEMPT) for one in attempts]).decode()


def _trimmed(values: list[Any], defaults: Sequence[Any]) -> list[Any]:
    kept = len(values)
    while kept and values[kept - 1] == defaults[kept - 1]:
        kept -= 1
    return values[:kept]
