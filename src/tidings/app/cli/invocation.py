"""What every command is told: which configuration to read, and whether to answer for people or for programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from tidings.app.config import Config, load


@dataclass(slots=True)
class Invocation:
    """The object that click hands to commands (`@click.pass_obj`)."""

    config_file: Path | None = None
    as_json: bool = False

    def config(
        self, flags: Mapping[str, object] | None = None, *, fallbacks: Mapping[str, object] | None = None
    ) -> Config:
        """The configuration with this command's flags, as `section.key`. Raises Misconfigured."""
        return load(self.config_file, flags=flags, fallbacks=fallbacks)

    def show(self, answer: object, text: str) -> None:
        """Print `answer` as JSON if that was asked for, else `text`."""
        click.echo(msgspec.json.encode(answer).decode() if self.as_json else text)


def _set_json(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
    if given:
        context.ensure_object(Invocation).as_json = True


def json_option() -> click.Option:
    """`--json`, which every command has, and which means the same before and behind the command's name."""
    return click.Option(
        ["--json"], is_flag=True, expose_value=False, callback=_set_json, help="Answer in JSON, for programs."
    )


def give_json_option(command: click.Command) -> None:
    """Add `--json` to a command and to what is below it, where they do not have one of their own."""
    if not any("--json" in parameter.opts for parameter in command.params):
        command.params.append(json_option())
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            give_json_option(inner)
