"""Every key of the configuration: type, limits, default. `tidings.example.toml` has them with comments."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from tidings.app.config_sources import Given, from_environment, from_file, from_flags
from tidings.connectors.sandbox.settings import Settings as Sim
from tidings.dialects.bsg_one.settings import Settings as BsgOne
from tidings.dialects.bsg_v1.settings import Settings as BsgV1
from tidings.dialects.infobip.settings import Settings as Infobip

DEFAULT_FILE = Path("tidings.toml")
FILE_VARIABLE = "TIDINGS_CONFIG"

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=366 * 86_400)]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the configuration file; its fields are the keys."""


class Http(Section, frozen=True, kw_only=True):
    """Where customers' applications reach us."""

    host: str = "127.0.0.1"
    port: Port = 8080  # 0: any free one
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    max_body_bytes: Count = 16 * 1024 * 1024


class Database(Section, frozen=True, kw_only=True):
    """PostgreSQL: ours (without `url`) or yours."""

    url: str | None = None
    data_dir: Path | None = None
    postgres_dir: Path | None = None
    pool_size: Annotated[int, Meta(ge=2, le=64)] = 4  # connections of one process


class Courier(Section, frozen=True, kw_only=True):
    """Handing over to carriers, and how long they are waited for."""

    doubt_wait_s: Seconds = 60
    doubt_wait_otp_s: Seconds = 15
    receipt_grace_s: Seconds = 86_400
    answer_timeout_s: Annotated[float, Meta(gt=0, le=900)] = 60
    poll_s: Seconds = 1
    claim_limit: Annotated[int, Meta(ge=1, le=2000)] = 500
    drain_s: Seconds = 10


class Clerk(Section, frozen=True, kw_only=True):
    """What is due by the clock."""

    sweep_s: Seconds = 5


class Callbacks(Section, frozen=True, kw_only=True):
    """Telling customers' servers of statuses."""

    allow_networks: list[str] = field(default_factory=list)  # beside the public internet
    answer_within_s: Annotated[float, Meta(gt=0, le=30)] = 10
    connections: Annotated[int, Meta(ge=1, le=10_000)] = 500
    connections_per_server: Annotated[int, Meta(ge=1, le=1_000)] = 32
    pipelined: Annotated[int, Meta(ge=1, le=100)] = 1  # requests that are sent together
    in_hand: Annotated[int, Meta(ge=1, le=20_000)] = 2_000
    give_up_after_s: Seconds = 86_400
    poll_s: Seconds = 1
    drain_s: Annotated[float, Meta(ge=0, le=60)] = 3


class Console(Section, frozen=True, kw_only=True):
    """The pages under /console."""

    enabled: bool = True


class Log(Section, frozen=True, kw_only=True):
    """What is said on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Dev(Section, frozen=True, kw_only=True):
    """`tidings dev`."""

    dir: Path = Path()  # the checkout: `.tidings` is made in it


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration of one start."""

    http: Http = field(default_factory=Http)
    database: Database = field(default_factory=Database)
    courier: Courier = field(default_factory=Courier)
    clerk: Clerk = field(default_factory=Clerk)
    callbacks: Callbacks = field(default_factory=Callbacks)
    bsg_v1: BsgV1 = field(default_factory=BsgV1)
    bsg_one: BsgOne = field(default_factory=BsgOne)
    infobip: Infobip = field(default_factory=Infobip)
    console: Console = field(default_factory=Console)
    log: Log = field(default_factory=Log)
    sim: Sim = field(default_factory=Sim)
    dev: Dev = field(default_factory=Dev)


def load(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    flags: Mapping[str, object] | None = None,
    fallbacks: Mapping[str, object] | None = None,
) -> Config:
    """The configuration: flags win over the environment, that over the file, the file over the defaults.

    `flags`, and `fallbacks` (a command's own defaults), are named as `section.key`. Raises Misconfigured,
    naming the key and where its value came from.
    """
    shape = sections()
    given: Given = from_flags(fallbacks or {}, shape)
    path = _file_to_read(file, environ)
    if path is not None:
        given |= from_file(path, shape)
    given |= from_environment(environ, shape)
    given |= from_flags(flags or {}, shape)
    chosen: dict[str, Any] = {name: _section(name, cls, given) for name, cls in shape.items()}
    return Config(**chosen)


def sections() -> dict[str, type[msgspec.Struct]]:
    """The tables of the configuration by their names."""
    return {part.name: part.type for part in msgspec.structs.fields(Config)}


def _file_to_read(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    if file is not None:
        return file
    if environ.get(FILE_VARIABLE):
        return Path(environ[FILE_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _section(name: str, cls: type[msgspec.Struct], given: Given) -> msgspec.Struct:
    keys = {part.name: part for part in msgspec.structs.fields(cls)}
    values = {key: given[name, key].value_as(keys[key].type) for key in keys if (name, key) in given}
    return cls(**values)
