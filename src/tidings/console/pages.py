"""Turning what is known into HTML: templates, the stylesheet, and the headers that keep a page to itself."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from tidings.console import cards, moments, words

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # an address may hold a customer's number
    "cache-control": "no-store",
}

STYLE = (files("tidings.console") / "console.css").read_bytes()
STYLE_PATH = "/console/console.css"
STYLE_URL = f"{STYLE_PATH}?v={sha256(STYLE).hexdigest()[:12]}"
"""The address changes with the content, so that a browser may keep it."""

_environment = Environment(
    loader=PackageLoader("tidings.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {
    "moment": moments.shown,
    "machine": moments.machine,
    "number": cards.number,
    "tone": words.tone,
}
_environment.globals |= {"style_url": STYLE_URL, "states": words.STATES}


def page(
    template: str,
    shown: Mapping[str, object] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page from a template of this package; `shown` is what the template asks for."""
    html = _environment.get_template(template).render(shown or {})
    return Response(html, status, headers={**HEADERS, **(headers or {})}, media_type="text/html")


def stylesheet() -> Response:
    """The one stylesheet."""
    kept = {**HEADERS, "cache-control": "public, max-age=31536000, immutable"}
    return Response(STYLE, headers=kept, media_type="text/css")
