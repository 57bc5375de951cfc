"""The declarative base and what every versioned table has in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.types import Text

STORE_SCHEMA = "ioc"
VERSION_SCHEMA = "version"

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of the store, in schema ``ioc``."""

    metadata = MetaData(schema=STORE_SCHEMA, naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text}


def field(
    zh: str,
    en: str,
    standard: str | None = None,
    unit: str | None = None,
    type_: Any = None,
    **column: Any,
) -> Any:
    """A column with its names for people: Chinese, English, the standard's abbreviation, the unit."""
    names: Mapping[str, str] = {
        key: text
        for key, text in (("zh", zh), ("en", en), ("standard", standard), ("unit", unit))
        if text is not None
    }
    comment = f"{zh} {standard}" if standard else zh
    positional = (type_,) if type_ is not None else ()
    return mapped_column(*positional, info=dict(names), comment=comment, **column)


PARTITION_BY_DATASET = {"postgresql_partition_by": "LIST (dataset_id)"}


def versioned_constraints(table: str) -> tuple[Any, ...]:
    """Primary key and code index of a versioned table."""
    return (
        PrimaryKeyConstraint("dataset_id", "id"),
        Index(f"ix_{table}_code", "code", postgresql_ops={"code": "text_pattern_ops"}),
    )


def feature_constraints(table: str) -> tuple[Any, ...]:
    """As ``versioned_constraints``, with the spatial index of what is drawn."""
    return (
        *versioned_constraints(table),
        Index(f"ix_{table}_geom_3857", "geom_3857", postgresql_using="gist"),
    )


class VersionedRow:
    """A row that arrives with a dataset version.

    The table is partitioned by dataset; the one partition attached for a dataset is its published
    version, so whoever reads the table sees whole published versions and nothing else. ``load_id`` is the
    earlier version a row was carried over from; null where it came with the version it is in.
    """

    dataset_id: Mapped[int] = field("数据集", "Dataset", type_=Integer, nullable=False)
    id: Mapped[int] = field("要素编号", "Feature id", type_=BigInteger, nullable=False, autoincrement=False)
    code: Mapped[str] = field("编码", "Code", nullable=False)
    area_code: Mapped[str | None] = field("所在区域编码", "Area code")
    sensitivity: Mapped[int] = field("敏感级别", "Sensitivity", type_=SmallInteger, nullable=False)
    source_row: Mapped[int | None] = field("来源行号", "Source row", type_=Integer)
    load_id: Mapped[int | None] = field("来源装载批次", "Load it came with", type_=Integer)
    warnings: Mapped[list[str] | None] = field("质检提示", "Warnings", type_=ARRAY(Text))

    __tablename__: str

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        return (*versioned_constraints(cls.__tablename__), PARTITION_BY_DATASET)


class Feature(VersionedRow):
    """A versioned row with a place: ``geom`` in CGCS2000 degrees, ``geom_3857`` generated for drawing."""

    geometry_type = "GEOMETRY"

    @declared_attr
    def geom(cls) -> Mapped[Any]:
        return mapped_column(
            Geometry(cls.geometry_type, srid=4490, spatial_index=False), nullable=True, comment="CGCS2000"
        )

    @declared_attr
    def geom_3857(cls) -> Mapped[Any]:
        return mapped_column(
            Geometry(cls.geometry_type, srid=3857, spatial_index=False),
            Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=True,
        )

    @declared_attr.directive
    def __table_args__(cls) -> tuple[Any, ...]:
        return (*feature_constraints(cls.__tablename__), PARTITION_BY_DATASET)


def field_names(model: type[Base]) -> dict[str, dict[str, str]]:
    """Names for people of a model's columns, by column name: keys zh, en, standard, unit."""
    columns: list[Column[Any]] = list(model.__table__.columns)  # type: ignore[arg-type]
    return {column.name: dict(column.info) for column in columns if column.info}
