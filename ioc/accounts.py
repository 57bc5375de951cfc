"""Accounts: made, proven by password, and carried by sessions and tokens."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg import Connection
from pwdlib import PasswordHash
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from geodata.audit import RECORD_SQL, AuditEntry, entries_json, record
from geodata.errors import UserError
from geodata.models import Account, AccountRight, Credential, Department
from geodata.models import SignInAttempt as Attempt
from geodata.store import Store
from geodata.viewer import ROLES

MIN_PASSWORD_LENGTH = 10
KIOSK_LINK_LIFETIME = timedelta(days=1)
KIOSK_LIFETIME = timedelta(days=400)  # what browsers keep a cookie at most

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
    reviews: tuple[tuple[str, int], ...] = ()
    """Likewise, of datasets whose edits the account reviews."""


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
        AccountRight(account_id=account.id, dataset_code=code, sensitivity=sensitivity, may=may)
        for may, rights in (("see", new.dataset_rights), ("review", new.reviews))
        for code, sensitivity in rights
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


def unlock_account(session: Session, name: str, actor: str) -> None:
    """Forget the failed sign-ins of an account."""
    session.execute(delete(Attempt).where(Attempt.key == f"account:{name[:200]}"))
    entry = AuditEntry("account_unlock", account_name=actor, subject=name)
    session.connection().exec_driver_sql(RECORD_SQL, (entries_json((entry,)),))


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


def change_own_password(
    connection: Connection, account_id: int, old: str, new: str, kept_secret: str | None
) -> bool:
    """Give the viewer of the connection a new password and end the other sessions; False: ``old`` is wrong.

    Raises:
        UserError: the new password is too short.
    """
    row = connection.execute("SELECT password_hash FROM ioc.account WHERE id = %s", [account_id]).fetchone()
    if row is None or row[0] is None or not _hasher.verify(old, row[0]):
        return False
    kept = credential_hash(kept_secret) if kept_secret else None
    connection.execute("SELECT ioc.change_own_password(%s, %s)", [_hashed(new), kept])
    return True


@dataclass(frozen=True)
class Origin:
    """Where a credential is asked from: network address and browser."""

    address: str | None = None
    agent: str | None = None


def issue_credential(
    connection: Connection,
    account_id: int,
    kind: str,
    lifetime: timedelta | None,
    label: str | None = None,
    origin: Origin | None = None,
) -> str:
    """Make a session or token for an account; the store keeps only the hash of what is returned."""
    secret = secrets.token_urlsafe(32)
    origin = origin or Origin()
    connection.execute(
        """
        INSERT INTO ioc.credential (account_id, kind, secret_hash, label, expires_at, address, agent)
        VALUES (%s, %s, %s, %s, now() + %s, %s, %s)
        """,
        [
            account_id,
            kind,
            credential_hash(secret),
            label,
            lifetime,
            origin.address,
            origin.agent[:200] if origin.agent else None,
        ],
    )
    return secret


def issue_kiosk_link(connection: Connection, account_id: int, label: str | None = None) -> str:
    """The secret of a link that signs one screen in, once, within a day.

    Raises:
        UserError: the account does not have the role screen.
    """
    row = connection.execute(
        "SELECT name FROM ioc.account WHERE id = %s AND active AND 'screen' = ANY (roles)", [account_id]
    ).fetchone()
    if row is None:
        raise UserError("Only an active account with the role screen signs screens in; give it that role.")
    return issue_credential(connection, account_id, "kiosk_link", KIOSK_LINK_LIFETIME, label)


def open_kiosk_link(connection: Connection, secret: str, origin: Origin) -> str | None:
    """The session of a screen in exchange for its link, which is used up; None: the link is not good."""
    row = connection.execute(
        """
        UPDATE ioc.credential c SET revoked_at = now() FROM ioc.account a
        WHERE c.secret_hash = %s AND c.kind = 'kiosk_link' AND c.revoked_at IS NULL AND c.expires_at > now()
            AND a.id = c.account_id AND a.active AND 'screen' = ANY (a.roles)
        RETURNING a.id, a.name, c.label
        """,
        [credential_hash(secret)],
    ).fetchone()
    if row is None:
        record(connection, AuditEntry("sign_in_failed", address=origin.address, detail={"by": "kiosk link"}))
        return None
    entry = AuditEntry("sign_in", row[0], row[1], origin.address, detail={"by": "kiosk link"})
    record(connection, entry)
    return issue_credential(connection, row[0], "kiosk", KIOSK_LIFETIME, row[2], origin)


def credential_hash(secret: str) -> str:
    """How a session's or token's secret stands in the store."""
    return hashlib.sha256(secret.encode()).hexdigest()


class GoodCredential(NamedTuple):
    """Whose a session or token is and until when; ``unattended``: a wall screen's, with nobody before it."""

    account_id: int
    expires_at: datetime | None
    unattended: bool


def credential_account(connection: Connection, secret: str) -> GoodCredential | None:
    """What is known of a session or token that is still good, or None."""
    row = connection.execute(
        """
        SELECT c.account_id, c.expires_at, c.kind = 'kiosk'
        FROM ioc.credential c JOIN ioc.account a ON a.id = c.account_id
        WHERE c.secret_hash = %s AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > now())
            AND (c.kind IN ('session', 'token') OR (c.kind = 'kiosk' AND 'screen' = ANY (a.roles)))
        """,
        [credential_hash(secret)],
    ).fetchone()
    return GoodCredential(*row) if row else None


def revoke_credential(connection: Connection, secret: str) -> int | None:
    """End a session or token at once; returns whose it was."""
    row = connection.execute(
        """
        UPDATE ioc.credential SET revoked_at = now() WHERE secret_hash = %s AND revoked_at IS NULL
        RETURNING account_id
        """,
        [credential_hash(secret)],
    ).fetchone()
    return row[0] if row else None


@dataclass(frozen=True)
class SignInAttempt:
    """How an attempt to sign in went: the session's secret, or seconds to wait, or neither."""

    secret: str | None = None
    wait: int = 0


def sign_in_by_password(
    store: Store, name: str, password: str, lifetime: timedelta, origin: Origin
) -> SignInAttempt:
    """Check name and password, count failures, begin a session, and write all of it to the audit trail."""
    with store.app_connection() as connection:
        row = connection.execute("SELECT ioc.begin_sign_in(%s, %s)", [name, origin.address]).fetchone()
        wait = row[0] if row else 0
        if wait:
            record(connection, _failure(connection, "sign_in_locked", name, origin, {"seconds": wait}))
            return SignInAttempt(wait=wait)
    with store.app_connection() as connection:
        account_id = verify_password(connection, name, password)
        if account_id is None:
            record(connection, _failure(connection, "sign_in_failed", name, origin, {"by": "password"}))
            return SignInAttempt()
        connection.execute("SELECT ioc.end_sign_in(%s, %s)", [name, origin.address])
        entry = AuditEntry("sign_in", account_id, name, origin.address, detail={"by": "password"})
        record(connection, entry)
        return SignInAttempt(issue_credential(connection, account_id, "session", lifetime, origin=origin))


def _failure(
    connection: Connection, action: str, name: str, origin: Origin, detail: dict[str, object]
) -> AuditEntry:
    """The entry of a failed sign-in; a name nobody has is left out, since it may be a password."""
    row = connection.execute("SELECT id FROM ioc.account WHERE name = %s", [name]).fetchone()
    known = name if row else None
    return AuditEntry(action, row[0] if row else None, known, origin.address, detail=detail)


def _hashed(password: str) -> str:
    if len(password) < MIN_PASSWORD_LENGTH:
        raise UserError(f"The password is too short; use at least {MIN_PASSWORD_LENGTH} characters.")
    return _hasher.hash(password)
