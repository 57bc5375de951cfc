"""Departments, their datasets, the datasets' versions and the rows that were refused."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.base import Base, field

Timestamp = DateTime(timezone=True)


class Department(Base):
    """A department that holds data."""

    __tablename__ = "department"
    code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]


class Dataset(Base):
    """What a department hands over again and again; ``target`` is the table its versions go to."""

    __tablename__ = "dataset"
    __table_args__ = (CheckConstraint("sensitivity BETWEEN 1 AND 3", name="sensitivity"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    department_code: Mapped[str] = mapped_column(ForeignKey("ioc.department.code"))
    target: Mapped[str]
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    area_bound: Mapped[bool] = field(
        "按区域授权", "Bound to areas", type_=Boolean, nullable=False, server_default=text("true")
    )
    synthetic: Mapped[bool] = mapped_column(server_default=text("false"))
    fields: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'"))
    source_note: Mapped[str | None]
    published_version_id: Mapped[int | None] = mapped_column(Integer)


class DatasetVersion(Base):
    """One load of a dataset; its rows live in ``version.<target>_<id>``."""

    __tablename__ = "dataset_version"
    __table_args__ = (
        CheckConstraint("state IN ('loading', 'published', 'superseded', 'failed', 'dropped')", name="state"),
        Index(None, "dataset_id", "id"),
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset.id"))
    state: Mapped[str]
    job: Mapped[str]
    source_name: Mapped[str]
    input_hash: Mapped[str]
    rows_read: Mapped[int] = mapped_column(server_default=text("0"))
    rows_loaded: Mapped[int] = mapped_column(server_default=text("0"))
    rows_refused: Mapped[int] = mapped_column(server_default=text("0"))
    rows_flagged: Mapped[int] = mapped_column(server_default=text("0"))
    started_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
    published_at: Mapped[datetime | None] = mapped_column(Timestamp)
    extent: Mapped[list[float] | None] = mapped_column(JSONB)
    failure: Mapped[str | None]


class Quarantine(Base):
    """A row that was refused or flagged: the raw row, the rule and the reason."""

    __tablename__ = "quarantine"
    __table_args__ = (Index(None, "version_id", "source_row"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset_version.id", ondelete="CASCADE"))
    source_row: Mapped[int | None]
    severity: Mapped[str]
    rule: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    field: Mapped[str | None]
    raw: Mapped[dict[str, Any]] = mapped_column(JSONB)
