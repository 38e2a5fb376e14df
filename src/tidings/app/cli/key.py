"""`tidings key`."""

from typing import Any

import click

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import table
from tidings.app.keys import create_key, create_password
from tidings.domain.errors import Misconfigured


@click.group()
def key() -> None:
    """What proves that a request comes from an account: API keys, user names with passwords."""


@key.command()
@click.argument("account")
@click.option(
    "--test", is_flag=True, help="For test traffic: the same code, only simulators, nothing is billed."
)
@click.option(
    "--basic", "username", metavar="USERNAME", help="A user name and a password (HTTP Basic) instead."
)
@click.pass_obj
def create(invocation: Invocation, *, account: str, test: bool, username: str | None) -> None:
    """Make a key and show it, this once: only its hash is kept.

    \b
    A live key, as in `X-API-KEY: live_…` and `Authorization: App live_…`:
      tidings key create acme
    A key for tests:
      tidings key create acme --test
    A user name and a password:
      tidings key create acme --basic acme-app
    """

    async def make(desk: Desk) -> tuple[int, str]:
        account_id = await desk.admin.account_id(account)
        if username is None:
            return await create_key(desk.admin, account_id, test=test)
        return await create_password(desk.admin, account_id, username, test=test)

    credential_id, secret = ask(invocation, make)
    if username is None:
        answer, told = {"key": secret}, secret
    else:
        answer, told = {"username": username, "password": secret}, f"{username}  {secret}"
    invocation.show(
        {"account": account, "id": credential_id, "test": test, **answer},
        f"{told}\nIt is not shown again. To refuse it: tidings key revoke {account} {credential_id}",
    )


@key.command("list")
@click.argument("account")
@click.pass_obj
def list_(invocation: Invocation, *, account: str) -> None:
    """Show an account's keys: their first characters, never more."""

    async def read(desk: Desk) -> list[dict[str, Any]]:
        return await desk.admin.credentials(await desk.admin.account_id(account))

    rows = ask(invocation, read)
    shown = [
        (
            row["id"],
            row["kind"],
            row["shown"],
            "test" if row["test"] else "live",
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            f"revoked {row['revoked_at']:%Y-%m-%d %H:%M}" if row["revoked_at"] else "valid",
        )
        for row in rows
    ]
    invocation.show(rows, table(("id", "kind", "begins with", "for", "made", "state"), shown))


@key.command()
@click.argument("account")
@click.argument("id_", metavar="ID", type=int)
@click.pass_obj
def revoke(invocation: Invocation, *, account: str, id_: int) -> None:
    """Refuse a key, and every token made with it, from now on.

    \b
      tidings key list acme
      tidings key revoke acme 7
    """

    async def refuse(desk: Desk) -> None:
        if not await desk.admin.revoke(await desk.admin.account_id(account), id_):
            raise Misconfigured(
                f"{account} has no valid key {id_}; `tidings key list {account}` shows its keys"
            )

    ask(invocation, refuse)
    invocation.show(
        {"account": account, "id": id_, "revoked": True}, f"key {id_} of {account} is refused now"
    )
