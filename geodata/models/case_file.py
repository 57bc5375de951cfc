"""Cases (案件), the steps that moved them on, and what may be done with a case in which state."""

from datetime import date, datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
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


def _named(zh: str, en: str, *how: Any, **column: Any) -> Any:
    """A column with its names for people, in Chinese and English."""
    return mapped_column(*how, info={"zh": zh, "en": en}, **column)


def _count(zh: str, en: str) -> Any:
    return _named(zh, en, SmallInteger, server_default=text("0"))


def _day(zh: str, en: str, moment: str) -> Any:
    """The day of a moment, in the district."""
    return _named(zh, en, Computed(f"({moment} AT TIME ZONE 'Asia/Shanghai')::date", persisted=True))


class CaseFile(Base):
    """A case as it stands after its last step; ``version`` is the number of that step.

    ``deadline`` runs while ``stopped_at`` is null; a case is overdue when its deadline lies before
    ``stopped_at``, or before now, and its stage when ``stage_deadline`` does; ``filing_deadline`` and
    ``dispatch_deadline`` are those of two stages that are over, or nearly. ``source`` and
    ``source_code`` tell a report from every other.
    """

    __tablename__ = "case_file"
    geometry_type = "POINT"
    __table_args__ = (
        UniqueConstraint("source", "source_code"),
        CheckConstraint(
            "channel IN ('collector', 'public', 'department', 'leader', 'device')", name="channel"
        ),
        CheckConstraint(r"matter_code ~ '^\d{11}$'", name="matter_code"),
        Index("ix_case_file_geom_3857", "geom_3857", postgresql_using="gist"),
        Index("ix_case_file_code", "code", postgresql_ops={"code": "text_pattern_ops"}),
        Index("ix_case_file_reported_at", "reported_at"),
        Index("ix_case_file_ended_at", "ended_at"),
        Index("ix_case_file_open", "deadline", postgresql_where=text("ended_at IS NULL")),
        Index("ix_case_file_source_code", "source_code"),
        Index("ix_case_file_reported_on", "reported_on"),
        Index("ix_case_file_due_on", "due_on"),
        Index("ix_case_file_ended_on", "ended_on"),
        Index("ix_case_file_appeal", "appeal", postgresql_where=text("appeal IN ('asked', 'reviewed')")),
        CheckConstraint("appeal IN ('asked', 'reviewed', 'granted', 'refused')", name="appeal"),
        Index("ix_case_file_component_id", "component_id", postgresql_where=text("component_id IS NOT NULL")),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("ioc.dataset.id"))
    code: Mapped[str] = _named("案件编号", "Case", unique=True)
    source: Mapped[str]
    source_code: Mapped[str | None]
    channel: Mapped[str] = _named("来源", "Channel")
    matter_code: Mapped[str]
    title: Mapped[str] = _named("事项名称", "Title")
    description: Mapped[str | None] = _named("问题描述", "Description")
    address: Mapped[str | None] = _named("地址", "Address")
    geom: Mapped[Any] = mapped_column(Geometry("POINT", srid=4490, spatial_index=False), nullable=True)
    geom_3857: Mapped[Any] = mapped_column(
        Geometry("POINT", srid=3857, spatial_index=False),
        Computed("ST_Transform(geom, 3857)", persisted=True),
        nullable=True,
    )
    area_code: Mapped[str | None]
    sensitivity: Mapped[int] = mapped_column(SmallInteger)
    component_code: Mapped[str | None] = _named("相关部件", "Component")
    component_id: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = _named("状态", "State")
    version: Mapped[int]
    department_code: Mapped[str | None] = _named("处置部门", "Handled by", ForeignKey("ioc.department.code"))
    condition_key: Mapped[str | None]
    limit_value: Mapped[float | None]
    limit_unit: Mapped[str | None]
    deadline: Mapped[datetime | None] = mapped_column(Timestamp)
    stopped_at: Mapped[datetime | None] = mapped_column(Timestamp)
    suspended_until: Mapped[datetime | None] = mapped_column(Timestamp)
    extension_asked: Mapped[bool] = mapped_column(server_default=text("false"))
    extensions: Mapped[int] = _count("延期次数", "Extensions")
    suspensions: Mapped[int] = _count("挂账次数", "Suspensions")
    reworks: Mapped[int] = _count("返工次数", "Reworks")
    returns: Mapped[int] = _count("回退次数", "Returns")
    urges: Mapped[int] = _count("督办次数", "Urged")
    reported_at: Mapped[datetime] = mapped_column(Timestamp)
    received_at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.now())
    filed_at: Mapped[datetime | None] = mapped_column(Timestamp)
    dispatched_at: Mapped[datetime | None] = mapped_column(Timestamp)
    handled_at: Mapped[datetime | None] = mapped_column(Timestamp)
    ended_at: Mapped[datetime | None] = mapped_column(Timestamp)
    synthetic: Mapped[bool] = mapped_column(server_default=text("false"))
    matter_class: Mapped[str | None] = _named(
        "事项", "Matter", Computed("right(matter_code, 5)", persisted=True)
    )
    reported_on: Mapped[date | None] = _day("上报日期", "Reported on", "reported_at")
    due_on: Mapped[date | None] = _day("处置截止日期", "Due on", "deadline")
    ended_on: Mapped[date | None] = _day("办结日期", "Ended on", "ended_at")
    was_late: Mapped[str | None] = _named(
        "超期处置",
        "Handled late",
        Computed(
            "CASE WHEN deadline < stopped_at THEN '是' WHEN deadline >= stopped_at THEN '否' END",
            persisted=True,
        ),
    )
    stage_deadline: Mapped[datetime | None] = mapped_column(Timestamp)
    deferral_asked: Mapped[bool] = mapped_column(server_default=text("false"))
    deferred_until: Mapped[datetime | None] = mapped_column(Timestamp)
    appeal: Mapped[str | None]
    filing_deadline: Mapped[datetime | None] = mapped_column(Timestamp)
    dispatch_deadline: Mapped[datetime | None] = mapped_column(Timestamp)


class CaseStep(Base):
    """What somebody did with a case, never changed; department and deadline are as they were then."""

    __tablename__ = "case_step"
    __table_args__ = (CheckConstraint("length(opinion) <= 1000", name="opinion"),)
    case_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ioc.case_file.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    at: Mapped[datetime] = mapped_column(Timestamp, server_default=func.clock_timestamp())
    account_id: Mapped[int | None]
    actor: Mapped[str]
    post: Mapped[str | None]
    department_code: Mapped[str | None]
    opinion: Mapped[str | None]
    deadline: Mapped[datetime | None] = mapped_column(Timestamp)
    stage_deadline: Mapped[datetime | None] = mapped_column(Timestamp)


class CaseReporter(Base):
    """Who reported a case: personal data."""

    __tablename__ = "case_reporter"
    case_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("ioc.case_file.id"), primary_key=True)
    name: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]


class CasePhoto(Base):
    """A photograph of a step, as it is sent to browsers."""

    __tablename__ = "case_photo"
    __table_args__ = (
        ForeignKeyConstraint(["case_id", "step_number"], ["ioc.case_step.case_id", "ioc.case_step.number"]),
        CheckConstraint("media_type IN ('image/jpeg', 'image/png', 'image/webp')", name="media_type"),
        CheckConstraint("length(body) <= 10485760", name="body"),
        Index(None, "case_id", "step_number"),
    )
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    case_id: Mapped[int] = mapped_column(BigInteger)
    step_number: Mapped[int]
    media_type: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    width: Mapped[int]
    height: Mapped[int]
    taken_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=False))


class CaseNumber(Base):
    """The last number given to a case on a day."""

    __tablename__ = "case_number"
    day: Mapped[date] = mapped_column(primary_key=True)
    last: Mapped[int]


class CaseTransition(Base):
    """What may be done with a case in a state, by whom, whether with a reason, and what its clock does."""

    __tablename__ = "case_transition"
    __table_args__ = (
        CheckConstraint("clock IN ('start', 'stop', 'resume', 'extend', 'clear', 'end')", name="clock"),
    )
    action: Mapped[str] = mapped_column(primary_key=True)
    from_state: Mapped[str] = mapped_column(primary_key=True)
    to_state: Mapped[str]
    posts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    reason: Mapped[bool]
    clock: Mapped[str | None]
    position: Mapped[int] = mapped_column(SmallInteger)
