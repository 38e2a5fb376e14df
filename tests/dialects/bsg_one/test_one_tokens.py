"""Tokens: ours, in time, and nobody else's."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidings.dialects.bsg_one import tokens

SECRET = b"a secret of more than thirty-two octets"
NOW = datetime(2025, 2, 5, 17, 47, 48, tzinfo=UTC)
MONTH_S = 2_592_000


def issued(credential_id=208):
    return tokens.issue(credential_id, secret=SECRET, now=NOW, lifetime_s=MONTH_S)


def unpadded(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def opened(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token_has_the_members_that_the_vendors_has():
    header, payload, _ = issued().split(".")
    assert opened(header) == {"typ": "JWT", "alg": "HS256"}
    assert opened(payload) == {
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + MONTH_S,
        "roles": [],
        "id": 208,
    }


def test_a_token_names_its_credential_until_it_expires():
    last = NOW + timedelta(seconds=MONTH_S - 1)
    assert tokens.credential_of(issued(), secret=SECRET, now=last) == 208
    with pytest.raises(tokens.BadToken, match="Expired"):
        tokens.credential_of(issued(), secret=SECRET, now=last + timedelta(seconds=1))


def test_only_the_clock_that_is_passed_in_counts():
    later = datetime(2999, 1, 1, tzinfo=UTC)
    token = tokens.issue(1, secret=SECRET, now=later, lifetime_s=MONTH_S)
    assert tokens.credential_of(token, secret=SECRET, now=later) == 1


def test_another_secret_is_not_ours():
    with pytest.raises(tokens.BadToken):
        tokens.credential_of(issued(), secret=SECRET[::-1], now=NOW)


@given(st.integers(0, 10_000), st.characters(codec="ascii"))
def test_a_changed_character_is_noticed(place, character):
    token = issued()
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    try:
        found = tokens.credential_of(changed, secret=SECRET, now=NOW)
    except tokens.BadToken:
        return
    # the last character of a base64 group may carry bits that say nothing
    assert found == 208


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256"])
def test_no_other_algorithm_is_taken(algorithm):
    _, payload, signature = issued().split(".")
    header = unpadded(json.dumps({"typ": "JWT", "alg": algorithm}).encode())
    for token in (f"{header}.{payload}.", f"{header}.{payload}.{signature}"):
        with pytest.raises(tokens.BadToken):
            tokens.credential_of(token, secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"exp": 2**40},
        {"id": 1},
        {"id": "1", "exp": 2**40},
        {"id": True, "exp": 2**40},
        {"id": 0, "exp": 2**40},
        {"id": 2**63, "exp": 2**40},
        {"id": 1, "exp": "never"},
        {"id": 1, "exp": 1e300},
    ],
)
def test_a_payload_of_ours_in_another_shape_is_not_taken(payload):
    token = jwt.encode(payload, SECRET, algorithm="HS256")
    with pytest.raises(tokens.BadToken):
        tokens.credential_of(token, secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "live_0123456789", unpadded(b"[" * 3000) + ".e30.x", "x" * 100_000],
)
def test_junk_is_no_token(token):
    with pytest.raises(tokens.BadToken):
        tokens.credential_of(token, secret=SECRET, now=NOW)


@given(st.text(max_size=200))
def test_any_text_is_at_worst_a_bad_token(token):
    with pytest.raises(tokens.BadToken):
        tokens.credential_of(token, secret=SECRET, now=NOW)
