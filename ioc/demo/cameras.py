"""The police list of cameras: at junctions, along roads and at the gates of communities."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from ioc.demo.areas import DISTRICT, Areas
from ioc.demo.landscape import Floats, points_at
from ioc.demo.placement import along_roads, at_junctions
from ioc.demo.roads import RoadNetwork

COUNT = 11_431
# Share, how they stand, ranks of roads, industry of GB/T 28181 (00 roads, 01 communities, 05 checkpoints).
GROUPS = (
    ("路口", 0.38, (1, 4), "00"),
    ("路段", 0.27, (1, 4), "00"),
    ("小区", 0.35, (5, 5), "01"),
)
TYPES = ("枪型摄像机", "球型摄像机", "半球摄像机", "全景摄像机", "卡口抓拍机")
MOUNT = {"路口": "电警杆", "路段": "监控立杆", "小区": "出入口"}
NETWORKS = ("公安视频传输网", "电子政务外网")


@dataclass(frozen=True)
class Cameras:
    """Rows of the list and their true positions in metres."""

    table: pd.DataFrame
    position: Floats


def mount_cameras(network: RoadNetwork, areas: Areas, scale: float, rng: np.random.Generator) -> Cameras:
    """About 3 % of the cameras are broken or offline."""
    total = max(len(GROUPS), round(COUNT * scale))
    counts = [round(total * share) for _, share, _, _ in GROUPS[:-1]]
    counts.append(total - sum(counts))
    positions, roads, groups, industries = [], [], [], []
    for (group, _, ranks, industry), count in zip(GROUPS, counts, strict=True):
        if group == "路口":
            position, road = at_junctions(network, ranks, count, rng)
        else:
            where = "pavement" if group == "路段" else "compound"
            position, road = along_roads(network, ranks, count, where, group == "路段", rng)
        positions.append(position)
        roads.append(road)
        groups += [group] * count
        industries += [industry] * count
    position, road = np.round(np.vstack(positions), 3), np.concatenate(roads)
    cell = areas.cell_at(points_at(position))
    position = _brought_inside(position, cell, areas)
    return Cameras(_list(network, areas, road, cell, np.array(groups), industries, rng), position)


def _brought_inside(position: Floats, cell: np.ndarray, areas: Areas) -> Floats:
    outside = ~shapely.contains_xy(areas.cells[cell], position)
    centre = shapely.get_coordinates(shapely.point_on_surface(areas.cells[cell[outside]]))
    position[outside] = np.round(centre, 3)
    return position


def _list(
    network: RoadNetwork,
    areas: Areas,
    road: np.ndarray,
    cell: np.ndarray,
    group: np.ndarray,
    industry: list[str],
    rng: np.random.Generator,
) -> pd.DataFrame:
    count = len(road)
    kind = rng.choice(len(TYPES), count, p=[0.46, 0.28, 0.12, 0.05, 0.09])
    state = np.array(["在线", "离线", "故障"])[rng.choice(3, count, p=[0.97, 0.02, 0.01])]
    belongs = (group == "小区") & (rng.random(count) < 0.6)
    names = [
        f"{network.names[r]}{MOUNT[g]}{n:03d}"
        for r, g, n in zip(road, group, _numbers(road, group), strict=True)
    ]
    communities = [areas.names.communities[code] for code in areas.community[cell]]
    return pd.DataFrame(
        {
            "序号": np.arange(1, count + 1),
            "设备编码": [
                f"{DISTRICT}00{i}{'132' if k % 2 else '131'}{'6' if b else '0'}{n + 1:06d}"
                for n, (i, k, b) in enumerate(zip(industry, kind, belongs, strict=True))
            ],
            "点位名称": names,
            "点位类别": group,
            "摄像机类型": np.array(TYPES)[kind],
            "安装地址": [f"武昌区{c}{n}" for c, n in zip(communities, network.names[road], strict=True)],
            "所属街道": [areas.names.streets[code] for code in areas.street[cell]],
            "所属社区": communities,
            "监视方位": rng.integers(0, 72, count) * 5,
            "安装高度": np.round(np.where(group == "小区", 3.5, 6.0) + rng.integers(0, 5, count) * 0.5, 1),
            "分辨率": np.array(["200万", "400万", "800万"])[rng.choice(3, count, p=[0.4, 0.45, 0.15])],
            "接入网络": np.array(NETWORKS)[belongs.astype(int)],
            "建设单位": np.where(belongs, "武昌区城市运行管理中心", "武汉市公安局武昌区分局"),
            "建成日期": (np.datetime64("2017-01-01") + rng.integers(0, 3300, count)).astype(str),
            "在线状态": state,
            "备注": "演示数据",
        }
    )


def _numbers(road: np.ndarray, group: np.ndarray) -> np.ndarray:
    """A running number on each road and for each group."""
    keys = pd.Series(np.char.add(road.astype("U8"), group.astype("U4")))
    return keys.groupby(keys, sort=False).cumcount().to_numpy() + 1
