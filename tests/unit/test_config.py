"""The configuration: which source wins, and what an error says."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from tidings.app.config import Config, load, sections
from tidings.app.config_sources import variable
from tidings.app.secrets import MAX_BYTES, read_secret
from tidings.domain.errors import Misconfigured

ROOT = Path(__file__).parents[2]
SETTING = re.compile(r"^#(?=\w+ = )", re.MULTILINE)


def written(directory: Path, text: str) -> Path:
    file = directory / "tidings.toml"
    file.write_text(text)
    return file


def every_key() -> set[str]:
    return {f"{name}.{part.name}" for name, cls in sections().items() for part in msgspec.structs.fields(cls)}


def test_nothing_given_is_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    assert load(environ={}) == Config()


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path):
    file = written(tmp_path, "[http]\nport = 1\nworkers = 2\nhost = 'a'\n")
    environ = {"TIDINGS_HTTP__PORT": "3", "TIDINGS_HTTP__WORKERS": "4"}

    http = load(file, environ=environ, flags={"http.port": 5, "http.host": None}).http

    assert (http.port, http.workers, http.host) == (5, 4, "a")


def test_the_working_directorys_file_is_read_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "[http]\nport = 1\n")
    other = tmp_path / "other.toml"
    other.write_text("[http]\nport = 2\n")

    assert load(environ={}).http.port == 1
    assert load(environ={"TIDINGS_CONFIG": str(other)}).http.port == 2
    assert load(other, environ={"TIDINGS_CONFIG": "/nowhere"}).http.port == 2


def test_a_secret_can_be_read_from_a_file(tmp_path: Path):
    secret = tmp_path / "url"
    secret.write_text("postgresql://tidings:s3cret@db/tidings\n")

    assert load(environ={"TIDINGS_DATABASE__URL_FILE": str(secret)}).database.url.endswith(
        "s3cret@db/tidings"
    )
    both = {"TIDINGS_DATABASE__URL": "postgresql://db", "TIDINGS_DATABASE__URL_FILE": str(secret)}
    assert load(environ=both).database.url == "postgresql://db"


def test_text_of_the_environment_becomes_the_type_of_its_key():
    environ = {
        "TIDINGS_COURIER__POLL_S": "0.25",
        "TIDINGS_CONSOLE__ENABLED": "false",
        "TIDINGS_DATABASE__DATA_DIR": "/data",
        "TIDINGS_INFOBIP__MOUNTS": '["/a", "/b"]',
        "TIDINGS_DATABASE__URL": "",
    }

    config = load(environ=environ)

    assert config.courier.poll_s == 0.25
    assert config.console.enabled is False
    assert config.database.data_dir == Path("/data")
    assert config.infobip.mounts == ("/a", "/b")
    assert config.database.url is None


def test_our_own_variables_without_a_section_are_not_configuration():
    assert load(environ={"TIDINGS_HTTP_FD": "7", "TIDINGS_READY_FD": "8", "OTHER__THING": "x"}) == load(
        environ={}
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TIDINGS_HTTP__PORT": "x"}, r"http\.port \(TIDINGS_HTTP__PORT\): Expected int"),
        ({"TIDINGS_HTTP__PORT": "65536"}, r"http\.port \(TIDINGS_HTTP__PORT\): Expected int <= 65535"),
        ({"TIDINGS_HTTP__PORT": ""}, r"http\.port \(TIDINGS_HTTP__PORT\)"),
        ({"TIDINGS_HTTP__PROT": "1"}, r"unknown key http\.prot \(TIDINGS_HTTP__PROT\); did you mean port\?"),
        ({"TIDINGS_HTPP__PORT": "1"}, r"unknown section htpp \(TIDINGS_HTPP__PORT\); did you mean http\?"),
        ({"TIDINGS_LOG__LEVEL": "loud"}, r"log\.level \(TIDINGS_LOG__LEVEL\): .*loud"),
        ({"TIDINGS_COURIER__POLL_S": "inf"}, r"courier\.poll_s"),
        ({"TIDINGS_COURIER__POLL_S": "0"}, r"courier\.poll_s"),
        ({"TIDINGS_INFOBIP__MOUNTS": "[1]"}, r"infobip\.mounts"),
        ({"TIDINGS_INFOBIP__MOUNTS": "["}, r"infobip\.mounts .*JSON"),
        ({"TIDINGS_DATABASE__URL_FILE": "/nowhere"}, r"TIDINGS_DATABASE__URL_FILE: /nowhere cannot be read"),
        ({"TIDINGS_SIM__PASSWORD": "far too long"}, r"password: at most 8 octets"),
    ],
)
def test_an_error_names_the_key_and_where_its_value_came_from(environ: dict[str, str], said: str):
    with pytest.raises(Misconfigured, match=said):
        load(environ=environ)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[http]\nport = '8080'\n", r"http\.port \(.*tidings\.toml\): Expected int"),
        ("[http]\nprot = 1\n", r"unknown key http\.prot \(.*tidings\.toml\); did you mean port\?"),
        ("[htttp]\n", r"unknown section htttp \(.*tidings\.toml\); did you mean http\?"),
        ("http = 1\n", r"http \(.*tidings\.toml\): a table \[http\] is expected"),
        ("[http\n", r"tidings\.toml is not TOML"),
        ("x" * 1_100_000, r"tidings\.toml is larger than"),
    ],
)
def test_an_error_in_the_file_names_the_key_and_the_file(tmp_path: Path, text: str, said: str):
    with pytest.raises(Misconfigured, match=said):
        load(written(tmp_path, text), environ={})


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path):
    with pytest.raises(Misconfigured, match=r"none\.toml cannot be read"):
        load(tmp_path / "none.toml", environ={})


def test_the_example_shows_every_key_with_its_default(tmp_path: Path):
    example = SETTING.sub("", (ROOT / "tidings.example.toml").read_text())
    shown = {f"{section}.{key}" for section, table in tomllib.loads(example).items() for key in table}
    loaded, defaults = load(written(tmp_path, example), environ={}), Config()

    assert shown == every_key()
    for key in every_key():
        section, _, name = key.partition(".")
        default = getattr(getattr(defaults, section), name)
        assert default is None or getattr(getattr(loaded, section), name) == default, key


def test_the_documentation_has_every_key_and_no_other():
    text = (ROOT / "docs" / "configuration.md").read_text()
    named = set(re.findall(r"^\| `(\w+\.\w+)` \|", text, re.MULTILINE))

    assert named == every_key()


def test_the_variable_of_a_key():
    assert variable("http.max_body_bytes") == "TIDINGS_HTTP__MAX_BODY_BYTES"


def test_a_secret_is_read_where_its_reference_points(tmp_path: Path):
    (tmp_path / "secret").write_text("pass word \n")

    assert read_secret(f"file:{tmp_path}/secret", environ={}) == "pass word "
    assert read_secret("env:SMSC_PASSWORD", environ={"SMSC_PASSWORD": "x"}) == "x"


@pytest.mark.parametrize("reference", ["env:MISSING", "file:/nowhere", "hunter2", "env:", "file:"])
def test_a_secret_that_is_not_there_is_an_error(reference: str):
    with pytest.raises(Misconfigured):
        read_secret(reference, environ={})


def test_an_error_about_a_secret_never_shows_it():
    with pytest.raises(Misconfigured) as caught:
        read_secret("hunter2", environ={})

    assert "hunter2" not in str(caught.value)


def test_a_file_too_large_for_a_secret_is_not_read_whole(tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"x" * (MAX_BYTES + 1))

    with pytest.raises(Misconfigured, match="larger than"):
        read_secret(f"file:{tmp_path}/secret", environ={})
