"""Fields that would change what is sent, or when, and are not served yet: they are refused, never ignored.

A value that changes nothing (`NONE`, `false`, every day of the week) is taken.
"""

from collections.abc import Iterator

from tidings.dialects.infobip.wire import AdvancedTextRequest, DeliveryTimeWindow, TextMessage

Found = Iterator[tuple[str, str]]
"""Paths, and what is wrong there."""

UNSERVED = "is not supported by this server"

LANGUAGES = ("NONE", "TR", "ES", "PT", "AUTODETECT")
TRANSLITERATIONS = (
    "NONE",
    "TURKISH",
    "GREEK",
    "CYRILLIC",
    "SERBIAN_CYRILLIC",
    "BULGARIAN_CYRILLIC",
    "CENTRAL_EUROPEAN",
    "BALTIC",
    "PORTUGUESE",
    "COLOMBIAN",
    "NON_UNICODE",
    "ALL",
)
DAYS = frozenset(("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"))


def of_request(request: AdvancedTextRequest) -> Found:
    """What the envelope asks for and does not get."""
    if request.sending_speed_limit is not None:
        yield "sendingSpeedLimit", UNSERVED
    if request.url_options is not None and request.url_options.shorten_url is not False:
        yield "urlOptions", UNSERVED  # the object alone switches shortening on
    if request.tracking is not None and request.tracking.track:
        yield "tracking.track", UNSERVED


def of_message(message: TextMessage) -> Found:
    """What a message asks for and does not get; paths are relative to the message."""
    language = message.language
    code = language if isinstance(language, str) or language is None else language.language_code
    yield from _choice("language.languageCode", code, LANGUAGES)
    yield from _choice("transliteration", message.transliteration, TRANSLITERATIONS)
    if message.delivery_time_window is not None and not _always_open(message.delivery_time_window):
        yield "deliveryTimeWindow", UNSERVED
    if (regional := message.regional) is not None:
        named = (
            ("indiaDlt", regional.india_dlt),
            ("turkeyIys", regional.turkey_iys),
            ("southKorea", regional.south_korea),
        )
        yield from ((f"regional.{name}", UNSERVED) for name, value in named if value is not None)


def _choice(path: str, value: str | None, known: tuple[str, ...]) -> Found:
    if not value or value == "NONE":
        return
    yield path, UNSERVED if value in known else f"must be one of {', '.join(known)}"


def _always_open(window: DeliveryTimeWindow) -> bool:
    return window.opens is None and window.closes is None and set(window.days or ()) == DAYS
