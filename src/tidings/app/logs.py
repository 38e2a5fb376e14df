"""Logs on standard error: one JSON object a line, or words for people; no secrets, no whole phone numbers."""

import logging
import re
import sys
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from tidings.domain.number import mask

SECRET_WORDS = frozenset({"password", "secret", "key", "token", "authorization", "cookie"})
NUMBER_WORDS = frozenset({"msisdn", "recipient", "to", "number", "phone", "destination"})
HIDDEN = "***"
MAX_DEPTH = 6

_WORD_END = re.compile(r"[A-Za-z0-9]+$")
_NUMBER = re.compile(r"\+?[0-9][0-9 ().-]{4,30}")
_LONG_DIGITS = re.compile(r"(?<![0-9])[0-9]{8,15}(?![0-9])")
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")


def configure(*, level: str, format: str) -> None:
    """Send everything, our own logs and those of libraries, through one chain to standard error."""
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide,
    ]
    structlog.configure(
        processors=[*chain, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*chain[:-2], structlog.stdlib.ExtraAdder(), *chain[-2:]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    _route_libraries()


def _route_libraries() -> None:
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True
    # Its lines hold whole query strings: customers' numbers and keys. The gateway writes a line of its own.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


def _renderer(format: str) -> Processor:
    if format == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(event: EventDict, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


def hide(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The processor that takes out secrets by the name of their key, and hides most of each phone number."""
    event.pop("color_message", None)  # uvicorn's line once more, with control characters
    for name, value in event.items():
        event[name] = _hidden(name, value, depth=0)
    if isinstance(text := event.get("exception"), str):  # a database's error quotes the row at fault
        event["exception"] = _LONG_DIGITS.sub(lambda found: mask(found[0]), text)
    return event


def _hidden(name: str, value: object, *, depth: int) -> object:
    word = _last_word(name)
    if word in SECRET_WORDS and value:
        return HIDDEN
    if depth >= MAX_DEPTH:
        return HIDDEN
    if isinstance(value, dict):
        return {key: _hidden(str(key), inner, depth=depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(name, inner, depth=depth + 1) for inner in value]
    if word in NUMBER_WORDS and not isinstance(value, bool) and _NUMBER.fullmatch(str(value)):
        return mask(str(value))
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", value) if isinstance(value, str) else value


def _last_word(name: str) -> str:
    """`api_key`, `apiKey` and `X-API-KEY` end in `key`, `phones` in `phone`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    found = _WORD_END.search(spaced)
    word = found[0].lower() if found else ""
    return word.removesuffix("s") if word.removesuffix("s") in SECRET_WORDS | NUMBER_WORDS else word
