"""Where the configuration's values come from; each remembers it, so that an error can say where to look."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tidings.app.secrets import read_secret_file
from tidings.domain.errors import Misconfigured

PREFIX = "TIDINGS_"
SEPARATOR = "__"
MAX_FILE_BYTES = 1024 * 1024

Shape = Mapping[str, type[msgspec.Struct]]


@dataclass(frozen=True, slots=True)
class Value:
    """One value as it was given. `textual`: as text, from the environment, still to be read as its type."""

    key: str
    raw: object
    origin: str
    textual: bool = False

    def value_as(self, wanted: object) -> object:
        """The value in the type of its key."""
        if self.textual and self.raw == "" and _takes_none(wanted):
            return None
        try:
            return self._convert(self.raw, wanted)
        except msgspec.ValidationError as error:
            raise Misconfigured(f"{self.key} ({self.origin}): {_plain(error)}") from None

    def _convert(self, raw: object, wanted: object) -> object:
        if (
            self.textual and isinstance(raw, str) and raw[:1] == "["
        ):  # a list: only as JSON can one line hold it
            try:
                raw = msgspec.json.decode(raw)
            except msgspec.DecodeError as error:
                raise Misconfigured(f"{self.key} ({self.origin}): not a JSON list: {error}") from None
        return msgspec.convert(raw, wanted, strict=not self.textual, dec_hook=_from_text)


Given = dict[tuple[str, str], Value]


def variable(key: str) -> str:
    """The environment variable of a key: `http.port` is TIDINGS_HTTP__PORT."""
    return PREFIX + key.upper().replace(".", SEPARATOR)


def from_file(path: Path, shape: Shape) -> Given:
    """The values of a TOML file."""
    given: Given = {}
    for section, table in _read_toml(path).items():
        _known(section, shape, what="section", origin=str(path))
        if not isinstance(table, dict):
            raise Misconfigured(f"{section} ({path}): a table [{section}] is expected")
        for key, raw in table.items():
            _known(key, _keys(shape[section]), what="key", origin=str(path), section=section)
            given[section, key] = Value(f"{section}.{key}", raw, str(path))
    return given


def _read_toml(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise Misconfigured(f"the configuration file {path} is larger than {MAX_FILE_BYTES} bytes")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise Misconfigured(f"the configuration file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the configuration file {path} is not TOML: {error}") from error


def from_environment(environ: Mapping[str, str], shape: Shape) -> Given:
    """The values of TIDINGS_SECTION__KEY, and of TIDINGS_SECTION__KEY_FILE, a file that holds the value.

    With both, the value wins over the file. Names without the double underscore are not configuration.
    """
    given: Given = {}
    names = [name for name in environ if name.startswith(PREFIX) and SEPARATOR in name]
    for name in sorted(names, key=lambda name: (not name.endswith("_FILE"), name)):
        section, _, key = name.removeprefix(PREFIX).lower().partition(SEPARATOR)
        _known(section, shape, what="section", origin=name)
        keys = _keys(shape[section])
        from_a_file = key not in keys and key.removesuffix("_file") in keys
        raw = read_secret_file(Path(environ[name]), named_by=name) if from_a_file else environ[name]
        key = key.removesuffix("_file") if from_a_file else key
        _known(key, keys, what="key", origin=name, section=section)
        given[section, key] = Value(f"{section}.{key}", raw, name, textual=True)
    return given


def from_flags(flags: Mapping[str, object], shape: Shape) -> Given:
    """The values of command line flags, named by their keys; None is a flag that was not given."""
    given: Given = {}
    for name, raw in flags.items():
        section, _, key = name.partition(".")
        assert key in _keys(shape[section]), name
        if raw is not None:
            given[section, key] = Value(name, raw, "command line", textual=isinstance(raw, str))
    return given


def _keys(section: type[msgspec.Struct]) -> list[str]:
    return [part.name for part in msgspec.structs.fields(section)]


def _known(name: str, names: Iterable[str], *, what: str, origin: str, section: str = "") -> None:
    if name in names:
        return
    shown = f"{section}.{name}" if section else name
    close = difflib.get_close_matches(name, list(names), n=1)
    hint = f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(sorted(names))}"
    raise Misconfigured(f"unknown {what} {shown} ({origin}){hint}")


def _takes_none(wanted: object) -> bool:
    try:
        msgspec.convert(None, wanted, dec_hook=_from_text)
    except msgspec.ValidationError:
        return False
    return True


def _from_text(wanted: type, raw: object) -> object:
    """Paths, the one type here that msgspec does not know."""
    if wanted is Path and isinstance(raw, str) and raw:
        return Path(raw).expanduser()
    raise ValueError("Expected a path")


def _plain(error: msgspec.ValidationError) -> str:
    """What msgspec says without the quotes around its words and the path inside the value."""
    said = str(error).split(" - at `", maxsplit=1)[0].replace("`", "")
    return said.replace(", got str", ", which this text is not")
