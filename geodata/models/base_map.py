"""Base map features drawn under everything else."""

from sqlalchemy import Float
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class BaseFeature(Feature, Base):
    """A feature of the base map; ``kind`` is road, water, green, building, place or boundary."""

    __tablename__ = "base_feature"
    kind: Mapped[str] = field("要素类", "Kind", nullable=False)
    feature_class: Mapped[str | None] = field("等级", "Class")
    name: Mapped[str | None] = field("名称", "Name")
    name_en: Mapped[str | None] = field("英文名称", "English name")
    width_m: Mapped[float | None] = field("宽度", "Width", unit="m", type_=Float)
    height_m: Mapped[float | None] = field("高度", "Height", unit="m", type_=Float)
    rank: Mapped[float | None] = field("显示级别", "Rank", type_=Float)
