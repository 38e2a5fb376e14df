"""Settings: what is wrong is named, and a secret is never shown."""

from typing import Any

import pytest

from tidings.connectors.smpp.config import read_config
from tidings.connectors.smpp.words import ReceiptClass, StatusRule
from tidings.domain.errors import Misconfigured
from tidings.domain.outcome import Next
from tidings.domain.reason import Reason

ENOUGH: dict[str, Any] = {
    "host": "smsc.example",
    "port": 2775,
    "system_id": "us",
    "password": "s3cr3t",
    "receipt_class": "carrier",
}


def test_little_is_needed() -> None:
    config = read_config(ENOUGH)
    assert (config.bind_mode, config.binds, config.window, config.rate_per_s) == ("transceiver", 1, 10, 0)
    assert config.reading().trust.receipt_class is ReceiptClass.CARRIER


@pytest.mark.parametrize("key", ENOUGH)
def test_what_has_no_default_must_be_said(key: str) -> None:
    with pytest.raises(Misconfigured, match=f"`{key}`"):
        read_config({name: value for name, value in ENOUGH.items() if name != key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", ""),
        ("port", 0),
        ("port", 65_536),
        ("port", "2775"),
        ("system_id", "x" * 16),
        ("system_id", "naïve"),
        ("password", "ninechars"),
        ("password", "a\0b"),
        ("system_type", "x" * 13),
        ("service_type", "x" * 6),
        ("bind_mode", "both"),
        ("binds", 0),
        ("binds", 21),
        ("window", 0),
        ("window", 1001),
        ("rate_per_s", -1),
        ("source_ton", 256),
        ("id_form", "hex"),
        ("receipt_class", "good"),
        ("err_table", {"1": "because"}),
        ("status_table", {"zero": {"next": "hold"}}),
        ("status_table", {"0x410": {"next": "pray"}}),
        ("validity_form", "absolute"),
        ("gsm_alphabet", "ascii"),
        ("answer_timeout_s", 0),
        ("late_answer_s", 30),
        ("reconnect_max_s", 0.5),
        ("tls_ca_file", "ca.pem"),
        ("receipt_timezone_minutes", 900),
        ("windows", 10),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(key: str, value: Any) -> None:
    with pytest.raises(Misconfigured, match=key):
        read_config(ENOUGH | {key: value})


def test_a_secret_is_never_shown() -> None:
    assert "s3cr3t" not in repr(read_config(ENOUGH))
    for wrong in ({"port": 0}, {"password": "s3cr3t-and-longer"}):
        with pytest.raises(Misconfigured) as refused:
            read_config(ENOUGH | wrong)
        assert "s3cr3t" not in str(refused.value)


def test_tables_are_read() -> None:
    config = read_config(
        ENOUGH
        | {
            "err_table": {"375": "sender_blocked_by_operator"},
            "status_table": {"0x410": {"next": "hold", "reason": "no_credit"}, "69": {"next": "give_up"}},
        }
    )
    assert config.err_table == {"375": Reason.SENDER_BLOCKED_BY_OPERATOR}
    assert config.rules() == {0x410: StatusRule(Next.HOLD, Reason.NO_CREDIT), 0x45: StatusRule(Next.GIVE_UP)}
