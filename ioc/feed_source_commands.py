"""`ioc feeds source`: who may send over HTTP."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from geodata.audit import AuditEntry, record
from ioc.context import command_line_actor, open_store
from ioc.feed_source import SCOPES, add_source, listed_sources, revoke_source

source_app = typer.Typer(help="Sources: who may send over HTTP, each with a token.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the source, such as the company that runs its devices.")]


@source_app.command()
def add(
    name: Name,
    scope: Annotated[
        list[str] | None, typer.Option(help=f"What it may send: {', '.join(SCOPES)}; none: all of them.")
    ] = None,
) -> None:
    """Make a source and print its token, which is shown this once."""
    with open_store() as store, store.owner_connection() as connection:
        token = add_source(connection, name, scope or list(SCOPES))
        record(connection, AuditEntry("feed_source_add", account_name=command_line_actor(), subject=name))
    typer.echo(token)


@source_app.command()
def revoke(name: Name) -> None:
    """End a source's right to send; what it has sent stays."""
    with open_store() as store, store.owner_connection() as connection:
        revoke_source(connection, name)
        record(connection, AuditEntry("feed_source_revoke", account_name=command_line_actor(), subject=name))


@source_app.command(name="list")
def list_sources() -> None:
    """Every source, what it may send, and when it last did."""
    with open_store() as store, store.owner_connection() as connection:
        sources = listed_sources(connection)
    table = Table("name", "may send", "made", "last used", "revoked")
    for one in sources:
        moments = (one.created_at, one.last_used_at, one.revoked_at)
        table.add_row(
            one.name, ", ".join(one.scopes), *(f"{at:%Y-%m-%d %H:%M}" if at else "" for at in moments)
        )
    Console().print(table)
