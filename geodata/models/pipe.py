"""Underground pipes: survey points and segments, with the fields of CJJ 61-2017."""

from datetime import date

from sqlalchemy import Date, Float
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class PipeNode(Feature, Base):
    """A survey point (管点); ``code`` is the 物探点号. Levels are metres above the height datum."""

    __tablename__ = "pipe_node"
    geometry_type = "POINT"
    map_code: Mapped[str | None] = field("图上点号", "Map point number", "TSDH")
    subclass: Mapped[str | None] = field("管线小类", "Pipe subclass", "GXLX")
    ground_level: Mapped[float | None] = field("地面高程", "Ground level", "DMGC", "m", Float)
    feature: Mapped[str | None] = field("特征", "Feature", "TZ")
    attachment: Mapped[str | None] = field("附属物", "Attachment", "FSW")
    cover_material: Mapped[str | None] = field("井盖材质", "Cover material", "JGCZ")
    cover_size: Mapped[str | None] = field("井盖规格", "Cover size", "JGGG")
    cover_shape: Mapped[str | None] = field("井盖形状", "Cover shape", "JGXZ")
    well_depth: Mapped[float | None] = field("井底深", "Well depth", "JDS", "m", Float)
    neck_depth: Mapped[float | None] = field("井脖深", "Neck depth", "JBS", "m", Float)
    chamber_size: Mapped[str | None] = field("井室规格", "Chamber size", "JSGG")
    chamber_material: Mapped[str | None] = field("井室材质", "Chamber material", "JSCZ")
    offset_well: Mapped[str | None] = field("偏心井位", "Offset well", "PXJW")
    element_code: Mapped[str | None] = field("点编码", "Element code", "DBM")
    road_name: Mapped[str | None] = field("所在道路", "Road", "SZDL")
    owner: Mapped[str | None] = field("权属单位", "Owner", "QSDW")
    built: Mapped[str | None] = field("建设年代", "Built", "JSND")
    surveyor: Mapped[str | None] = field("探测单位", "Surveyor", "TCDW")
    survey_date: Mapped[date | None] = field("探测日期", "Survey date", "TCRQ", type_=Date)
    state: Mapped[str | None] = field("使用状态", "State", "ZT")


class PipeSegment(Feature, Base):
    """A segment (管线段) between two survey points.

    Invert levels (管内底高程) are metres above the datum for gravity drains, pipe tops for pressure
    pipes (CJJ 61-2017). ``flow_direction``: 0 start to end, 1 end to start (local convention).
    """

    __tablename__ = "pipe_segment"
    geometry_type = "LINESTRING"
    start_node: Mapped[str | None] = field("起点点号", "Start node", "QDDH")
    end_node: Mapped[str | None] = field("终点点号", "End node", "ZDDH")
    start_depth: Mapped[float | None] = field("起点埋深", "Start depth", "QDMS", "m", Float)
    end_depth: Mapped[float | None] = field("终点埋深", "End depth", "ZDMS", "m", Float)
    start_invert_level: Mapped[float | None] = field("起点管底高程", "Start invert level", "QDGC", "m", Float)
    end_invert_level: Mapped[float | None] = field("终点管底高程", "End invert level", "ZDGC", "m", Float)
    subclass: Mapped[str | None] = field("管线小类", "Pipe subclass", "GXLX")
    material: Mapped[str | None] = field("材质", "Material", "CZ")
    section: Mapped[str | None] = field("断面尺寸", "Section", "GJ", "mm")
    diameter: Mapped[float | None] = field("管径", "Diameter", None, "mm", Float)
    embedding: Mapped[str | None] = field("埋设方式", "Embedding", "MSFS")
    flow_direction: Mapped[str | None] = field("流向", "Flow direction", "LX")
    pressure: Mapped[str | None] = field("压力", "Pressure", "YL")
    protection: Mapped[str | None] = field("保护材料", "Protection", "BHCL")
    built: Mapped[str | None] = field("建设年代", "Built", "JSND")
    owner: Mapped[str | None] = field("权属单位", "Owner", "QSDW")
    road_name: Mapped[str | None] = field("道路名称", "Road", "DLMC")
    state: Mapped[str | None] = field("使用状态", "State", "ZT")
    note: Mapped[str | None] = field("备注", "Note", "BZ")
    length_m: Mapped[float | None] = field("长度", "Length", None, "m", Float)
