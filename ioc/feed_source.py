"""Sources: who may hand in readings, positions, pictures and cases over HTTP, each with its own token."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from starlette.requests import Request

from geodata.errors import UserError
from geodata.store import Store
from ioc.request_limit import RequestLimit
from layers.problem import ForbiddenError

SCOPES = ("readings", "positions", "pictures", "cases")
TOKEN_PREFIX = "iocs_"


class NoSourceError(UserError):
    """The request carries no token of a source, or one that was revoked."""


class TooOftenError(UserError):
    """The source asks more often than it may; ``wait`` is in seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"Wait {wait} seconds and send it again; many rows in one request count as one.")
        self.wait = wait


@dataclass(frozen=True)
class FeedSource:
    """Who sends."""

    id: int
    name: str
    scopes: list[str]


@dataclass(frozen=True)
class ListedSource:
    """A source as `ioc feeds source list` shows it."""

    name: str
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def add_source(connection: Connection[Any], name: str, scopes: list[str]) -> str:
    """Make a source; gives its token, of which only the hash is kept.

    Raises:
        UserError: the name is taken, or there is no such scope.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise UserError(f"There is no scope “{unknown[0]}”: the scopes are {', '.join(SCOPES)}.")
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise UserError("The name of a source is 1 to 64 printable characters: give another one.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    try:
        connection.execute(
            "INSERT INTO ioc.feed_source (name, token_hash, scopes) VALUES (%s, %s, %s)",
            [name, _hash(token), sorted(set(scopes))],
        )
    except UniqueViolation as error:
        raise UserError(
            f"There is a source “{name}” already: revoke it first, or give another name."
        ) from error
    return token


def revoke_source(connection: Connection[Any], name: str) -> None:
    """End a source's right to send; what it sent stays.

    Raises:
        UserError: there is no such source.
    """
    revoked = connection.execute(
        "UPDATE ioc.feed_source SET revoked_at = now() WHERE name = %s AND revoked_at IS NULL", [name]
    ).rowcount
    if not revoked:
        raise UserError(f"There is no source “{name}”: `ioc feeds source list` shows those there are.")


def listed_sources(connection: Connection[Any]) -> list[ListedSource]:
    """Every source, those revoked last."""
    with connection.cursor(row_factory=class_row(ListedSource)) as cursor:
        return cursor.execute(
            """
            SELECT name, scopes, created_at, last_used_at, revoked_at FROM ioc.feed_source
            ORDER BY revoked_at NULLS FIRST, name
            """
        ).fetchall()


class SourceDoor:
    """Lets sources in by their token, as often as they may."""

    def __init__(self, store: Store, limit: RequestLimit) -> None:
        self._store = store
        self._limit = limit

    def enter(self, request: Request, scope: str, token: str | None = None) -> FeedSource:
        """The source of a request, by its bearer token or by one that it gives otherwise.

        Raises:
            NoSourceError: no token, or one that is not good.
            ForbiddenError: its token is not for ``scope``.
            TooOftenError: it asks too often.
        """
        if token is None:
            authorization = request.headers.get("authorization", "")
            token = authorization[7:].strip() if authorization[:7].lower() == "bearer " else ""
        found = None
        if token.startswith(TOKEN_PREFIX):
            with self._store.app_connection() as connection:
                found = connection.execute(
                    "SELECT id, name, scopes, ioc.note_source_use(id) FROM ioc.feed_source_of(%s)",
                    [_hash(token)],
                ).fetchone()
        if found is None:
            raise NoSourceError(
                "Send the token of a source as “Authorization: Bearer …”: `ioc feeds source add` prints one."
            )
        source = FeedSource(*found[:3])
        if scope not in source.scopes:
            raise ForbiddenError(
                f"The source “{source.name}” may send {', '.join(source.scopes)}, not {scope}: "
                "have a source with that scope made."
            )
        if wait := self._limit.seconds_to_wait(source.id, request.url.path):
            raise TooOftenError(wait)
        return source


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
