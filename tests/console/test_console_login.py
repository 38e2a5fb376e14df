"""Nobody sees anything without an account's user name and password, and then only that account."""

import base64

import httpx
from console_visitor import basic, look, search, send
from starlette.applications import Starlette

from tidings.app.config import Config, Console
from tidings.app.served import served

PAGES = ["/console", "/console?q=1", "/console/messages/1", "/console/messages/nonsense"]


async def test_a_page_asks_for_a_login(world):
    for path in PAGES:
        answer = await world.http.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Basic realm="Tidings"')
        assert "Login needed" in answer.text


def _encoded(octets: bytes) -> str:
    return f"Basic {base64.b64encode(octets).decode()}"


NO_LOGINS = [
    "",
    "Basic",
    "Basic ",
    "Basic !!!",
    "Basic ====",
    _encoded(b"no colon"),
    _encoded(b"\xff\xfe:x"),
    _encoded(b"acme-user:\x00"),
    _encoded(b"acme-user:wrong"),
    _encoded(b":"),
    _encoded(b"a:" + b"x" * 1_000),
    "Bearer abc",
    "App abc",
]


async def test_whatever_else_a_login_holds_is_refused(world):
    for header in NO_LOGINS:
        answer = await world.http.get("/console", headers={"authorization": header})
        assert answer.status_code == 401, header


async def test_an_api_key_is_no_login(world):
    for credentials in (basic(world.key, ""), basic(world.user, world.key)):
        assert (await world.http.get("/console", headers=credentials)).status_code == 401


async def test_the_scheme_is_known_in_any_case(world):
    headers = {"authorization": basic(world.user, world.password)["authorization"].replace("Basic", "bASIC")}

    assert (await world.http.get("/console", headers=headers)).status_code == 200


async def test_a_revoked_password_ends_at_once(world):
    await world.sql.execute("update credential set revoked_at = now() where username = $1", world.user)

    assert (await look(world, "/console")).status == 401


async def test_a_foreign_message_is_not_found_by_anything_that_names_it(world):
    other = await world.other_account()
    sent = await send(
        world, key=other.key, reference="theirs", message_key="their-key", bulk_key="their-bulk"
    )
    [row] = sent.rows

    theirs, unknown = str(row.id), str(row.id + 1_000_000)
    pages = [await look(world, f"/console/messages/{one}") for one in (theirs, unknown)]
    assert [page.status for page in pages] == [404, 404]
    words = [
        page.words.removeprefix(one).replace(f"number {one} .", "")
        for page, one in zip(pages, (theirs, unknown), strict=True)
    ]
    assert words[0] == words[1]
    for asked in (row.id, sent.task_id, "theirs", "their-key", "their-bulk", row.recipient):
        found = await search(world, str(asked))
        assert found.status == 404, asked
        assert "Nothing found" in found.words
    assert (await look(world, f"/console/messages/{row.id}", customer=other)).status == 200


async def test_a_page_keeps_to_itself(world):
    sent = await send(world)
    for path in ("/console", "/console?q=none", f"/console/messages/{sent.rows[0].id}"):
        answer = (await look(world, path)).answer
        assert answer.headers["content-security-policy"].split(";")[0] == "default-src 'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


async def test_pages_are_only_read(world):
    headers = basic(world.user, world.password)
    for verb in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await world.http.request(verb, "/console", headers=headers)).status_code == 405


async def test_an_absent_database_is_said_and_may_be_asked_again(world):
    await world.database.close()
    page = await look(world, "/console")

    assert (page.status, page.answer.headers["retry-after"]) == (503, "2")
    assert "Back in a moment" in page.words


async def test_the_console_can_be_switched_off(world):
    for enabled, status in ((True, 200), (False, 404)):
        config = Config(console=Console(enabled=enabled))
        app = Starlette(routes=served(world.gateway, clock=world.clock, config=config))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://tidings"
        ) as client:
            answer = await client.get("/console", headers=basic(world.user, world.password))
        assert answer.status_code == status
