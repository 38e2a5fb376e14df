"""What operators change: accounts, credentials, prices, connectors, routes. Every change bumps the catalog."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec

from tidings.domain import web_address
from tidings.domain.errors import Misconfigured
from tidings.domain.money import Units, from_decimal

BUMP = "update catalog set version = version + 1"

ADD_ACCOUNT = """
insert into account (name, currency, credit_limit, plan, traffic_class, senders, settings)
values ($1, $2, $3, $4, $5::traffic_class, $6, $7::jsonb) returning id"""
ADD_TARIFF = "insert into tariff (account_id, code, active) values ($1, $2, $3)"
ACCOUNTS = """
select id, name, currency, balance, credit_limit, plan, traffic_class::text, senders, sender_classes::text,
       callback_url, callback_each, settings::text, created_at, closed_at
from account order by id"""
ACCOUNT_ID = "select id from account where name = $1"
CLOSE_ACCOUNT = "update account set closed_at = now() where id = $1 and closed_at is null"

SET_CALLBACK = "update account set callback_url = $2, callback_each = $3 where id = $1"

SET_SENDER_CLASS = """
update account set sender_classes = case when $3::text is null then sender_classes - $2
                                    else jsonb_set(sender_classes, array[$2], to_jsonb($3::text)) end
where id = $1"""

ACCOUNT_SETTINGS = "select settings::text from account where id = $1 for update"
SET_ACCOUNT_SETTINGS = "update account set settings = $2::jsonb where id = $1"

TOP_UP = "update account set balance = balance + $2 where id = $1 returning balance"
NOTE_TOP_UP = """
insert into ledger (account_id, at, kind, amount, messages, note) values ($1, now(), 'topup', $2, 0, $3)"""

ADD_CREDENTIAL = """
insert into credential (account_id, kind, test, shown, username, secret_hash)
values ($1, $2, $3, $4, $5, $6) returning id"""
CREDENTIALS = """
select id, kind, test, shown, created_at, revoked_at from credential where account_id = $1 order by id"""
REVOKE = """
update credential set revoked_at = now() where account_id = $1 and id = $2 and revoked_at is null returning id"""
OPENS = """
select exists (select from credential where account_id = $1 and secret_hash = $2 and revoked_at is null)"""
REVOKE_ALL = "update credential set revoked_at = now() where account_id = $1 and revoked_at is null"

ADD_TARIFF_IF_NEW = """
insert into tariff (account_id, code) values ($1, $2) on conflict (account_id, code) do nothing"""
SET_TARIFF = """
insert into tariff (account_id, code, active) values ($1, $2, $3)
on conflict (account_id, code) do update set active = excluded.active"""
SET_PRICE = """
insert into price (account_id, tariff, prefix, per_part) values ($1, $2, $3, $4)
on conflict (account_id, tariff, prefix) do update set per_part = excluded.per_part"""
PRICES = """
select p.tariff, t.active, p.prefix, p.per_part from price p
join tariff t on t.account_id = p.account_id and t.code = p.tariff
where p.account_id = $1 order by p.tariff, p.prefix"""

ADD_CONNECTOR = """
insert into connector (name, kind, simulator, enabled, settings) values ($1, $2, $3, $4, $5::jsonb) returning id"""
CONNECTORS = "select id, name, kind, simulator, enabled, settings::text from connector order by id"
CONNECTOR = "select id, name, kind, simulator, enabled, settings::text from connector where name = $1"
UPDATE_CONNECTOR = "update connector set settings = $2::jsonb, simulator = $3, enabled = $4 where name = $1"

ADD_ROUTE = """
insert into route (account_id, prefix, connector_id, position) values ($1, $2, $3, $4) returning id"""
REMOVE_ROUTE = "delete from route where id = $1 returning id"
ROUTES = """
select r.id, a.name as account, r.prefix, c.name as connector, r.position
from route r join connector c on c.id = r.connector_id left join account a on a.id = r.account_id
order by r.prefix, r.position, r.id"""

WAKE_CONNECTORS = "select pg_notify('tidings_connectors', '')"


class Admin:
    """Operators' statements, each committed on its own."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def add_account(
        self,
        name: str,
        currency: str,
        *,
        credit_limit: Units = 0,
        plan: str = "accepted",
        traffic_class: str = "transactional",
        senders: Sequence[str] = (),
        settings: dict[str, object] | None = None,
    ) -> int:
        """A new account with its default tariff 0; its id. Raises Misconfigured if the name is taken or bad."""
        encoded = msgspec.json.encode(settings or {}).decode()
        async with self._changing():
            account_id: int = await self._connection.fetchval(
                ADD_ACCOUNT, name, currency, credit_limit, plan, traffic_class, list(senders), encoded
            )
            await self._connection.execute(ADD_TARIFF, account_id, 0, True)
        return account_id

    async def account_id(self, name: str) -> int:
        """The account of a name. Raises Misconfigured if there is none."""
        account_id: int | None = await self._connection.fetchval(ACCOUNT_ID, name)
        if account_id is None:
            raise Misconfigured(f"there is no account {name!r}; `tidings account list` shows those there are")
        return account_id

    async def accounts(self) -> list[dict[str, Any]]:
        """Every account."""
        return [dict(row) for row in await self._connection.fetch(ACCOUNTS)]

    async def close_account(self, account_id: int) -> None:
        """Refuse everything of the account from now on."""
        async with self._changing():
            await self._connection.execute(CLOSE_ACCOUNT, account_id)

    async def set_sender_class(self, account_id: int, sender: str, traffic_class: str | None) -> None:
        """What messages from a sender are for; None = the account's default again."""
        async with self._changing():
            await self._connection.execute(SET_SENDER_CLASS, account_id, sender, traffic_class)

    async def account_settings(self, account_id: int) -> dict[str, object]:
        """What the account has otherwise than usual in the dialects."""
        settings: dict[str, object] = msgspec.json.decode(
            await self._connection.fetchval(ACCOUNT_SETTINGS, account_id)
        )
        return settings

    async def change_settings(
        self, account_id: int, change: Callable[[dict[str, object]], dict[str, object]]
    ) -> dict[str, object]:
        """The same after a change; two at a time do not undo each other."""
        async with self._changing():
            settings = change(await self.account_settings(account_id))
            encoded = msgspec.json.encode(settings).decode()
            await self._connection.execute(SET_ACCOUNT_SETTINGS, account_id, encoded)
        return settings

    async def set_callback(self, account_id: int, url: str | None, *, each: bool) -> None:
        """Where statuses are pushed to whose request names no URL; None: nowhere. `each`: also of handing over."""
        if url is not None and web_address.parse(url) is None:
            raise Misconfigured(f"not an http or https URL without credentials: {url}")
        async with self._changing():
            await self._connection.execute(SET_CALLBACK, account_id, url, each)

    async def top_up(self, account_id: int, amount: Decimal, note: str = "") -> Units:
        """Add money; the new balance."""
        units = _units(amount, least=1)
        async with self._changing():
            balance: Units = await self._connection.fetchval(TOP_UP, account_id, units)
            await self._connection.execute(NOTE_TOP_UP, account_id, units, note)
        return balance

    async def add_credential(
        self, account_id: int, *, secret_hash: bytes, shown: str, test: bool, username: str | None = None
    ) -> int:
        """A new key, or with a user name a password; its id."""
        kind = "key" if username is None else "password"
        async with self._changing():
            credential_id: int = await self._connection.fetchval(
                ADD_CREDENTIAL, account_id, kind, test, shown, username, secret_hash
            )
        return credential_id

    async def credentials(self, account_id: int) -> list[dict[str, Any]]:
        """The account's credentials, never their secrets."""
        return [dict(row) for row in await self._connection.fetch(CREDENTIALS, account_id)]

    async def revoke(self, account_id: int, credential_id: int) -> bool:
        """Refuse a credential, and the tokens made with it, from now on; False if it was not valid."""
        async with self._changing():
            return await self._connection.fetchval(REVOKE, account_id, credential_id) is not None

    async def opens(self, account_id: int, secret_hash: bytes) -> bool:
        """Whether a secret is a valid credential of the account."""
        opens: bool = await self._connection.fetchval(OPENS, account_id, secret_hash)
        return opens

    async def revoke_all(self, account_id: int) -> None:
        """Refuse all credentials of the account."""
        async with self._changing():
            await self._connection.execute(REVOKE_ALL, account_id)

    async def set_price(self, account_id: int, *, tariff: int, prefix: str, per_part: Decimal) -> None:
        """What one part to a prefix costs on a tariff; a tariff that is new is made, and active."""
        units = _units(per_part, least=0)
        async with self._changing():
            await self._connection.execute(ADD_TARIFF_IF_NEW, account_id, tariff)
            await self._connection.execute(SET_PRICE, account_id, tariff, prefix, units)

    async def set_tariff(self, account_id: int, *, tariff: int, active: bool) -> None:
        """Make a tariff, or switch it on or off."""
        async with self._changing():
            await self._connection.execute(SET_TARIFF, account_id, tariff, active)

    async def prices(self, account_id: int) -> list[dict[str, Any]]:
        """The account's prices."""
        return [dict(row) for row in await self._connection.fetch(PRICES, account_id)]

    async def add_connector(
        self, name: str, kind: str, settings: dict[str, object], *, simulator: bool, enabled: bool = True
    ) -> int:
        """A new connector; its id. `settings` holds no secret, only where to read it."""
        encoded = msgspec.json.encode(settings).decode()
        async with self._changing():
            connector_id: int = await self._connection.fetchval(
                ADD_CONNECTOR, name, kind, simulator, enabled, encoded
            )
            await self._connection.execute(WAKE_CONNECTORS)
        return connector_id

    async def update_connector(
        self, name: str, settings: dict[str, object], *, simulator: bool, enabled: bool
    ) -> None:
        """Change a connector; couriers rebind with the new settings."""
        encoded = msgspec.json.encode(settings).decode()
        async with self._changing():
            await self._connection.execute(UPDATE_CONNECTOR, name, encoded, simulator, enabled)
            await self._connection.execute(WAKE_CONNECTORS)

    async def connector(self, name: str) -> dict[str, Any] | None:
        """One connector with its settings decoded."""
        row = await self._connection.fetchrow(CONNECTOR, name)
        return _connector(row) if row else None

    async def connectors(self) -> list[dict[str, Any]]:
        """Every connector with its settings decoded."""
        return [_connector(row) for row in await self._connection.fetch(CONNECTORS)]

    async def add_route(
        self, connector_id: int, *, prefix: str = "", account_id: int | None = None, position: int = 0
    ) -> int:
        """A new route; its id."""
        async with self._changing():
            route_id: int = await self._connection.fetchval(
                ADD_ROUTE, account_id, prefix, connector_id, position
            )
        return route_id

    async def remove_route(self, route_id: int) -> bool:
        """Take a route away from new messages; what is queued goes on as it was. False if there was none."""
        async with self._changing():
            return await self._connection.fetchval(REMOVE_ROUTE, route_id) is not None

    async def routes(self) -> list[dict[str, Any]]:
        """Every route."""
        return [dict(row) for row in await self._connection.fetch(ROUTES)]

    def _changing(self) -> "_Changing":
        return _Changing(self._connection)


class _Changing:
    """A transaction that bumps the catalog, with the database's refusals put in an operator's words."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._transaction = connection.transaction()

    async def __aenter__(self) -> None:
        await self._transaction.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is None:
            await self._connection.execute(BUMP)
            await self._transaction.commit()
            return
        await self._transaction.rollback()
        if isinstance(error, asyncpg.UniqueViolationError):
            raise Misconfigured("that name or prefix is taken already") from error
        if isinstance(error, asyncpg.CheckViolationError | asyncpg.DataError):
            raise Misconfigured(f"not a possible value: {error.args[0].splitlines()[0]}") from error


def _units(amount: Decimal, *, least: Units) -> Units:
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 11:
        raise Misconfigured("the amount is out of range")
    try:
        units = from_decimal(amount)
    except ValueError as error:
        raise Misconfigured(str(error)) from error
    if units < least:
        raise Misconfigured("the amount is too small")
    return units


def _connector(row: asyncpg.Record) -> dict[str, Any]:
    return {**row, "settings": msgspec.json.decode(row["settings"])}
