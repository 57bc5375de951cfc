"""Accounts: made, proven by password, and carried by sessions and tokens."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import Connection
from pwdlib import PasswordHash
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from geodata.errors import UserError
from geodata.models import Account, AccountRight, Credential, Department
from geodata.viewer import ROLES

MIN_PASSWORD_LENGTH = 10

_hasher = PasswordHash.recommended()
# Verified against when there is no such account, so that an answer takes as long as for a real one.
_nobody = _hasher.hash(secrets.token_urlsafe(16))


@dataclass(frozen=True)
class NewAccount:
    """What an administrator states of an account to be made."""

    name: str
    display_name: str
    roles: tuple[str, ...]
    department_code: str | None = None
    areas: tuple[str, ...] = ("*",)
    sensitivity: int = 2
    dataset_rights: tuple[tuple[str, int], ...] = ()
    """Pairs of dataset code and sensitivity, beyond what the roles give."""


def add_account(session: Session, new: NewAccount, password: str) -> Account:
    """Make an account.

    Raises:
        UserError: the name is taken, a role or department is unknown, or the password is too short.
    """
    unknown = sorted(set(new.roles) - set(ROLES))
    if unknown or not new.roles:
        raise UserError(
            f"Role “{', '.join(unknown)}” is not one of {', '.join(ROLES)}; give one or more of these."
        )
    if session.scalar(select(Account).where(Account.name == new.name)) is not None:
        raise UserError(f"There is already an account “{new.name}”; choose another name.")
    if new.department_code and session.get(Department, new.department_code) is None:
        raise UserError(
            f"There is no department “{new.department_code}”; `ioc etl list` names those there are."
        )
    account = Account(
        name=new.name,
        display_name=new.display_name,
        password_hash=_hashed(password),
        roles=list(new.roles),
        department_code=new.department_code,
        areas=list(new.areas),
        sensitivity=new.sensitivity,
    )
    session.add(account)
    session.flush()
    session.add_all(
        AccountRight(account_id=account.id, dataset_code=code, sensitivity=sensitivity)
        for code, sensitivity in new.dataset_rights
    )
    return account


def set_password(session: Session, name: str, password: str) -> None:
    """Give an account a new password and end its browser sessions.

    Raises:
        UserError: there is no such account, or the password is too short.
    """
    account = account_named(session, name)
    account.password_hash = _hashed(password)
    session.execute(
        update(Credential)
        .where(Credential.account_id == account.id, Credential.kind == "session")
        .values(revoked_at=datetime.now(UTC))
    )


def account_named(session: Session, name: str) -> Account:
    """The account of that name.

    Raises:
        UserError: there is none.
    """
    account = session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise UserError(f"There is no account “{name}”; `ioc user list` names those there are.")
    return account


def new_password() -> str:
    """A password of 72 bits that can be read out over the telephone."""
    return "-".join(secrets.token_hex(3) for _ in range(3))


def verify_password(connection: Connection, name: str, password: str) -> int | None:
    """The id of the active account with that name and password, or None."""
    row = connection.execute(
        "SELECT id, password_hash FROM ioc.account WHERE name = %s AND active", [name]
    ).fetchone()
    stored = row[1] if row and row[1] else _nobody
    matches = _hasher.verify(password, stored)
    return row[0] if row and row[1] and matches else None


def issue_credential(
    connection: Connection, account_id: int, kind: str, lifetime: timedelta | None, label: str | None = None
) -> str:
    """Make a session or token for an account; the store keeps only the hash of what is returned."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        """
        INSERT INTO ioc.credential (account_id, kind, secret_hash, label, expires_at)
        VALUES (%s, %s, %s, %s, now() + %s)
        """,
        [account_id, kind, credential_hash(secret), label, lifetime],
    )
    return secret


def credential_hash(secret: str) -> str:
    """How a session's or token's secret stands in the store."""
    return hashlib.sha256(secret.encode()).hexdigest()


def credential_account(connection: Connection, secret: str) -> tuple[int, datetime | None] | None:
    """Account and expiry of a session or token that is still good, or None."""
    row = connection.execute(
        """
        SELECT account_id, expires_at FROM ioc.credential
        WHERE secret_hash = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        """,
        [credential_hash(secret)],
    ).fetchone()
    return (row[0], row[1]) if row else None


def revoke_credential(connection: Connection, secret: str) -> None:
    """End a session or token at once."""
    connection.execute(
        "UPDATE ioc.credential SET revoked_at = now() WHERE secret_hash = %s AND revoked_at IS NULL",
        [credential_hash(secret)],
    )


def _hashed(password: str) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise UserError(f"The password is too short; use at least {MIN_PASSWORD_LENGTH} characters.")
    return _hasher.hash(password)
