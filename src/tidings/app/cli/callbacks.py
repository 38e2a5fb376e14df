"""`tidings callbacks`."""

from typing import Any

import click

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import table
from tidings.app.clock import SystemClock
from tidings.domain.errors import Misconfigured

MOST = 1_000
HEAD = ("account", "message", "report", "owed", "tries", "status", "why", "at")


@click.group()
def callbacks() -> None:
    """Statuses that customers' servers are told: what waits, what was given up, and why.

    A callback that fails is tried again with growing pauses for a day (callbacks.give_up_after_s). Then it is given up
    and stands here. `tidings timeline` shows the callbacks of one message, the delivered ones among them.
    """


@callbacks.command("list")
@click.option("--account", metavar="NAME", help="Of this account alone.")
@click.option("--pending", is_flag=True, help="Those that wait, the next first, instead of those given up.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@click.pass_obj
def list_(invocation: Invocation, *, account: str | None, pending: bool, limit: int) -> None:
    """Show those that were given up, the newest first.

    \b
      tidings callbacks list
      tidings callbacks list --account acme --pending --json
    """

    async def look(desk: Desk) -> list[dict[str, Any]]:
        async with desk.database() as database, database.reading() as tx:
            return await tx.list_callbacks(account, pending=pending, limit=limit)

    rows = ask(invocation, look)
    invocation.show(rows, table(HEAD, [_shown(row) for row in rows]))


@callbacks.command()
@click.argument("message_id", type=click.IntRange(1), required=False)
@click.option("--account", metavar="NAME", help="Of this account alone.")
@click.option("--all", "everything", is_flag=True, help="Of every message.")
@click.pass_obj
def retry(invocation: Invocation, *, message_id: int | None, account: str | None, everything: bool) -> None:
    """Try again what was given up, from now on as if it were new.

    \b
      tidings callbacks retry 40213
      tidings callbacks retry --account acme
    """
    if message_id is None and account is None and not everything:
        raise click.UsageError("name a message, an --account, or --all")

    async def again(desk: Desk) -> int:
        if account is not None:
            await desk.admin.account_id(account)
        async with desk.database() as database, database.transaction() as tx:
            return await tx.try_callbacks_again(account, message_id=message_id, now=SystemClock().now())

    queued = ask(invocation, again)
    if message_id is not None and not queued:
        raise Misconfigured(f"no callback of message {message_id} was given up")
    invocation.show({"queued": queued}, f"{queued} callbacks are tried again")


def _shown(row: dict[str, Any]) -> tuple[object, ...]:
    when = row.get("given_up_at") or row.get("due_at")
    assert when is not None, "one of both is there"
    return (
        row["account"],
        row["message_id"],
        row["number"] or "handed over",
        row["owed_at"].isoformat(timespec="seconds"),
        row["tries"],
        row["status"] or None,
        row["why"],
        when.isoformat(timespec="seconds"),
    )
