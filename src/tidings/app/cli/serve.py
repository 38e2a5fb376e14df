"""`tidings serve`."""

import click

from tidings.app import logs, serving
from tidings.app.cli.invocation import Invocation
from tidings.app.serving import Role, Start
from tidings.domain.errors import Misconfigured


@click.command()
@click.option("--host", help="The address to listen on (http.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (http.port).")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer HTTP (http.workers).")
@click.option(
    "--role",
    "roles",
    type=click.Choice([str(role) for role in Role]),
    multiple=True,
    help="Run only this part; may be repeated. Parts on several machines share one database.url.",
)
@click.pass_obj
def serve(
    invocation: Invocation, *, host: str | None, port: int | None, workers: int | None, roles: tuple[str, ...]
) -> None:
    """Run the gateway: HTTP, the courier that talks to carriers, the clerk that minds the clock.

    Without database.url it runs a PostgreSQL of its own. The database is migrated first. Ctrl-C or SIGTERM
    stops everything in order: nothing new is taken, what is on its way to carriers is finished.

    \b
    All in one:
      tidings serve
    On a PostgreSQL of yours, reachable from other machines:
      TIDINGS_DATABASE__URL=postgresql://tidings@db/tidings tidings serve --host 0.0.0.0
    Only the HTTP part, four processes:
      TIDINGS_DATABASE__URL=postgresql://tidings@db/tidings tidings serve --role api --workers 4
    """
    flags = {"http.host": host, "http.port": port, "http.workers": workers}
    config = invocation.config(flags)
    if roles and config.database.url is None:
        raise Misconfigured(
            "serve --role needs database.url (TIDINGS_DATABASE__URL): parts that run apart share one PostgreSQL"
        )
    logs.configure(level=config.log.level, format=config.log.format)
    chosen = tuple(Role(role) for role in roles) or tuple(Role)
    start = Start.of(config, roles=chosen, file=invocation.config_file, flags=flags)
    serving.run(start, serving.serve)
