"""Secrets stay out of the command line and of the configuration: they are named, and read where they are."""

import os
from collections.abc import Mapping
from pathlib import Path

from tidings.domain.errors import Misconfigured

MAX_BYTES = 64 * 1024


def read_secret(reference: str, *, environ: Mapping[str, str] = os.environ) -> str:
    """The secret that `env:NAME` or `file:PATH` names; an error names the reference, never a value."""
    kind, _, where = reference.partition(":")
    if kind == "file" and where:
        return read_secret_file(Path(where), named_by=reference)
    if kind == "env" and where:
        if where not in environ:
            raise Misconfigured(f"{reference}: the environment variable {where} is not set")
        return environ[where]
    raise Misconfigured("a secret is given as env:NAME or file:PATH, so that it shows up nowhere else")


def read_secret_file(path: Path, *, named_by: str) -> str:
    """The text of a small file without the line end that editors put behind it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Misconfigured(f"{named_by}: {path} is larger than {MAX_BYTES} bytes, which no secret is")
        return content.decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise Misconfigured(f"{named_by}: {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{named_by}: {path} is not UTF-8 text") from error
