"""City components (城市部件), with the attributes of GB/T 47678.5-2026 tables 2 and 3."""

from datetime import date

from sqlalchemy import Date
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class Component(Feature, Base):
    """One component; ``code`` is the 17-digit identifier, ``original_code`` what the file said."""

    __tablename__ = "component"
    name: Mapped[str | None] = field("部件名称", "Component", "GLBJMC")
    type_code: Mapped[str | None] = field("部件类别", "Component type")
    original_code: Mapped[str | None] = field("原标识码", "Original code", "ObjID")
    managing_unit_code: Mapped[str | None] = field("主管部门代码", "Managing unit code", "ZGBMDM")
    managing_unit: Mapped[str | None] = field("主管部门", "Managing unit", "ZGBMMC")
    owner_code: Mapped[str | None] = field("权属单位代码", "Owner code", "QSDWDM")
    owner: Mapped[str | None] = field("权属单位", "Owner", "QSDWMC")
    maintainer_code: Mapped[str | None] = field("养护单位代码", "Maintainer code", "YHDWDM")
    maintainer: Mapped[str | None] = field("养护单位", "Maintainer", "YHDWMC")
    unit_grid_code: Mapped[str | None] = field("所在单元网格", "Unit grid", "SZDYWGBSM")
    state: Mapped[str | None] = field("部件状态", "State", "GLBJZT")
    initial_date: Mapped[date | None] = field("初始日期", "Initial date", "CSRQ", type_=Date)
    change_date: Mapped[date | None] = field("变更日期", "Change date", "BGRQ", type_=Date)
    data_source: Mapped[str | None] = field("数据来源", "Data source", "SJLY")
    note: Mapped[str | None] = field("备注", "Note", "BZ")
    street_code: Mapped[str | None] = field("所在街道代码", "Street code", "SZJDDM")
    street_name: Mapped[str | None] = field("所在街道", "Street", "SZJDMC")
    community_code: Mapped[str | None] = field("所在社区代码", "Community code", "SZSQDM")
    community_name: Mapped[str | None] = field("所在社区", "Community", "SZSQMC")
