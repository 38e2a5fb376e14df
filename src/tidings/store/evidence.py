"""Evidence in packs: what one transaction learnt about the messages of one account is one row, or few.

A transaction says much the same of hundreds of messages: rows of their own would repeat it, each with an index
entry. What is said of several in the same words is stored once, with the messages it is said of, and compressed
unless it is little. A pack is named after the newest message in it and that one's last evidence, which no other pack
can hold: so its name needs no counter, and it is in that message's partition, where it stays as long as anything in it
is kept. Each message knows its first pack, and its delivery the others.
"""

import zlib
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import asyncpg
import msgspec

from tidings.domain.evidence import Evidence
from tidings.flows.folded import Cohort
from tidings.flows.records import Key
from tidings.store.rows import Rows, columns
from tidings.store.stand import DELIVERY, stand

PACK_MOST = 256
"""So many pieces of evidence are in one pack at most: who asks about one message reads all of them."""

COMPRESSION, WINDOW_BITS, MEMORY = 1, 13, 6
"""zlib's fastest: receipts shrink to a fifteenth, in 0.5 us each; more effort gains 5 %. With zlib's usual memory,
clearing that took as long as 60 receipts, and gained nothing for packs of this size."""

LEAST_SQUEEZED = 512
"""Smaller packs stay as they are: zlib takes 50 KB of memory for each, which costs more than the pack is worth."""

PACKS = """
select e.account_id, e.message_id, e.seq, e.body
from unnest($1::integer[], $2::bigint[], $3::integer[]) as wanted (account_id, message_id, seq)
cross join lateral (
    select * from evidence
    where account_id = wanted.account_id and message_id = wanted.message_id and seq = wanted.seq offset 0) e"""

PLACES = f"select {stand('evidence')} from message m {DELIVERY} where m.account_id = $1 and m.id = $2"

Noted = tuple[Key, int, Evidence]
"""A message's key, the evidence's number in its log (from 1), and the evidence."""

PackName = tuple[int, int, int]
"""Account id, message id and seq of a pack's newest evidence."""


class Pack(NamedTuple):
    """A row."""

    account_id: int
    message_id: int
    seq: int
    body: bytes

    @property
    def name(self) -> PackName:
        """What places say of it."""
        return self[:3]


class Unreadable(ValueError):
    """What should be a pack is none."""


class _Said(msgspec.Struct, array_like=True):
    """Evidence, and what it is said of: how much older each message's id is than the pack's, and its seq, in turn.

    Where it says something else of each, these are the upstream ids and the octets, in the same order.
    """

    evidence: msgspec.Raw
    of: list[int]
    upstream_ids: list[str | None] = []
    raws: list[bytes | None] = []


class Body(NamedTuple):
    """Evidence as it stands in a pack, for `read`."""

    evidence: msgspec.Raw
    said: _Said
    place: int  # in what it says of each


class Piece(NamedTuple):
    """Those messages of a cohort whose evidence is in one pack, and where that is found again."""

    cohort: Cohort
    start: int
    end: int
    place: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Said]).decode
_read = msgspec.msgpack.Decoder(Evidence).decode


def read(body: Body) -> Evidence:
    """The evidence that `unpack` found. Raises msgspec.DecodeError."""
    evidence = _read(body.evidence)
    if body.said.upstream_ids:
        evidence.upstream_id = body.said.upstream_ids[body.place]
        evidence.raw = body.said.raws[body.place]
    return evidence


class EvidenceRows(Rows):
    """Statements on evidence."""

    async def log_of(self, account_id: int, message_id: int) -> list[Evidence]:
        """A message's evidence, oldest first."""
        places = await self._connection.fetchval(PLACES, account_id, message_id)
        if places is None:
            return []
        key = (account_id, message_id)
        packs = await fetch_packs(self._connection, pack_names(key, places))
        found = [(seq, body) for one in packs for _, seq, body in unpack(one, of={key})]
        return [read(body) for _, body in sorted(found)]


async def fetch_packs(connection: asyncpg.Connection, names: Iterable[PackName]) -> list[Pack]:
    """The packs of these names that exist."""
    return [Pack(*row) for row in await connection.fetch(PACKS, *columns(sorted(set(names)), 3))]


def pack(rows: Sequence[Noted]) -> tuple[list[Pack], dict[Key, bytes]]:
    """Rows of packs, and where each message's evidence is found again."""
    packs: list[Pack] = []
    places: dict[Key, bytes] = {}
    in_order = sorted(rows, key=lambda row: row[:2])
    for account_id, its in groupby(in_order, key=lambda row: row[0][0]):
        noted = list(its)
        for start in range(0, len(noted), PACK_MOST):
            some = noted[start : start + PACK_MOST]
            (_, newest), seq, _ = some[-1]
            packs.append(Pack(account_id, newest, seq, _body(some, newest)))
            place = _varint(newest) + _varint(seq)
            for key in {key: None for key, _, _ in some}:
                places[key] = places.get(key, b"") + place
    return packs, places


def pack_cohorts(cohorts: Iterable[Cohort]) -> tuple[list[Pack], list[Piece]]:
    """Rows of packs, and the cohorts in pieces, in no order: the evidence of each is in one pack."""
    packs: list[Pack] = []
    pieces: list[Piece] = []
    by_account: dict[int, list[Cohort]] = {}
    for cohort in cohorts:
        by_account.setdefault(cohort.held.delivery.account_id, []).append(cohort)
    for account_id, its in by_account.items():
        some: list[tuple[Cohort, int, int]] = []
        room = PACK_MOST
        for cohort in its:
            start, most = 0, len(cohort.message_ids)
            while start < most:
                end = min(start + max(room // len(cohort.evidence), 1), most)
                some.append((cohort, start, end))
                room -= (end - start) * len(cohort.evidence)
                start = end
                if room < len(cohort.evidence):
                    packs.append(_pack_of(account_id, some, pieces))
                    some, room = [], PACK_MOST
        if some:
            packs.append(_pack_of(account_id, some, pieces))
    return packs, pieces


def _pack_of(account_id: int, some: Sequence[tuple[Cohort, int, int]], pieces: list[Piece]) -> Pack:
    """The pack of what was learnt of these messages of cohorts (from, to); adds where it is found again."""
    newest, seq = max(
        (cohort.message_ids[end - 1], cohort.was + len(cohort.evidence)) for cohort, _, end in some
    )
    place = _varint(newest) + _varint(seq)
    said: dict[bytes, list[int]] = {}
    each: list[tuple[object, ...]] = []
    for cohort, start, end in some:
        pieces.append(Piece(cohort, start, end, place))
        older = [newest - one for one in cohort.message_ids[start:end]]
        for number, (evidence, told) in enumerate(cohort.evidence, cohort.was + 1):
            of = [number] * (2 * len(older))
            of[::2] = older
            if told is None:
                said.setdefault(_encode(evidence), []).extend(of)
            else:
                each.append(
                    (msgspec.Raw(_encode(evidence)), of, told.upstream_ids[start:end], told.raws[start:end])
                )
    everything = [*((msgspec.Raw(one), of) for one, of in said.items()), *each]
    return Pack(account_id, newest, seq, _squeezed(_encode(everything)))


def pack_openings(
    account_id: int, told: Sequence[tuple[Evidence, list[int]]]
) -> tuple[list[Pack], list[list[str]]]:
    """Packs of the first evidence of messages; where it is found again, for each of the lists of ids, as PostgreSQL
    reads octets.
    """
    packs: list[Pack] = []
    places: list[list[str]] = [[] for _ in told]
    some: list[tuple[int, Evidence, list[int]]] = []
    room = PACK_MOST
    for number, (evidence, message_ids) in enumerate(told):
        start = 0
        while start < len(message_ids):
            piece = message_ids[start : start + room]
            some.append((number, evidence, piece))
            start, room = start + len(piece), room - len(piece)
            if not room:
                packs.append(_opening_pack(account_id, some, places))
                some, room = [], PACK_MOST
    if some:
        packs.append(_opening_pack(account_id, some, places))
    return packs, places


def _opening_pack(
    account_id: int, some: Sequence[tuple[int, Evidence, list[int]]], places: list[list[str]]
) -> Pack:
    newest = max(max(message_ids) for _, _, message_ids in some)
    place = "\\x" + (_varint(newest) + _varint(1)).hex()
    said: dict[bytes, list[int]] = {}
    for number, evidence, message_ids in some:
        of = [1] * (2 * len(message_ids))
        of[::2] = [newest - one for one in message_ids]
        said.setdefault(_encode(evidence), []).extend(of)
        places[number] += [place] * len(message_ids)
    return Pack(account_id, newest, 1, _compressed(said))


def _body(noted: Iterable[Noted], newest: int) -> bytes:
    said: dict[bytes, list[int]] = {}
    last, of = None, []
    for (_, message_id), seq, evidence in noted:
        if evidence is not last:
            last, of = evidence, said.setdefault(_encode(evidence), [])
        of += (newest - message_id, seq)
    return _compressed(said)


def _compressed(said: dict[bytes, list[int]]) -> bytes:
    return _squeezed(_encode([_Said(msgspec.Raw(one), of) for one, of in said.items()]))


def _squeezed(octets: bytes) -> bytes:
    if len(octets) < LEAST_SQUEEZED:
        return octets
    machine = zlib.compressobj(COMPRESSION, wbits=WINDOW_BITS, memLevel=MEMORY)
    return machine.compress(octets) + machine.flush()


def _is_squeezed(body: bytes) -> bool:
    """Whether this is zlib's: an array in MessagePack begins with an octet above 0x8f, a stream of zlib's never."""
    return body[:1] < b"\x80"


def unpack(one: Pack, *, of: Container[Key] | None = None) -> Iterator[tuple[Key, int, Body]]:
    """What a pack holds, of these messages or of all: key, seq, and evidence for `read`. Raises Unreadable."""
    try:
        everything = _decode(zlib.decompress(one.body) if _is_squeezed(one.body) else one.body)
    except (zlib.error, msgspec.DecodeError) as wrong:
        raise Unreadable(f"the pack {one.name} cannot be read ({type(wrong).__name__})") from wrong
    for said in everything:
        for place, (older, seq) in enumerate(zip(said.of[::2], said.of[1::2], strict=False)):
            key = (one.account_id, one.message_id - older)
            if of is None or key in of:
                yield key, seq, Body(said.evidence, said, place)


def pack_names(key: Key, places: bytes) -> Iterator[PackName]:
    """The packs that hold a message's evidence."""
    account_id, _ = key
    numbers = _varints(places)
    for newest, seq in zip(numbers, numbers, strict=True):
        yield account_id, newest, seq


def _varint(number: int) -> bytes:
    """Seven bits an octet, the least first; the top bit says that more follow."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _varints(octets: bytes) -> Iterator[int]:
    number = shift = 0
    for octet in octets:
        number |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            yield number
            number = shift = 0
