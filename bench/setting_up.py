"""Two customers and their carriers, made with the commands that an operator has."""

from dataclasses import dataclass

from bench.stand import Stand, free_port
from bench.traffic import Customer

FUNDS = "100000000"
PRICES = {"default": "0.0200000", "1": "0.0100000", "380": "0.0235000", "38050": "0.0210000"}
PASSWORD = "sandbox"  # noqa: S105  the simulated SMSC's, which everybody may know
WINDOW = "1000"  # the most that a connector takes
SIMULATOR, CARRIER = "simulator", "carrier"


@dataclass(frozen=True, slots=True)
class Customers:
    """`flow`'s messages go through the simulated SMSC; those of `stock` and `hasty` wait until somebody listens on
    `carrier_port`.
    """

    flow: Customer
    stock: Customer
    hasty: Customer
    carrier_port: int
    sink_port: int  # where `flow`'s server hears callbacks


def set_up(stand: Stand) -> Customers:
    """Accounts, keys, prices, connectors and routes on a new stand."""
    carrier_port = free_port()
    _connect(stand, SIMULATOR, port=stand.smsc_port)
    _connect(stand, CARRIER, port=carrier_port)
    return Customers(
        flow=_customer(stand, "flow", carried_by=SIMULATOR),
        stock=_customer(stand, "stock", carried_by=CARRIER),
        hasty=_customer(stand, "hasty", carried_by=CARRIER),
        carrier_port=carrier_port,
        sink_port=free_port(),
    )


def _connect(stand: Stand, name: str, *, port: int) -> None:
    password_file = stand.directory / "carrier.password"
    password_file.write_text(PASSWORD)
    stand.tidings(
        "connector", "add", name, "--host", "127.0.0.1", "--port", str(port), "--system-id", "tidings",
        "--password-file", str(password_file), "--receipt-class", "handset", "--window", WINDOW,
        "--reconnect-min", "0.1", "--reconnect-max", "0.3",
    )  # fmt: skip


def _customer(stand: Stand, name: str, *, carried_by: str) -> Customer:
    made = stand.tidings("account", "create", name, "--currency", "EUR", "--topup", FUNDS, "--with-keys")
    for prefix, per_part in PRICES.items():
        stand.tidings("price", "set", name, prefix, per_part)
    stand.tidings("route", "add", "--connector", carried_by, "--account", name)
    account_id = made["id"]
    assert isinstance(account_id, int)
    return Customer(str(made["live_key"]), account_id=account_id)
