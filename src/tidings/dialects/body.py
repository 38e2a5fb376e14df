"""Reading a request's body without trusting its size."""

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive


class BodyTooLarge(Exception):
    """More octets than the dialect takes; nothing beyond the limit was kept."""


class Body:
    """A body that is read when it is asked for, once, however often that is."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._octets: bytes | None = None
        self._too_large = False

    async def read(self, limit: int) -> bytes:
        """The whole body, at most `limit` octets. Raises BodyTooLarge, ClientDisconnect."""
        if self._too_large:
            raise BodyTooLarge
        if self._octets is None:
            try:
                self._octets = await receive_body(self._receive, limit)
            except BodyTooLarge:
                self._too_large = True
                raise
        return self._octets


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` octets."""
    return await receive_body(request.receive, limit)


async def receive_body(receive: Receive, limit: int) -> bytes:
    """The same of a plain ASGI request. Raises ClientDisconnect when its sender has gone."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(event.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLarge
        more = event.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
