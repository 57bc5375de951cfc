"""What the search box finds by name, pinyin or initials."""

from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, declared_attr

from geodata.models.base import PARTITION_BY_DATASET, Base, Feature, feature_constraints, field


class SearchEntry(Feature, Base):
    """One findable feature of a dataset: ``id`` is the feature's id, ``code`` its code.

    Published together with its dataset; components are found by their code and are not repeated here.
    """

    __tablename__ = "search_entry"
    geometry_type = "POINT"
    title: Mapped[str] = field("标题", "Title", nullable=False)
    subtitle: Mapped[str | None] = field("副标题", "Subtitle")
    pinyin: Mapped[str | None] = field("拼音", "Pinyin")
    initials: Mapped[str | None] = field("拼音首字母", "Pinyin initials")

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            *feature_constraints(cls.__tablename__),
            *(
                Index(
                    f"ix_search_entry_{name}",
                    name,
                    postgresql_ops={name: "gin_trgm_ops"},
                    postgresql_using="gin",
                )
                for name in ("title", "pinyin", "initials")
            ),
            PARTITION_BY_DATASET,
        )
