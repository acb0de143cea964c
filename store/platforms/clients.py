"""Who may call, and for what. A key is shown once and stored as its SHA-256; a revoked one stops within seconds.

A key carries 256 random bits, so its hash cannot be reversed by search: it needs no salt and no slow hash.
"""

import re
import secrets
from hashlib import sha256
from time import time

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from rules.faults import CreditGateError
from rules.vocabulary import DataClass
from store.db.engine import writing
from store.db.schema import clients

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Grants(Struct, frozen=True, omit_defaults=True):
    """What a client is entitled to."""

    scenes: frozenset[str] = frozenset()
    """Scenes it may check; ``*`` for all."""
    classes: frozenset[DataClass] = frozenset({DataClass.PUBLIC})
    """Data classes that may move its answers (办法二 Art. 18–21)."""
    feeds: frozenset[str] = frozenset()
    """Authorities it may feed for."""
    release: bool = False
    """Whether it may release locks, those of other clients too."""
    quarantine: bool = False
    """Whether it may release or discard feeds that are held."""
    inspect: bool = False
    """Whether it may read metrics, the API description and the state of all feeds."""
    operator: str | None = None
    """Fixed operator of an unattended system."""
    purpose: str | None = None
    """Fixed purpose of an unattended system."""
    rate: float | None = None
    """Checks per second and gateway process; the deployment's ``rate_limit`` where None."""

    def may_check(self, scene: str) -> bool:
        """Whether the client may check in that scene."""
        return "*" in self.scenes or scene in self.scenes


class Client(Struct, frozen=True):
    """A registered caller."""

    id: str
    grants: Grants
    created_at: int
    revoked_at: int | None = None


class ClientNameInvalidError(CreditGateError, ValueError):
    """A client's name has 1 to 64 characters: letters, digits, ``.``, ``_``, ``-``."""


class ClientExistsError(CreditGateError, ValueError):
    """A client of that name is registered already."""


def hash_key(key: str) -> str:
    """The form in which a key is stored and looked up."""
    return sha256(key.encode(errors="surrogateescape")).hexdigest()  # a header may hold any bytes


class ClientStore:
    """Clients in SQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._writer = writing(engine)

    async def add(self, name: str, grants: Grants, key: str | None = None, *, replace: bool = False) -> str:
        """Register a client and return its key, a new one unless given.

        Raises ``ClientNameInvalidError`` and ``ClientExistsError``.
        """
        if not _NAME.fullmatch(name):
            raise ClientNameInvalidError(name)
        key = key or f"cgk_{secrets.token_urlsafe(32)}"
        row = {
            "id": name,
            "key_hash": hash_key(key),
            "grants": msgspec.json.encode(grants),
            "created_at": _now(),
        }
        try:
            async with self._writer.begin() as connection:
                if replace:
                    await connection.execute(delete(clients).where(clients.c.id == name))
                await connection.execute(insert(clients), [row])
        except IntegrityError:
            raise ClientExistsError(name) from None
        return key

    async def revoke(self, name: str) -> bool:
        """Revoke a client permanently; False when there is no such client that is not revoked."""
        statement = (
            update(clients).where(clients.c.id == name, clients.c.revoked_at.is_(None)).values(revoked_at=_now())
        )
        async with self._writer.begin() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def all(self) -> list[Client]:
        """Every client that was ever registered."""
        return [client for _, client in await self._rows()]

    async def by_key_hash(self) -> dict[str, Client]:
        """The clients that are not revoked, by the hash of their key: what the gateway keeps in memory."""
        return {key_hash: client for key_hash, client in await self._rows() if client.revoked_at is None}

    async def _rows(self) -> list[tuple[str, Client]]:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(select(clients).order_by(clients.c.id))).mappings()
            return [(row["key_hash"], _client(row)) for row in rows]


def _now() -> int:
    return round(time() * 1000)


def _client(row: RowMapping) -> Client:
    grants = msgspec.json.decode(row["grants"], type=Grants)
    return Client(row["id"], grants, row["created_at"], row["revoked_at"])
