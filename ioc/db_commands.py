"""``ioc db``: the database, from the first start to a restored backup."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from geodata import migrate as migrations
from geodata.errors import UserError
from geodata.leakproof import declare_leakproof
from geodata.store import Store, sqlalchemy_url
from ioc.audit_retention import prune_audit
from ioc.context import command_line_actor, open_database
from ioc.database_backup import Progress as TableProgress
from ioc.database_backup import back_up
from ioc.database_backup import restore as restore_backup
from ioc.database_status import DatabaseState, database_state
from ioc.embedded_postgis import EmbeddedPostgis
from ioc.postgres_binaries import PostgresBinaries, find_client
from ioc.settings import Settings, read_settings

db_app = typer.Typer(
    help="The database: start, stop, status, migrate, backup, restore.", no_args_is_help=True
)

audit_app = typer.Typer(help="The audit trail's retention.", no_args_is_help=True)
db_app.add_typer(audit_app, name="audit")

AsOwner = Annotated[bool, typer.Option("--owner", help="As the owner of the tables, past all rights.")]


@db_app.command()
def start() -> None:
    """Start the embedded PostGIS and leave it running until `ioc db stop`."""
    cluster = _embedded(read_settings())
    cluster.start(stay=True)
    state = cluster.status()
    typer.echo(f"PostgreSQL {state.version} runs in {state.folder} (process {state.pid}).")


@db_app.command()
def stop() -> None:
    """Stop the embedded PostGIS; everything committed is on the disk."""
    stopped = _embedded(read_settings()).stop()
    typer.echo("Stopped." if stopped else "It was not running.")


@db_app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Tell what runs, where, how big it is, what it holds, and whether rights bind the web's role."""
    settings = read_settings()
    report: dict[str, object] = {"embedded": settings.database_url is None}
    state: DatabaseState | None = None
    if settings.database_url is None:
        server = EmbeddedPostgis(settings.postgis_folder).status()
        report |= asdict(server) | {"folder": str(server.folder)}
    if settings.database_url is not None or report["running"]:
        with open_database(settings) as store:
            state = database_state(store)
        report |= {"running": True} | asdict(state)
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
        return
    _print_status(report, state)


@db_app.command()
def migrate() -> None:
    """Bring the tables to the newest revision."""
    with open_database(read_settings()) as store:
        url = sqlalchemy_url(store.owner_url).render_as_string(hide_password=False)
        before = migrations.current(url)
        migrations.upgrade(url)
        with Connection.connect(store.owner_url) as connection:
            trusted = declare_leakproof(connection)
        after = migrations.current(url)
    typer.echo(f"Revision {after}." if before == after else f"Revision {before or 'none'} → {after}.")
    if not trusted:
        typer.echo(
            "The owner is no superuser, so row-level security leaves spatial indexes unused and rows are "
            "found by functions instead, which is slower: run `ioc db migrate` once as a superuser.",
            err=True,
        )


@db_app.command()
def backup(file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")]) -> None:
    """Write the whole store into one file while it is in use."""
    settings = read_settings()
    with open_database(settings) as store, _table_progress("backing up") as progress:
        record = back_up(store.owner_url, file, _programs(settings, store), progress)
    size = file.stat().st_size / 1e6
    typer.echo(f"{sum(record.rows.values())} rows of {len(record.rows)} tables in {file} ({size:.1f} MB).")


@db_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup made by `ioc db backup`.")],
    replace: Annotated[bool, typer.Option(help="Drop what the database holds now.")] = False,
) -> None:
    """Bring a backup back and count every row; nothing changes before all are back."""
    settings = read_settings()
    with open_database(settings) as store, _table_progress("restoring") as progress:
        record = restore_backup(store.owner_url, file, _programs(settings, store), progress, replace=replace)
    typer.echo(f"{sum(record.rows.values())} rows of {len(record.rows)} tables are back ({record.taken_at}).")


@audit_app.command()
def prune(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The first day that is kept.")],
) -> None:
    """Remove older entries. What is younger than six months stays; who removed the rest is written down."""
    with open_database(read_settings()) as store, store.owner_connection() as connection:
        removed = prune_audit(connection, before.date(), command_line_actor())
    typer.echo(f"{removed} entries from before {before.date()} removed from the audit trail.")


@db_app.command()
def url(owner: AsOwner = False) -> None:
    """Print the connection string of the web's role, or the owner's."""
    settings = read_settings()
    if settings.database_url is not None:
        typer.echo(settings.owner_url if owner else settings.database_url)
        return
    cluster = _embedded(settings)
    typer.echo(cluster.owner_conninfo if owner else cluster.app_conninfo)


@db_app.command()
def psql(owner: AsOwner = False) -> None:
    """Open PostgreSQL's own prompt on the running database."""
    settings = read_settings()
    if settings.database_url is None:
        cluster = _embedded(settings)
        if not cluster.status().running:
            raise UserError("The embedded PostGIS is not running: start it with `ioc db start`.")
        program, conninfo = (
            cluster.binaries.folder / "psql",
            cluster.conninfo("ioc_owner" if owner else "ioc_app"),
        )
    else:
        conninfo = (settings.owner_url if owner else settings.database_url) or ""
        program = find_client(_server_major(conninfo)).folder / "psql"
    os.execv(program, [str(program), conninfo])


def _embedded(settings: Settings) -> EmbeddedPostgis:
    if settings.database_url is not None:
        raise UserError(
            "IOC_DATABASE_URL names a server that this program does not run: start and stop it there, "
            "or unset the variable to use the embedded PostGIS."
        )
    return EmbeddedPostgis(settings.postgis_folder)


def _programs(settings: Settings, store: Store) -> PostgresBinaries:
    """pg_dump and pg_restore that understand the server."""
    if settings.database_url is None:
        return EmbeddedPostgis(settings.postgis_folder).binaries
    return find_client(_server_major(store.owner_url))


def _server_major(url: str) -> int:
    with Connection.connect(url) as connection:
        return connection.info.server_version // 10000


@contextmanager
def _table_progress(doing: str) -> Iterator[TableProgress]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)

        def progress(table: str, done: int, tables: int) -> None:
            bar.update(task, description=f"{doing} {table}", completed=done, total=tables)

        yield progress


def _print_status(report: dict[str, object], state: DatabaseState | None) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if report["embedded"]:
        console.print(f"embedded PostGIS in {report['folder']}", markup=False)
    if state is None:
        console.print(
            "not running" if report["created"] else "not created yet: `ioc up` or `ioc db start` does it"
        )
        return
    bound = {True: "yes", False: "NO: it could read past them", None: "not migrated yet"}[state.rights_bind]
    console.print(f"running        PostgreSQL {state.postgresql}, PostGIS {state.postgis or 'not installed'}")
    console.print(f"size           {state.size / 1e6:.0f} MB")
    console.print(f"revision       {state.revision or 'none'} (newest {state.newest_revision})")
    console.print(f"rights bind    {bound}")
    table = Table("dataset", "title", "department", "version", "rows", "published")
    for dataset in state.datasets:
        version = "" if dataset.version is None else str(dataset.version)
        published = (dataset.published_at or "")[:16]
        table.add_row(dataset.code, dataset.title, dataset.department, version, str(dataset.rows), published)
    if state.datasets:
        console.print(table)
