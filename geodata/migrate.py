"""Bring a database to the current revision of the store."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool

from geodata.models import STORE_SCHEMA


def _config(url: str = "") -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("geodata").joinpath("migrations")))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def head() -> str:
    """The newest revision this program knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the package ships its migrations"
    return revision


def current(url: str) -> str | None:
    """The revision the database at ``url`` (SQLAlchemy form) is at; None when it is empty."""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": STORE_SCHEMA})
        return context.get_current_revision()


def upgrade(url: str) -> None:
    """Apply every missing migration to the database at ``url`` (SQLAlchemy form) as its owner."""
    command.upgrade(_config(url), "head")
