"""A customer of the One API, as the exchanges see one."""

from one_client_rules import check_problem

SEND = "/api/campaigns/sms/send"
FIRST = 380661231231


class Customer:
    """Speaks the One API as a published client does, and keeps its token."""

    def __init__(self, world, bearer):
        self.world, self.bearer = world, bearer

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.bearer}"}

    async def ask(self, verb, path, **kwargs):
        """One exchange; refusals are held to the documented shapes."""
        answer = await self.world.http.request(verb, path, headers=self.headers, **kwargs)
        assert answer.headers["content-type"] == "application/json"
        if answer.status_code != 200:
            check_problem(answer.status_code, answer.json())
        return answer

    async def get(self, path, **params):
        """A GET that must succeed; `filter__id` stands for `filter[id]`."""
        answer = await self.ask("GET", path, params=bracketed(params))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, verb, path, status=422, **kwargs):
        """An exchange that must be refused; the answer's body."""
        answer = await self.ask(verb, path, **kwargs)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def send(self, **members):
        """A campaign; the `data` of the answer."""
        answer = await self.ask("POST", SEND, json=request(**members))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def messages(self, **params):
        """A page of messages."""
        return await self.get("/api/messages", **params)

    async def only(self, **params):
        """The one message that meets the filters."""
        page = await self.messages(**params)
        assert page["meta"]["page"]["total"] == 1
        return page["data"][0]


def bracketed(params):
    """`filter__id` -> `filter[id]`."""
    return {name.replace("__", "[") + "]" if "__" in name else name: value for name, value in params.items()}


def request(phones=1, **members):
    """A send to so many phones, or to those given."""
    if isinstance(phones, int):
        phones = [{"number": FIRST + i} for i in range(phones)]
    return {"phones": phones, "sender": "BSG", "text": "Hi", **members}


async def login(world, key):
    """A customer with a fresh token."""
    answer = await world.http.post("/api/auth/login", json={"api_key": key})
    assert answer.status_code == 200, answer.text
    return Customer(world, answer.json()["bearer"])
