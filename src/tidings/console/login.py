"""Who looks: HTTP Basic with a user name and password of an account."""

import base64
import binascii

from starlette.requests import Request

from tidings.domain.order import Caller
from tidings.flows.gateway import Gateway

CHALLENGE = 'Basic realm="Tidings", charset="UTF-8"'
MAX_CREDENTIALS = 1024  # characters after the scheme


async def caller_of(gateway: Gateway, request: Request) -> Caller | None:
    """The caller that the `Authorization` header proves; None where it is missing, malformed or wrong."""
    scheme, _, encoded = request.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "basic" or len(encoded) > MAX_CREDENTIALS:
        return None
    try:
        given = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, password = given.partition(":")
    if not colon or "\x00" in given:  # no name holds it, and the database refuses to be asked for it
        return None
    return await gateway.caller_by_password(username, password)
