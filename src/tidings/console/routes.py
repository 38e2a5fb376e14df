"""The console: a search by any id or number, and a message's timeline. It changes nothing."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tidings.console.cards import message_card, task_card
from tidings.console.login import CHALLENGE, caller_of
from tidings.console.pages import STYLE_PATH, page, stylesheet
from tidings.console.timeline import timeline
from tidings.console.words import told_back
from tidings.domain.errors import Unavailable
from tidings.domain.ids import MAX_ID
from tidings.domain.message import Message, Task
from tidings.domain.number import NumberFault, parse
from tidings.domain.order import Account
from tidings.flows.gateway import Gateway
from tidings.flows.ports import Clock

MAX_ASKED = 100
"""Characters of a search."""

MAX_HITS = 50

Page = Callable[[Request, Account], Awaitable[Response]]


def routes(gateway: Gateway, *, clock: Clock) -> list[BaseRoute]:
    """Every path of the console. The pages need a login; the stylesheet has no secrets."""
    console = _Console(gateway, clock)

    async def style(_: Request) -> Response:
        return stylesheet()

    return [
        Route("/console", console.guarded(console.search)),
        Route("/console/messages/{id}", console.guarded(console.message)),
        Route(STYLE_PATH, style),
    ]


class _Console:
    """The pages. Each asks the gateway for the account that logged in, and for no other."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway, self._clock = gateway, clock

    def guarded(self, answer: Page) -> Callable[[Request], Awaitable[Response]]:
        """A page behind the login."""

        async def guard(request: Request) -> Response:
            try:
                caller = await caller_of(self._gateway, request)
                if caller is None:
                    return page("login.html", status=401, headers={"www-authenticate": CHALLENGE})
                return await answer(request, caller.account)
            except Unavailable:
                return page("away.html", status=503, headers={"retry-after": "2"})

        return guard

    async def search(self, request: Request, account: Account) -> Response:
        """What an id or a number stands for: one message in full, or a list to choose from."""
        asked = request.query_params.get("q", "").strip()
        if not asked:
            return self._page(account, asked)
        if len(asked) > MAX_ASKED:
            problem = f"A search has at most {MAX_ASKED} characters."
            return self._page(account, asked[:MAX_ASKED], status=400, problem=problem)
        if not asked.isprintable():
            return self._page(account, asked, status=404)
        hits = await self._hits(account, asked)
        task = await self._task(account, asked, hits)
        if len(hits) == 1:
            return await self._shown(hits[0], account, asked=asked, task=task)
        return self._page(account, asked, status=200 if hits or task else 404, hits=hits, task=task)

    async def message(self, request: Request, account: Account) -> Response:
        """One message; a foreign one and an unknown one are both not found."""
        asked = request.path_params["id"]
        message = None
        if asked.isascii() and asked.isdigit() and len(asked) <= len(str(MAX_ID)):
            message = await self._gateway.message(account.id, int(asked))
        if message is None:
            return self._page(account, asked[:MAX_ASKED], status=404)
        return await self._shown(message, account, asked="")

    async def _hits(self, account: Account, asked: str) -> Sequence[Message]:
        """Messages under what was asked; a number may be written as people write numbers."""
        hits = await self._gateway.search(account.id, asked, limit=MAX_HITS + 1)
        if hits:
            return hits
        try:
            digits = parse(asked).digits
        except NumberFault:
            return []
        return await self._gateway.search(account.id, digits, limit=MAX_HITS + 1) if digits != asked else []

    async def _task(self, account: Account, asked: str, hits: Sequence[Message]) -> Task | None:
        """The task whose id or bulkId was asked for."""
        ids = {hit.task_id for hit in hits if asked in (str(hit.task_id), hit.bulk_key)}
        return await self._gateway.task(account.id, max(ids)) if ids else None

    async def _shown(
        self, message: Message, account: Account, *, asked: str, task: Task | None = None
    ) -> Response:
        log = await self._gateway.timeline(account.id, message.id)
        history = timeline(log, account_id=account.id, message_id=message.id, currency=message.currency)
        card = message_card(message, history.flags)
        callbacks = await self._gateway.callbacks(account.id, message.id)
        told = [(one.at, told_back(one)) for one in callbacks]
        return self._page(account, asked, task=task, card=card, history=history, told=told)

    def _page(
        self,
        account: Account,
        asked: str,
        *,
        status: int = 200,
        hits: Sequence[Message] = (),
        task: Task | None = None,
        **shown: object,
    ) -> Response:
        always = {
            "account": account.name,
            "asked": asked,
            "now": self._clock.now(),
            "found": status == 200,
            "hits": hits[:MAX_HITS],
            "more": len(hits) > MAX_HITS,
            "max_asked": MAX_ASKED,
            "task": task_card(task) if task else None,
        }
        absent = {"card": None, "history": None, "told": (), "problem": None}
        return page("console.html", {**absent, **always, **shown}, status=status)
