"""From a connector's row to its settings: the password is read where the row says, and never stands in it."""

import pytest

from tidings.app.connectors import check, config_of, password_of
from tidings.domain.errors import Misconfigured

SETTINGS = {"host": "smsc.example", "port": 2775, "system_id": "acme", "receipt_class": "handset"}


def row(**settings):
    return {"name": "mts", "kind": "smpp", "settings": {**SETTINGS, **settings}}


def test_a_password_is_read_from_the_file_without_its_line_end(tmp_path):
    (tmp_path / "secret").write_text("hush\n")
    assert config_of(row(password_file=str(tmp_path / "secret"))).password == "hush"


def test_a_password_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("MTS_PASSWORD", "hush")
    assert config_of(row(password_env="MTS_PASSWORD")).password == "hush"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "password_file and password_env"),
        ({"password_file": "a", "password_env": "B"}, "password_file and password_env"),
        ({"password_file": "/no/such/file"}, "/no/such/file"),
        ({"password_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ({"password_env": "MTS_PASSWORD", "password": "hush"}, "a password is not stored"),
        ({"password_env": "MTS_PASSWORD", "windoow": 5}, "windoow"),
        ({"password_env": "TOO_LONG"}, "password"),
    ],
)
def test_what_is_wrong_is_said_with_the_connector_and_the_setting(monkeypatch, settings, named):
    monkeypatch.setenv("MTS_PASSWORD", "hush")
    monkeypatch.setenv("TOO_LONG", "hush-hush-hush")
    with pytest.raises(Misconfigured) as wrong:
        config_of(row(**settings))
    assert str(wrong.value).startswith("connector mts: ") and named in str(wrong.value)
    assert "hush" not in str(wrong.value)


def test_another_kind_is_refused():
    with pytest.raises(Misconfigured, match="pigeon"):
        config_of({"name": "coop", "kind": "pigeon", "settings": {}})


def test_the_gateways_answer_timeout_holds_where_the_connector_has_none_of_its_own():
    assert check(SETTINGS).answer_timeout_s == 60
    patient = check(SETTINGS, answer_timeout_s=300)
    assert (patient.answer_timeout_s, patient.late_answer_s) == (300, 600)
    own = {**SETTINGS, "answer_timeout_s": 5.0, "late_answer_s": 7.0}
    assert check(own, answer_timeout_s=300).answer_timeout_s == 5


def test_an_empty_password_is_one(tmp_path):
    (tmp_path / "secret").write_text("\n")
    assert password_of({"password_file": str(tmp_path / "secret")}) == ""
