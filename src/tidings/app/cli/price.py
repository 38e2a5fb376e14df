"""`tidings price`."""

from decimal import Decimal
from typing import Any

import click

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import table
from tidings.app.cli.values import amount, prefix, shown_prefix
from tidings.domain.money import plain

code = click.IntRange(0, 999)


@click.group()
def price() -> None:
    """What one part of a message costs an account, by where it goes. The longest prefix that fits decides."""


@price.command("set")
@click.argument("account")
@click.argument("prefix_", metavar="PREFIX", type=prefix)
@click.argument("per_part", metavar="AMOUNT", type=amount)
@click.option(
    "--tariff",
    type=code,
    default=0,
    show_default=True,
    help="The tariff; 0 is what a request means that names none.",
)
@click.pass_obj
def set_(invocation: Invocation, *, account: str, prefix_: str, per_part: Decimal, tariff: int) -> None:
    """Set the price of one part to numbers that begin with PREFIX; `default` is everywhere else.

    A destination without a price is refused. Messages that are taken already keep the price they were taken for.

    \b
      tidings price set acme default 0.05
      tidings price set acme 380 0.0235
      tidings price set acme 380 0.0199 --tariff 1
    """

    async def change(desk: Desk) -> None:
        account_id = await desk.admin.account_id(account)
        await desk.admin.set_price(account_id, tariff=tariff, prefix=prefix_, per_part=per_part)

    ask(invocation, change)
    shown = format(per_part, "f")
    invocation.show(
        {"account": account, "tariff": tariff, "prefix": prefix_, "per_part": shown},
        f"{account}: a part to {shown_prefix(prefix_)} costs {shown} on tariff {tariff}",
    )


@price.command("list")
@click.argument("account")
@click.pass_obj
def list_(invocation: Invocation, *, account: str) -> None:
    """Show an account's prices."""

    async def read(desk: Desk) -> list[dict[str, Any]]:
        return await desk.admin.prices(await desk.admin.account_id(account))

    rows = [{**row, "per_part": plain(row["per_part"])} for row in ask(invocation, read)]
    shown = [
        (row["tariff"], "on" if row["active"] else "off", shown_prefix(row["prefix"]), row["per_part"])
        for row in rows
    ]
    invocation.show(rows, table(("tariff", "is", "prefix", "per part"), shown))


@price.command()
@click.argument("account")
@click.argument("code_", metavar="CODE", type=code)
@click.option("--on/--off", "active", required=True, help="Whether messages may be sent on it.")
@click.pass_obj
def tariff(invocation: Invocation, *, account: str, code_: int, active: bool) -> None:
    """Switch a tariff of an account on or off; a new one is made.

    \b
      tidings price tariff acme 1 --off
    """

    async def change(desk: Desk) -> None:
        await desk.admin.set_tariff(await desk.admin.account_id(account), tariff=code_, active=active)

    ask(invocation, change)
    invocation.show(
        {"account": account, "tariff": code_, "active": active},
        f"{account}: tariff {code_} is {'on' if active else 'off'}",
    )
