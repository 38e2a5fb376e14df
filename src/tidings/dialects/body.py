"""Reading a request's body without trusting its size."""

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive


class BodyTooLarge(Exception):
    """More octets than the dialect takes; nothing beyond the limit was kept."""


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
