"""The migrations make exactly the tables that the models describe."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from geoalchemy2 import alembic_helpers
from sqlalchemy import create_engine

from geodata import migrate
from geodata.models import STORE_SCHEMA, VERSIONED_MODELS, Base, field_names
from geodata.store import Store, sqlalchemy_url


def test_models_and_migrations_agree(store: Store) -> None:
    engine = create_engine(sqlalchemy_url(store.owner_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": STORE_SCHEMA,
                "include_schemas": True,
                "include_name": lambda name, kind, _: name == STORE_SCHEMA if kind == "schema" else True,
                "include_object": alembic_helpers.include_object,
                "compare_type": True,
            },
        )
        difference = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert difference == []


def test_the_head_is_where_an_upgrade_ends(store: Store) -> None:
    url = sqlalchemy_url(store.owner_url).render_as_string(hide_password=False)
    assert migrate.current(url) == migrate.head()
    migrate.upgrade(url)
    assert migrate.current(url) == migrate.head()


@pytest.mark.parametrize("table", sorted(VERSIONED_MODELS))
def test_every_field_has_names_for_people(table: str) -> None:
    names = field_names(VERSIONED_MODELS[table])
    unnamed = {column.name for column in Base.metadata.tables[f"ioc.{table}"].columns} - set(names)
    assert unnamed <= {"geom", "geom_3857"}
    assert all(entry["zh"] and entry["en"] for entry in names.values())
