"""Events of the live stream."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Identity, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.account import Timestamp
from geodata.models.base import Base


class LiveEvent(Base):
    """A batch of items of one topic, kept for 24 hours; written by ``ioc.tell``, ids in order of commit.

    Each item carries its right, ``"r": [dataset_id, sensitivity, area_code]``.
    """

    __tablename__ = "live_event"
    __table_args__ = (CheckConstraint("jsonb_typeof(items) = 'array'", name="items"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp(), index=True)
    topic: Mapped[str]
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
