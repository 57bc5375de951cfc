"""Sessions and tokens that are still good, as the pages list them, and their end."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session
from starlette.requests import Request

from geodata.models import Account, Credential
from ioc.accounts import credential_hash
from ioc.audit_search import local_time
from ioc.sign_in import COOKIE

MOST_ROWS = 500


@dataclass(frozen=True)
class CredentialRow:
    """One session or token as it is listed; times are texts in the district's time."""

    id: int
    name: str
    kind: str
    label: str | None
    since: str
    until: str
    address: str | None
    agent: str | None
    current: bool


def credential_rows(session: Session, request: Request, account_id: int | None = None) -> list[CredentialRow]:
    """What is still good of one account or of all, newest first; marks the one that asks."""
    own = credential_hash(request.cookies.get(COOKIE, ""))
    wanted = (
        select(Credential, Account.name)
        .join(Account, Account.id == Credential.account_id)
        .where(Credential.revoked_at.is_(None))
        .where(or_(Credential.expires_at.is_(None), Credential.expires_at > func.now()))
        .order_by(Credential.id.desc())
        .limit(MOST_ROWS)
    )
    if account_id is not None:
        wanted = wanted.where(Credential.account_id == account_id)
    return [
        CredentialRow(
            one.id,
            name,
            one.kind,
            one.label,
            local_time(one.created_at),
            local_time(one.expires_at),
            one.address,
            one.agent,
            one.secret_hash == own,
        )
        for one, name in session.execute(wanted)
    ]


def revoke_by_id(session: Session, credential_id: int, account_id: int | None = None) -> None:
    """End a session or token; with ``account_id`` only if it is that account's."""
    ended = update(Credential).where(Credential.id == credential_id, Credential.revoked_at.is_(None))
    if account_id is not None:
        ended = ended.where(Credential.account_id == account_id)
    session.execute(ended.values(revoked_at=datetime.now(UTC)))
