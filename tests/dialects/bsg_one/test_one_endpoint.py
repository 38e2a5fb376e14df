"""What happens around the handlers: a gateway that is busy, a fault of ours, a customer who hangs up."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from tidings.dialects.bsg_one.endpoint import Endpoint
from tidings.domain.errors import Unavailable


class Surprise(Exception):
    """Nobody foresaw this."""


def raising(error):
    async def handler(_request):
        raise error

    return Endpoint({"GET": handler})


async def asked(endpoint, *, raise_app_exceptions=True):
    app = Starlette(routes=[Route("/", endpoint)])
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=raise_app_exceptions)
    async with httpx.AsyncClient(transport=transport, base_url="http://tidings") as client:
        return await client.get("/")


async def test_a_busy_gateway_asks_to_come_again_and_never_claims_a_duplicate():
    answer = await asked(raising(Unavailable("queue full")))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["code"] == 503


async def test_a_fault_of_ours_is_answered_and_still_reaches_the_log():
    answer = await asked(raising(Surprise("secret")), raise_app_exceptions=False)
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"code": 500, "message": "Internal server error"}
    with pytest.raises(Surprise):
        await asked(raising(Surprise("secret")))


async def test_a_customer_who_hangs_up_gets_no_answer():
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await raising(ClientDisconnect())(scope, receive, send)
    assert sent == []
