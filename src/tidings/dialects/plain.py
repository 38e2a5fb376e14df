"""Plain ASGI, for the paths that are asked thousands of times a second: no request or response is an object."""

from starlette.types import Scope, Send

JSON = b"application/json"


def header(scope: Scope, name: bytes) -> str:
    """The value of a request's header, by its name in lower case; empty without one."""
    for known, value in scope["headers"]:
        if known == name:
            text: str = value.decode("latin-1")
            return text
    return ""


async def answer(send: Send, body: bytes, *, status: int = 200, content_type: bytes = JSON) -> None:
    """The whole answer to a request."""
    length = b"%d" % len(body)
    headers = [(b"content-length", length), (b"content-type", content_type)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
