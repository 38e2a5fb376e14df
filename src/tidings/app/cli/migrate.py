"""`tidings migrate`."""

import asyncio

import click

from tidings.app.cli.invocation import Invocation
from tidings.app.serving import embedded_postgres, migrate_database


@click.command()
@click.pass_obj
def migrate(invocation: Invocation) -> None:
    """Bring the database up to date, and stop.

    `serve` and `dev` do this themselves when they start; several at the same time wait for one another.

    \b
    The embedded PostgreSQL (nothing else may be using it):
      tidings migrate
    One of your own:
      TIDINGS_DATABASE__URL=postgresql://tidings@db/tidings tidings migrate
    """
    config = invocation.config()
    postgres = embedded_postgres(config)
    if postgres is None:
        applied = asyncio.run(migrate_database(config.database.url or ""))
    else:
        with postgres:
            applied = asyncio.run(migrate_database(postgres.url))
    invocation.show({"applied": applied}, "\n".join(applied) or "nothing to do: the database is up to date")
