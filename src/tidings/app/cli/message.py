"""`tidings send`."""

from typing import Any

import click
import msgspec

from tidings.app.cli.database import Desk, ask
from tidings.app.cli.invocation import Invocation
from tidings.app.cli.table import facts
from tidings.domain import number
from tidings.domain.errors import Fault, Misconfigured, Refusal
from tidings.domain.money import plain
from tidings.domain.order import Caller, Dialect, Draft, OnFault, Order, Taken
from tidings.store.operator import open_account

VALIDITY_S = 259_200

FAULTS: dict[Fault, str] = {
    Fault.RECIPIENT_MISSING: "there is no number",
    Fault.PREFIX_MISSING: "the number is a national one: begin it with the country's calling code",
    Fault.RECIPIENT_INVALID: "that is no phone number: no calling code begins so, or its length is impossible",
    Fault.RECIPIENT_REPEATED: "the number is there twice",
    Fault.REFERENCE_MISSING: "there is no reference",
    Fault.REFERENCE_INVALID: "the reference has characters it may not have",
    Fault.REFERENCE_TAKEN: "the account has used that reference for another message",
    Fault.VALIDITY_INVALID: "the validity is out of range",
    Fault.TARIFF_UNKNOWN: "the account does not have that tariff: tidings price list ACCOUNT",
    Fault.TARIFF_INACTIVE: "that tariff of the account is switched off: tidings price tariff ACCOUNT CODE --on",
    Fault.SENDER_INVALID: "the sender cannot be one",
    Fault.TEXT_INVALID: "the text cannot be sent",
    Fault.TEXT_TOO_LONG: "the text makes too many parts",
    Fault.SENDER_NOT_ALLOWED: "the account may not use that sender: tidings account list shows which it may",
    Fault.NOT_PRICED: "the account has no price for that number: tidings price set ACCOUNT PREFIX AMOUNT",
    Fault.NO_ROUTE: "no route leads there: tidings route list (test traffic takes only simulators)",
    Fault.NO_CREDIT: "the account has not enough money: tidings account topup ACCOUNT AMOUNT",
}
"""Why a message is not taken, for those who can do something about it."""


@click.command()
@click.option("--account", required=True, metavar="NAME", help="Who sends, and pays.")
@click.option("--to", required=True, metavar="NUMBER", help="The recipient, in international form.")
@click.option("--from", "sender", required=True, metavar="SENDER", help="What the recipient sees.")
@click.option("--reference", help="A reference of your own; one is made otherwise.")
@click.option("--tariff", type=click.IntRange(0, 999), help="The tariff; 0 otherwise.")
@click.option(
    "--validity",
    "validity_s",
    type=click.IntRange(30, 30 * 86_400),
    default=VALIDITY_S,
    show_default=True,
    help="Seconds for which it is tried.",
)
@click.option("--flash", is_flag=True, help="Show it at once and do not keep it.")
@click.option("--test", is_flag=True, help="As a test key would: only to a simulator, not billed.")
@click.argument("text")
@click.pass_obj
def send(
    invocation: Invocation, /, *, account: str, to: str, validity_s: int, test: bool, **draft: Any
) -> None:
    """Send one message, as the account's own application would.

    It is taken and paid for at once, and handed over by the courier of a running gateway.

    \b
      tidings send --account acme --to 380501234567 --from ACME "Hello"
      tidings timeline ID
    """

    async def take(desk: Desk) -> Taken:
        await desk.admin.account_id(account)
        owner = await open_account(desk.connection, account)
        if owner is None:
            raise Misconfigured(f"the account {account} is closed")
        order = Order(
            caller=Caller(owner, 0, test),
            dialect=Dialect.NATIVE,
            drafts=[Draft(recipient=to.strip(), **draft)],
            on_fault=OnFault.REFUSE_ALL,
            validity_s=validity_s,
            source="cli",
        )
        async with desk.house() as house:
            [row] = (await house.accept(order)).rows
        if isinstance(row, Fault):
            raise Refusal(row)
        return row

    try:
        taken = ask(invocation, take)
    except Refusal as no:
        raise Misconfigured(f"not taken: {FAULTS[no.fault].replace('ACCOUNT', account)}") from None
    invocation.show(
        {
            **msgspec.to_builtins(taken),
            "price": plain(taken.price),
            "country": number.country(taken.recipient),
        },
        f"message {taken.id} is taken\n"
        + facts(
            [
                ("reference", taken.reference),
                ("to", taken.recipient),
                ("parts", taken.parts),
                ("price", "nothing: a test" if test else plain(taken.price)),
            ]
        ),
    )
