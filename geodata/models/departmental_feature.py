"""Any department's own layer, without a model of its own."""

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class DepartmentalFeature(Feature, Base):
    """A feature whose fields are declared by its dataset (``dataset.fields``) and kept in ``attributes``."""

    __tablename__ = "departmental_feature"
    name: Mapped[str | None] = field("名称", "Name")
    feature_class: Mapped[str | None] = field("类别", "Class")
    attributes: Mapped[dict[str, Any]] = field("属性", "Attributes", type_=JSONB, nullable=False)
