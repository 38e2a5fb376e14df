"""What an endpoint answers when a handler gives up."""

from datetime import UTC, datetime

import httpx
import pytest

from tidings.dialects.infobip.routes import Endpoint, RequestIds
from tidings.domain.errors import Fault, Misconfigured, Refusal, Unavailable


class StoppedClock:
    def now(self):
        return datetime(2026, 3, 2, 12, tzinfo=UTC)


def client(endpoint: Endpoint, *, raising: bool = False) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=endpoint, raise_app_exceptions=raising)
    return httpx.AsyncClient(transport=transport, base_url="http://tidings")


def endpoint(raised: Exception | None) -> Endpoint:
    async def handler(_request):
        if raised is not None:
            raise raised
        return b'{"results":[]}'

    return Endpoint({"GET": handler}, RequestIds(StoppedClock()))


def envelope(code: str, text: str) -> dict[str, object]:
    return {"requestError": {"serviceException": {"messageId": code, "text": text}}}


async def test_nobody_at_fault_is_too_many_requests_and_try_again():
    async with client(endpoint(Unavailable("queue full"))) as http:
        answer = await http.get("/")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json() == envelope("TOO_MANY_REQUESTS", "Too many requests")


async def test_a_refusal_of_the_whole_order_is_a_bad_request():
    async with client(endpoint(Refusal(Fault.TEXT_INVALID))) as http:
        answer = await http.get("/")

    assert (answer.status_code, answer.json()) == (400, envelope("BAD_REQUEST", "Bad request"))


@pytest.mark.parametrize("unforeseen", [RuntimeError("bug"), Misconfigured("infobip.ok_word")])
async def test_the_unforeseen_is_a_500_without_details_and_still_raised(unforeseen):
    async with client(endpoint(unforeseen)) as http:
        answer = await http.get("/")
    assert (answer.status_code, answer.json()) == (
        500,
        envelope("GENERAL_ERROR", "Something went wrong. Please contact support."),
    )

    async with client(endpoint(unforeseen), raising=True) as http:
        with pytest.raises(type(unforeseen)):
            await http.get("/")


async def test_request_ids_are_nineteen_digits_and_differ():
    async with client(endpoint(None)) as http:
        ids = [(await http.get("/")).headers["x-request-id"] for _ in range(3)]

    assert len(set(ids)) == 3
    assert {len(one) for one in ids} == {19}
    assert all(one.isdigit() for one in ids)


async def test_a_caller_who_hangs_up_gets_no_answer():
    async def handler(request):
        await request.body()
        return b'{"results":[]}'

    async def hang_up():
        return {"type": "http.disconnect"}

    sent = []

    async def send(event):
        sent.append(event)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await Endpoint({"POST": handler}, RequestIds(StoppedClock()))(scope, hang_up, send)

    assert sent == []
