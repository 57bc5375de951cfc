"""Cameras of the video network, identified after GB/T 28181."""

from sqlalchemy import Float
from sqlalchemy.orm import Mapped

from geodata.models.base import Base, Feature, field


class Camera(Feature, Base):
    """A camera; ``code`` is its 20-digit device id."""

    __tablename__ = "camera"
    geometry_type = "POINT"
    name: Mapped[str | None] = field("点位名称", "Name")
    camera_type: Mapped[str | None] = field("摄像机类型", "Camera type")
    direction: Mapped[float | None] = field("监视方位", "Direction", unit="°", type_=Float)
    height_m: Mapped[float | None] = field("安装高度", "Mounting height", unit="m", type_=Float)
    address: Mapped[str | None] = field("安装地址", "Address")
    owner: Mapped[str | None] = field("建设单位", "Owner")
    network: Mapped[str | None] = field("所属网络", "Network")
    state: Mapped[str | None] = field("在线状态", "State")
