"""Receipts: find the submission each belongs to, fold it, or keep it as an orphan. Acknowledged after the commit.

A receipt belongs to the submission whose upstream id it names, if the recipient agrees; to the only one that it names
in another form of ids; to an unanswered submission in doubt, if exactly one has the same recipient and sender and was
written before it; else to nobody yet: it is kept and tried again, and applied at once when a later answer names its id.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from tidings.domain.delivery import Delivery
from tidings.domain.errors import Misconfigured
from tidings.domain.evidence import Evidence, Kind
from tidings.domain.receipt import Receipt
from tidings.domain.status import PRE, Stage, State, Truth, truth
from tidings.domain.text import segment
from tidings.flows.fold import fold
from tidings.flows.folded import Leg
from tidings.flows.points import Point, pause
from tidings.flows.ports import Clock
from tidings.flows.records import Flight, Key, Match, Orphan, Unanswered
from tidings.flows.transaction import Database, ReceiveTx

TAIL = 8
"""How many last digits of a recipient a carrier leaves as they were."""

RETRY_AFTER = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30), timedelta(seconds=120))
"""When an orphan is looked at again; then only a late answer or an operator finds it."""

CLOCK_SKEW = timedelta(minutes=2)


UNDATED_WITHIN = timedelta(days=1)
"""How long after the validity's end a receipt without a submit date may still resolve a doubt. A doubt that is older
resolves nothing any more, but the receipt may be its own all the same."""

TEXT_START = 10
"""How many letters of a receipt's text are compared: carriers repeat about twenty octets."""

SUSPECT_TAIL = 9
SUSPECT_WITHIN = timedelta(hours=120)
"""A match under another id form than the configured one needs the same recipient, and to be recent."""


class PartsReceipted(StrEnum):
    """Which parts of a long message this carrier sends receipts for."""

    EACH = "each"
    LAST = "last"  # the last part's receipt speaks for all
    ANY_ONE = "any_one"  # one receipt comes, for whichever part, and speaks for all


class Reading(msgspec.Struct, frozen=True):
    """How a connector's receipts are to be understood."""

    parts: PartsReceipted = PartsReceipted.EACH


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A receipt as it came in, with the keys its submission may be stored under, best first."""

    receipt: Receipt
    at: datetime
    lookup_keys: list[str]
    suspects: Callable[[], dict[str, str]] = (
        dict  # keys under other id forms than the configured, and their form
    )


EVERY_PART = Reading()


class _Claim(msgspec.Struct, frozen=True):
    """What a receipt was found to belong to."""

    match: Match
    flight: Flight | None = None  # set where it resolves a doubt
    suspect_form: str | None = None  # set where only another id form finds it
    matched_by: str | None = None  # set where a person says so


class Receive:
    """The flow, for one connector."""

    def __init__(
        self, database: Database, *, clock: Clock, connector_id: int, reading: Reading = EVERY_PART
    ) -> None:
        self._database = database
        self._clock = clock
        self.connector_id = connector_id
        self.reading = reading

    async def __call__(self, batch: Sequence[Incoming]) -> None:
        """Store a batch of receipts and what follows from them."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            # What is still an orphan under these ids came earlier: it is heard first.
            waiting = await self._waiting(tx, batch)
            homeless, _ = await self._place(tx, batch, waiting, now=now)
            await tx.keep_orphans(
                [(self._orphan(one), one.receipt.fingerprint(), one.at + RETRY_AFTER[0]) for one in homeless]
            )
            await pause(Point.RECEIVE_WRITTEN)
        await pause(Point.RECEIVE_COMMITTED)
        await self._look_again(homeless)

    async def _look_again(self, homeless: Sequence[Incoming]) -> None:
        """An answer that was recorded while these became orphans could not see them, nor they it."""
        if not homeless:
            return
        async with self._database.transaction() as tx:
            waiting = await self._waiting(tx, homeless)
            await self._place(tx, [], waiting, now=self._clock.now())
            await pause(Point.ORPHANS_WRITTEN)
        await pause(Point.ORPHANS_COMMITTED)

    async def retry_orphans(self, limit: int = 500) -> int:
        """Try orphans again that are due; how many found their submission."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            due = await tx.orphans_due(self.connector_id, now=now, limit=limit)
            _, homeless = await self._place(tx, [], due, now=now)
            await tx.retry_orphans([(one, _next_retry(one, now)) for one in homeless])
            await pause(Point.ORPHANS_WRITTEN)
        await pause(Point.ORPHANS_COMMITTED)
        return len(due) - len(homeless)

    async def adopt(self, orphan_id: int, key: Key, *, attempt: int = 1, part: int = 1) -> bool:
        """An operator knows where an orphan belongs; False if it is no longer there.

        Raises Misconfigured if it cannot belong there: another recipient, or no such attempt or part.
        """
        now = self._clock.now()
        async with self._database.transaction() as tx:
            orphan = await tx.orphan(self.connector_id, orphan_id)
            if orphan is None:
                return False
            recipient = (await tx.addressees([key]))[key].recipient
            if not same_recipient(orphan.receipt.recipient, recipient):
                raise Misconfigured(f"the receipt names another recipient than message {key[1]}")
            attempts = (await tx.lock_deliveries({key}))[key].delivery.attempts
            if attempt > len(attempts) or part > len(attempts[attempt - 1].parts):
                raise Misconfigured(f"message {key[1]} has no such attempt or part")
            its = attempts[attempt - 1].parts[part - 1]
            if its.state in PRE and not its.resent_after:
                raise Misconfigured(f"no answer, and no doubt, is known of that part of message {key[1]} yet")
            match = Match(
                connector_id=self.connector_id,
                upstream_key=orphan.upstream_keys[0] if orphan.upstream_keys else "",
                account_id=key[0],
                message_id=key[1],
                attempt=attempt,
                part=part,
                try_no=0,
                recipient=recipient,
                written_at=orphan.received_at,
            )
            receipt = Incoming(orphan.receipt, orphan.received_at, orphan.upstream_keys)
            await self._apply(tx, [receipt], [_Claim(match, matched_by="operator")], now=now)
            await tx.drop_orphans([orphan])
        return True

    async def _waiting(self, tx: ReceiveTx, batch: Sequence[Incoming]) -> list[Orphan]:
        """The orphans under the ids of these receipts."""
        keys = sorted({key for one in batch for key in one.lookup_keys})
        return await tx.orphans_named(self.connector_id, keys) if keys else []

    async def _place(
        self, tx: ReceiveTx, batch: Sequence[Incoming], waiting: Sequence[Orphan], *, now: datetime
    ) -> tuple[list[Incoming], list[Orphan]]:
        """Fold orphans, then receipts, into the messages they belong to; those of each that found none."""
        earlier = [
            Incoming(one.receipt, one.received_at, one.upstream_keys, one.suspect_keys.copy)
            for one in waiting
        ]
        everything = [*earlier, *batch]
        claims = await self._claims(tx, everything)
        await pause(Point.RECEIVE_MATCHED)
        left = {id(one) for one in await self._apply(tx, everything, claims, now=now)}
        found = [one for one, item in zip(waiting, earlier, strict=True) if id(item) not in left]
        await tx.drop_orphans(found)
        homeless = [one for one, item in zip(waiting, earlier, strict=True) if id(item) in left]
        return [one for one in batch if id(one) in left], homeless

    async def _claims(self, tx: ReceiveTx, batch: Sequence[Incoming]) -> list[_Claim | None]:
        """The submission of each receipt, where exactly one fits: by its id, by another form of it, in doubt."""
        claims: list[_Claim | None] = [None] * len(batch)
        await self._find_named(tx, batch, claims)
        unanswered = await self._unanswered(tx, batch, claims)
        # Once more: an answer that was recorded meanwhile has taken its submission from those without one, and what
        # is left would look like the only one that fits.
        await self._find_named(tx, batch, claims)
        await self._find_suspects(tx, batch, claims)
        _find_doubted(batch, claims, unanswered)
        return claims

    async def _find_named(
        self, tx: ReceiveTx, batch: Sequence[Incoming], claims: list[_Claim | None]
    ) -> None:
        homeless = [index for index, claim in enumerate(claims) if claim is None]
        by_key = await self._stored(tx, {key for index in homeless for key in batch[index].lookup_keys})
        for index in homeless if by_key else ():
            one = batch[index]
            match = named(one.receipt, [match for key in one.lookup_keys for match in by_key.get(key, ())])
            claims[index] = _Claim(match) if match else None

    async def _unanswered(
        self, tx: ReceiveTx, batch: Sequence[Incoming], claims: Sequence[_Claim | None]
    ) -> dict[str, list[Unanswered]]:
        """The submissions without an answer to the recipients of what is not claimed, and whether in doubt."""
        homeless = [one for one, claim in zip(batch, claims, strict=True) if claim is None]
        tails = sorted({one.receipt.recipient[-TAIL:] for one in homeless} - {""})
        found: dict[str, list[Unanswered]] = defaultdict(list)
        for one in await tx.unanswered_to(self.connector_id, tails) if tails else []:
            found[one.flight.recipient[-TAIL:]].append(one)
        return found

    async def _find_suspects(
        self, tx: ReceiveTx, batch: Sequence[Incoming], claims: list[_Claim | None]
    ) -> None:
        homeless = [index for index, claim in enumerate(claims) if claim is None]
        suspects = {index: batch[index].suspects() for index in homeless}
        by_key = await self._stored(tx, {key for keys in suspects.values() for key in keys})
        for index, keys in suspects.items() if by_key else ():
            claims[index] = _suspected(batch[index], keys, by_key)
        forms = Counter(claim.suspect_form for claim in claims if claim and claim.suspect_form)
        await tx.count_suspects(self.connector_id, forms)

    async def _stored(self, tx: ReceiveTx, keys: set[str]) -> dict[str, list[Match]]:
        by_key: dict[str, list[Match]] = defaultdict(list)
        for match in await tx.matches(self.connector_id, sorted(keys)) if keys else []:
            by_key[match.upstream_key].append(match)
        return by_key

    async def _apply(
        self,
        tx: ReceiveTx,
        batch: Sequence[Incoming],
        claims: Sequence[_Claim | None],
        *,
        now: datetime,
    ) -> list[Incoming]:
        """Fold the receipts that were claimed, once each; the others."""
        # What was answered, or resolved by another receipt, since its doubt was read is not in doubt any more.
        ended = await tx.end_flights(list({claim.flight for claim in claims if claim and claim.flight}))
        claims = [claim if claim and claim.flight in {None, *ended} else None for claim in claims]
        found = [claim for claim in claims if claim]
        resolved = [claim for claim in found if claim.flight]
        await tx.add_submissions([claim.match for claim in resolved if claim.match.upstream_key])
        keys = {claim.match.key for claim in found}
        held = await tx.lock_deliveries(keys) if keys else {}
        seen = {(*key, known) for key, row in held.items() for known in row.fingerprints}
        log: dict[Key, list[tuple[Evidence, bytes | None]]] = defaultdict(list)
        orphans: list[Incoming] = []
        for one, claim in zip(batch, claims, strict=True):
            if claim is None:
                orphans.append(one)
                continue
            key = claim.match.key
            evidence, fingerprint = receipt_evidence(
                one.receipt, claim.match, at=one.at, delivery=held[key].delivery, reading=self.reading
            )
            evidence.suspect_form = claim.suspect_form
            evidence.matched_by = "doubt" if claim.flight else claim.matched_by
            if claim.flight and evidence.claim is None:
                evidence.claim = State.SENT  # whatever it says, the carrier has it
            if (*key, fingerprint) not in seen:
                seen.add((*key, fingerprint))
                log[key].append((evidence, fingerprint))
        await fold(tx, log, now=now, held=held)
        return orphans

    def _orphan(self, one: Incoming) -> Orphan:
        return Orphan(
            connector_id=self.connector_id,
            id=0,
            upstream_keys=one.lookup_keys,
            suspect_keys=one.suspects(),
            tries=0,
            received_at=one.at,
            receipt=one.receipt,
        )


def receipt_evidence(
    receipt: Receipt, match: Match | Leg, *, at: datetime, delivery: Delivery, reading: Reading
) -> tuple[Evidence, bytes]:
    """A receipt as evidence for the part it belongs to, and the fingerprint that tells its repetitions."""
    said = receipt.said
    evidence = Evidence(
        Kind.RECEIPT,
        at,
        said.state,
        attempt=match.attempt,
        part=match.part,
        try_no=match.try_no,
        reason=said.reason,
        confirmation=said.confirmation,
        provider_at=said.done_at,
        word=said.word if said.error_code is None else f"{said.word} err:{said.error_code}",
        upstream_id=receipt.upstream_id,
        network_error=said.network_error,
        raw=receipt.raw,
        untrusted=said.untrusted,
    )
    if said.state is not None and truth(said.state) is Truth.NO:
        evidence.stage = Stage.NETWORK
    elif _speaks_for_all(evidence, delivery, reading):
        evidence.part = 0
    return evidence, receipt.fingerprint()


def _speaks_for_all(evidence: Evidence, delivery: Delivery, reading: Reading) -> bool:
    """Where a carrier sends one receipt for a long message, what it says of one part holds for every part.

    Only what is good news: a negative for one part ends the message whatever the others do.
    """
    last = len(delivery.attempts[evidence.attempt - 1].parts)
    match reading.parts:
        case PartsReceipted.EACH:
            return False
        case PartsReceipted.LAST:
            return evidence.part == last
        case PartsReceipted.ANY_ONE:
            return True


async def look_for_receipts(database: Database, doubts: Sequence[Flight], *, now: datetime) -> None:
    """Have receipts tried again at once that came while these submissions were not in doubt yet.

    In a transaction of its own, for one that holds deliveries must not wait for orphans. Dying before it costs a
    wait, nothing else.
    """
    if doubts:
        async with database.transaction() as tx:
            await tx.wake_orphans([(one.connector_id, one.recipient[-TAIL:]) for one in doubts], at=now)


def named(receipt: Receipt, matches: Sequence[Match]) -> Match | None:
    """The first of the submissions under the receipt's id whose recipient agrees; they come newest first."""
    return next((one for one in matches if same_recipient(receipt.recipient, one.recipient)), None)


def _find_doubted(
    batch: Sequence[Incoming],
    claims: list[_Claim | None],
    unanswered: dict[str, list[Unanswered]],
) -> None:
    """Resolve doubts; each by receipts of one id, for a submission has only one."""
    resolved: dict[Flight, str | None] = {}
    for index, one in enumerate(batch):
        claim = None if claims[index] else _doubted(one, unanswered)
        if claim is None or claim.flight is None:
            continue
        if resolved.setdefault(claim.flight, one.receipt.upstream_id) == one.receipt.upstream_id:
            claims[index] = claim


def _doubted(one: Incoming, unanswered: dict[str, list[Unanswered]]) -> _Claim | None:
    """The submission in doubt that the receipt can belong to, if there is exactly one part.

    It may also have outrun the answer to a submission that is not in doubt: where one of those fits, too, we wait.
    """
    receipt = one.receipt
    fitting = [
        (flight, in_doubt)
        for flight, in_doubt, text in unanswered.get(receipt.recipient[-TAIL:], ())
        if same_recipient(receipt.recipient, flight.recipient)
        and receipt.sender.lstrip("+") == flight.sender.lstrip("+")
        and _may_be_of(receipt, flight, at=one.at)
        and (text is None or _repeats(receipt.text, segment(text).parts[flight.part - 1]))
    ]
    parts = {(flight.key, flight.attempt, flight.part) for flight, _ in fitting}
    if len(parts) != 1 or not all(in_doubt for _, in_doubt in fitting):
        return None
    flight = min((flight for flight, _ in fitting), key=lambda one: one.try_no)  # of two copies, the first
    if receipt.said.submitted_at is None and one.at > flight.expires_at + UNDATED_WITHIN:
        return None
    match = Match(
        connector_id=flight.connector_id,
        upstream_key=one.lookup_keys[0] if one.lookup_keys else "",
        account_id=flight.account_id,
        message_id=flight.message_id,
        attempt=flight.attempt,
        part=flight.part,
        try_no=flight.try_no,
        recipient=flight.recipient,
        written_at=flight.written_at,
    )
    return _Claim(match, flight)


def _may_be_of(receipt: Receipt, flight: Flight, *, at: datetime) -> bool:
    """Many carriers' dates have no seconds; one without a date may be of whatever was written before it came."""
    submitted_at = receipt.said.submitted_at
    if submitted_at is None:
        return flight.written_at - CLOCK_SKEW <= at
    early = flight.written_at - CLOCK_SKEW - timedelta(minutes=1)
    return early <= submitted_at <= flight.written_at + CLOCK_SKEW


def _repeats(said: str | None, ours: str) -> bool:
    """Whether the text in a receipt can be the start of ours; what a carrier could not spell says nothing."""
    said = "".join((said or "").casefold().split())
    if not (said.isascii() and "?" not in said):
        return True
    return "".join(ours.casefold().split()).startswith(said[:TEXT_START])


def _suspected(one: Incoming, keys: dict[str, str], by_key: dict[str, list[Match]]) -> _Claim | None:
    """The one recent submission to the same recipient that another id form finds, if there is exactly one."""
    fitting = [
        (match, form)
        for key, form in keys.items()
        for match in by_key.get(key, ())
        if one.receipt.recipient
        and one.receipt.recipient[-SUSPECT_TAIL:] == match.recipient[-SUSPECT_TAIL:]
        and one.at - match.written_at <= SUSPECT_WITHIN
    ]
    if len({(match.key, match.attempt, match.part) for match, _ in fitting}) != 1:
        return None
    match, form = fitting[0]
    return _Claim(match, suspect_form=form)


def same_recipient(said: str, ours: str) -> bool:
    """Carriers add a plus or use national forms: the last digits decide, where the receipt has them."""
    if said == ours:
        return True
    said = said.lstrip("+")
    return not said or said[-TAIL:] == ours[-TAIL:]


def _next_retry(orphan: Orphan, now: datetime) -> datetime | None:
    tries = orphan.tries + 1
    return now + RETRY_AFTER[tries] if tries < len(RETRY_AFTER) else None
