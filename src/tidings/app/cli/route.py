"""`tidings route`."""

from typing import Any

import click

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import table
from tidings.app.cli.values import prefix, shown_prefix
from tidings.domain.errors import Misconfigured


@click.group()
def route() -> None:
    """Which connector carries which traffic.

    An account's own routes go before common ones, then the longest prefix that fits, then the lowest position. Test
    traffic takes only routes to simulators.
    """


@route.command()
@click.option("--connector", required=True, metavar="NAME", help="Who carries it.")
@click.option(
    "--prefix", "prefix_", type=prefix, default="", help="The numbers' first digits. Without it: all numbers."
)
@click.option("--account", metavar="NAME", help="For this account alone. Without it: for all accounts.")
@click.option(
    "--position",
    type=click.IntRange(0, 32_767),
    default=0,
    show_default=True,
    help="The lower is tried first.",
)
@click.pass_obj
def add(invocation: Invocation, *, connector: str, prefix_: str, account: str | None, position: int) -> None:
    """Let a connector carry messages.

    \b
    Everything:
      tidings route add --connector mts
    Ukraine by another one, and for one customer by a third:
      tidings route add --connector kyivstar --prefix 380
      tidings route add --connector direct --prefix 380 --account acme
    """

    async def make(desk: Desk) -> int:
        row = await desk.admin.connector(connector)
        if row is None:
            raise Misconfigured(
                f"there is no connector {connector!r}; `tidings connector list` shows those there are"
            )
        account_id = await desk.admin.account_id(account) if account else None
        return await desk.admin.add_route(row["id"], prefix=prefix_, account_id=account_id, position=position)

    route_id = ask(invocation, make)
    whose = account or "all accounts"
    invocation.show(
        {"id": route_id, "connector": connector, "prefix": prefix_, "account": account, "position": position},
        f"route {route_id}: {connector} carries {whose} to {shown_prefix(prefix_)}",
    )


@route.command()
@click.argument("route_id", type=click.IntRange(1))
@click.pass_obj
def remove(invocation: Invocation, *, route_id: int) -> None:
    """Take a route away. Messages that are queued already go on as they were.

    \b
      tidings route list
      tidings route remove 3
    """
    if not ask(invocation, lambda desk: desk.admin.remove_route(route_id)):
        raise Misconfigured(f"there is no route {route_id}; `tidings route list` shows those there are")
    invocation.show({"removed": route_id}, f"removed route {route_id}")


@route.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Show every route."""
    rows: list[dict[str, Any]] = ask(invocation, lambda desk: desk.admin.routes())
    shown = [
        (row["id"], shown_prefix(row["prefix"]), row["account"] or "all", row["position"], row["connector"])
        for row in rows
    ]
    invocation.show(rows, table(("id", "prefix", "account", "position", "connector"), shown))
