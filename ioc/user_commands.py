"""``ioc user``: accounts from the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from geodata.audit import act_as
from geodata.models import Account
from geodata.store import Store
from ioc.accounts import (
    NewAccount,
    account_named,
    add_account,
    issue_credential,
    issue_kiosk_link,
    new_password,
    set_password,
    unlock_account,
)
from ioc.context import command_line_actor, open_store
from ioc.settings import read_settings

user_app = typer.Typer(help="Accounts: who may sign in and what they may see.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name to sign in with.")]
Password = Annotated[
    str | None, typer.Option(help="Password; without it one is generated and printed.", envvar="IOC_PASSWORD")
]


@user_app.command()
def add(
    name: Name,
    role: Annotated[list[str], typer.Option(help="screen, staff, planner, leader, steward or admin.")],
    display_name: Annotated[str | None, typer.Option(help="Name shown on the pages.")] = None,
    department: Annotated[str | None, typer.Option(help="Code of the department.")] = None,
    area: Annotated[
        list[str] | None, typer.Option(help="Area code prefix; none: the whole district.")
    ] = None,
    sensitivity: Annotated[int, typer.Option(min=1, max=3, help="1 公开, 2 内部, 3 受控.")] = 2,
    grant: Annotated[list[str] | None, typer.Option(help="DATASET:SENSITIVITY beyond the roles.")] = None,
    password: Password = None,
) -> None:
    """Make an account."""
    chosen = password or new_password()
    new = NewAccount(
        name=name,
        display_name=display_name or name,
        roles=tuple(role),
        department_code=department,
        areas=tuple(area or ["*"]),
        sensitivity=sensitivity,
        dataset_rights=tuple(_dataset_right(text) for text in grant or []),
    )
    with open_store() as store, _owner_session(store) as session:
        add_account(session, new, chosen)
    typer.echo(f"{name} {'' if password else chosen}".rstrip())


@user_app.command()
def passwd(name: Name, password: Password = None) -> None:
    """Give an account a new password; its open sessions end."""
    chosen = password or new_password()
    with open_store() as store, _owner_session(store) as session:
        set_password(session, name, chosen)
    typer.echo(f"{name} {'' if password else chosen}".rstrip())


@user_app.command()
def token(
    name: Name,
    label: Annotated[str | None, typer.Option(help="What the token is for.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Days until it expires.")] = 365,
) -> None:
    """Make a token for scripts and GIS clients: ``Authorization: Bearer TOKEN``. It is shown once."""
    with open_store() as store:
        with store.owner_session() as session:
            account_id = account_named(session, name).id
        with store.owner_connection() as connection:
            act_as(connection, command_line_actor())
            secret = issue_credential(connection, account_id, "token", timedelta(days=days), label)
    typer.echo(secret)


@user_app.command()
def kiosk(
    name: Name, label: Annotated[str | None, typer.Option(help="Which screen it is for.")] = None
) -> None:
    """Make a link that signs a screen (an account of role screen) in: open it once on it, within a day."""
    settings = read_settings()
    with open_store(settings) as store:
        with store.owner_session() as session:
            account_id = account_named(session, name).id
        with store.owner_connection() as connection:
            act_as(connection, command_line_actor())
            secret = issue_kiosk_link(connection, account_id, label)
    typer.echo(f"http://{settings.host}:{settings.port}/kiosk?token={secret}")


@user_app.command()
def unlock(name: Name) -> None:
    """Let an account sign in again at once after too many failed attempts."""
    with open_store() as store, _owner_session(store) as session:
        unlock_account(session, account_named(session, name).name, command_line_actor())


@user_app.command("list")
def list_accounts() -> None:
    """List the accounts."""
    table = Table("name", "display name", "roles", "department", "areas", "sensitivity", "active")
    with open_store() as store, store.owner_session() as session:
        for account in session.scalars(select(Account).order_by(Account.name)):
            table.add_row(
                account.name,
                account.display_name,
                " ".join(account.roles),
                account.department_code or "",
                " ".join(account.areas),
                str(account.sensitivity),
                "yes" if account.active else "no",
            )
    Console().print(table)


@contextmanager
def _owner_session(store: Store) -> Iterator[Session]:
    """A session of the owner whose changes the audit trail knows to come from here."""
    with store.owner_session() as session:
        act_as(session, command_line_actor())
        yield session


def _dataset_right(text: str) -> tuple[str, int]:
    dataset, _, sensitivity = text.rpartition(":")
    if not dataset or sensitivity not in {"1", "2", "3"}:
        raise typer.BadParameter(f"“{text}” is not DATASET:SENSITIVITY, such as camera:3.")
    return dataset, int(sensitivity)
