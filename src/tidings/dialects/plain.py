"""Plain ASGI, for the paths that are asked thousands of times a second: no request or response is an object."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from starlette.types import Scope, Send

JSON = b"application/json"


class Answered(Protocol):
    """Hears an answer."""

    def __call__(self, body: bytes | None, /, *, fault: BaseException | None = None) -> None:
        """The body of a 200 in JSON; of a 500, if it is for a fault of our own.

        None: nothing was done, and it is to be asked in the ordinary way.
        """
        ...


Door = Callable[[str, str, Answered], bool]
"""Has a GET of this path with this API key answered; False: nobody will be told."""

TakingDoor = Callable[[str, str, bytes, Answered], bool]
"""The same of a POST, with its body; False: nothing was done."""


@runtime_checkable
class Straight(Protocol):
    """An application that answers some requests without being called as one."""

    def straight(self, path: str, key: str, answered: Answered) -> bool:
        """A `Door`. What it does not answer, or not with a 200, it leaves to be asked in the ordinary way."""
        ...

    def take(self, path: str, key: str, body: bytes, answered: Answered) -> bool:
        """A `TakingDoor`. What it does not take as it is, it leaves to the ordinary way."""
        ...


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
