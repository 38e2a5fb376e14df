"""The demo account of `tidings dev`: money, prices, keys, and the simulated SMSC as its carrier."""

from decimal import Decimal
from typing import Any

import asyncpg

from tidings.app.keys import create_key, create_password
from tidings.flows.callers import hash_secret
from tidings.store.admin import Admin

ACCOUNT = "demo"
CURRENCY = "EUR"
FUNDS = Decimal(1_000)
PER_PART = Decimal("0.0200000")
DEAR = {"1": Decimal("0.0100000"), "380": Decimal("0.0235000")}
CONNECTOR = "simulator"
BASIC_USER = "demo"


async def ensure_demo(
    database_url: str,
    known: dict[str, Any] | None,
    *,
    smsc_host: str,
    smsc_port: int,
    smsc_system_id: str,
    smsc_password_file: str,
) -> dict[str, str]:
    """The demo account's keys: those of `known` if they still open the account, else new ones and no others."""
    connection = await asyncpg.connect(database_url)
    try:
        admin = Admin(connection)
        account_id = await _account(admin)
        await _carrier(
            admin,
            host=smsc_host,
            port=smsc_port,
            system_id=smsc_system_id,
            password_file=smsc_password_file,
        )
        if known is not None and await _still_open(admin, account_id, known):
            return {name: known[name] for name in ("live_key", "test_key", "basic_user", "basic_password")}
        await admin.revoke_all(account_id)
        return await _new_keys(admin, account_id)
    finally:
        await connection.close()


async def _account(admin: Admin) -> int:
    for row in await admin.accounts():
        if row["name"] == ACCOUNT:
            account_id: int = row["id"]
            return account_id
    account_id = await admin.add_account(ACCOUNT, CURRENCY)
    await admin.top_up(account_id, FUNDS, "a gift to try things with")
    for prefix, per_part in {"": PER_PART, **DEAR}.items():
        await admin.set_price(account_id, tariff=0, prefix=prefix, per_part=per_part)
    return account_id


async def _carrier(admin: Admin, *, host: str, port: int, system_id: str, password_file: str) -> None:
    settings: dict[str, object] = {
        "host": host,
        "port": port,
        "system_id": system_id,
        "password_file": password_file,
        "receipt_class": "handset",
        "err_is_map": True,
        "window": 500,
    }
    current = await admin.connector(CONNECTOR)
    if current is None:
        connector_id = await admin.add_connector(CONNECTOR, "smpp", settings, simulator=True)
        await admin.add_route(connector_id)
    elif current["settings"] != settings:
        await admin.update_connector(CONNECTOR, settings, simulator=True, enabled=True)


async def _still_open(admin: Admin, account_id: int, known: dict[str, Any]) -> bool:
    secrets = [known.get(name) for name in ("live_key", "test_key", "basic_password")]
    if known.get("basic_user") != BASIC_USER or not all(isinstance(one, str) for one in secrets):
        return False
    return all([await admin.opens(account_id, hash_secret(str(one))) for one in secrets])


async def _new_keys(admin: Admin, account_id: int) -> dict[str, str]:
    _, live_key = await create_key(admin, account_id, test=False)
    _, test_key = await create_key(admin, account_id, test=True)
    _, password = await create_password(admin, account_id, BASIC_USER)
    return {
        "live_key": live_key,
        "test_key": test_key,
        "basic_user": BASIC_USER,
        "basic_password": password,
    }
