"""Who asks: remembered, and confirmed at every question.

Whoever revokes a key, closes an account or changes a setting moves the catalog's version. It is read, in one
statement for all who ask at the same time, before a remembered caller is believed: a revoked key opens nothing from
the commit of its revocation on, and a known one costs no look into the accounts. What is asked most saves even that
question: it takes the caller as remembered, and reads the version in the statement that answers it.
"""

from hashlib import sha256
from hmac import compare_digest
from typing import Literal

from tidings.domain.order import Caller, Remembered
from tidings.flows.batcher import Batcher
from tidings.flows.read_transaction import ReadTx
from tidings.flows.records import KnownCaller
from tidings.flows.transaction import Database

MAX_KEY = 200
"""No key or name of ours or a customer's is longer."""

APART_S = 0.002
"""Whoever asks within this time after a look at the version waits for the next one, together with all others."""

Proof = tuple[Literal["key"], bytes] | tuple[Literal["name"], str] | tuple[Literal["id"], int]
"""What a caller comes with: the hash of a key, a user name, or the credential that a token names."""


def hash_secret(secret: str) -> bytes:
    """How keys and passwords are stored.

    They are made by us from at least 119 random bits, so a plain hash cannot be searched and needs no salt.
    """
    return sha256(secret.encode()).digest()


class Callers:
    """The flow."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._known: dict[Proof, KnownCaller] = {}  # as of that version
        self._remembered: dict[str, Remembered] = {}  # by key, of those: not every question hashes it anew
        self._questions: Batcher[Proof, KnownCaller | None] = Batcher(self._confirmed, apart_s=APART_S)

    async def by_key(self, key: str) -> Caller | None:
        """Who an API key belongs to."""
        if not 0 < len(key) <= MAX_KEY:
            return None
        known = await self._questions.put(("key", hash_secret(key)))
        return known.caller if known else None

    def remembered(self, key: str) -> Remembered | None:
        """Who an API key belonged to, and when."""
        remembered = self._remembered.get(key)
        if remembered is None and 0 < len(key) <= MAX_KEY:
            known = self._known.get(("key", hash_secret(key)))
            if known is not None:
                remembered = self._remembered[key] = Remembered(known.caller, self._version)
        return remembered

    async def by_password(self, username: str, password: str) -> Caller | None:
        """Who a user name and password belong to."""
        if not (0 < len(username) <= MAX_KEY and 0 < len(password) <= MAX_KEY):
            return None
        known = await self._questions.put(("name", username))
        right = known is not None and compare_digest(known.secret_hash, hash_secret(password))
        return known.caller if known and right else None

    async def by_credential(self, credential_id: int) -> Caller | None:
        """Who a credential id belongs to."""
        if not 0 < credential_id < 2**31:
            return None
        known = await self._questions.put(("id", credential_id))
        return known.caller if known else None

    async def _confirmed(self, proofs: list[Proof]) -> list[KnownCaller | None]:
        async with self._database.reading() as tx:
            version = await tx.catalog_version()
            if version > self._version:
                self._version, self._known, self._remembered = version, {}, {}
            known = self._known  # another question may meanwhile begin a newer one
            missing = [one for one in set(proofs) if one not in known]
            if missing:
                known.update(await _found(tx, missing))
        return [known.get(one) for one in proofs]


async def _found(tx: ReadTx, proofs: list[Proof]) -> dict[Proof, KnownCaller]:
    """The callers of these proofs that exist."""
    found: dict[Proof, KnownCaller] = {}
    if hashes := [one[1] for one in proofs if one[0] == "key"]:
        found |= {("key", one.secret_hash): one for one in await tx.callers_by_hash(hashes)}
    if names := [one[1] for one in proofs if one[0] == "name"]:
        found |= {("name", one.username): one for one in await tx.callers_by_name(names) if one.username}
    if ids := [one[1] for one in proofs if one[0] == "id"]:
        found |= {("id", one.caller.credential_id): one for one in await tx.callers_by_id(ids)}
    return found
