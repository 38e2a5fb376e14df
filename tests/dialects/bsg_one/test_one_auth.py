"""Login, refresh, and who is let in."""

import base64
import json

import jwt
from one_customer import Customer, login

MONTH_S = 2_592_000
CLOSED = [
    ("GET", "/api/messages"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/campaigns/sms/send"),
    ("GET", "/api/campaigns/1"),
    ("GET", "/api/accounts/balance"),
]


def payload_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def turned_away(world, headers, *, verb="GET", path="/api/messages"):
    answer = await world.http.request(verb, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == 401
    return answer.json()["message"]


async def test_a_key_buys_a_token_for_thirty_days(world):
    answer = await world.http.post("/api/auth/login", json={"api_key": world.key})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["bearer"]
    payload = payload_of(answer.json()["bearer"])
    assert payload["iat"] == int(world.clock.now().timestamp())
    assert payload["exp"] == payload["iat"] + MONTH_S
    assert payload["roles"] == []


async def test_a_test_key_logs_in_too(world):
    customer = await login(world, world.test_key)
    assert (await customer.ask("GET", "/api/messages")).status_code == 200


async def test_a_key_of_nobody_is_turned_away(world):
    for key in ("live_nobody", "x", "k" * 100_000, "ключ", "a\0b"):
        answer = await world.http.post("/api/auth/login", json={"api_key": key})
        assert answer.status_code == 401
        assert answer.json()["code"] == 401


async def test_a_login_without_a_key_names_the_property(world):
    for body in (b"{}", b'{"api_key":null}', b'{"api_key":" "}', b'{"api_key":5}'):
        answer = await world.http.post("/api/auth/login", content=body)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["api_key"]


async def test_a_login_that_is_no_json_object_is_refused(world):
    for body in (b"", b"[]", b"nonsense", b"[" * 100_000):
        answer = await world.http.post("/api/auth/login", content=body)
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["body"]


async def test_both_spellings_of_the_scheme_are_taken(world, customer):
    for form in ("Bearer {}", "Bearer: {}", "bearer {}", "BEARER: {}", "Bearer:{}", "Bearer  {}"):
        headers = {"Authorization": form.format(customer.bearer)}
        assert (await world.http.get("/api/messages", headers=headers)).status_code == 200, form


async def test_other_headers_are_turned_away(world, customer):
    for form in (
        "",
        "Bearer",
        "Bearer:",
        "{}",
        "Basic {}",
        "App {}",
        "Bearer {} x",
        "BearerX {}",
        "Bearer {}..",
    ):
        await turned_away(world, {"Authorization": form.format(customer.bearer)})


async def test_every_path_but_the_login_asks_who_is_there(world):
    for verb, path in CLOSED:
        await turned_away(world, {}, verb=verb, path=path)


async def test_the_key_itself_is_no_token(world):
    await turned_away(world, {"Authorization": f"Bearer {world.key}"})


async def test_a_token_ends_with_its_thirty_days(world, customer):
    world.clock.advance(MONTH_S - 1)
    assert (await customer.ask("GET", "/api/messages")).status_code == 200
    world.clock.advance(1)
    assert "Expired" in await turned_away(world, customer.headers)


async def test_a_refresh_gives_a_token_that_lasts_longer(world, customer):
    world.clock.advance(MONTH_S - 60)
    answer = await customer.ask("POST", "/api/auth/refresh")
    assert answer.status_code == 200
    world.clock.advance(120)
    await turned_away(world, customer.headers)
    renewed = Customer(world, answer.json()["bearer"])
    assert (await renewed.ask("GET", "/api/messages")).status_code == 200


async def test_a_revoked_key_ends_its_tokens_at_once(world, customer):
    assert await world.admin.revoke(world.account_id, payload_of(customer.bearer)["id"])
    for verb, path in CLOSED:
        await turned_away(world, customer.headers, verb=verb, path=path)


async def test_a_forged_token_is_turned_away(world, customer):
    payload = payload_of(customer.bearer)
    for secret in (b"\0" * 32, b"secret" * 6):
        forged = jwt.encode(payload, secret, algorithm="HS256")
        await turned_away(world, {"Authorization": f"Bearer {forged}"})
    unsigned = jwt.encode(payload, None, algorithm="none")
    await turned_away(world, {"Authorization": f"Bearer {unsigned}"})


async def test_a_token_with_another_id_inside_is_turned_away(world, customer):
    header, _, signature = customer.bearer.split(".")
    payload = {**payload_of(customer.bearer), "id": 1_000_000}
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    await turned_away(world, {"Authorization": f"Bearer {header}.{part}.{signature}"})


async def test_a_token_of_a_credential_that_never_was_is_turned_away(world):
    now = int(world.clock.now().timestamp())
    payload = {"iat": now, "exp": now + 60, "roles": [], "id": 2**62}
    token = jwt.encode(payload, await world.gateway.token_secret(), algorithm="HS256")
    await turned_away(world, {"Authorization": f"Bearer {token}"})


async def test_a_wrong_verb_on_a_known_path_says_so(world):
    wrong = [(verb, path) for verb in ("PUT", "PATCH", "DELETE", "OPTIONS") for _, path in CLOSED]
    for verb, path in [*wrong, ("GET", "/api/auth/login"), ("POST", "/api/messages")]:
        answer = await world.http.request(verb, path)
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["code"] == 405
        assert answer.headers["allow"]
