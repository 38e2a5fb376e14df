"""`tidings connector`."""

from typing import Any

import click
import msgspec

from tidings.app import connectors
from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.smpp_options import settings_of, smpp_options
from tidings.app.cli.table import table
from tidings.app.connectors import REFERENCES
from tidings.connectors.smpp.probe import Step, probe
from tidings.domain.errors import Misconfigured
from tidings.store import health

HEADINGS = ("name", "id", "address", "system_id", "binds", "receipts say", "simulator", "is", "up")


@click.group()
def connector() -> None:
    """Carriers: each connector is one account at one SMSC. Running gateways follow every change at once."""


@connector.command()
@click.argument("name")
@smpp_options(required=True)
@click.option("--simulator", is_flag=True, help="It leads to no real carrier: test keys may use it.")
@click.pass_obj
def add(invocation: Invocation, /, *, name: str, simulator: bool, **options: Any) -> None:
    """Attach an SMSC.

    \b
    The least that is needed:
      tidings connector add mts --host smpp.mts.example --port 2775 --system-id acme \\
        --password-file /etc/tidings/mts.password --receipt-class handset
      tidings connector test mts
      tidings route add --connector mts
    With TLS, two sessions, 50 a second, ids that come back in decimal:
      tidings connector add kyivstar --host smpp.example --port 3550 --tls --system-id acme \\
        --password-env KYIVSTAR_PASSWORD --receipt-class carrier --binds 2 --window 50 --rate 50 \\
        --id-form resp_hex_receipt_dec
    """
    settings = settings_of(options)
    doubt = _checked(settings)

    async def make(desk: Desk) -> int:
        return await desk.admin.add_connector(name, "smpp", settings, simulator=simulator)

    connector_id = ask(invocation, make)
    invocation.show(
        {"id": connector_id, "name": name, "note": doubt},
        f"connector {name} is made (id {connector_id}){_noted(doubt)}\nNext:\n"
        f"  tidings connector test {name}            does the carrier take us?\n"
        f"  tidings route add --connector {name}     let it carry messages",
    )


@connector.command()
@click.argument("name")
@smpp_options(required=False)
@click.option("--simulator/--no-simulator", default=None, help="Whether test keys may use it.")
@click.pass_obj
def change(invocation: Invocation, /, *, name: str, simulator: bool | None, **options: Any) -> None:
    """Change settings of a connector; those not named stay as they are.

    \b
      tidings connector change mts --window 100 --rate 200
    """
    given = settings_of(options)

    async def write(desk: Desk) -> str | None:
        row = await _row(desk, name)
        replaced = REFERENCES if any(one in given for one in REFERENCES) else ()
        kept = {key: value for key, value in row["settings"].items() if key not in replaced}
        settings = {**kept, **given}
        doubt = _checked(settings)
        now = row["simulator"] if simulator is None else simulator
        await desk.admin.update_connector(name, settings, simulator=now, enabled=row["enabled"])
        return doubt

    doubt = ask(invocation, write)
    invocation.show({"name": name, "note": doubt}, f"connector {name} is changed{_noted(doubt)}")


@connector.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Show every connector, and how many of its sessions are up. Passwords are not shown; they are not here."""

    async def look(desk: Desk) -> list[dict[str, Any]]:
        bound = {one.connector: one for one in await health.bound(desk.connection)}
        return [{**row, "up": _up(bound.get(row["name"]))} for row in await desk.admin.connectors()]

    rows = ask(invocation, look)
    invocation.show(rows, table(HEADINGS, [_shown(row) for row in rows]))


@connector.command()
@click.argument("name")
@click.pass_context
def test(context: click.Context, *, name: str) -> None:
    """Bind to the carrier, ask for a sign of life, unbind, and tell what it said. Sends nothing.

    The password is read here and now, from the same file or variable that the gateway would read. Exit code 0 only
    if everything worked.
    """
    invocation = context.ensure_object(Invocation)

    async def try_it(desk: Desk) -> list[Step]:
        return await probe(connectors.config_of(await _row(desk, name)))

    steps = ask(invocation, try_it)
    worked = all(one.worked for one in steps)
    shown = table(
        ("tried", "worked", "took", "said"),
        [
            (one.tried, "yes" if one.worked else "NO", f"{one.took_s * 1000:.0f} ms", one.said)
            for one in steps
        ],
    )
    invocation.show({"name": name, "worked": worked, "steps": msgspec.to_builtins(steps)}, shown)
    context.exit(0 if worked else 1)


@connector.command()
@click.argument("name")
@click.pass_obj
def enable(invocation: Invocation, *, name: str) -> None:
    """Switch a connector on: couriers bind, its routes are used."""
    _switch(invocation, name, on=True)


@connector.command()
@click.argument("name")
@click.pass_obj
def disable(invocation: Invocation, *, name: str) -> None:
    """Switch a connector off: couriers drain and unbind it, its routes are passed over.

    What waits for it already goes on waiting, until it is switched on again or the messages expire.
    """
    _switch(invocation, name, on=False)


def _switch(invocation: Invocation, name: str, *, on: bool) -> None:
    async def write(desk: Desk) -> None:
        row = await _row(desk, name)
        await desk.admin.update_connector(name, row["settings"], simulator=row["simulator"], enabled=on)

    ask(invocation, write)
    invocation.show({"name": name, "enabled": on}, f"connector {name} is switched {'on' if on else 'off'}")


async def _row(desk: Desk, name: str) -> dict[str, Any]:
    row = await desk.admin.connector(name)
    if row is None:
        raise Misconfigured(f"there is no connector {name!r}; `tidings connector list` shows those there are")
    return row


def _checked(settings: dict[str, Any]) -> str | None:
    """Refuse settings that cannot be. What may be right elsewhere, on the gateway's machine, is only noted."""
    if sum(one in settings for one in REFERENCES) != 1:
        raise Misconfigured(
            "name the password's file (--password-file) or variable (--password-env): one of them"
        )
    connectors.check(settings)
    try:
        password = connectors.password_of(settings)
    except Misconfigured as unreadable:
        return f"not here: {unreadable}"
    connectors.check(settings, password=password)
    return None


def _noted(doubt: str | None) -> str:
    return f"\nThe password could not be checked {doubt}" if doubt else ""


def _shown(row: dict[str, Any]) -> tuple[object, ...]:
    settings = row["settings"]
    return (
        row["name"],
        row["id"],
        f"{settings.get('host')}:{settings.get('port')}{' TLS' if settings.get('tls') else ''}",
        settings.get("system_id"),
        f"{settings.get('binds', 1)} {settings.get('bind_mode', 'transceiver')}",
        settings.get("receipt_class"),
        "yes" if row["simulator"] else "no",
        "on" if row["enabled"] else "off",
        _told(row["up"]),
    )


def _up(bound: health.Bound | None) -> dict[str, Any] | None:
    """How the sessions stand, where a courier works on the connector."""
    if bound is None or not bound.couriers:
        return None
    return {"binds": bound.binds, "bound": bound.bound, "trouble": bound.trouble, "counts": bound.counts}


def _told(up: dict[str, Any] | None) -> str:
    if up is None:
        return "no courier"
    return f"{up['bound']} of {up['binds']}" + (f": {up['trouble']}" if up["trouble"] else "")
