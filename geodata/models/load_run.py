"""Runs of jobs that were asked for: by hand, by schedule, by a file that arrived."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from geodata.models.base import Base

Timestamp = DateTime(timezone=True)


class LoadRun(Base):
    """One run of a job, from being asked for to its end.

    ``job`` is the code of a packaged job or of one in the inbox; ``source`` a path below the inbox. In state
    ``waiting`` the source did not answer and is tried again at ``next_attempt_at``; ``prepared`` is a version
    that waits for a second person. What is not a load ends as ``done``; the version of a decision stands in
    ``source``, with the reason behind it.
    """

    __tablename__ = "load_run"
    __table_args__ = (
        CheckConstraint(
            "state IN "
            "('queued', 'running', 'waiting', 'published', 'prepared', 'unchanged', 'failed', 'done')",
            name="state",
        ),
        CheckConstraint(
            "action IN ('load', 'correct', 'approve', 'refuse', 'roll_back', 'check')", name="action"
        ),
        CheckConstraint("trigger IN ('hand', 'upload', 'inbox', 'schedule')", name="trigger"),
        Index(None, "job", "id"),
        Index("ix_load_run_open", "id", postgresql_where=text("state IN ('queued', 'running', 'waiting')")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    job: Mapped[str]
    source: Mapped[str]
    trigger: Mapped[str]
    requested_by: Mapped[str | None]
    action: Mapped[str] = mapped_column(server_default=text("'load'"))
    state: Mapped[str] = mapped_column(server_default=text("'queued'"))
    phase: Mapped[str | None]
    rows_done: Mapped[int] = mapped_column(server_default=text("0"))
    rows_total: Mapped[int] = mapped_column(server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    queued_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(Timestamp)
    finished_at: Mapped[datetime | None] = mapped_column(Timestamp)
    next_attempt_at: Mapped[datetime | None] = mapped_column(Timestamp)
    version_id: Mapped[int | None]
    message: Mapped[str | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
