"""The audit trail, and the attempts to sign in that are counted against guessing."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.account import Timestamp
from geodata.models.base import Base


class AuditEntry(Base):
    """Who did what, when, from where. Append only; ``account_name`` is kept as it was at the time."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_at", "at"),
        Index("ix_audit_entry_account_name", "account_name", "at"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp())
    account_id: Mapped[int | None]
    account_name: Mapped[str | None]
    action: Mapped[str]
    address: Mapped[str | None]
    layer: Mapped[str | None]
    subject: Mapped[str | None]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class SignInAttempt(Base):
    """Failed sign-ins of one ``account:NAME`` or ``address:IP``; the name need not be an account's."""

    __tablename__ = "sign_in_attempt"
    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(Timestamp, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(Timestamp)
