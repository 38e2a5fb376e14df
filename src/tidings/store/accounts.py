"""Accounts, their credentials and their money."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import asyncpg
import msgspec

from tidings.domain.message import Balance
from tidings.domain.order import Account, Caller, TrafficClass
from tidings.flows.records import Funds, KnownCaller, MoneyMove
from tidings.store.rows import Rows, columns

TAKING_LOCK = 0x7164
"""The first key of the advisory locks on accounts, of which the second is the account. Statements that take orders
share it; whoever judges orders under lock has it alone, and so meets nobody who holds a key and waits for him."""

LOCK_OUT = f"select pg_advisory_xact_lock({TAKING_LOCK}, id) from unnest($1::integer[]) as id"

LOCK_ACCOUNTS = """
select id, balance, credit_limit, closed_at is not null as closed,
       (select version from catalog) as catalog_version
from account where id = any($1::integer[]) order by id for no key update"""

MOVE_MONEY = """
with moved as (
    update account set balance = balance + delta
    from unnest($1::integer[], $2::bigint[]) as t (id, delta)
    where account.id = t.id)
insert into ledger (account_id, at, kind, amount, messages)
select account_id, $3, kind, amount, messages
from unnest($4::integer[], $5::ledger_kind[], $6::bigint[], $7::integer[]) as t (account_id, kind, amount, messages)"""

ACCOUNT_FIELDS = """a.id, a.name, a.currency, a.senders, a.traffic_class::text, a.sender_classes, a.callback_url,
       a.callback_each, a.settings"""

CALLERS = f"""
select c.id as credential_id, c.test, c.secret_hash, c.username, {ACCOUNT_FIELDS}
from credential c join account a on a.id = c.account_id
where c.revoked_at is null and a.closed_at is null"""

CALLERS_BY_HASH = CALLERS + " and c.kind = 'key' and c.secret_hash = any($1::bytea[])"
CALLERS_BY_NAME = CALLERS + " and c.kind = 'password' and c.username = any($1::text[])"
CALLERS_BY_ID = CALLERS + " and c.id = any($1::integer[])"

BALANCE = "select balance, credit_limit, currency from account where id = $1"


_decode_classes = msgspec.json.Decoder(dict[str, TrafficClass]).decode


class AccountRows(Rows):
    """Statements on accounts."""

    async def lock_accounts(self, account_ids: Iterable[int]) -> tuple[dict[int, Funds], int]:
        """The accounts, locked in one order until the transaction ends, and the catalog's version.

        Nobody takes orders of them beside us.
        """
        in_order = sorted(account_ids)
        await self._connection.execute(LOCK_OUT, in_order)
        rows = await self._connection.fetch(LOCK_ACCOUNTS, in_order)
        funds = {row["id"]: Funds(row["balance"], row["credit_limit"], row["closed"]) for row in rows}
        return funds, rows[0]["catalog_version"] if rows else 0

    async def move_money(self, moves: dict[int, MoneyMove], at: datetime) -> None:
        """Move balances and write the ledger, by account."""
        deltas, entries = balance_moves(moves), ledger_entries(moves)
        if entries:
            await self._connection.execute(MOVE_MONEY, *columns(deltas, 2), at, *columns(entries, 4))

    async def callers_by_hash(self, hashes: list[bytes]) -> list[KnownCaller]:
        """Who these hashed keys belong to; revoked ones and closed accounts are left out."""
        return [_known(row) for row in await self._connection.fetch(CALLERS_BY_HASH, hashes)]

    async def callers_by_name(self, usernames: list[str]) -> list[KnownCaller]:
        """Who these user names belong to."""
        return [_known(row) for row in await self._connection.fetch(CALLERS_BY_NAME, usernames)]

    async def callers_by_id(self, credential_ids: list[int]) -> list[KnownCaller]:
        """Who these credentials belong to."""
        return [_known(row) for row in await self._connection.fetch(CALLERS_BY_ID, credential_ids)]

    async def balance(self, account_id: int) -> Balance:
        """What the account has now."""
        row = await self._connection.fetchrow(BALANCE, account_id)
        return Balance(row["balance"], row["credit_limit"], row["currency"])


def balance_moves(moves: Mapping[int, MoneyMove]) -> list[tuple[int, int]]:
    """By how much each account's balance moves; those that do."""
    deltas = [(account_id, move.release - move.hold) for account_id, move in sorted(moves.items())]
    return [one for one in deltas if one[1]]


def ledger_entries(moves: Mapping[int, MoneyMove]) -> list[tuple[int, str, int, int]]:
    """Account id, kind, amount and messages of each line in the ledger."""
    return [
        (account_id, kind, amount, messages)
        for account_id, move in sorted(moves.items())
        for kind, amount, messages in (
            ("hold", move.hold, move.held_messages),
            ("charge", move.charge, move.charged_messages),
            ("release", move.release, move.released_messages),
        )
        if amount
    ]


def account_of(row: asyncpg.Record) -> Account:
    """An account from a row of ACCOUNT_FIELDS."""
    return Account(
        id=row["id"],
        name=row["name"],
        currency=row["currency"],
        senders=tuple(row["senders"]),
        traffic_class=TrafficClass(row["traffic_class"]),
        sender_classes=_decode_classes(row["sender_classes"]),
        callback_url=row["callback_url"],
        callback_each=row["callback_each"],
        settings=msgspec.json.decode(row["settings"]),
    )


def _known(row: asyncpg.Record) -> KnownCaller:
    caller = Caller(account_of(row), row["credential_id"], row["test"])
    return KnownCaller(caller, row["secret_hash"], row["username"])
