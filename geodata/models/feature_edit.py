"""Edits by hand: what was proposed for a feature, how it was decided, what became of it in each version."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from geodata.models.base import Base

Timestamp = DateTime(timezone=True)


def _shape() -> Mapped[Any]:
    return mapped_column(Geometry("GEOMETRY", srid=4490, spatial_index=False), nullable=True)


class FeatureEdit(Base):
    """A proposal; ``before`` and ``after`` are whole rows of the dataset's table, geometries apart.

    Append only: the store lets nothing of it change but how it was decided.
    """

    __tablename__ = "feature_edit"
    __table_args__ = (
        CheckConstraint("kind IN ('add', 'change', 'remove', 'photo')", name="kind"),
        CheckConstraint("state IN ('proposed', 'accepted', 'rejected', 'withdrawn', 'undone')", name="state"),
        CheckConstraint("length(reason) BETWEEN 1 AND 500", name="reason"),
        Index("ix_feature_edit_dataset_id_feature_id", "dataset_id", "feature_id"),
        Index("ix_feature_edit_state_dataset_id", "state", "dataset_id"),
        Index(
            "uq_feature_edit_open",
            "dataset_id",
            "feature_id",
            unique=True,
            postgresql_where=text("state = 'proposed' AND kind <> 'photo'"),
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset_version.id"))
    feature_id: Mapped[int] = mapped_column(BigInteger)
    code: Mapped[str]
    title: Mapped[str | None]
    kind: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    before_geom: Mapped[Any] = _shape()
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after_geom: Mapped[Any] = _shape()
    search: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    reason: Mapped[str]
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("ioc.feature_edit.id"))
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    area_code: Mapped[str | None]
    former_area_code: Mapped[str | None]
    proposed_by: Mapped[int] = mapped_column(ForeignKey("ioc.account.id"))
    proposer: Mapped[str]
    proposed_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    state: Mapped[str] = mapped_column(server_default=text("'proposed'"))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("ioc.account.id"))
    decider: Mapped[str | None]
    decided_at: Mapped[datetime | None] = mapped_column(Timestamp)
    decision_note: Mapped[str | None]


class FeatureEditOutcome(Base):
    """What became of an accepted edit in a version of its dataset."""

    __tablename__ = "feature_edit_outcome"
    __table_args__ = (CheckConstraint("outcome IN ('applied', 'contained', 'conflict')", name="outcome"),)
    version_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset_version.id"), primary_key=True)
    edit_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("ioc.feature_edit.id"), primary_key=True, index=True
    )
    outcome: Mapped[str]
    fields: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class FeaturePhoto(Base):
    """The photograph of an edit of kind ``photo``, as it is sent to browsers."""

    __tablename__ = "feature_photo"
    __table_args__ = (
        CheckConstraint("media_type IN ('image/jpeg', 'image/png', 'image/webp')", name="media_type"),
        CheckConstraint("length(body) <= 10485760", name="body"),
    )
    edit_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ioc.feature_edit.id"), primary_key=True)
    media_type: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int] = mapped_column(Integer)
    height: Mapped[int] = mapped_column(Integer)
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))
    lon: Mapped[float | None] = mapped_column(Float)
    lat: Mapped[float | None] = mapped_column(Float)
