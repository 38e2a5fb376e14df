"""`tidings`, the command line. Each command is a module beside this one, imported when it is asked for."""

import importlib
import os
import sys
from pathlib import Path

import click

from tidings.app.cli.invocation import Invocation, give_json_option
from tidings.domain.errors import Misconfigured, Unavailable

COMMANDS = {
    "dev": "tidings.app.cli.dev:dev",
    "serve": "tidings.app.cli.serve:serve",
    "migrate": "tidings.app.cli.migrate:migrate",
    "doctor": "tidings.app.cli.doctor:doctor",
    "account": "tidings.app.cli.account:account",
    "key": "tidings.app.cli.key:key",
    "price": "tidings.app.cli.price:price",
    "connector": "tidings.app.cli.connector:connector",
    "route": "tidings.app.cli.route:route",
    "send": "tidings.app.cli.message:send",
    "status": "tidings.app.cli.inquiry:status",
    "timeline": "tidings.app.cli.inquiry:timeline",
    "callbacks": "tidings.app.cli.callbacks:callbacks",
    "orphans": "tidings.app.cli.orphans:orphans",
    "sim": "tidings.app.cli.sim:sim",
    "version": "tidings.app.cli.version:version",
}
"""Name of each command and where it is; `tidings --help` lists them in this order."""

EXIT_MISTAKE = 2  # the user can mend it: a setting, a flag, a missing file
EXIT_UNAVAILABLE = 3  # nobody is at fault; the same command may work later
EXIT_INTERRUPTED = 130


class CommandLine(click.Group):
    """A group that imports a command only when it is used or listed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """The command of that name."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), name
        give_json_option(command)
        return command


@click.command(
    cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The configuration file; else TIDINGS_CONFIG, else ./tidings.toml if there is one.",
)
@click.pass_context
def tidings(context: click.Context, config_file: Path | None) -> None:
    """A messaging gateway that can always say what happened to a message.

    \b
    Try it, with everything included:     tidings dev
    Run it, on your configuration:        tidings --config tidings.toml serve
    Ask what became of a message:         tidings status MY-REFERENCE

    Every key of the configuration is also an environment variable: http.port is TIDINGS_HTTP__PORT.
    Every command has --help with examples, and --json.
    """
    context.ensure_object(Invocation).config_file = config_file


give_json_option(tidings)


def main() -> None:
    """Run the command line; a mistake is one line on standard error and exit code 2."""
    try:
        code = tidings.main(prog_name="tidings", standalone_mode=False)
    except (click.ClickException, Misconfigured) as mistake:
        click.echo(f"tidings: {_told(mistake)}", err=True)
        code = EXIT_MISTAKE
    except Unavailable as busy:
        click.echo(f"tidings: {busy}", err=True)
        code = EXIT_UNAVAILABLE
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read our output has enough; Python must not complain of it at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def _told(mistake: Exception) -> str:
    if not isinstance(mistake, click.ClickException):
        return str(mistake)
    context = getattr(mistake, "ctx", None)
    hint = f" (see {context.command_path} --help)" if isinstance(context, click.Context) else ""
    return mistake.format_message() + hint
