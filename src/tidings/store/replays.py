"""Every message told again from its evidence: does it end where its row says, by legal steps, for the right money?"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from operator import itemgetter

import asyncpg
import msgspec

from tidings.domain import settlement
from tidings.domain.delivery import Delivery
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.lifecycle import apply, begin
from tidings.domain.status import Truth, step, truth
from tidings.flows.records import Held, Key
from tidings.store.deliveries import FOLDED, held_of
from tidings.store.evidence import Body, Unreadable, fetch_packs, pack_names, read, unpack
from tidings.store.stand import DELIVERY, stand

BATCH = 1_000

# The messages first, along their key: a batch must not cost what all that are left would.
STANDS = f"""
select {FOLDED}, a.plan, {stand("evidence")}
from (select * from message where (account_id, id) > ($1, $2) and id >= $3 order by account_id, id limit {BATCH}) m
join account a on a.id = m.account_id {DELIVERY}
order by m.account_id, m.id"""

OURS = frozenset({Kind.WRITTEN, Kind.DROPPED, Kind.RESENT, Kind.HELD, Kind.TIMER})
"""What we decide ourselves must be a legal step. What a peer claims may be anything, and is not always obeyed."""


Line = tuple[int, Evidence]
"""Number and evidence."""

Said = tuple[int, Body]
"""The same before it is read."""


class Told(msgspec.Struct):
    """What is wrong with one message; each list says it in words."""

    key: Key
    folded: list[str]  # its row is not what its evidence says
    submitted: list[str]  # a part was written that was not waiting for it
    billed: list[str]  # its money is not what its status costs


async def replays(connection: asyncpg.Connection, *, from_id: int = 0) -> AsyncIterator[Told]:
    """Every message from an id on that has something wrong with it, in batches of BATCH."""
    after = (-1, 0)
    while rows := await connection.fetch(STANDS, *after, from_id):
        held = [held_of(tuple(row)[:-1]) for row in rows]
        logs = await _logs(
            connection, {_key(one): row["evidence"] for one, row in zip(held, rows, strict=True)}
        )
        for one in held:
            told = _tell(one, logs[_key(one)])
            if told.folded or told.submitted or told.billed:
                yield told
        after = _key(held[-1])


async def _logs(connection: asyncpg.Connection, places: Mapping[Key, bytes]) -> dict[Key, list[Said]]:
    """What is said of each message, in order; as number 0 what stands in a pack that its delivery does not know."""
    names = {key: set(pack_names(key, its)) for key, its in places.items()}
    logs: dict[Key, list[Said]] = {key: [] for key in names}
    for one in await fetch_packs(connection, set().union(*names.values())):
        with suppress(Unreadable):  # what it should say is missing then
            for key, seq, body in unpack(one, of=names):
                logs[key].append((seq if one.name in names[key] else 0, body))
    return {key: sorted(log, key=itemgetter(0)) for key, log in logs.items()}


def _key(held: Held) -> Key:
    return (held.delivery.account_id, held.delivery.message_id)


def _tell(held: Held, said: list[Said]) -> Told:
    told = Told(_key(held), [], [], list(_unpaid(held)))
    try:
        log = [(seq, read(body)) for seq, body in said]
        told.folded += [*_gaps(log), *_unheard(log, held)]
        if not told.folded:
            _replay(log, held.delivery, told)
            told.billed += _unnoted(log, held)
    except (msgspec.DecodeError, AssertionError, IndexError) as unreadable:
        told.folded.append(f"its evidence cannot be folded ({type(unreadable).__name__})")
    return told


def _gaps(log: list[Line]) -> Iterator[str]:
    """Evidence is numbered from 1 without a gap."""
    if [seq for seq, _ in log] != list(range(1, len(log) + 1)) or not log:
        yield "its evidence has gaps"


def _unheard(log: list[Line], held: Held) -> Iterator[str]:
    """Every receipt is known again by its fingerprint."""
    receipts = sum(evidence.kind is Kind.RECEIPT for _, evidence in log)
    if not receipts == len(held.fingerprints) == len(set(held.fingerprints)):
        yield f"it had {receipts} receipts and knows {len(set(held.fingerprints))}"


def _replay(log: list[Line], stored: Delivery, told: Told) -> None:
    """Fold the evidence, watching each step, and compare the end."""
    now = begin(log[0][1], account_id=stored.account_id, message_id=stored.message_id)
    for seq, evidence in log[1:]:
        for problem in _illegal(now, evidence):
            aim = told.submitted if evidence.kind is Kind.WRITTEN else told.folded
            aim.append(f"{problem} (evidence {seq})")
        arrived = truth(now.state) is Truth.YES
        apply(now, evidence)
        if arrived and truth(now.state) is not Truth.YES:
            told.folded.append(f"a delivery was taken back (evidence {seq})")
    told.folded += _differences(now, stored)


def _illegal(now: Delivery, evidence: Evidence) -> Iterator[str]:
    """Our own decisions that the transition table does not know."""
    if evidence.kind not in OURS:
        return
    parts = now.attempts[evidence.attempt - 1].parts
    if evidence.claim is None:
        if evidence.kind is Kind.WRITTEN and not parts[evidence.part - 1].resent_after:
            yield f"written: part {evidence.part} was {parts[evidence.part - 1].state}"
        return
    for number in [evidence.part] if evidence.part else range(1, len(parts) + 1):
        part = parts[number - 1]
        if not step(part.state, part.inferred, evidence.claim, evidence.inferred):
            yield f"{evidence.kind}: part {number} went from {part.state} to {evidence.claim}"


def _differences(replayed: Delivery, stored: Delivery) -> Iterator[str]:
    for name in Delivery.__struct_fields__:
        if getattr(replayed, name) != getattr(stored, name):
            yield f"{name} is not what its evidence folds to"


def _unnoted(log: list[Line], held: Held) -> Iterator[str]:
    """The evidence says what each step cost."""
    noted = sum(evidence.charged for _, evidence in log)
    if noted != held.charged:
        yield f"its evidence charges {noted} instead of {held.charged}"


def _unpaid(held: Held) -> Iterator[str]:
    """Open: only a hold. Final: what its status costs, and no hold."""
    if not held.delivery.final:
        owed, due = held.price, 0
    else:
        owed, due = 0, settlement.charge(held.delivery, plan=held.plan, price=held.price, charged=0)
    if held.held != owed:
        yield f"{held.held} is held instead of {owed}"
    if held.charged != due:
        yield f"{held.charged} was charged instead of {due}"
