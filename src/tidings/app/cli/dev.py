"""`tidings dev`."""

import json

import click

from tidings.app import dev as development
from tidings.app import logs, serving
from tidings.app.cli.invocation import Invocation
from tidings.app.serving import Start

QUIET = {"log.format": "console", "log.level": "warning"}  # the guide should not drown in log lines
AT_HOME = {"callbacks.allow_networks": ["127.0.0.0/8", "::1/128"]}  # the server that is tried out is here


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port to listen on (http.port); 0: a free one."
)
@click.pass_obj
def dev(invocation: Invocation, *, port: int | None) -> None:
    """Run everything on this machine, to try it: database, gateway, a simulated SMSC and a demo account.

    Prints the addresses, the keys, and curl lines to paste; the same facts are in .tidings/dev.json. Ctrl-C
    stops everything; the next start goes on with the same data and the same keys.

    \b
    The last four digits of a number choose what becomes of a message to it:
      9902  no receipt, ever             9906  undeliverable
      9903  the receipt comes late       9907  expired
      9904  the receipt comes twice      9908  rejected when submitted
      9905  contradicting receipts       9909  receipt before the answer
      all others are delivered

    A `callback_url` may lead to this machine (callbacks.allow_networks).

    \b
    On another port, with answers that take a second:
      TIDINGS_SIM__RESPONSE_DELAY_S=1 tidings dev --port 9000
    On a PostgreSQL of yours:
      TIDINGS_DATABASE__URL=postgresql://tidings@localhost/tidings tidings dev
    """
    config = invocation.config({"http.port": port}, fallbacks={**QUIET, **AT_HOME})
    logs.configure(level=config.log.level, format=config.log.format)
    told = {
        "http.port": port,
        "log.level": config.log.level,
        "log.format": config.log.format,
        "callbacks.allow_networks": json.dumps(config.callbacks.allow_networks),
    }
    serving.run(Start.of(config, file=invocation.config_file, flags=told), development.run)
