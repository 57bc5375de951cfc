"""What state the store is in: server, size, revision, datasets, and whether rights bind the web's role."""

from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from geodata import migrate
from geodata.store import RightsBypassedError, Store, sqlalchemy_url


@dataclass(frozen=True)
class DatasetState:
    """One dataset: its published version and that version's rows."""

    code: str
    title: str
    department: str
    version: int | None
    rows: int
    published_at: str | None
    synthetic: bool


@dataclass(frozen=True)
class DatabaseState:
    """A running database. ``size`` is in bytes; ``rights_bind`` is None before the first migration."""

    postgresql: str
    postgis: str | None
    size: int
    revision: str | None
    newest_revision: str
    rights_bind: bool | None
    datasets: tuple[DatasetState, ...]


def database_state(store: Store) -> DatabaseState:
    """Ask the database of a store about itself."""
    revision = migrate.current(sqlalchemy_url(store.owner_url).render_as_string(hide_password=False))
    with store.owner_connection() as connection:
        postgresql, size, postgis = connection.execute(
            """
            SELECT current_setting('server_version'), pg_database_size(current_database()),
                (SELECT extversion FROM pg_extension WHERE extname = 'postgis')
            """
        ).fetchone() or ("", 0, None)
        datasets = _datasets(connection) if revision else ()
    rights_bind = _rights_bind(store) if revision else None
    return DatabaseState(postgresql, postgis, size, revision, migrate.head(), rights_bind, datasets)


def _datasets(connection: Connection[Any]) -> tuple[DatasetState, ...]:
    rows = connection.execute(
        """
        SELECT d.code, d.title_zh, p.name_zh, d.published_version_id, coalesce(v.rows_loaded, 0),
            v.published_at, d.synthetic
        FROM ioc.dataset d JOIN ioc.department p ON p.code = d.department_code
        LEFT JOIN ioc.dataset_version v ON v.id = d.published_version_id ORDER BY d.code
        """
    ).fetchall()
    return tuple(
        DatasetState(code, title, department, version, loaded, at.isoformat() if at else None, synthetic)
        for code, title, department, version, loaded, at, synthetic in rows
    )


def _rights_bind(store: Store) -> bool:
    try:
        store.check_rights_bind()
    except RightsBypassedError:
        return False
    return True
