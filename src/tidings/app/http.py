"""The HTTP application: all dialects on one server, health beside them, limits around them."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_TARGET = 8_192
MAX_HEADER_OCTETS = 32_768

log = structlog.get_logger("http")


class TidyPath:
    """Clients double the first slash or add a last one; routes know neither. Oversized heads are refused."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with its path put straight."""
        if scope["type"] == "http":
            path = scope["path"]
            if len(path) + len(scope["query_string"]) > MAX_TARGET or _head_octets(scope) > MAX_HEADER_OCTETS:
                await Response(status_code=431)(scope, receive, send)
                return
            while "//" in path:
                path = path.replace("//", "/")
            if len(path) > 1 and path.endswith("/"):
                path = path[:-1]
            if path != scope["path"]:
                scope = {**scope, "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


def _head_octets(scope: Scope) -> int:
    octets = 0
    for name, value in scope["headers"]:
        octets += len(name) + len(value)
    return octets


class Doors:
    """What is mounted under the first segment of a path is called straight; routes are looked for by `others`."""

    def __init__(self, mounts: Iterable[Mount], others: App) -> None:
        self._mounted: dict[str, App] = {mount.path.lstrip("/"): mount.app for mount in mounts}
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what an application raises is logged here, and its own to answer."""
        first, below, _ = scope.get("path", "/")[1:].partition("/")
        app = self._mounted.get(first) if below else None
        if app is None:
            await self._others(scope, receive, send)
            return
        try:
            await app(scope, receive, send)
        except Exception as error:
            tell(scope["path"], scope["method"], error)
            raise


def tell(path: str, method: str, error: BaseException) -> None:
    """Log a fault of our own."""
    log.error("request_failed", path=path, method=method, exc_info=error)


def build(routes: Iterable[BaseRoute], *, ready: Callable[[], Awaitable[bool]]) -> TidyPath:
    """The application: the given routes, /health, and 404 for the rest."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def readiness(_: Request) -> Response:
        is_ready = await ready()
        return JSONResponse(
            {"status": "ready" if is_ready else "unready"}, status_code=200 if is_ready else 503
        )

    async def broke(request: Request, error: Exception) -> Response:
        tell(request.url.path, request.method, error)
        return JSONResponse({"message": "Internal error"}, status_code=500)

    health = [
        Route("/health/live", live),
        Route("/health/ready", readiness),
        Route("/health/startup", readiness),
    ]
    served = [*health, *routes]
    mounts = [one for one in served if isinstance(one, Mount)]
    app = Starlette(routes=served, exception_handlers={Exception: broke})
    app.router.redirect_slashes = False
    return TidyPath(Doors(mounts, app))
