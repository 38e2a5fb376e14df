"""Formats. This server speaks JSON only; who accepts nothing but XML is refused before anything is done.

Answering JSON instead would hand out one-time reports to somebody who cannot read them.
"""

from starlette.requests import Request

from tidings.dialects.infobip.errors import bad_request

_UNSERVED = "XML is not supported by this server"
_JSON = {"application/json", "application/*", "*/*"}


def check(request: Request) -> None:
    """400 if the path or `Accept` asks for an XML answer. A path's extension wins over `Accept`."""
    path = request.url.path
    if path.endswith(".xml"):
        raise bad_request({"path": [_UNSERVED]})
    if not path.endswith(".json") and _only_xml(request.headers.get("accept", "")):
        raise bad_request({"Accept": [_UNSERVED]})


def check_body(request: Request) -> None:
    """400 if the body says that it is XML; any other type, and none, is read as JSON."""
    if _is_xml(_media_type(request.headers.get("content-type", ""))):
        raise bad_request({"Content-Type": [_UNSERVED]})


def _only_xml(accept: str) -> bool:
    """XML is named and nothing that JSON would meet; an unknown type alone is no reason to refuse."""
    named = {_media_type(entry) for entry in accept.split(",")}
    return any(_is_xml(entry) for entry in named) and not named & _JSON


def _is_xml(media_type: str) -> bool:
    return media_type in {"application/xml", "text/xml"} or media_type.endswith("+xml")


def _media_type(entry: str) -> str:
    return entry.partition(";")[0].strip().lower()
