"""Monitoring stations, their devices and what these measure, after ST_STBPRP_B of SL 323-2011."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from ioc.demo.areas import DISTRICT, Areas
from ioc.demo.drain_layout import STORM
from ioc.demo.drains import Drains
from ioc.demo.landscape import Floats, Landscape, points_at
from ioc.demo.organisations import UNITS
from ioc.demo.roads import RANKS, RoadNetwork

DEVICES = 1000
WUSONG, HEIGHT_1985 = "吴淞", "1985国家高程基准"
# 吴淞 heights are about 2 m above 1985 ones at Hankou.
WUSONG_ABOVE_1985 = 1.98
# Guard, warning and guaranteed level at Wuhanguan, metres 吴淞.
RIVER_LEVELS = (25.00, 27.30, 29.73)
# By what a device sends: elements of SL 651, factors of HJ 212; columns of SL 323 or plain words by MQTT.
METRICS = {
    "雨量计": (("PN05", "5分钟时段降水量", "mm", 0.0, 50.0, 300),),
    "水位计": (("Z", "水位", "m", None, None, 300),),
    "流量计": (("Q", "流量", "m³/s", 0.0, None, 300),),
    "管网液位计": (("LEVEL", "井内液位", "m", 0.0, None, 120), ("BATTERY", "电池电压", "V", 3.3, 4.3, 3600)),
    "积水监测仪": (("DEPTH", "积水深度", "cm", None, 15.0, 60), ("BATTERY", "电池电压", "V", 3.3, 4.3, 3600)),
    "燃气泄漏监测仪": (("CH4", "甲烷浓度", "%LEL", 0.0, 20.0, 60),),
    "井盖监测器": (("TILT", "倾斜角", "°", None, 15.0, 600),),
    "泵站监控终端": (
        ("PPUPZ", "站上水位", "m", None, None, 60), ("PPDWZ", "站下水位", "m", None, None, 60),
        ("OMCN", "开机台数", "台", 0.0, None, 60), ("PMPQ", "抽水流量", "m³/s", 0.0, None, 60),
    ),
    "水质分析仪": (
        ("w01001", "pH值", "", 6.0, 9.0, 900), ("w01009", "溶解氧", "mg/L", 2.0, None, 900),
        ("w21003", "氨氮", "mg/L", None, 2.0, 900),
    ),
    "空气质量微站": (
        ("a34004", "PM2.5", "μg/m³", None, 75.0, 60), ("a34002", "PM10", "μg/m³", None, 150.0, 60),
        ("LA", "噪声", "dB(A)", None, 70.0, 60),
    ),
}  # fmt: skip
PROTOCOLS = {
    "雨量计": "SL 651",
    "水位计": "SL 651",
    "流量计": "SL 651",
    "水质分析仪": "HJ 212",
    "空气质量微站": "HJ 212",
}
# Part of the wanted devices for each group that is not bound to a place of its own.
SHARES = {"积水": 0.14, "液位": 0.34, "燃气": 0.10, "井盖": 0.12, "空气": 0.06, "雨量": 0.024}


@dataclass(frozen=True)
class Stations:
    """The sheets 测站, 设备 and 指标."""

    stations: pd.DataFrame
    devices: pd.DataFrame
    metrics: pd.DataFrame


@dataclass
class _Site:
    name: str
    kind: str
    position: Floats
    address: str
    devices: tuple[str, ...]
    datum: str = ""
    river: str = ""
    levels: tuple[float, float, float] | None = None
    upper: float | None = None


def set_up_stations(
    landscape: Landscape,
    network: RoadNetwork,
    areas: Areas,
    drains: Drains,
    scale: float,
    rng: np.random.Generator,
) -> Stations:
    """Gauges of river and lakes and pumping stations first, sensors in manholes and streets after them."""
    total = max(24, round(DEVICES * scale))
    sites = [*_gauges(landscape), *_pumping_stations(network, drains, total)]
    for group, share in SHARES.items():
        sites += _street_sites(group, max(1, round(total * share)), landscape, network, areas, drains, rng)
    left = total - sum(len(site.devices) for site in sites)
    sites += _street_sites("液位", max(0, left), landscape, network, areas, drains, rng)
    return _sheets(sites, areas, rng)


def _gauges(landscape: Landscape) -> list[_Site]:
    river = next(water for water in landscape.waters if water.name == "长江")
    sites = []
    for name, kind, share in (("汉口（武汉关）", "ZQ", 0.55), ("白沙洲", "ZZ", 0.12), ("杨园", "ZZ", 0.92)):
        bank = shapely.intersection(landscape.district.exterior, river.shape.buffer(2.0))
        bank = max(getattr(shapely.line_merge(bank), "geoms", [bank]), key=lambda part: part.length)
        point = bank.interpolate(share, normalized=True)
        devices = ("水位计", "流量计") if kind == "ZQ" else ("水位计",)
        sites.append(
            _Site(
                name,
                kind,
                _inside_by(point, landscape, 12.0),
                "长江右岸",
                devices,
                WUSONG,
                "长江",
                RIVER_LEVELS,
            )
        )
    waters = [*landscape.lakes, *(water for water in landscape.waters if water.kind == "湖泊")]
    for lake in waters:
        point = shapely.shortest_line(lake.shape, landscape.district.centroid).interpolate(0)
        levels = (round(lake.level + 0.3, 2), round(lake.level + 0.5, 2), round(lake.level + 0.9, 2))
        at = _inside_by(point, landscape, 10.0)
        sites.append(
            _Site(
                lake.name, "ZZ", at, f"{lake.name}湖岸", ("水位计", "水质分析仪"), WUSONG, lake.name, levels
            )
        )
    return sites


def _inside_by(point: shapely.Point, landscape: Landscape, metres: float) -> Floats:
    land = landscape.land.buffer(-metres)
    return shapely.get_coordinates(shapely.shortest_line(land, point))[0]


def _pumping_stations(network: RoadNetwork, drains: Drains, total: int) -> list[_Site]:
    sites = []
    for node in np.flatnonzero(drains.fixture == "泵站")[: max(2, total // 20)]:
        road = str(network.names[drains.node_road[node]])
        kind = "雨水" if drains.system[node] == STORM else "污水"
        number = sum(site.name.startswith(f"{road}{kind}泵站") for site in sites)
        name = f"{road}{kind}泵站{number + 1 if number else ''}"
        level = round(float(drains.ground[node]) - 1.2, 2)
        sites.append(
            _Site(name, "DP", drains.position[node], road, ("泵站监控终端",), HEIGHT_1985, upper=level)
        )
    return sites


def _street_sites(
    group: str,
    count: int,
    landscape: Landscape,
    network: RoadNetwork,
    areas: Areas,
    drains: Drains,
    rng: np.random.Generator,
) -> list[_Site]:
    if group in ("液位", "燃气", "井盖"):
        return _manhole_sites(group, count, network, drains, rng)
    rank = np.array([RANKS[name] for name in network.classes])[network.road]
    edges = np.flatnonzero((rank <= 4) & ~network.bridge[network.road])
    middle = shapely.get_coordinates(
        shapely.line_interpolate_point(network.lines[edges], 0.5, normalized=True)
    )
    if group == "积水":
        low = landscape.ground(middle[:, 0], middle[:, 1])
        keep = np.argsort(low, kind="stable")[: max(count, len(edges) // 3)]
        edges, middle = edges[keep], middle[keep]
    chosen = np.sort(rng.choice(len(edges), min(count, len(edges)), replace=False))
    community = areas.community[areas.cell_at(points_at(middle[chosen]))]
    sites = []
    for index, code in zip(chosen, community, strict=True):
        road = str(network.names[network.road[edges[index]]])
        near = areas.names.communities[str(code)].removesuffix("社区")
        kind, title, devices = {
            "积水": ("DR", f"{road}{near}积水点", ("积水监测仪",)),
            "空气": ("MM", f"{near}空气监测微站", ("空气质量微站",)),
            "雨量": ("PP", f"{near}雨量站", ("雨量计",)),
        }[group]
        sites.append(_Site(title, kind, middle[index], road, devices))
    return sites


def _manhole_sites(
    group: str, count: int, network: RoadNetwork, drains: Drains, rng: np.random.Generator
) -> list[_Site]:
    title, device = {
        "液位": ("液位监测点", "管网液位计"),
        "燃气": ("燃气监测点", "燃气泄漏监测仪"),
        "井盖": ("井盖监测点", "井盖监测器"),
    }[group]
    manhole = np.flatnonzero(
        np.isin(drains.fixture, ("雨水井", "污水井")) & np.isin(np.arange(len(drains.ground)), drains.top)
    )
    depth = np.zeros(len(drains.ground))
    np.maximum.at(depth, drains.top, drains.ground[drains.top] - drains.invert_top)
    chosen = np.sort(rng.choice(manhole, min(count, len(manhole)), replace=False))
    return [
        _Site(
            f"{network.names[drains.node_road[node]]}{title}", "DR", drains.position[node],
            str(network.names[drains.node_road[node]]), (device,), HEIGHT_1985,
            upper=round(float(depth[node]) * 0.8, 2) if group == "液位" else None,
        )
        for node in chosen
    ]  # fmt: skip


def _sheets(sites: list[_Site], areas: Areas, rng: np.random.Generator) -> Stations:
    position = np.round(np.array([site.position for site in sites]), 3)
    cell = areas.cell_at(points_at(position))
    stations, devices, metrics = [], [], []
    seen: dict[str, int] = {}
    for number, site in enumerate(sites):
        seen[site.name] = seen.get(site.name, 0) + 1
        name = site.name if seen[site.name] == 1 else f"{site.name}{seen[site.name]}"
        code = "60112200" if number == 0 else f"6D{number:06d}"
        community = areas.names.communities[str(areas.community[cell[number]])]
        guard, warning, design = site.levels or (None, None, None)
        stations.append(
            {
                "STCD": code, "STNM": name, "STTP": site.kind, "RVNM": site.river, "HNNM": "长江中游干流",
                "BSNM": "长江", "STLC": f"武昌区{community}{site.address}",
                "ADDVCD": DISTRICT, "DTMNM": site.datum,
                "DTMEL": -WUSONG_ABOVE_1985 if site.datum == WUSONG else (0.0 if site.datum else None),
                "ADMAUTH": UNITS["water"], "FRGRD": "1" if site.levels else "",
                "ESSTYM": f"{rng.integers(2008, 2026)}06",
                "SFSW": guard, "WRZ": warning, "GRZ": design, "USFL": "1", "COMMENTS": "演示数据",
                "x": position[number, 0], "y": position[number, 1],
            }
        )  # fmt: skip
        for order, kind in enumerate(site.devices):
            device = _address(kind, f"{code}{order + 1:02d}", len(devices) + 1)
            devices.append(_device(device, code, name, kind, rng))
            metrics += _device_metrics(device, kind, site)
    return Stations(pd.DataFrame(stations), pd.DataFrame(devices), pd.DataFrame(metrics))


def _address(kind: str, device: str, number: int) -> str:
    """What the device reports with; SL 651-2014: three bytes of division code, two bytes of number."""
    return f"{DISTRICT}{number:04X}" if PROTOCOLS.get(kind) == "SL 651" else device


def _device(device: str, station: str, name: str, kind: str, rng: np.random.Generator) -> dict:
    return {
        "设备编码": device,
        "测站编码": station,
        "设备名称": f"{name}{kind}",
        "设备类型": kind,
        "通信协议": PROTOCOLS.get(kind, "MQTT"),
        "生产厂家": f"演示厂家{int(rng.integers(1, 9))}",
        "安装日期": str(np.datetime64("2019-01-01") + int(rng.integers(0, 2700))),
        "状态": "在用" if rng.random() < 0.97 else "停用",
        "备注": "演示数据",
    }


def _device_metrics(device: str, kind: str, site: _Site) -> list[dict]:
    rows = []
    for code, name, unit, lower, upper, interval in METRICS[kind]:
        if code == "Z" and site.levels:
            upper = site.levels[1]
        elif code in ("LEVEL", "PPUPZ") and site.upper is not None:
            upper = site.upper
        rows.append(
            {
                "设备编码": device, "指标代码": code, "指标名称": name, "计量单位": unit,
                "下限": lower, "上限": upper, "上报间隔": interval, "备注": "演示数据",
            }
        )  # fmt: skip
    return rows
