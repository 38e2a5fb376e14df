"""What the console's tests share: sending, looking at a page, and reading what it shows."""

import base64
import html
import re
from dataclasses import dataclass

import httpx
from world import Customer, World

from tidings.domain.order import Dialect, Draft, OnFault, Order, Receipted

NUMBER = "380972000001"
TEXT = "Zebra7 is your code"


def basic(user: str, password: str) -> dict[str, str]:
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {encoded}"}


async def send(world: World, *recipients: str, key: str | None = None, **more: object) -> Receipted:
    """Send to these recipients. `more`: sender, text, reference, message_key, bulk_key, name."""
    caller = await world.gateway.caller_by_key(key or world.key)
    assert caller is not None
    of_draft = {name: more.pop(name) for name in ("reference", "message_key") if name in more}
    sender, text = str(more.pop("sender", "Shop")), str(more.pop("text", TEXT))
    drafts = [Draft(one, sender, text, **of_draft) for one in recipients or (NUMBER,)]  # type: ignore[arg-type]
    order = Order(
        caller=caller, dialect=Dialect.NATIVE, drafts=drafts, on_fault=OnFault.SKIP, validity_s=259_200
    )
    for name, value in more.items():
        setattr(order, name, value)
    return await world.gateway.accept(order)


@dataclass
class Seen:
    """A page as a reader without a browser sees it."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def words(self) -> str:
        """The page's text, tags taken out and white space collapsed."""
        return _words(self.answer.text)

    @property
    def steps(self) -> list[str]:
        """The words of each step of the timeline."""
        return [_words(one) for one in re.findall(r'<li class="step.*?</li>', self.answer.text, re.DOTALL)]

    @property
    def links(self) -> list[str]:
        return [html.unescape(one) for one in re.findall(r'href="([^"]*)"', self.answer.text)]


def _words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


async def look(world: World, path: str, *, customer: Customer | None = None, **params: str) -> Seen:
    """Open a page, logged in."""
    who = customer or world.customer
    return Seen(await world.http.get(path, params=params or None, headers=basic(who.user, who.password)))


async def search(world: World, asked: str, *, customer: Customer | None = None) -> Seen:
    return await look(world, "/console", customer=customer, q=asked)
