"""Reading a request's body without trusting its size."""

from starlette.requests import Request


class BodyTooLarge(Exception):
    """More octets than the dialect takes; nothing beyond the limit was kept."""


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, at most `limit` octets."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)
