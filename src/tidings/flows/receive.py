"""Receipts: find the submission each belongs to, fold it, or keep it as an orphan. Acknowledged after the commit.

A receipt belongs to the submission whose upstream id it names, if the recipient agrees; to an unanswered submission
in doubt, if exactly one has the same recipient and sender and was written before it; else to nobody yet: it is kept
and tried again, and applied at once when a later answer names its id.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from tidings.domain.lifecycle import Evidence, Kind
from tidings.domain.receipt import Receipt
from tidings.domain.status import Stage, State
from tidings.flows.fold import fold
from tidings.flows.ports import Clock
from tidings.flows.records import Flight, Key, Match, Orphan
from tidings.flows.transaction import Database, ReceiveTx

TAIL = 8
"""How many last digits of a recipient a carrier leaves as they were."""

RETRY_AFTER = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30), timedelta(seconds=120))
"""When an orphan is looked at again; then only a late answer or an operator finds it."""

CLOCK_SKEW = timedelta(minutes=2)


class Incoming(msgspec.Struct, frozen=True):
    """A receipt as it came in, with the keys its submission may be stored under, best first."""

    receipt: Receipt
    at: datetime
    lookup_keys: list[str]


class _Claim(msgspec.Struct, frozen=True):
    """What a receipt was found to belong to."""

    match: Match
    flight: Flight | None  # set where it resolves a doubt


class Receive:
    """The flow, for one connector."""

    def __init__(self, database: Database, *, clock: Clock, connector_id: int) -> None:
        self._database = database
        self._clock = clock
        self._connector_id = connector_id

    async def __call__(self, batch: list[Incoming]) -> list[None]:
        """Store a batch of receipts and what follows from them."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            claims = await self._claims(tx, batch)
            orphans = await self._apply(tx, batch, claims, now=now)
            await tx.keep_orphans(
                [(self._orphan(one), one.receipt.fingerprint(), one.at + RETRY_AFTER[0]) for one in orphans]
            )
        return [None] * len(batch)

    async def retry_orphans(self, limit: int = 500) -> int:
        """Try orphans again that are due; how many found their submission."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await tx.orphans_due(self._connector_id, now=now, limit=limit)
            batch = [
                Incoming(one.receipt, one.received_at, [one.upstream_key] if one.upstream_key else [])
                for one in due
            ]
            claims = await self._claims(tx, batch)
            left = await self._apply(tx, batch, claims, now=now)
            still = {id(one) for one in left}
            homeless = [one for one, item in zip(due, batch, strict=True) if id(item) in still]
            await tx.drop_orphans([one for one, it in zip(due, batch, strict=True) if id(it) not in still])
            await tx.retry_orphans([(one, _next_retry(one, now)) for one in homeless])
        return len(due) - len(homeless)

    async def _claims(self, tx: ReceiveTx, batch: Sequence[Incoming]) -> list[_Claim | None]:
        """The submission of each receipt, where there is exactly one that fits."""
        keys = sorted({key for one in batch for key in one.lookup_keys})
        by_key: dict[str, list[Match]] = defaultdict(list)
        for match in await tx.matches(self._connector_id, keys) if keys else []:
            by_key[match.upstream_key].append(match)
        by_id = [
            named(one.receipt, [match for key in one.lookup_keys for match in by_key.get(key, ())])
            for one in batch
        ]
        nameless = [one for one, match in zip(batch, by_id, strict=True) if match is None]
        tails = sorted({one.receipt.recipient[-TAIL:] for one in nameless if one.receipt.recipient})
        doubtful: dict[str, list[Flight]] = defaultdict(list)
        for flight in await tx.doubtful_to(self._connector_id, tails) if tails else []:
            doubtful[flight.recipient[-TAIL:]].append(flight)
        return [
            _Claim(match, None) if match else _doubted(one, doubtful)
            for one, match in zip(batch, by_id, strict=True)
        ]

    async def _apply(
        self,
        tx: ReceiveTx,
        batch: Sequence[Incoming],
        claims: Sequence[_Claim | None],
        *,
        now: datetime,
    ) -> list[Incoming]:
        """Fold the receipts that were claimed, once each; the others."""
        found = [claim for claim in claims if claim]
        seen = await tx.known_fingerprints(sorted({claim.match.key for claim in found})) if found else set()
        log: dict[Key, list[tuple[Evidence, bytes | None]]] = defaultdict(list)
        orphans: list[Incoming] = []
        for one, claim in zip(batch, claims, strict=True):
            if claim is None:
                orphans.append(one)
                continue
            evidence, fingerprint = receipt_evidence(one.receipt, claim.match, at=one.at)
            if (*claim.match.key, fingerprint) not in seen:
                seen.add((*claim.match.key, fingerprint))
                log[claim.match.key].append((evidence, fingerprint))
        resolved = [claim for claim in found if claim.flight]
        await tx.end_flights([claim.flight for claim in resolved if claim.flight])
        await tx.add_submissions([claim.match for claim in resolved if claim.match.upstream_key])
        await fold(tx, log, now=now)
        return orphans

    def _orphan(self, one: Incoming) -> Orphan:
        key = one.lookup_keys[0] if one.lookup_keys else None
        return Orphan(self._connector_id, 0, key, 0, one.at, one.receipt)


def receipt_evidence(receipt: Receipt, match: Match, *, at: datetime) -> tuple[Evidence, bytes]:
    """A receipt as evidence for the part it belongs to, and the fingerprint that tells its repetitions."""
    negative = receipt.reason is not None
    evidence = Evidence(
        Kind.RECEIPT,
        at,
        receipt.state,
        attempt=match.attempt,
        part=match.part,
        reason=receipt.reason,
        stage=Stage.NETWORK if negative else None,
        confirmation=receipt.confirmation,
        provider_at=receipt.done_at,
        word=receipt.word if receipt.error_code is None else f"{receipt.word} err:{receipt.error_code}",
        upstream_id=receipt.upstream_id,
        network_error=receipt.network_error,
        raw=receipt.raw,
    )
    if receipt.state is State.ENROUTE:
        evidence.stage = None
    return evidence, receipt.fingerprint()


def named(receipt: Receipt, matches: Sequence[Match]) -> Match | None:
    """The first of the submissions under the receipt's id whose recipient agrees; they come newest first."""
    return next((one for one in matches if _same_recipient(receipt.recipient, one.recipient)), None)


def _doubted(one: Incoming, doubtful: dict[str, list[Flight]]) -> _Claim | None:
    """The one submission in doubt that the receipt can belong to, if there is exactly one."""
    receipt = one.receipt
    fitting = [
        flight
        for flight in doubtful.get(receipt.recipient[-TAIL:], ())
        if _same_recipient(receipt.recipient, flight.recipient)
        and receipt.sender.lstrip("+") == flight.sender.lstrip("+")
        and flight.written_at - CLOCK_SKEW <= (receipt.submitted_at or one.at)
        and flight.written_at <= one.at + CLOCK_SKEW
    ]
    if len(fitting) != 1:
        return None
    flight = fitting[0]
    match = Match(
        connector_id=flight.connector_id,
        upstream_key=one.lookup_keys[0] if one.lookup_keys else "",
        account_id=flight.account_id,
        message_id=flight.message_id,
        attempt=flight.attempt,
        part=flight.part,
        recipient=flight.recipient,
        written_at=flight.written_at,
    )
    return _Claim(match, flight)


def _same_recipient(said: str, ours: str) -> bool:
    """Carriers add a plus or use national forms: the last digits decide, where the receipt has them."""
    said = said.lstrip("+")
    return not said or said[-TAIL:] == ours[-TAIL:]


def _next_retry(orphan: Orphan, now: datetime) -> datetime | None:
    tries = orphan.tries + 1
    return now + RETRY_AFTER[tries] if tries < len(RETRY_AFTER) else None
