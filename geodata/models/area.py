"""Areas from the district down to the grids; their codes nest, so drilling down is a prefix."""

from datetime import date

from sqlalchemy import Date, Float, Integer
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class District(Feature, Base):
    """A county-level division, 6 digits (GB/T 2260)."""

    __tablename__ = "district"
    name: Mapped[str] = field("名称", "Name", nullable=False)
    area_m2: Mapped[float | None] = field("面积", "Area", unit="m²", type_=Float)


class Street(Feature, Base):
    """A street or town, 9 digits (GB/T 10114)."""

    __tablename__ = "street"
    name: Mapped[str] = field("街道名称", "Street", "SZJDMC", nullable=False)
    district_code: Mapped[str | None] = field("区代码", "District code")
    area_m2: Mapped[float | None] = field("面积", "Area", unit="m²", type_=Float)
    population: Mapped[int | None] = field("常住人口", "Population", type_=Integer)


class Community(Feature, Base):
    """A community (社区), 12 digits."""

    __tablename__ = "community"
    name: Mapped[str] = field("社区名称", "Community", "SZSQMC", nullable=False)
    street_code: Mapped[str | None] = field("街道代码", "Street code", "SZJDDM")
    area_m2: Mapped[float | None] = field("面积", "Area", unit="m²", type_=Float)
    population: Mapped[int | None] = field("常住人口", "Population", type_=Integer)


class UnitGrid(Feature, Base):
    """A unit grid (万米单元网格) of about 10,000 m², 15 digits (GB/T 47678.3-2026)."""

    __tablename__ = "unit_grid"
    name: Mapped[str | None] = field("网格名称", "Grid name")
    community_code: Mapped[str | None] = field("社区代码", "Community code", "SZSQDM")
    area_m2: Mapped[float | None] = field("面积", "Area", unit="m²", type_=Float)
    initial_date: Mapped[date | None] = field("初始日期", "Initial date", type_=Date)
    end_date: Mapped[date | None] = field("终止日期", "End date", type_=Date)
    note: Mapped[str | None] = field("备注", "Note", "BZ")


class DutyGrid(Feature, Base):
    """A duty grid (责任网格): the unit grids one patrol answers for."""

    __tablename__ = "duty_grid"
    name: Mapped[str | None] = field("责任网格名称", "Duty grid")
    community_code: Mapped[str | None] = field("社区代码", "Community code", "SZSQDM")
    area_m2: Mapped[float | None] = field("面积", "Area", unit="m²", type_=Float)
    grid_officer: Mapped[str | None] = field("网格员", "Grid officer")
    phone: Mapped[str | None] = field("联系电话", "Phone")
