"""Monitoring stations with their devices and metrics; station fields after SL 323-2011 ST_STBPRP_B."""

from sqlalchemy import Float
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, VersionedRow, field


class Station(Feature, Base):
    """A station; ``code`` is STCD. Levels are in the station's own datum, never mixed."""

    __tablename__ = "station"
    geometry_type = "POINT"
    name: Mapped[str] = field("站名", "Station", "STNM", nullable=False)
    station_type: Mapped[str | None] = field("站类", "Station type", "STTP")
    river: Mapped[str | None] = field("河名", "River", "RVNM")
    water_system: Mapped[str | None] = field("水系", "Water system", "HNNM")
    basin: Mapped[str | None] = field("流域", "Basin", "BSNM")
    address: Mapped[str | None] = field("站址", "Address", "STLC")
    datum: Mapped[str | None] = field("基面名", "Datum", "DTMNM")
    datum_level: Mapped[float | None] = field("基面高程", "Datum level", "DTMEL", "m", Float)
    managing_unit: Mapped[str | None] = field("管理单位", "Managing unit", "ADMAUTH")
    guard_level: Mapped[float | None] = field("设防水位", "Guard level", None, "m", Float)
    warning_level: Mapped[float | None] = field("警戒水位", "Warning level", "WRZ", "m", Float)
    design_level: Mapped[float | None] = field("保证水位", "Guaranteed level", "GRZ", "m", Float)
    in_use: Mapped[str | None] = field("启用标志", "In use", "USFL")
    note: Mapped[str | None] = field("备注", "Note", "COMMENTS")


class Device(Feature, Base):
    """A device at a station; ``code`` is the address it reports with."""

    __tablename__ = "device"
    geometry_type = "POINT"
    name: Mapped[str | None] = field("设备名称", "Device")
    station_code: Mapped[str | None] = field("测站编码", "Station code", "STCD")
    device_type: Mapped[str | None] = field("设备类型", "Device type")
    protocol: Mapped[str | None] = field("通信协议", "Protocol")
    position_frame: Mapped[str | None] = field("坐标基准", "Position frame")
    maker: Mapped[str | None] = field("生产厂家", "Maker")
    installed: Mapped[str | None] = field("安装日期", "Installed")
    state: Mapped[str | None] = field("状态", "State")


class Metric(VersionedRow, Base):
    """What a device measures, with unit and limits; ``code`` is device code and metric."""

    __tablename__ = "metric"
    device_code: Mapped[str] = field("设备编码", "Device code", nullable=False)
    metric: Mapped[str] = field("指标代码", "Metric", nullable=False)
    name: Mapped[str | None] = field("指标名称", "Metric name")
    unit: Mapped[str | None] = field("计量单位", "Unit")
    lower_limit: Mapped[float | None] = field("下限", "Lower limit", type_=Float)
    upper_limit: Mapped[float | None] = field("上限", "Upper limit", type_=Float)
    interval_s: Mapped[float | None] = field("上报间隔", "Interval", unit="s", type_=Float)
