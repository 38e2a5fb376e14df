"""The paths of the One API that are served: login, messages, SMS campaigns, balance."""

import re

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tidings.dialects.body import read_body
from tidings.dialects.bsg_one import answers, orders, tokens, wire, words
from tidings.dialects.bsg_one.endpoint import Endpoint
from tidings.dialects.bsg_one.problems import Problem, invalid, unauthorised
from tidings.dialects.bsg_one.query import message_query
from tidings.dialects.bsg_one.settings import Settings
from tidings.domain.errors import Refusal
from tidings.domain.order import Caller
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock

# `Bearer X`; the documentation prints `Bearer: X`.
_BEARER = re.compile(r"bearer(?::\s*|\s+)(\S+)", re.IGNORECASE)
_KEY_MAX_CHARACTERS = 255


class _CampaignId(Convertor[int]):
    """Digits that fit a database integer; any other path segment is another path."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("bsg_one_campaign_id", _CampaignId())


def routes(gateway: Gateway, *, clock: Clock, settings: Settings) -> list[BaseRoute]:
    """Every path of the dialect, without trailing slash."""
    api = _OneApi(gateway, clock, settings)
    return [
        Route("/api/auth/login", Endpoint({"POST": api.login})),
        Route("/api/auth/refresh", Endpoint({"POST": api.refresh})),
        Route("/api/messages", Endpoint({"GET": api.messages})),
        Route("/api/campaigns/sms/send", Endpoint({"POST": api.send})),
        Route("/api/campaigns/{id:bsg_one_campaign_id}", Endpoint({"GET": api.campaign})),
        Route("/api/accounts/balance", Endpoint({"GET": api.balance})),
    ]


class _OneApi:
    """The handlers. Each reads a request, asks the gateway once, and shows the answer."""

    def __init__(self, gateway: Gateway, clock: Clock, settings: Settings) -> None:
        self._gateway, self._clock, self._settings = gateway, clock, settings
        self._zone = settings.zone()

    async def login(self, request: Request) -> Response:
        key = (wire.decode(await self._body(request), wire.Login).api_key or "").strip()
        if not key:
            raise invalid("api_key", "This value should not be blank.")
        caller = await self._gateway.caller_by_key(key) if len(key) <= _KEY_MAX_CHARACTERS else None
        if caller is None:
            raise unauthorised("Invalid API key")
        return await self._bearer(caller)

    async def refresh(self, request: Request) -> Response:
        return await self._bearer(await self._caller(request))

    async def messages(self, request: Request) -> Response:
        caller = await self._caller(request)
        now, skew_s = self._clock.now(), self._settings.clock_skew_s
        query = message_query(request.query_params, now=now, zone=self._zone, clock_skew_s=skew_s)
        page = await self._gateway.messages(
            caller.account.id, query.where, sort=query.sort, limit=query.limit, offset=query.offset
        )
        settings = self._settings.of(caller.account)
        return _json(answers.message_list(page, query, settings=settings, zone=self._zone))

    async def send(self, request: Request) -> Response:
        caller = await self._caller(request)
        body = wire.decode(await self._body(request), wire.SmsSend)
        now, skew_s = self._clock.now(), self._settings.clock_skew_s
        order = orders.order(body, caller=caller, now=now, zone=self._zone, clock_skew_s=skew_s)
        try:
            receipted = await self._gateway.accept(order)
        except Refusal as no:
            raise words.refusal(no.fault, no.row) from no
        return _json(wire.envelope(answers.new_campaign(order, receipted, zone=self._zone)))

    async def campaign(self, request: Request) -> Response:
        caller = await self._caller(request)
        task = await self._gateway.task(caller.account.id, request.path_params["id"])
        if task is None:
            raise Problem(404, "Model not found")
        return _json(wire.envelope(answers.campaign(task, now=self._clock.now(), zone=self._zone)))

    async def balance(self, request: Request) -> Response:
        caller = await self._caller(request)
        return _json(wire.envelope(answers.balance(await self._gateway.balance(caller.account.id))))

    async def _caller(self, request: Request) -> Caller:
        """Who asks. The credential is looked up every time: revoking it ends its tokens at once."""
        given = _BEARER.fullmatch(request.headers.get("authorization", "").strip())
        if given is None:
            raise unauthorised("JWT token not found")
        secret = await self._gateway.token_secret()
        try:
            credential_id = tokens.credential_of(given[1], secret=secret, now=self._clock.now())
        except tokens.BadToken as bad:
            raise unauthorised(str(bad)) from bad
        caller = await self._gateway.caller_by_credential(credential_id)
        if caller is None:
            raise unauthorised("Invalid JWT token")
        return caller

    async def _bearer(self, caller: Caller) -> Response:
        token = tokens.issue(
            caller.credential_id,
            secret=await self._gateway.token_secret(),
            now=self._clock.now(),
            lifetime_s=self._settings.token_lifetime_s,
        )
        return _json(wire.Bearer(token))

    async def _body(self, request: Request) -> bytes:
        return await read_body(request, self._settings.max_body_octets)


def _json(answer: object) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
