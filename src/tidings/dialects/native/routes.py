"""POST /v1/messages, GET /v1/messages/{id}, GET /v1/messages/{id}/timeline."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tidings.dialects.body import BodyTooLarge, read_body
from tidings.dialects.native import wire
from tidings.dialects.native.problems import Problem
from tidings.domain.errors import Fault, Refusal, Unavailable
from tidings.domain.message import Message
from tidings.domain.order import Caller, Dialect, Draft, OnFault, Order, Taken
from tidings.domain.replay import steps
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock

MAX_BODY = 64 * 1024
FURTHEST = timedelta(days=180)

FIELD = {
    Fault.RECIPIENT_MISSING: "to",
    Fault.PREFIX_MISSING: "to",
    Fault.RECIPIENT_INVALID: "to",
    Fault.REFERENCE_TAKEN: "reference",
    Fault.TARIFF_UNKNOWN: "tariff",
    Fault.TARIFF_INACTIVE: "tariff",
    Fault.TEXT_TOO_LONG: "text",
    Fault.SENDER_NOT_ALLOWED: "sender",
    Fault.NOT_PRICED: "to",
    Fault.NO_ROUTE: "to",
}
"""Which member a fault is about."""

STATUS = {
    Fault.REFERENCE_TAKEN: HTTPStatus.CONFLICT,
    Fault.NO_CREDIT: HTTPStatus.PAYMENT_REQUIRED,
    Fault.SENDER_NOT_ALLOWED: HTTPStatus.FORBIDDEN,
}

_ID = re.compile(r"[0-9]{1,16}")

Handler = Callable[[Request], Awaitable[Response]]

_decode_send = msgspec.json.Decoder(wire.Send).decode
_encode = msgspec.json.Encoder().encode


def routes(gateway: Gateway, *, clock: Clock) -> list[BaseRoute]:
    """The native API's routes."""
    api = _Api(gateway, clock)
    return [
        Route("/v1/messages", _answered(api.send), methods=["POST"]),
        Route("/v1/messages/{id}", _answered(api.message), methods=["GET"]),
        Route("/v1/messages/{id}/timeline", _answered(api.timeline), methods=["GET"]),
    ]


def _answered(handler: Handler) -> Handler:
    """Problems become answers in one place."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            return problem.answer()
        except Unavailable as busy:
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(busy)).answer()

    return endpoint


class _Api:
    """One method per function."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    async def send(self, request: Request) -> Response:
        """Take one message. 202: it is stored and will come to an end that can be asked for."""
        caller = await self._caller(request)
        asked = await self._body(request)
        starts = self._start(asked.scheduled_for)
        order = Order(
            caller=caller,
            dialect=Dialect.NATIVE,
            drafts=[Draft(asked.to, asked.sender, asked.text, asked.reference, tariff=asked.tariff)],
            on_fault=OnFault.REFUSE_ALL,
            validity_s=asked.validity_s,
            scheduled_for=starts,
            traffic_class=asked.traffic_class,
        )
        try:
            [row] = (await self._gateway.accept(order)).rows
        except Refusal as refusal:
            status = STATUS.get(refusal.fault, HTTPStatus.BAD_REQUEST)
            raise Problem(status, refusal.fault, field=FIELD.get(refusal.fault, "")) from refusal
        assert isinstance(row, Taken)
        message = await self._gateway.message(caller.account.id, row.id)
        assert message is not None
        return _json(wire.message_out(message), HTTPStatus.ACCEPTED)

    def _start(self, asked: datetime | None) -> datetime | None:
        """When to start, in UTC; a time without a zone is UTC."""
        if asked is None:
            return None
        try:
            starts = asked.astimezone(UTC) if asked.tzinfo else asked.replace(tzinfo=UTC)
        except OverflowError as bad:
            raise Problem(HTTPStatus.BAD_REQUEST, "no such time", field="scheduled_for") from bad
        if starts > self._clock.now() + FURTHEST:
            raise Problem(HTTPStatus.BAD_REQUEST, "more than 180 days ahead", field="scheduled_for")
        return starts

    async def message(self, request: Request) -> Response:
        """One message as it stands."""
        _, message = await self._found(request)
        return _json(wire.message_out(message))

    async def timeline(self, request: Request) -> Response:
        """What happened to one message, oldest first."""
        caller, message = await self._found(request)
        log = await self._gateway.timeline(caller.account.id, message.id)
        told = steps(log, account_id=caller.account.id, message_id=message.id)
        callbacks = await self._gateway.callbacks(caller.account.id, message.id)
        events = [wire.event_out(step) for step in told]
        return _json(wire.Timeline(message.id, events, [wire.callback_out(one) for one in callbacks]))

    async def _caller(self, request: Request) -> Caller:
        """`Authorization: Bearer live_…` or `X-API-KEY: live_…`."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            key = request.headers.get("x-api-key", "")
        caller = await self._gateway.caller_by_key(key.strip())
        if caller is None:
            raise Problem(HTTPStatus.UNAUTHORIZED, "no valid API key")
        return caller

    async def _found(self, request: Request) -> tuple[Caller, Message]:
        caller = await self._caller(request)
        asked = request.path_params["id"]
        number = int(asked) if _ID.fullmatch(asked) else 0
        message = await self._gateway.message(caller.account.id, number)
        if message is None:
            raise Problem(HTTPStatus.NOT_FOUND, "there is no such message")
        return caller, message

    async def _body(self, request: Request) -> wire.Send:
        try:
            return _decode_send(await read_body(request, MAX_BODY))
        except BodyTooLarge as big:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large") from big
        except (msgspec.DecodeError, RecursionError) as bad:
            raise Problem(HTTPStatus.BAD_REQUEST, str(bad)) from bad


def _json(body: msgspec.Struct, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(_encode(body), status_code=status, media_type="application/json")
