"""Who speaks: the `Authorization` header of this vendor."""

import base64
import binascii

from starlette.requests import Request

from tidings.dialects.infobip.errors import unauthorized
from tidings.domain.order import Caller
from tidings.flows.gateway import Gateway

MAX_CREDENTIALS = 1024  # characters after the scheme


async def caller_of(gateway: Gateway, request: Request) -> Caller:
    """The caller of `App <key>` or `Basic <base64 of user:password>`, the scheme in any case; else 401."""
    scheme, _, credentials = request.headers.get("authorization", "").strip().partition(" ")
    credentials = credentials.strip()
    if scheme.lower() not in {"app", "basic"} or not 0 < len(credentials) <= MAX_CREDENTIALS:
        raise unauthorized(credentials_given=False)
    if scheme.lower() == "app":
        caller = await gateway.caller_by_key(credentials)
    else:
        caller = await _by_password(gateway, credentials)
    if caller is None:
        raise unauthorized(credentials_given=True)
    return caller


async def _by_password(gateway: Gateway, credentials: str) -> Caller | None:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, password = text.partition(":")
    if not colon or "\x00" in text:  # no name holds it, and the database refuses to be asked for it
        return None
    return await gateway.caller_by_password(username, password)
