"""The data catalogue (数据资源目录): what is said of a dataset by hand, and when it became overdue."""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.base import Base

Timestamp = DateTime(timezone=True)


class CatalogueEntry(Base):
    """What a steward says of a dataset; it goes before what the dataset's job says, column by column.

    ``update_period`` and ``sharing`` are codes of the tables ``update_period`` and ``sharing_level``.
    """

    __tablename__ = "catalogue_entry"
    dataset_id: Mapped[int] = mapped_column(
        ForeignKey("ioc.dataset.id", ondelete="CASCADE"), primary_key=True
    )
    update_period: Mapped[str | None]
    sharing: Mapped[str | None]
    sharing_note: Mapped[str | None]
    description: Mapped[str | None]
    contact: Mapped[str | None]
    edited_by: Mapped[str]
    edited_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())


class DatasetAlarm(Base):
    """A dataset was older than its update period from ``raised_at`` until ``cleared_at``."""

    __tablename__ = "dataset_alarm"
    __table_args__ = (
        Index(
            "ix_dataset_alarm_open", "dataset_id", unique=True, postgresql_where=text("cleared_at IS NULL")
        ),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset.id", ondelete="CASCADE"))
    update_period: Mapped[str]
    last_loaded_at: Mapped[datetime] = mapped_column(Timestamp)
    raised_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    cleared_at: Mapped[datetime | None] = mapped_column(Timestamp)
