"""Alembic environment: the URL is handed in by ``geodata.migrate``."""

from alembic import context
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine, pool, text

from geodata.models import STORE_SCHEMA, Base

config = context.config


def _include_name(name: str | None, type_: str, _parents: object) -> bool:
    return name == STORE_SCHEMA if type_ == "schema" else True


def run_migrations() -> None:
    """Run all migrations in one transaction on the handed-in URL."""
    url = config.get_main_option("sqlalchemy.url")
    assert url is not None, "geodata.migrate hands in the URL"
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {STORE_SCHEMA}"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            version_table_schema=STORE_SCHEMA,
            include_schemas=True,
            include_name=_include_name,
            include_object=alembic_helpers.include_object,
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run_migrations()
