"""JSON web tokens of the One API: what a login gives out and every other request brings back.

Clients take the token as opaque. The payload has the vendor's members: `iat`, `exp` (30 days later), `roles`
(always empty) and `id`, which here is the id of the credential that logged in, so that revoking it ends all
its tokens. Signed with HS256 and our own secret, where the vendor uses RS256 and a key pair.
"""

from datetime import datetime
from typing import Any

import jwt

ALGORITHM = "HS256"
MAX_TOKEN_CHARACTERS = 4096
MAX_ID = 2**63 - 1


class BadToken(Exception):
    """Not a token of ours, or no longer valid. The text is what the customer is told."""


def issue(credential_id: int, *, secret: bytes, now: datetime, lifetime_s: int) -> str:
    """A token for a credential, valid from `now`."""
    issued = int(now.timestamp())
    payload = {"iat": issued, "exp": issued + lifetime_s, "roles": [], "id": credential_id}
    return jwt.encode(payload, secret, algorithm=ALGORITHM)


def credential_of(token: str, *, secret: bytes, now: datetime) -> int:
    """The credential id in a token that we signed and that is still valid. Raises BadToken."""
    payload = _verified(token, secret)
    expires, credential_id = payload.get("exp"), payload.get("id")
    if type(expires) is not int or type(credential_id) is not int or not 0 < credential_id <= MAX_ID:
        raise BadToken("Invalid JWT token")
    if now.timestamp() >= expires:
        raise BadToken("Expired JWT token")
    return credential_id


def _verified(token: str, secret: bytes) -> dict[str, Any]:
    """The payload of a token we signed. Its times are for the caller: the library reads the wall clock."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise BadToken("Invalid JWT token")
    options: Any = {"verify_exp": False, "verify_iat": False}
    try:
        payload: dict[str, Any] = jwt.decode(token, secret, algorithms=[ALGORITHM], options=options)
    except (jwt.PyJWTError, RecursionError) as bad:
        raise BadToken("Invalid JWT token") from bad
    return payload
