"""Departments, their datasets, the datasets' versions and the rows that were refused."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
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
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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
    update_period: Mapped[str | None]
    sharing: Mapped[str | None]
    sharing_note: Mapped[str | None]
    description: Mapped[str | None]
    published_version_id: Mapped[int | None] = mapped_column(Integer)
    revision: Mapped[int] = mapped_column(server_default=text("0"))
    review: Mapped[bool] = mapped_column(server_default=text("true"))
    job_text: Mapped[str | None]


class DatasetVersion(Base):
    """One load of a dataset; its rows live in ``version.<target>_<id>``.

    ``base_version_id`` was published when the load began. ``content_hash`` is of the file alone,
    ``input_hash`` of everything the result depends on. ``watermark`` is how far a source that is read on from
    where it was left had got. ``dataset_record`` is what the job says of the dataset, applied on publishing.
    """

    __tablename__ = "dataset_version"
    __table_args__ = (
        CheckConstraint(
            "state IN ('loading', 'prepared', 'published', 'superseded', 'refused', 'failed', 'dropped')",
            name="state",
        ),
        CheckConstraint("mode IN ('full', 'incremental')", name="mode"),
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
    mode: Mapped[str] = mapped_column(server_default=text("'full'"))
    base_version_id: Mapped[int | None]
    content_hash: Mapped[str | None]
    source_size: Mapped[int | None] = mapped_column(BigInteger)
    job_hash: Mapped[str | None]
    program: Mapped[str | None]
    watermark: Mapped[str | None]
    dataset_record: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    loaded_by: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None] = mapped_column(Timestamp)
    source_columns: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """The file's columns in its own order."""
    gate_override: Mapped[str | None]
    """Who let the load through its gate, and what stood in its way."""
    correction_hash: Mapped[str | None]
    """Of the corrected rows that made this version out of ``base_version_id``."""


class VersionDifference(Base):
    """What a version changes in the one it was to replace, as ``geodata.version_difference`` counts it."""

    __tablename__ = "version_difference"
    version_id: Mapped[int] = mapped_column(
        ForeignKey("ioc.dataset_version.id", ondelete="CASCADE"), primary_key=True
    )
    base_version_id: Mapped[int | None]
    added: Mapped[int]
    removed: Mapped[int]
    changed: Mapped[int]
    moved: Mapped[int]
    unchanged: Mapped[int]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)


class DatasetPublication(Base):
    """That a version of a dataset was published; with a roll back the same version once more."""

    __tablename__ = "dataset_publication"
    __table_args__ = (Index(None, "dataset_id", "published_at"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset_version.id", ondelete="CASCADE"))
    published_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class Quarantine(Base):
    """A row that was refused or flagged: the raw row, the rule, the reason and what to do.

    Entries without ``source_row`` speak of the dataset, such as a gap between grids: ``geom`` says where.
    """

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
    suggestion_zh: Mapped[str] = mapped_column(server_default=text("''"))
    suggestion_en: Mapped[str] = mapped_column(server_default=text("''"))
    geom: Mapped[Any | None] = mapped_column(
        Geometry("GEOMETRY", srid=4490, spatial_index=False), nullable=True, comment="CGCS2000"
    )
