"""Open what a command works on: the settings and the store, with its PostGIS running."""

import getpass
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog
from psycopg import Connection, OperationalError

from geodata import migrate
from geodata.errors import UserError
from geodata.leakproof import declare_leakproof
from geodata.store import APP_ROLE, Store, sqlalchemy_url
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.postgis_keeper import kept_running
from ioc.settings import Settings, read_settings

log = structlog.get_logger(__name__)


@contextmanager
def open_database(settings: Settings, *, keep_running: bool = False) -> Iterator[Store]:
    """The store on whatever revision its database is; starts the embedded PostGIS where none is given.

    Args:
        keep_running: start the embedded PostGIS again when it dies, as a server that stays up wants.

    Raises:
        UserError: the database cannot be reached or started.
    """
    with ExitStack() as stack:
        if settings.database_url is None:
            cluster = stack.enter_context(EmbeddedPostgis(settings.postgis_folder).in_use())
            if keep_running:
                stack.enter_context(kept_running(cluster))
            yield Store(cluster.app_conninfo, cluster.owner_conninfo)
            return
        owner_url = settings.owner_database_url or settings.database_url
        _check_reachable(owner_url)
        yield Store(_app_conninfo(settings.database_url, owner_url), owner_url)


@contextmanager
def open_store(settings: Settings | None = None, *, keep_running: bool = False) -> Iterator[Store]:
    """The store at the current revision, ready to load into and to read from.

    Raises:
        UserError: as ``open_database``; or the database is newer than this program.
    """
    with open_database(settings or read_settings(), keep_running=keep_running) as store:
        url = sqlalchemy_url(store.owner_url).render_as_string(hide_password=False)
        if migrate.current(url) != migrate.head():
            migrate.upgrade(url)
        with store.owner_connection() as connection:
            if not declare_leakproof(connection):
                log.warning(
                    "row-level security leaves spatial indexes unused, because the database's owner may not "
                    "declare operators leakproof: rows are found by functions instead, which is slower; "
                    "a superuser's `ioc db migrate` mends it"
                )
        yield store


def command_line_actor() -> str:
    """Who works at the command line, as the audit trail names them."""
    return f"{getpass.getuser()} (command line)"


def _check_reachable(url: str) -> None:
    try:
        Connection.connect(url, connect_timeout=5).close()
    except OperationalError as error:
        raise UserError(
            f"The database of IOC_DATABASE_URL does not answer ({str(error).splitlines()[0]}); "
            "check the address and that the server runs."
        ) from error


def _app_conninfo(app_url: str, owner_url: str) -> str:
    """With one URL for both, connect as the owner and become the application's role at once."""
    if app_url != owner_url:
        return app_url
    return f"{app_url}{'&' if '?' in app_url else '?'}options=-c%20role%3D{APP_ROLE}"
