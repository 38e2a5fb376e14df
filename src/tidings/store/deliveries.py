"""Deliveries: read, and brought into being and locked to be changed. They are written in store/folded.py."""

import re
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
from tidings.store.stand import DELIVERY, OPENING, STAND

# In the order in which `held_of` takes them apart. Words come as text, which needs no look at what type they are.
_FIELDS = (
    "message_id", "fingerprints", "account_id", "version", "state", "reason", "stage", "confirmation", "inferred",
    "network_error", "flags", "first_written_at", "sent_at", "delivered_at", "done_at", "report_at", "read_at",
    "negative_at", "held", "charged", "reports", "attempts", "price", "counted_task", "callback_lane", "callback_each",
)  # fmt: skip
_AS_TEXT = {name: f"{STAND[name]}::text" for name in ("state", "stage", "confirmation")}
_SPELT = {**STAND, **_AS_TEXT, "flags": f"array_to_string({STAND['flags']}, ',')"}

FOLDED = ", ".join(f"{_SPELT[name]} as {name}" for name in _FIELDS)
"""Of a message `m` and its delivery `d`; the account's plan is to follow."""

STANDS = f"""
select d.*, a.plan
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, message_id)
cross join lateral (
    select {FOLDED} from message m {DELIVERY}
    where m.account_id = wanted.account_id and m.id = wanted.message_id offset 0) as d
join account a on a.id = d.account_id"""

# A delivery that is not there yet is added as the message begins; one that is there is locked, for which PostgreSQL
# wants to be told of a change, and makes none. Each in its turn, so that two that want the same have them in the same
# order, also where one of them adds what the other would lock.
LOCK = f"""
insert into delivery (account_id, message_id, {", ".join(OPENING)})
select begun.*
from unnest($1::integer[], $2::bigint[]) as wanted (account_id, message_id)
cross join lateral (
    select m.account_id, m.id, {", ".join(OPENING.values())} from message m
    where m.account_id = wanted.account_id and m.id = wanted.message_id offset 0) as begun
order by wanted.message_id
on conflict (account_id, message_id) do update set version = excluded.version where delivery.version is null"""

FINGERPRINT = 8
"""Octets of one."""

_KEY = re.compile(r"delivery_p\d+_pkey")

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
        arrays = columns(wanted, 2)
        await self._connection.execute(LOCK, *arrays)
        rows = await self._connection.fetch(STANDS, *arrays)
        return {(row[2], row[0]): held_of(row) for row in rows}

    async def stands(self, keys: Sequence[Key]) -> dict[int, tuple[Held, bytes]]:
        """How messages stand, of which others may write at any time, and the fingerprints of their receipts, joined."""
        rows = await self._connection.fetch(STANDS, *columns(keys, 2))
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


def is_key_of_delivery(constraint: str | None) -> bool:
    """Whether this names the primary key of a partition of them."""
    return constraint is not None and _KEY.fullmatch(constraint) is not None


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
