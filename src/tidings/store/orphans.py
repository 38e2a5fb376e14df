"""Receipts that match no submission yet."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from tidings.domain.receipt import Receipt
from tidings.flows.receive import TAIL
from tidings.flows.records import Orphan
from tidings.store.rows import Rows, columns

# The same receipt may come again, and again while it is an orphan: one row stands for all.
KEEP = """
insert into orphan (connector_id, upstream_keys, suspect_keys, recipient, sender, received_at, retry_at, fingerprint,
                    receipt, raw)
select connector_id, array(select json_array_elements_text(keys)), suspects, recipient, sender, received_at, retry_at,
       fingerprint, receipt, raw
from unnest($1::integer[], $2::json[], $3::json[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[],
            $8::bytea[], $9::json[], $10::bytea[])
     as t (connector_id, keys, suspects, recipient, sender, received_at, retry_at, fingerprint, receipt, raw)
on conflict (connector_id, fingerprint) do nothing"""

FIELDS = "connector_id, id, upstream_keys, suspect_keys, tries, received_at, receipt, raw"

NAMED = f"""
select {FIELDS} from orphan where connector_id = $1 and upstream_keys && $2::text[]
order by id for update skip locked"""

DUE = f"""
select {FIELDS} from orphan where connector_id = $1 and retry_at <= $2 order by retry_at limit $3
for update skip locked"""

ONE = f"select {FIELDS} from orphan where connector_id = $1 and id = $2 for update"

LIST = """
select o.id, c.name as connector, o.received_at, o.tries, o.retry_at, o.upstream_keys, o.recipient, o.sender,
       said ->> 'word' as word, said ->> 'error_code' as error_code, said ->> 'done_at' as done_at
from orphan o join connector c on c.id = o.connector_id cross join lateral (select o.receipt -> 'said' as said) s
where ($1::text is null or c.name = $1) order by o.received_at desc, o.id desc limit $2"""

FORGET = """
delete from orphan o using connector c
where c.id = o.connector_id and c.name = $1 and o.id = any($2::bigint[]) returning o.id"""

AGE_OUT_ORPHANS = "delete from orphan where received_at < $1"
AGE_OUT_DOUBTS = "delete from in_flight where doubt_since < $1 and decide_at is null"

RETRY = """
update orphan o set tries = o.tries + 1, retry_at = t.retry_at
from unnest($1::integer[], $2::bigint[], $3::timestamptz[]) as t (connector_id, id, retry_at)
where o.connector_id = t.connector_id and o.id = t.id"""

# The policy that ends a doubt does not wait for the next turn of a receipt that may end it, too.
WAKE = f"""
with found as materialized (
    select o.connector_id, o.id from orphan o
    where exists (select from unnest($2::integer[], $3::text[]) as t (connector_id, tail)
                  where o.connector_id = t.connector_id and right(o.recipient, {TAIL}) = t.tail)
    order by o.connector_id, o.id for update)
update orphan o set retry_at = $1 from found where o.connector_id = found.connector_id and o.id = found.id"""

DROP = """
delete from orphan o using unnest($1::integer[], $2::bigint[]) as t (connector_id, id)
where o.connector_id = t.connector_id and o.id = t.id"""


COUNT_SUSPECTS = """
insert into suspect_count as c (connector_id, form, found)
select $1, form, found from unnest($2::text[], $3::bigint[]) as t (form, found)
on conflict (connector_id, form) do update set found = c.found + excluded.found"""


class OrphanRows(Rows):
    """Statements on orphans."""

    async def keep_orphans(self, rows: Sequence[tuple[Orphan, bytes, datetime]]) -> None:
        """Keep receipts nobody claims: orphan, fingerprint, next retry."""
        if rows:
            flat = [_stored(orphan, fingerprint, retry_at) for orphan, fingerprint, retry_at in rows]
            await self._connection.execute(KEEP, *columns(flat, 10))

    async def count_suspects(self, connector_id: int, forms: Mapping[str, int]) -> None:
        """Receipts that only another id form found, by form."""
        if forms:
            await self._connection.execute(COUNT_SUSPECTS, connector_id, *columns(sorted(forms.items()), 2))

    async def orphans_named(self, connector_id: int, keys: Sequence[str]) -> list[Orphan]:
        """Receipts that came before the answers to these upstream keys; locked."""
        return [_orphan(row) for row in await self._connection.fetch(NAMED, connector_id, list(keys))]

    async def orphan(self, connector_id: int, orphan_id: int) -> Orphan | None:
        """One orphan; locked."""
        row = await self._connection.fetchrow(ONE, connector_id, orphan_id)
        return _orphan(row) if row else None

    async def list_orphans(self, connector: str | None, *, limit: int) -> list[dict[str, Any]]:
        """The newest orphans, of one connector or of all."""
        return [dict(row) for row in await self._connection.fetch(LIST, connector, limit)]

    async def forget_orphans(self, connector: str, orphan_ids: Sequence[int]) -> list[int]:
        """Delete orphans an operator has no use for; which there were."""
        return [row["id"] for row in await self._connection.fetch(FORGET, connector, list(orphan_ids))]

    async def age_out(self, *, before: datetime) -> None:
        """Delete orphans, and submissions in doubt, that found no match since."""
        await self._connection.execute(AGE_OUT_ORPHANS, before)
        await self._connection.execute(AGE_OUT_DOUBTS, before)

    async def orphans_due(self, connector_id: int, *, now: datetime, limit: int) -> list[Orphan]:
        """Orphans to try again; locked."""
        return [_orphan(row) for row in await self._connection.fetch(DUE, connector_id, now, limit)]

    async def retry_orphans(self, rows: Sequence[tuple[Orphan, datetime | None]]) -> None:
        """When to try these again; None = not by itself."""
        if rows:
            flat = [(orphan.connector_id, orphan.id, retry_at) for orphan, retry_at in rows]
            await self._connection.execute(RETRY, *columns(flat, 3))

    async def wake_orphans(self, rows: Sequence[tuple[int, str]], *, at: datetime) -> None:
        """Try orphans of a connector again now whose recipient ends in these digits."""
        if rows:
            await self._connection.execute(WAKE, at, *columns(rows, 2))

    async def drop_orphans(self, rows: Sequence[Orphan]) -> None:
        """They are matched."""
        if rows:
            flat = [(orphan.connector_id, orphan.id) for orphan in rows]
            await self._connection.execute(DROP, *columns(flat, 2))


def _stored(orphan: Orphan, fingerprint: bytes, retry_at: datetime) -> tuple[object, ...]:
    receipt = orphan.receipt
    body = msgspec.json.encode({**msgspec.to_builtins(receipt), "raw": ""}).decode()
    return (
        orphan.connector_id,
        msgspec.json.encode(orphan.upstream_keys).decode(),
        msgspec.json.encode(orphan.suspect_keys).decode(),
        receipt.recipient,
        receipt.sender,
        orphan.received_at,
        retry_at,
        fingerprint,
        body,
        receipt.raw,
    )


def _orphan(row: asyncpg.Record) -> Orphan:
    receipt = msgspec.convert({**msgspec.json.decode(row["receipt"]), "raw": row["raw"]}, Receipt)
    return Orphan(
        connector_id=row["connector_id"],
        id=row["id"],
        upstream_keys=row["upstream_keys"],
        suspect_keys=msgspec.json.decode(row["suspect_keys"]),
        tries=row["tries"],
        received_at=row["received_at"],
        receipt=receipt,
    )
