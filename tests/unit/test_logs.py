"""What never reaches a log: secrets and whole phone numbers."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from tidings.app.logs import configure, hide


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def hidden(**event: object) -> dict[str, object]:
    return dict(hide(None, "info", event))


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "basic_password",
        "api_key",
        "apiKey",
        "X-API-KEY",
        "keys",
        "token",
        "Authorization",
        "signing_secret",
    ],
)
def test_a_value_under_the_name_of_a_secret_is_hidden(name: str):
    assert "s3cret" not in str(hidden(**{name: "s3cret"}))
    assert "s3cret" not in str(hidden(request={"headers": {name: ["s3cret"]}}))


@pytest.mark.parametrize(
    "name", ["msisdn", "recipient", "to", "phone", "phones", "destination", "destination_number"]
)
def test_a_phone_number_is_masked(name: str):
    assert "491701234567" not in str(hidden(**{name: "491701234567"}))
    assert "491701234567" not in str(hidden(**{name: 491701234567}))
    assert "491701234567" not in str(hidden(rows=[{name: ["+491701234567"]}]))


def test_what_is_no_number_and_no_secret_stays():
    event = {"to": "delivered", "monkey": "George", "count": 7, "number": True, "message_id": 491701234567}

    assert hidden(**event) == event


def test_the_password_of_an_address_is_hidden_wherever_it_stands():
    assert hidden(event="connect postgresql://tidings:s3cret@db/x") == {
        "event": "connect postgresql://tidings:***@db/x"
    }


def test_a_number_that_an_exception_quotes_is_masked():
    assert "491701234567" not in str(
        hidden(exception="DETAIL: Key (recipient)=(491701234567) already exists.")
    )


def test_something_deep_is_hidden_rather_than_searched():
    nested: dict[str, object] = {"phone": "491701234567"}
    for _ in range(20):
        nested = {"inner": nested}

    assert "491701234567" not in str(hidden(outer=nested))


def test_our_logs_and_those_of_libraries_are_the_same_json_lines(
    restored: None, capsys: pytest.CaptureFixture[str]
):
    configure(level="info", format="json")

    structlog.get_logger().info("submitted", recipient="491701234567", at={1, 2})
    structlog.get_logger().debug("not shown")
    logging.getLogger("uvicorn.error").warning("from %s", "a library", extra={"password": "s3cret"})
    logging.getLogger("uvicorn.access").info("GET /?to=491701234567")

    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["level"], ours["recipient"]) == ("submitted", "info", "491*******67")
    assert (theirs["event"], theirs["level"], theirs["password"]) == ("from a library", "warning", "***")
    assert ours["timestamp"].endswith("Z")


def test_an_exception_is_one_line_of_json_too(restored: None, capsys: pytest.CaptureFixture[str]):
    configure(level="info", format="json")

    try:
        raise ValueError("491701234567 is taken")
    except ValueError:
        structlog.get_logger().exception("failed")

    line = json.loads(capsys.readouterr().err)
    assert "ValueError" in line["exception"]
    assert "491701234567" not in line["exception"]


def test_words_for_people(restored: None, capsys: pytest.CaptureFixture[str]):
    configure(level="warning", format="console")

    structlog.get_logger().info("not shown")
    structlog.get_logger().warning("slow", phone="491701234567")

    shown = capsys.readouterr().err
    assert "slow" in shown
    assert "not shown" not in shown
    assert "491701234567" not in shown
