"""The one way into the database: sessions opened for a viewer, under row-level security."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, ConnectionPool
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.orm import Session

from geodata.audit import RECORD_SQL, AuditEntry, entries_json
from geodata.errors import UserError
from geodata.viewer import Viewer
from geodata.viewer_pool import Rows, Statement, ViewerPool

APP_ROLE = "ioc_app"

OPEN_VIEWER_SESSION = "SELECT ioc.open_viewer_session(%s)"


class RightsBypassedError(UserError):
    """The web's database role could read rows past row-level security."""


def sqlalchemy_url(conninfo: str) -> URL:
    """A libpq connection string or URI as SQLAlchemy's URL for psycopg."""
    parts = {key: str(part) for key, part in conninfo_to_dict(conninfo).items() if part is not None}
    known = {key: parts.pop(key, None) for key in ("user", "password", "port", "dbname", "host")}
    host = known["host"]
    query = dict(parts)
    if host and host.startswith("/"):
        query["host"], host = host, None
    return URL.create(
        "postgresql+psycopg",
        username=known["user"],
        password=known["password"],
        host=host,
        port=int(known["port"]) if known["port"] else None,
        database=known["dbname"],
        query=query,
    )


class Store:
    """Connections to one database.

    ``app_url`` is how viewers are served: a role that row-level security binds. ``owner_url`` migrates,
    loads and administers accounts; the web application never serves a viewer through it. Both are
    libpq connection strings or URIs.
    """

    def __init__(self, app_url: str, owner_url: str, pool_size: int = 8) -> None:
        self.app_url = app_url
        self.owner_url = owner_url
        self.pool_size = pool_size

    @cached_property
    def _async_pool(self) -> AsyncConnectionPool[AsyncConnection[Any]]:
        return AsyncConnectionPool(self.app_url, min_size=1, max_size=self.pool_size, open=False)

    @cached_property
    def _pool(self) -> ConnectionPool[Connection[Any]]:
        return ConnectionPool(self.app_url, min_size=1, max_size=self.pool_size, open=True)

    @cached_property
    def _app_engine(self) -> Engine:
        return create_engine(sqlalchemy_url(self.app_url), pool_pre_ping=True)

    @cached_property
    def _owner_engine(self) -> Engine:
        return create_engine(sqlalchemy_url(self.owner_url), pool_pre_ping=True)

    @cached_property
    def _viewer_pool(self) -> ViewerPool:
        return ViewerPool(self.app_url, self.pool_size)

    async def read(
        self, viewer: Viewer, statements: Sequence[Statement], *, prepared: bool = True
    ) -> list[Rows]:
        """Rows of each statement, as ``viewer`` may see them: for tiles and other short, frequent reads.

        ``prepared`` statements are planned once for all values, others for the values they have.
        """
        return await self._viewer_pool.read(viewer, statements, prepared=prepared)

    @contextmanager
    def connect(self, viewer: Viewer) -> Iterator[Connection[Any]]:
        """A connection in a transaction that sees what ``viewer`` may see."""
        with self._pool.connection() as connection:
            connection.execute(OPEN_VIEWER_SESSION, [viewer.account_id])
            yield connection

    @contextmanager
    def app_connection(self) -> Iterator[Connection[Any]]:
        """A connection of the application itself, for sign-in: it sees no dataset at all."""
        with self._pool.connection() as connection:
            connection.execute(OPEN_VIEWER_SESSION, [None])
            yield connection

    async def record_audit(self, *entries: AuditEntry) -> None:
        """Append to the audit trail; returns when it is written, raises when it cannot be."""
        await self._async_pool.open()
        async with self._async_pool.connection() as connection:
            await connection.execute(RECORD_SQL, [entries_json(entries)])

    @contextmanager
    def session(self, viewer: Viewer) -> Iterator[Session]:
        """A SQLAlchemy session under the viewer's rights; commits at the end of the block."""
        with Session(self._app_engine) as session:

            @event.listens_for(session, "after_begin")
            def open_viewer_session(_session: Session, _transaction: Any, connection: Any) -> None:
                connection.exec_driver_sql(OPEN_VIEWER_SESSION, (viewer.account_id,))

            with session.begin():
                yield session

    @contextmanager
    def owner_session(self) -> Iterator[Session]:
        """A SQLAlchemy session of the owner, past all rights; commits at the end of the block."""
        with Session(self._owner_engine) as session, session.begin():
            yield session

    @contextmanager
    def owner_connection(self) -> Iterator[Connection[Any]]:
        """A connection of the owner, past all rights; commits at the end of the block."""
        with Connection.connect(self.owner_url) as connection:
            yield connection

    def check_rights_bind(self) -> None:
        """Raise ``RightsBypassedError`` when the web's role could read past row-level security."""
        with Connection.connect(self.app_url) as connection:
            row = connection.execute(
                """
                SELECT current_user,
                    rolsuper OR rolbypassrls OR pg_has_role(current_user, c.relowner, 'MEMBER')
                FROM pg_roles, pg_class c
                WHERE rolname = current_user AND c.oid = 'ioc.component'::regclass
                """
            ).fetchone()
        if row is None or row[1]:
            role = row[0] if row else "?"
            raise RightsBypassedError(
                f"The web application would connect as database role “{role}”, which row-level security "
                f"does not bind; set IOC_DATABASE_URL to log in as {APP_ROLE}."
            )

    async def close(self) -> None:
        """Close every pool that was opened."""
        if "_async_pool" in self.__dict__:
            await self._async_pool.close()
        if "_viewer_pool" in self.__dict__:
            await self._viewer_pool.close()
        if "_pool" in self.__dict__:
            self._pool.close()
        for name in ("_app_engine", "_owner_engine"):
            if name in self.__dict__:
                getattr(self, name).dispose()
