"""`ioc feeds maintain`, which the worker that loads also does every hour."""

from datetime import UTC, datetime

import psycopg
import typer

from etl.feeds.maintenance import KeptDays, Maintained, maintain
from geodata.store import Store
from ioc.context import open_store
from ioc.settings import Settings, read_settings


def maintain_store(store: Store, settings: Settings) -> Maintained:
    """Keep the store of readings in shape, by the settings of what is kept how long."""
    kept = KeptDays(
        settings.readings_kept_days,
        settings.hours_kept_days,
        settings.positions_kept_days,
        settings.pictures_kept_days,
    )
    with psycopg.connect(store.owner_url, autocommit=True) as connection:
        return maintain(connection, kept, datetime.now(UTC))


def maintain_feeds() -> None:
    """Make the days to come, remove what is past its time, simplify tracks; done hourly by itself."""
    settings = read_settings()
    with open_store(settings) as store:
        done = maintain_store(store, settings)
    removed = f": {', '.join(done.removed)}" if done.removed else ""
    typer.echo(f"{done.tracks} tracks made, {len(done.removed)} partitions removed{removed}")
