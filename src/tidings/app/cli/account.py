"""`tidings account`."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click
import msgspec

from tidings.app.cli.account_switches import HELP, SWITCHES, Change, changed, plain_word, read_change
from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import table
from tidings.app.cli.values import DEFAULT, amount
from tidings.app.keys import create_key
from tidings.domain.money import from_decimal, plain
from tidings.domain.order import TrafficClass
from tidings.domain.settlement import Plan

NONE = "none"
HEADINGS = ("name", "id", "balance", "currency", "credit limit", "plan", "class", "senders", "state")


@click.group()
def account() -> None:
    """Customers: each with a balance in one currency, keys, prices and settings of its own."""


@account.command()
@click.argument("name")
@click.option(
    "--currency", required=True, metavar="ISO", help="The currency of its balance and prices: EUR, USD, …"
)
@click.option(
    "--credit-limit", type=amount, default="0", metavar="AMOUNT", help="How far below zero it may go."
)
@click.option(
    "--plan",
    type=click.Choice([*map(str, Plan)]),
    default=str(Plan.ACCEPTED),
    show_default=True,
    help="What is paid for: what a carrier took (accepted), or only what is proven delivered (delivered_only).",
)
@click.option(
    "--traffic-class",
    type=click.Choice([*map(str, TrafficClass)]),
    default=str(TrafficClass.TRANSACTIONAL),
    show_default=True,
    help="What its messages are for. Decides which goes first, and whether one whose fate is unknown is sent again.",
)
@click.option(
    "--sender",
    "senders",
    multiple=True,
    metavar="NAME",
    help="A sender it may use; repeat. None given: any sender.",
)
@click.option("--topup", type=amount, metavar="AMOUNT", help="Its first money.")
@click.option("--with-keys", is_flag=True, help="Also make a live and a test key, and show them.")
@click.pass_obj
def create(
    invocation: Invocation,
    /,
    *,
    name: str,
    currency: str,
    topup: Decimal | None,
    with_keys: bool,
    **more: Any,
) -> None:
    """Make an account.

    \b
    A customer with money and keys, ready once it has a price:
      tidings account create acme --currency EUR --topup 100 --with-keys
      tidings price set acme default 0.0235
    One that pays for deliveries only, may owe 50, and sends as ACME:
      tidings account create acme --currency EUR --plan delivered_only --credit-limit 50 --sender ACME
    """
    more["credit_limit"] = from_decimal(more["credit_limit"])

    async def make(desk: Desk) -> dict[str, Any]:
        account_id = await desk.admin.add_account(name, currency.upper(), **more)
        made: dict[str, Any] = {"id": account_id, "name": name}
        if topup is not None:
            made["balance"] = plain(await desk.admin.top_up(account_id, topup, "first money"))
        if with_keys:
            _, made["live_key"] = await create_key(desk.admin, account_id, test=False)
            _, made["test_key"] = await create_key(desk.admin, account_id, test=True)
        return made

    made = ask(invocation, make)
    invocation.show(made, _told(made))


@account.command("list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Show every account."""
    rows = ask(invocation, lambda desk: desk.admin.accounts())
    invocation.show([_answer(row) for row in rows], table(HEADINGS, [_shown(row) for row in rows]))


@account.command()
@click.argument("name")
@click.argument("sum_", metavar="AMOUNT", type=amount)
@click.option("--note", default="", help="What it was for; stands in the ledger.")
@click.pass_obj
def topup(invocation: Invocation, *, name: str, sum_: Decimal, note: str) -> None:
    """Add money to an account.

    \b
      tidings account topup acme 250 --note "invoice 2026-118"
    """

    async def pay(desk: Desk) -> str:
        return plain(await desk.admin.top_up(await desk.admin.account_id(name), sum_, note))

    balance = ask(invocation, pay)
    invocation.show({"name": name, "balance": balance}, f"{name} has {balance} now")


@account.command("sender-class")
@click.argument("name")
@click.argument("sender")
@click.argument("class_", metavar="CLASS", type=click.Choice([*map(str, TrafficClass), DEFAULT]))
@click.pass_obj
def sender_class(invocation: Invocation, *, name: str, sender: str, class_: str) -> None:
    """Say what an account's messages from one sender are for; `default`: what the account's usually are.

    \b
      tidings account sender-class acme ACME-CODE otp
    """

    async def change(desk: Desk) -> None:
        account_id = await desk.admin.account_id(name)
        await desk.admin.set_sender_class(account_id, sender, None if class_ == DEFAULT else class_)

    ask(invocation, change)
    invocation.show(
        {"name": name, "sender": sender, "traffic_class": class_},
        f"{name}: messages from {sender} are {class_} now",
    )


@account.command("set", epilog=HELP)
@click.argument("name")
@click.argument("changes", metavar="[KEY=VALUE]...", nargs=-1, callback=read_change)
@click.pass_obj
def set_(invocation: Invocation, *, name: str, changes: Sequence[Change]) -> None:
    """Give an account something otherwise than usual in a vendor's API; `KEY=` takes it back. Without any, show them.

    Running gateways follow without a restart.

    \b
      tidings account set acme infobip.ok_word=OK infobip.utc_offset=+0200
      tidings account set acme infobip.ok_word=
    """

    async def change(desk: Desk) -> dict[str, object]:
        account_id = await desk.admin.account_id(name)
        if not changes:
            return await desk.admin.account_settings(account_id)
        return await desk.admin.change_settings(account_id, lambda now: changed(now, changes))

    settings = ask(invocation, change)
    shown = [(key, plain_word(settings.get(key)), one.means) for key, one in SWITCHES.items()]
    invocation.show({"name": name, "settings": settings}, table(("switch", "is", "means"), shown))


@account.command()
@click.argument("name")
@click.argument("url")
@click.option("--each", is_flag=True, help="Also tell that a message was handed over, not only how it ended.")
@click.pass_obj
def callback(invocation: Invocation, *, name: str, url: str, each: bool) -> None:
    """Say where an account's server is told of statuses, where a request names no callback_url; `none`: nowhere.

    It counts for what is sent from then on, if its API calls back (BSG REST v1 does).

    \b
      tidings account callback acme https://acme.example/dlr
      tidings account callback acme none
    """

    async def change(desk: Desk) -> None:
        account_id = await desk.admin.account_id(name)
        await desk.admin.set_callback(account_id, None if url == NONE else url, each=each)

    ask(invocation, change)
    told = "nobody is told of statuses now" if url == NONE else f"{url} is told of statuses now"
    invocation.show(
        {"name": name, "callback_url": None if url == NONE else url, "each": each}, f"{name}: {told}"
    )


@account.command()
@click.argument("name")
@click.confirmation_option(
    prompt="Nothing will be taken from this account any more. Close it?", help="Do not ask."
)
@click.pass_obj
def close(invocation: Invocation, *, name: str) -> None:
    """Refuse everything of an account from now on: its keys, its logins, its messages not yet taken.

    What was taken already is delivered, and its history stays.
    """

    async def end(desk: Desk) -> None:
        await desk.admin.close_account(await desk.admin.account_id(name))

    ask(invocation, end)
    invocation.show({"name": name, "closed": True}, f"{name} is closed")


def _told(made: dict[str, Any]) -> str:
    """What was made, and what it still lacks."""
    name = made["name"]
    lines = [f"account {name} is made (id {made['id']})"]
    if "live_key" in made:
        lines += [f"  live key  {made['live_key']}", f"  test key  {made['test_key']}"]
        lines += ["The keys are not shown again."]
    lacks = [f"  tidings price set {name} default 0.0235       what a part to anywhere costs"]
    if "balance" not in made:
        lacks.insert(0, f"  tidings account topup {name} 100              money to send with")
    if "live_key" not in made:
        lacks.append(f"  tidings key create {name}                     a key for its application")
    return "\n".join([*lines, "Next:", *lacks])


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    """The account for programs: amounts as exact text."""
    amounts = {name: plain(row[name]) for name in ("balance", "credit_limit")}
    decoded = {name: msgspec.json.decode(row[name]) for name in ("settings", "sender_classes")}
    return {**row, **amounts, **decoded}


def _shown(row: dict[str, Any]) -> Sequence[object]:
    return (
        row["name"],
        row["id"],
        plain(row["balance"]),
        row["currency"],
        plain(row["credit_limit"]),
        row["plan"],
        row["traffic_class"],
        ", ".join(row["senders"]) or "any",
        "closed" if row["closed_at"] else "open",
    )
