"""Facilities: schools, hospitals, shelters, pumping stations and whatever else a district keeps a list of."""

from sqlalchemy import Float
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class Facility(Feature, Base):
    """A facility at a place."""

    __tablename__ = "facility"
    name: Mapped[str] = field("名称", "Name", nullable=False)
    category: Mapped[str | None] = field("类别", "Category")
    address: Mapped[str | None] = field("地址", "Address")
    organisation_code: Mapped[str | None] = field("统一社会信用代码", "Organisation code")
    contact: Mapped[str | None] = field("联系人", "Contact")
    phone: Mapped[str | None] = field("联系电话", "Phone")
    capacity: Mapped[float | None] = field("容量", "Capacity", type_=Float)
    capacity_unit: Mapped[str | None] = field("容量单位", "Capacity unit")
    state: Mapped[str | None] = field("状态", "State")
    note: Mapped[str | None] = field("备注", "Note")
