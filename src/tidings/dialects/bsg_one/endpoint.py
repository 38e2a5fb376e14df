"""One path of the One API: chooses the handler by verb and turns everything that is raised into an answer."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tidings.dialects.body import BodyTooLarge
from tidings.dialects.bsg_one.problems import Problem
from tidings.domain.errors import Unavailable

Handler = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """An ASGI application for one path.

    A gateway that is too busy answers 503 and not the 429 that the vendor documents: there it means that the
    same request came twice, and a client that believes so drops a message that nobody has.
    """

    def __init__(self, verbs: Mapping[str, Handler]) -> None:
        self._verbs = dict(verbs)
        if "GET" in verbs:
            self._verbs["HEAD"] = verbs["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; what nobody foresaw is answered 500 and raised again for the log."""
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except Exception:
            await Problem(500, "Internal server error").response()(scope, receive, send)
            raise
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        handler = self._verbs.get(request.method)
        try:
            if handler is None:
                raise Problem(405, "Method not allowed", headers={"Allow": ", ".join(self._verbs)})
            return await handler(request)
        except Problem as problem:
            return problem.response()
        except BodyTooLarge:
            return Problem(413, "Request body is too large").response()
        except Unavailable:
            return Problem(503, "Service is busy, try again later", headers={"Retry-After": "1"}).response()
