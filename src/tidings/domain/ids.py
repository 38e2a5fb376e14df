"""Keys we make for messages and tasks that the customer gave none: unique, opaque, and needing no index.

A key is 32 lower-case hexadecimal digits: eight octets of a keyed hash, then the id. Whoever holds the
installation's secret reads the id back and knows that nobody else made the key, so that a generated key never
collides with one a customer chose. 32 characters of [0-9a-f] fit every vocabulary's own limits.
"""

import re
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest

MAX_ID = 2**53 - 1
"""Ids fit in what a JSON number carries exactly."""

SEALED_CHARS = 32
_SEALED = re.compile(rf"[0-9a-f]{{{SEALED_CHARS}}}\Z")


def seal(secret: bytes, identifier: int) -> str:
    """The generated key of a message or task id."""
    if not 0 < identifier <= MAX_ID:
        raise ValueError(f"not an id: {identifier}")
    octets = identifier.to_bytes(8, "big")
    return (_mac(secret, octets) + octets).hex()


def unseal(secret: bytes, key: str) -> int | None:
    """The id of a key that `seal` made; None for anything else."""
    if len(key) != SEALED_CHARS or not _SEALED.match(key):
        return None
    octets = bytes.fromhex(key)
    mac = _mac(secret, octets[8:])
    identifier = int.from_bytes(octets[8:], "big")
    return identifier if compare_digest(mac, octets[:8]) and 0 < identifier <= MAX_ID else None


def _mac(secret: bytes, octets: bytes) -> bytes:
    told = _keyed(secret).copy()
    told.update(octets)
    return told.digest()


@lru_cache(maxsize=8)
def _keyed(secret: bytes) -> blake2b:
    """A hash that has taken the key in already."""
    return blake2b(key=secret, digest_size=8)
