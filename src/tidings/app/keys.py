"""Making secrets: keys, user names and passwords. Only their hashes are stored."""

import secrets
import string

from tidings.flows.callers import hash_secret
from tidings.store.admin import Admin

ALPHABET = string.ascii_letters + string.digits
SECRET_CHARACTERS = 20
"""20 of 62 characters are 119 random bits."""


def _random(characters: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(characters))


async def create_key(admin: Admin, account_id: int, *, test: bool) -> tuple[int, str]:
    """A new API key of an account: its id, and the key itself, shown this once."""
    key = f"{'test' if test else 'live'}_{_random(SECRET_CHARACTERS)}"
    credential_id = await admin.add_credential(
        account_id, secret_hash=hash_secret(key), shown=key[:9] + "…", test=test
    )
    return credential_id, key


async def create_password(
    admin: Admin, account_id: int, username: str, *, test: bool = False
) -> tuple[int, str]:
    """A password for a user name (HTTP Basic): its id, and the password itself, shown this once."""
    password = _random(SECRET_CHARACTERS + 4)
    credential_id = await admin.add_credential(
        account_id, secret_hash=hash_secret(password), shown=username, test=test, username=username
    )
    return credential_id, password
