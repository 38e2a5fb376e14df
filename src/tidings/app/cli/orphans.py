"""`tidings orphans`."""

from typing import Any

import click

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import table
from tidings.app.clock import SystemClock
from tidings.domain.errors import Misconfigured
from tidings.flows.receive import Receive
from tidings.store.operator import find_messages

MOST = 1_000


@click.group()
def orphans() -> None:
    """Receipts that match no submission: acknowledged to the carrier, tried again for two minutes, kept for 30 days.

    Some belong to another system on the same carrier account, some to messages that were never answered, and some
    come under an id form that the connector is not set to: `tidings doctor` says so.
    """


@orphans.command("list")
@click.option("--connector", metavar="NAME", help="Of this connector alone.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@click.pass_obj
def list_(invocation: Invocation, *, connector: str | None, limit: int) -> None:
    """Show the newest.

    \b
      tidings orphans list
      tidings orphans list --connector mts --limit 500 --json
    """

    async def look(desk: Desk) -> list[dict[str, Any]]:
        async with desk.database() as database, database.reading() as tx:
            return await tx.list_orphans(connector, limit=limit)

    rows = ask(invocation, look)
    head = ("connector", "id", "received", "recipient", "sender", "says", "err", "under", "next try")
    shown = [
        (
            row["connector"],
            row["id"],
            row["received_at"].isoformat(timespec="seconds"),
            row["recipient"],
            row["sender"],
            row["word"],
            row["error_code"],
            " ".join(row["upstream_keys"]),
            row["retry_at"].isoformat(timespec="seconds") if row["retry_at"] else "by hand",
        )
        for row in rows
    ]
    invocation.show(rows, table(head, shown))


@orphans.command()
@click.argument("connector")
@click.argument("orphan_id", type=click.IntRange(1))
@click.argument("message_id", type=click.IntRange(1))
@click.option("--part", type=click.IntRange(1, 255), default=1, show_default=True, help="Of a long message.")
@click.option("--attempt", type=click.IntRange(1, 20), default=1, show_default=True)
@click.pass_obj
def match(
    invocation: Invocation, *, connector: str, orphan_id: int, message_id: int, part: int, attempt: int
) -> None:
    """Say which message a receipt belongs to. It then counts like any other; the timeline shows who said so.

    \b
      tidings orphans match mts 17 40213
    """

    async def adopt(desk: Desk) -> bool:
        row = await desk.admin.connector(connector)
        found = [key for key in await find_messages(desk.connection, str(message_id)) if key[1] == message_id]
        if row is None or not found:
            raise Misconfigured("there is no such connector or message")
        async with desk.database() as database:
            flow = Receive(database, clock=SystemClock(), connector_id=row["id"])
            return await flow.adopt(orphan_id, found[0], attempt=attempt, part=part)

    if not ask(invocation, adopt):
        raise Misconfigured(f"there is no orphan {orphan_id} of {connector!r}")
    invocation.show(
        {"matched": orphan_id, "message": message_id}, f"receipt {orphan_id} -> message {message_id}"
    )


@orphans.command()
@click.argument("connector")
@click.argument("orphan_ids", type=click.IntRange(1), nargs=-1, required=True)
@click.pass_obj
def drop(invocation: Invocation, *, connector: str, orphan_ids: tuple[int, ...]) -> None:
    """Delete receipts that belong to nobody here.

    \b
      tidings orphans drop mts 17 18 19
    """

    async def forget(desk: Desk) -> list[int]:
        async with desk.database() as database, database.transaction() as tx:
            return await tx.forget_orphans(connector, orphan_ids[:MOST])

    dropped = ask(invocation, forget)
    invocation.show({"dropped": dropped}, f"dropped {len(dropped)} of {len(orphan_ids)}")
