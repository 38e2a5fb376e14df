"""A customer of BSG REST v1, as the exchanges see one."""

import asyncio
import re

import msgspec

from tidings.dialects.bsg_v1.routes import Api
from tidings.dialects.bsg_v1.settings import Settings
from tidings.dialects.bsg_v1.wire import encode

FIRST = 380972920000
STATUS_WORDS = {"scheduled", "sent", "delivered", "expired", "undeliverable", "rejected", "unknown"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


class Customer:
    """Speaks v1 and holds every answer to what all known clients need of it."""

    def __init__(self, world, key):
        self.world, self.key = world, key
        self.asked = 0

    async def raw(self, verb, path, body=b"", **headers):
        """One exchange, bytes in; the response."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.world.http.request(
            verb, path, content=body, headers={"X-API-KEY": self.key, **named}
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        check(answer.json())
        if verb == "GET" and not body:
            assert await self.straight(path) in (None, answer.content), "asked straight, it is the same"
        return answer

    async def straight(self, path, body=None):
        """The answer to what is asked without a request; None if there is none."""
        answered = asyncio.get_running_loop().create_future()
        api = Api(self.world.gateway, clock=self.world.clock, settings=Settings(), draw=lambda _: "0")

        def hear(said, *, fault=None):
            answered.set_result(said) if fault is None else answered.set_exception(fault)

        told = api.straight(path, self.key, hear) if body is None else api.take(path, self.key, body, hear)
        if not told:
            return None
        async with asyncio.timeout(5):
            return await answered

    async def get(self, path):
        return (await self.raw("GET", f"/rest/{path}")).json()

    async def create(self, **members):
        """Every second request straight; what is not answered so is asked in the ordinary way."""
        self.asked += 1
        if self.asked % 2 and (said := await self.straight("/rest/sms/create", encode(members))):
            check(msgspec.json.decode(said))
            return msgspec.json.decode(said)
        answer = await self.world.http.post("/rest/sms/create", json=members, headers={"X-API-KEY": self.key})
        assert answer.status_code == 200, answer.text
        check(answer.json())
        return answer.json()

    async def phone(self, **members):
        """To one recipient."""
        return await self.create(**phone(**members))

    async def phones(self, rows, **members):
        """To a list."""
        return await self.create(**phones(rows, **members))


def phone(**members):
    return {"destination": "phone", "msisdn": str(FIRST), "originator": "BSG", "body": "Hi", **members}


def phones(rows, **members):
    """`rows`: how many, or the rows themselves."""
    if isinstance(rows, int):
        rows = [{"msisdn": str(FIRST + n), "reference": f"r{n}"} for n in range(rows)]
    return {"destination": "phones", "originator": "BSG", "body": "Hi", "phones": rows, **members}


def check(answer):
    """What every known client needs of any answer."""
    assert type(answer["error"]) is int
    assert isinstance(answer["errorDescription"], str)
    if answer["error"] == 0:
        assert answer["errorDescription"] == "No errors"
    if "status" in answer:
        _check_status(answer)
    if "totalprice" in answer and "sent" in answer:
        counters = ("validity", "sent", "delivered", "expired", "undeliverable", "unknown")
        assert all(type(answer[name]) is int for name in counters)
    if "result" in answer:
        rows = answer["result"] if isinstance(answer["result"], list) else [answer["result"]]
        assert isinstance(answer["result"], dict) or len(rows) > 1
        for row in rows:
            _check_row(row)


def _check_status(answer):
    assert answer["status"] in STATUS_WORDS
    assert all(isinstance(answer[name], str) for name in ("id", "msisdn", "reference", "currency"))
    assert answer["id"].isdigit() and isinstance(answer["price"], int | float)
    assert MOMENT.fullmatch(answer["time_in"]) and MOMENT.fullmatch(answer["time_sent"])
    assert answer["time_dr"] is None or MOMENT.fullmatch(answer["time_dr"])


def _check_row(row):
    assert type(row["error"]) is int and isinstance(row["reference"], str)
    if row["error"]:
        assert set(row) == {"error", "errorDescription", "reference"}
    else:
        assert set(row) == {"error", "errorDescription", "reference", "id", "price", "currency"}
        assert row["id"].isdigit() and isinstance(row["price"], int | float)
