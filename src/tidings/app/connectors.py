"""From a connector's row in the database to the thing that talks to its carrier."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from tidings.app.secrets import read_secret, read_secret_file
from tidings.connectors.smpp.client import SmppConnector
from tidings.connectors.smpp.config import SmppConfig, read_config
from tidings.domain.errors import Misconfigured
from tidings.flows.ports import Clock, Connector, Upstream

PASSWORD_FILE = "password_file"  # noqa: S105 - the name of a setting
PASSWORD_ENV = "password_env"  # noqa: S105 - the name of a setting
LATE_FACTOR = 2  # an answer that is late is still worth hearing for as long again
REFERENCES = (PASSWORD_FILE, PASSWORD_ENV)
"""What a row says of its password: where to read it, never the password itself."""


def build(
    row: Mapping[str, Any],
    *,
    clock: Clock,
    random: Random,
    upstream: Upstream,
    answer_timeout_s: float | None = None,
) -> Connector:
    """The live connector of a row of `Admin.connectors`. Call it in the event loop it will run in.

    `answer_timeout_s` holds where the row says nothing of it. Raises Misconfigured, naming connector and setting.
    """
    config = config_of(row, answer_timeout_s=answer_timeout_s)
    return SmppConnector(config, name=row["name"], upstream=upstream, clock=clock, random=random)


def config_of(row: Mapping[str, Any], *, answer_timeout_s: float | None = None) -> SmppConfig:
    """The checked settings of a row, with its password. Raises Misconfigured."""
    if row["kind"] != "smpp":
        raise Misconfigured(f"connector {row['name']}: there is no kind {row['kind']!r}")
    try:
        password = password_of(row["settings"])
        return check(row["settings"], password=password, answer_timeout_s=answer_timeout_s)
    except Misconfigured as wrong:
        raise Misconfigured(f"connector {row['name']}: {wrong}") from None


def check(
    settings: Mapping[str, Any], *, password: str = "", answer_timeout_s: float | None = None
) -> SmppConfig:
    """The settings of a row as a checked value; `password` is the one that they refer to. Raises Misconfigured."""
    if "password" in settings:
        raise Misconfigured(
            "a password is not stored: name its file (password_file) or variable (password_env)"
        )
    given = {key: value for key, value in settings.items() if key not in REFERENCES}
    if answer_timeout_s is not None and "answer_timeout_s" not in given:
        given["answer_timeout_s"] = answer_timeout_s
        given.setdefault("late_answer_s", LATE_FACTOR * answer_timeout_s)
    return read_config({**given, "password": password})


def password_of(settings: Mapping[str, Any]) -> str:
    """The password that the settings refer to. Raises Misconfigured, naming the file or the variable."""
    file, variable = settings.get(PASSWORD_FILE), settings.get(PASSWORD_ENV)
    if (file is None) == (variable is None):
        raise Misconfigured("exactly one of password_file and password_env is needed")
    if file is not None:
        return read_secret_file(Path(file), named_by=PASSWORD_FILE)
    return read_secret(f"env:{variable}")
