"""`/rest/…` and `/v1.0/…`: who asks, for which function, and the answer, which is HTTP 200 whatever it says.

The vendor tells errors by the number in the body: its clients take any other HTTP status for a broken line.
Only an unknown module is a 404, and a fault of our own a 500.
"""

import re
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from tidings.dialects import plain
from tidings.dialects.body import Body, BodyTooLarge
from tidings.dialects.bsg_v1 import answers, create, payload, usual
from tidings.dialects.bsg_v1.otp import Draw
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.wire import Answer, ServerFault, encode, failure
from tidings.dialects.bsg_v1.words import DESCRIPTIONS, ERRORS, Code, Problem
from tidings.domain.errors import Outdated, Refusal, Unavailable
from tidings.domain.order import Caller, Receipted
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock

PREFIXES = ("/rest", "/v1.0")
CREATE = frozenset(f"{prefix}/sms/create" for prefix in PREFIXES)
MODULES = frozenset({"common", "sms", "hlr", "viber", "mnp", "mnp-sync", "exports", "stat"})
TASK_NAMES = ("task", "task_id")
RESERVED = frozenset({"", "price", "prices", "getStatus"})
"""Names under `sms` that the vendor gives another meaning, so that no message is looked for under them."""

_MAX_KEY_CHARS = 128
_MAX_ID = 2**63 - 1
_NUMBER = re.compile(r"[0-9]{1,20}")
_QUESTION = re.compile(r"/[^/]*/sms/(?:([0-9]{1,20})|task(?:_id)?/([0-9]{1,20})|reference/([^/]+))")
"""A message by its id, a task, a message by its reference."""


class Call(NamedTuple):
    """One request of a known caller. `argument` is what follows the function in the path, "" if nothing."""

    caller: Caller
    scope: Scope
    body: Body
    argument: str
    as_of: int | None = None  # a caller that is only remembered: to be confirmed with the question itself


Handler = Callable[[Call], Awaitable[Answer | bytes]]
"""Answers in a shape, or in JSON already."""


class Function(NamedTuple):
    """What serves a function, by which verbs, and whether something follows its name in the path.

    `confirms` says that the handler has the gateway confirm a remembered caller, or raises.
    """

    handler: Handler
    verbs: frozenset[str]
    takes_argument: bool = False
    confirms: bool = False


def routes(
    gateway: Gateway, *, clock: Clock, settings: Settings, draw: Draw = secrets.choice
) -> list[BaseRoute]:
    """Both prefixes with all that stands under them. `draw` makes the characters of one-time codes."""
    api = Api(gateway, clock=clock, settings=settings, draw=draw)
    return [Mount(prefix, api) for prefix in PREFIXES]


class Api:
    """The whole dialect as one ASGI application: any verb and path reaches it, since a wrong one has an answer too.

    It is plain ASGI, without requests and responses as objects: these are the paths that are asked most.
    """

    def __init__(self, gateway: Gateway, *, clock: Clock, settings: Settings, draw: Draw) -> None:
        self._gateway, self._clock, self._settings, self._draw = gateway, clock, settings, draw
        self._patterns = usual.Patterns(settings)
        self._functions = self._table()
        self._lookup = Function(self._anything, frozenset({"GET"}), takes_argument=True, confirms=True)

    def _table(self) -> dict[tuple[str, str], Function]:
        get, get_or_post, write = frozenset({"GET"}), frozenset({"GET", "POST"}), frozenset({"PUT", "POST"})
        balance = Function(self._balance, get_or_post)
        task = Function(self._task, get, takes_argument=True, confirms=True)
        return {
            ("sms", "create"): Function(self._create, write, confirms=True),
            ("sms", "reference"): Function(self._reference, get, takes_argument=True, confirms=True),
            **{("sms", name): task for name in TASK_NAMES},
            ("sms", "2wayIncoming"): Function(self._two_way, get),
            ("sms", "2waySenders"): Function(self._two_way, get),
            ("common", "balance"): balance,
            ("common", "getbalance"): balance,
            ("sms", "balance"): balance,
            ("hlr", "balance"): balance,
            ("viber", "balance"): balance,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Every answer goes out here; a fault of our own is answered and then raised for the log."""
        _, _, module, *function = scope["path"].split("/", 3)
        if module not in MODULES:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        try:
            answer = await self._answer(scope, receive, module, function[0] if function else "")
        except ClientDisconnect:
            return
        except Exception:
            await plain.answer(send, encode(_server_fault()), status=500)
            raise
        await plain.answer(send, answer if isinstance(answer, bytes) else encode(answer))

    def straight(self, path: str, key: str, answered: plain.Answered) -> bool:
        """The status of a message and a task's counters, for a caller that the question itself confirms."""
        gateway = self._gateway
        remembered, question = gateway.remembered(key), _QUESTION.fullmatch(path)
        if remembered is None or question is None:
            return False
        account_id, as_of = remembered.caller.account.id, remembered.as_of
        message, task, reference = question.groups()
        if message:
            return gateway.tell_progress(
                account_id, int(message), as_of=as_of, said=answers.sms, heard=answered
            )
        if task:
            said = answers.task_summary
            return gateway.tell_task(account_id, int(task), as_of=as_of, said=said, heard=answered)
        return create.REFERENCE.fullmatch(reference) is not None and gateway.tell_progress_by_reference(
            account_id, reference, as_of=as_of, said=answers.sms, heard=answered
        )

    def take(self, path: str, key: str, body: bytes, answered: plain.Answered) -> bool:
        """A new message, for a caller that the order itself confirms; what has a fault goes the ordinary way."""
        remembered = self._gateway.remembered(key)
        if remembered is None or path not in CREATE or body[:1] != b"{":
            return False
        parse = partial(self._parse, remembered.caller)
        try:
            parsed = self._patterns.one(body, remembered, parse) or parse(
                payload.decode(body, "", self._settings)
            )
        except Problem:
            return False
        told = _telling_taken(parsed, answered)
        return self._gateway.accept_straight(parsed.order, as_of=remembered.as_of, told=told)

    def _parse(self, caller: Caller, decoded: payload.Payload) -> create.Parsed:
        """The order in a decoded body. Raises Problem."""
        return create.parse(
            decoded, caller=caller, now=self._clock.now(), settings=self._settings, draw=self._draw
        )

    async def _answer(self, scope: Scope, receive: Receive, module: str, path: str) -> Answer | bytes:
        body = Body(receive)
        try:
            answer = await self._answer_remembered(scope, body, module, path)
            if answer is not None:
                return answer
            caller = await self._caller(scope)
            function, argument = self._find(scope["method"], module, path)
            return await function.handler(Call(caller, scope, body, argument))
        except Problem as problem:
            return failure(problem)
        except Refusal as refusal:
            return failure(Problem(ERRORS[refusal.fault]))
        except Unavailable:
            return failure(Problem(Code.BUSY))

    async def _answer_remembered(
        self, scope: Scope, body: Body, module: str, path: str
    ) -> Answer | bytes | None:
        """The answer to a caller that the question itself has confirmed; None if there is none, and nothing is done.

        What is refused is asked again by a caller that is confirmed first: a key that is no longer known is told
        nothing else.
        """
        key = plain.header(scope, b"x-api-key").strip()
        remembered = self._gateway.remembered(key) if len(key) <= _MAX_KEY_CHARS else None
        if remembered is None:
            return None
        try:
            function, argument = self._find(scope["method"], module, path)
            if not function.confirms:
                return None
            call = Call(remembered.caller, scope, body, argument, remembered.as_of)
            return await function.handler(call)
        except (Outdated, Problem, Refusal):
            return None

    async def _caller(self, scope: Scope) -> Caller:
        key = plain.header(scope, b"x-api-key").strip()
        caller = await self._gateway.caller_by_key(key) if 0 < len(key) <= _MAX_KEY_CHARS else None
        if caller is None:
            raise Problem(Code.INVALID_KEY)
        return caller

    def _find(self, verb: str, module: str, path: str) -> tuple[Function, str]:
        name, _, argument = path.partition("/")
        function = self._functions.get((module, name))
        if function is None and module == "sms" and not argument and name not in RESERVED:
            function, argument = self._lookup, name
        if function is None or verb not in function.verbs:
            raise Problem(Code.NO_SUCH_METHOD)
        if argument and not function.takes_argument:
            raise Problem(Code.NO_SUCH_METHOD)
        return function, argument

    async def _create(self, call: Call) -> bytes:
        try:
            body = await call.body.read(self._settings.max_body_bytes)
        except BodyTooLarge:
            raise Problem(Code.BAD_PAYLOAD) from None
        content_type = plain.header(call.scope, b"content-type")
        decoded = payload.decode(body, content_type, self._settings)
        parse = partial(self._parse, call.caller)
        parsed = usual.many(decoded, parse, self._settings) or parse(decoded)
        return answers.created_in_json(parsed, await self._gateway.accept(parsed.order, as_of=call.as_of))

    async def _anything(self, call: Call) -> Answer | bytes:
        """A message by its id, else a task by its id, else a message by a reference, all on one path."""
        account_id, name = call.caller.account.id, call.argument
        number = _number(name)
        if number is not None:
            message = await self._gateway.progress(account_id, number, as_of=call.as_of)
            if message is not None:
                return answers.sms(message)
        if number is not None and (task := await self._gateway.task(account_id, number)):
            return answers.task_summary(task)
        return await self._by_reference(call, name)

    async def _reference(self, call: Call) -> Answer | bytes:
        if not create.REFERENCE.fullmatch(call.argument):
            raise Problem(Code.BAD_REFERENCE)
        return await self._by_reference(call, call.argument)

    async def _by_reference(self, call: Call, reference: str) -> Answer | bytes:
        if not create.REFERENCE.fullmatch(reference):
            raise Problem(Code.SMS_NOT_FOUND)
        message = await self._gateway.progress_by_reference(
            call.caller.account.id, reference, as_of=call.as_of
        )
        if message is None:
            raise Problem(Code.SMS_NOT_FOUND)
        return answers.sms(message)

    async def _task(self, call: Call) -> Answer | bytes:
        if not _NUMBER.fullmatch(call.argument):
            raise Problem(Code.BAD_TASK_ID)
        number, account_id = _number(call.argument), call.caller.account.id
        task = None if number is None else await self._gateway.task(account_id, number, as_of=call.as_of)
        if task is None:
            raise Problem(Code.TASK_NOT_FOUND)
        return answers.task_summary(task)

    async def _balance(self, call: Call) -> Answer:
        return answers.funds(await self._gateway.balance(call.caller.account.id))

    async def _two_way(self, _call: Call) -> Answer:
        raise Problem(Code.TWO_WAY_OFF)


def _telling_taken(
    parsed: create.Parsed, answered: plain.Answered
) -> Callable[[Receipted | BaseException], None]:
    """Passes on in words what became of an order. What may have been done is never asked again."""

    def told(became: Receipted | BaseException) -> None:
        if isinstance(became, Receipted):
            try:
                answered(answers.created_in_json(parsed, became))
            except Exception as fault:
                answered(encode(_server_fault()), fault=fault)
        elif isinstance(became, Outdated | Refusal):
            answered(None)
        elif isinstance(became, Unavailable):
            answered(encode(failure(Problem(Code.BUSY))))
        else:
            answered(encode(_server_fault()), fault=became)

    return told


def _number(name: str) -> int | None:
    """An id that can exist; None for anything else."""
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    return number if number <= _MAX_ID else None


def _server_fault() -> ServerFault:
    unknown = DESCRIPTIONS[Code.UNKNOWN_ERROR]
    return ServerFault(error=int(Code.UNKNOWN_ERROR), error_description=unknown, code=500, message=unknown)
