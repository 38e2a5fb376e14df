"""The paths of this vendor. Shapes and words only; the gateway decides."""

import itertools
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from tidings.dialects.body import BodyTooLarge, read_body
from tidings.dialects.infobip import auth, errors, negotiation, reports, sending
from tidings.dialects.infobip.settings import Settings, preferences
from tidings.domain.errors import Refusal, Unavailable
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock

Handler = Callable[[Request], Awaitable[msgspec.Struct | bytes]]
"""Answers in a shape, or in JSON already."""

EXTENSIONS = ("", ".json", ".xml")  # a path may say its format
VERSIONS = ("1", "2", "3")  # below /sms/ of these, unknown paths are this vendor's 404

_encode = msgspec.json.Encoder().encode


def routes(gateway: Gateway, *, clock: Clock, settings: Settings) -> list[BaseRoute]:
    """Every route of this dialect, in matching order."""
    handlers = Handlers(gateway, clock, settings)
    new_id = RequestIds(clock)
    served: dict[str, dict[str, Handler]] = {
        "/sms/1/reports": {"GET": handlers.pull_reports},
        "/sms/2/text/advanced": {"POST": handlers.send_text},
    }
    found: list[BaseRoute] = []
    for mount in settings.mounts:
        for path, verbs in served.items():
            found += [Route(mount + path + end, Endpoint(verbs, new_id)) for end in EXTENSIONS]
        for version in VERSIONS:
            found.append(Route(f"{mount}/sms/{version}/{{rest:path}}", Unknown(version, new_id)))
    return found


class Handlers:
    """One method per function of the API; each answers with the body of a 200 or raises ApiError."""

    def __init__(self, gateway: Gateway, clock: Clock, settings: Settings) -> None:
        self._gateway, self._clock, self._settings = gateway, clock, settings

    async def pull_reports(self, request: Request) -> bytes:
        """GET /sms/1/reports: what is owed, handed out once; so all refusals come before it is asked for."""
        caller = await auth.caller_of(self._gateway, request)
        negotiation.check(request)
        wanted = reports.filter_of(request.query_params)
        limit = reports.limit_of(request.query_params, lenient=self._settings.lenient_limit)
        switches = preferences(caller.account)
        if wanted is None:
            return reports.response((), switches)
        owed = await self._gateway.pull_reports(caller.account.id, wanted, limit=limit)
        return reports.response(owed, switches)

    async def send_text(self, request: Request) -> msgspec.Struct:
        """POST /sms/2/text/advanced: one answer row per destination, after the commit."""
        caller = await auth.caller_of(self._gateway, request)
        negotiation.check(request)
        negotiation.check_body(request)
        body = await read_body(request, self._settings.max_body_bytes)
        wanted = sending.decode(body, max_destinations=self._settings.max_destinations)
        zone = preferences(caller.account).zone
        order = sending.order_of(wanted, caller=caller, now=self._clock.now(), zone=zone)
        return sending.response(wanted, await self._gateway.accept(order))


class RequestIds:
    """`X-Request-Id` values: 19 digits, as the vendor's; they grow with time."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._turn = clock, itertools.count()

    def __call__(self) -> str:
        """The next one."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        return f"{milliseconds:013d}{next(self._turn) % 1_000_000:06d}"


class Endpoint:
    """One path: picks the handler by verb and turns what it raises into this vendor's answers.

    A HEAD is refused like any other verb: a pull that nobody reads would use up reports.
    """

    def __init__(self, verbs: Mapping[str, Handler], new_id: RequestIds) -> None:
        self._verbs, self._new_id = verbs, new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. What nobody foresaw is answered as a 500, and raised for the log."""
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except Exception:
            await self._refusal(errors.internal())(scope, receive, send)
            raise
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return _json(200, await self._handler(request)(request), {}, self._new_id())
        except errors.ApiError as refusal:
            return self._refusal(refusal)
        except (BodyTooLarge, Refusal):
            return self._refusal(errors.bad_request())
        except Unavailable:
            return self._refusal(errors.busy())

    def _handler(self, request: Request) -> Handler:
        if request.method not in self._verbs:
            raise errors.wrong_verb(", ".join(self._verbs))
        return self._verbs[request.method]

    def _refusal(self, refusal: errors.ApiError) -> Response:
        return _json(refusal.status, refusal.body, refusal.headers, self._new_id())


class Unknown:
    """Every other path below the vendor's: 404 in its envelope, whatever the verb."""

    def __init__(self, version: str, new_id: RequestIds) -> None:
        self._version, self._new_id = version, new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refusal = errors.not_found_v3() if self._version == "3" else errors.not_found()
        await _json(refusal.status, refusal.body, {}, self._new_id())(scope, receive, send)


def _json(status: int, body: msgspec.Struct | bytes, headers: Mapping[str, str], request_id: str) -> Response:
    always = {"content-type": "application/json; charset=UTF-8", "x-request-id": request_id}
    content = body if isinstance(body, bytes) else _encode(body)
    return Response(content, status_code=status, headers={**always, **headers})
