"""Accounts, what they may see, and how they prove who they are."""

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from geodata.models.base import Base

Timestamp = DateTime(timezone=True)


class Account(Base):
    """A person or a screen. ``areas`` are code prefixes, ``*`` is the whole store."""

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("sensitivity BETWEEN 1 AND 3", name="sensitivity"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str | None]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    department_code: Mapped[str | None] = mapped_column(ForeignKey("ioc.department.code"))
    areas: Mapped[list[str]] = mapped_column(ARRAY(Text))
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    oidc_subject: Mapped[str | None] = mapped_column(unique=True)


class RoleRight(Base):
    """What a role may see: a dataset code or ``*``, of the own department or of all, up to a sensitivity.

    ``may`` says whether it may also propose edits of those rows, or review what is proposed.
    """

    __tablename__ = "role_right"
    __table_args__ = (
        CheckConstraint("department_scope IN ('own', 'all')", name="department_scope"),
        CheckConstraint("sensitivity BETWEEN 1 AND 3", name="sensitivity"),
        CheckConstraint("may IN ('see', 'propose', 'review')", name="may"),
    )
    role: Mapped[str] = mapped_column(primary_key=True)
    dataset_code: Mapped[str] = mapped_column(primary_key=True)
    department_scope: Mapped[str] = mapped_column(primary_key=True)
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    may: Mapped[str] = mapped_column(server_default=text("'see'"))


class AccountRight(Base):
    """A right of one account beyond its roles; ``*`` matches every dataset, department or area."""

    __tablename__ = "account_right"
    __table_args__ = (
        UniqueConstraint("account_id", "dataset_code", "department_code", "area_code"),
        CheckConstraint("sensitivity BETWEEN 1 AND 3", name="sensitivity"),
        CheckConstraint("may IN ('see', 'propose', 'review')", name="may"),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ioc.account.id", ondelete="CASCADE"))
    dataset_code: Mapped[str] = mapped_column(server_default=text("'*'"))
    department_code: Mapped[str] = mapped_column(server_default=text("'*'"))
    area_code: Mapped[str] = mapped_column(server_default=text("'*'"))
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    may: Mapped[str] = mapped_column(server_default=text("'see'"))


class Credential(Base):
    """A browser session, an API token, a screen's long session or the link that begins one.

    Kept as the SHA-256 of its secret, with the address and the browser it was given to.
    """

    __tablename__ = "credential"
    __table_args__ = (CheckConstraint("kind IN ('session', 'token', 'kiosk', 'kiosk_link')", name="kind"),)
    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("ioc.account.id", ondelete="CASCADE"))
    kind: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(unique=True)
    label: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(Timestamp)
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp)
    address: Mapped[str | None]
    agent: Mapped[str | None]
