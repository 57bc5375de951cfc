"""Facilities of the district and the named places of the base map."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ioc.demo.areas import Areas
from ioc.demo.buildings import Buildings
from ioc.demo.drains import Drains
from ioc.demo.landscape import Floats, Landscape, points_at
from ioc.demo.organisations import credit_code
from ioc.demo.road_names import ORDINALS
from ioc.demo.roads import RoadNetwork

# By category: number at scale 1, name ({s} street, {c} community, {r} road, {w} a fine word), capacity, unit.
CATEGORIES: dict[str, tuple[int, str, tuple[int, int] | None, str]] = {
    "幼儿园": (160, "{w}幼儿园（{c}）", (120, 420), "人"),
    "小学": (62, "{c}小学", (600, 2400), "人"),
    "中学": (38, "武汉市第{n}中学（{c}校区）", (900, 3600), "人"),
    "大学": (8, "{w}学院{s}校区", (3000, 18000), "人"),
    "医院": (22, "{w}医院（{s}院区）", (120, 1800), "床"),
    "社区卫生服务中心": (36, "{c}社区卫生服务站", (4, 30), "床"),
    "诊所": (150, "{w}诊所（{r}）", None, ""),
    "药店": (330, "{w}大药房{r}店", None, ""),
    "派出所": (16, "{s}派出所{c}警务站", None, ""),
    "消防站": (9, "{s}消防救援站（{c}）", (20, 60), "人"),
    "微型消防站": (142, "{c}社区微型消防站", (4, 10), "人"),
    "公共厕所": (230, "{r}公厕", (6, 24), "厕位"),
    "垃圾转运站": (38, "{r}垃圾转运站", (20, 200), "吨/日"),
    "应急避难场所": (60, "{c}应急避难场所", (500, 12000), "人"),
    "公交首末站": (24, "{r}公交首末站", (8, 60), "车位"),
    "公交站": (420, "{r}{c}站", None, ""),
    "停车场": (320, "{w}停车场（{r}）", (30, 900), "车位"),
    "加油站": (26, "{r}加油站", (4, 12), "枪"),
    "充电站": (130, "{w}充电站（{r}）", (6, 60), "桩"),
    "菜市场": (52, "{c}集贸市场", (30, 300), "摊位"),
    "养老服务设施": (64, "{c}幸福食堂与养老服务点", (20, 260), "床"),
    "社区服务中心": (142, "{c}社区党群服务中心", None, ""),
    "银行网点": (190, "{w}银行{r}支行", None, ""),
    "超市": (420, "{w}超市{r}店", None, ""),
    "餐饮": (520, "{w}酒楼（{r}店）", None, ""),
    "酒店": (230, "{w}酒店（{r}店）", (40, 360), "房"),
    "文化设施": (34, "{c}图书分馆", None, ""),
    "体育设施": (46, "{w}健身中心（{r}）", None, ""),
    "污水处理设施": (3, "{s}污水处理站", (20_000, 80_000), "吨/日"),
}
AT_JUNCTION_OF_ROAD = ("公交站", "公交首末站")
WORDS = [
    "江南",
    "首义",
    "汉阳门",
    "楚天",
    "紫阳",
    "沙湖",
    "东湖",
    "洪山",
    "珞珈",
    "花园山",
    "梅苑",
    "白鹤",
    "长春",
    "凤凰",
    "黄鹤",
    "武昌",
    "临江",
    "滨湖",
    "晴川",
    "楚望",
    "金沙",
    "水岸",
    "和平",
    "友谊",
    "团结",
    "新华",
    "光明",
    "春晓",
    "同济",
    "康宁",
    "永安",
    "仁和",
    "惠民",
    "中百",
    "世纪",
    "天鹅",
    "丹桂",
    "青鱼",
    "博雅",
    "明德",
]
ESTATES = [
    "花园",
    "小区",
    "新村",
    "公寓",
    "家园",
    "华庭",
    "苑",
    "名邸",
    "国际",
    "城",
    "里",
    "新城",
    "雅居",
    "广场",
]
SHELTER_WATER = "排水泵站"


@dataclass(frozen=True)
class Facilities:
    table: pd.DataFrame
    position: Floats


def open_facilities(
    landscape: Landscape,
    network: RoadNetwork,
    areas: Areas,
    buildings: Buildings,
    drains: Drains,
    scale: float,
    rng: np.random.Generator,
) -> Facilities:
    """Facilities in buildings or beside roads, with category, name, address, credit code and capacity."""
    rows, points = [], []
    houses = shapely.get_coordinates(shapely.centroid(buildings.shapes))
    for category, (number, pattern, capacity, unit) in CATEGORIES.items():
        count = max(1, round(number * scale))
        house = np.sort(rng.choice(len(houses), count, replace=count > len(houses)))
        position = houses[house]
        cell = buildings.cell[house]
        road = _nearest_road(network, position)
        if category in AT_JUNCTION_OF_ROAD:
            position = _at_road(network, road, position)
        for index in range(count):
            name = pattern.format(
                **_words(areas, str(areas.community[cell[index]]), str(network.names[road[index]]), rng)
            )
            held = "" if capacity is None else int(rng.integers(*capacity))
            rows.append((category, name, road[index], held, unit))
        points.append(position)
    pumps = np.flatnonzero(drains.fixture == "泵站")
    for node in pumps:
        name = network.names[drains.node_road[node]]
        kind = "雨水" if drains.system[node] == "YS" else "污水"
        rows.append(
            (SHELTER_WATER, f"{name}{kind}泵站", drains.node_road[node], int(rng.integers(2, 30)), "m³/s")
        )
    points.append(drains.position[pumps])
    for name, point in landscape.metro.items():
        road = int(_nearest_road(network, np.array([[point.x, point.y]]))[0])
        rows.append(("地铁站", f"{name}站", road, "", ""))
        points.append(np.array([[point.x, point.y]]))
    position = np.round(np.vstack(points), 3)
    return Facilities(_table(rows, network, areas, position, rng), position)


def _table(
    rows: list[tuple], network: RoadNetwork, areas: Areas, position: Floats, rng: np.random.Generator
) -> pd.DataFrame:
    cell = areas.cell_at(points_at(position))
    category, name, road, held, unit = (list(column) for column in zip(*rows, strict=True))
    seen: dict[str, int] = {}
    for index, text in enumerate(name):
        seen[text] = seen.get(text, 0) + 1
        if seen[text] > 1:
            name[index] = f"{text}{ORDINALS[(seen[text] - 1) % 10]}{'' if seen[text] <= 10 else seen[text]}"
    number = rng.integers(1, 400, len(rows))
    street = [areas.names.streets[code] for code in areas.street[cell]]
    return pd.DataFrame(
        {
            "设施编号": [f"SS{index + 1:06d}" for index in range(len(rows))],
            "类别": category,
            "名称": name,
            "地址": [
                f"武昌区{s}{network.names[r]}{n}号" for s, r, n in zip(street, road, number, strict=True)
            ],
            "所属街道": street,
            "所属社区": [areas.names.communities[code] for code in areas.community[cell]],
            "统一社会信用代码": [credit_code(text) for text in name],
            "联系人": [f"{'王李张刘陈杨黄赵周吴'[n % 10]}{'先生' if n % 2 else '女士'}" for n in number],
            "联系电话": [f"027-8800{n:04d}" for n in rng.integers(0, 10_000, len(rows))],
            "容量": held,
            "容量单位": unit,
            "状态": np.where(rng.random(len(rows)) < 0.97, "正常", "停用"),
            "备注": "演示数据",
        }
    )


def _words(areas: Areas, community: str, road: str, rng: np.random.Generator) -> dict[str, str]:
    return {
        "s": areas.names.streets[community[:9]].removesuffix("街道"),
        "c": areas.names.communities[community].removesuffix("社区"),
        "r": road,
        "w": WORDS[int(rng.integers(len(WORDS)))],
        "n": f"{int(rng.integers(1, 80))}",
    }


def _nearest_road(network: RoadNetwork, position: Floats) -> np.ndarray:
    return network.road[shapely.STRtree(network.lines).nearest(points_at(position))]


def _at_road(network: RoadNetwork, road: np.ndarray, position: Floats) -> Floats:
    """On the pavement of the nearest edge."""
    points = points_at(position)
    line = network.lines[shapely.STRtree(network.lines).nearest(points)]
    foot = shapely.get_coordinates(
        shapely.line_interpolate_point(line, shapely.line_locate_point(line, points))
    )
    away = position - foot
    away /= np.maximum(np.hypot(*away.T), 1e-9)[:, None]
    return foot + away * (network.widths[road] / 2 + 1.5)[:, None]


def name_places(
    landscape: Landscape,
    areas: Areas,
    buildings: Buildings,
    facilities: Facilities,
    scale: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Places of the base map: landmarks, communities, metro stations, facilities and housing estates."""
    rows: list[tuple[str, str, int, float, float]] = [
        (name, kind, 1, point.x, point.y) for name, (point, kind) in landscape.landmarks.items()
    ]
    codes, shapes = areas.joined(areas.street)
    rows += [
        (areas.names.streets[c], "街道", 1, *_label_point(s)) for c, s in zip(codes, shapes, strict=True)
    ]
    codes, shapes = areas.joined(areas.community)
    shapes = shapely.intersection(shapes, landscape.land)
    rows += [
        (areas.names.communities[c], "社区", 2, *_label_point(s)) for c, s in zip(codes, shapes, strict=True)
    ]
    table, position = facilities.table, facilities.position
    wanted = table["类别"].isin(["公交站", "公共厕所", "垃圾转运站", SHELTER_WATER, "微型消防站"]).to_numpy()
    ranks = {"地铁站": 2, "医院": 2, "大学": 2, "中学": 3, "小学": 3}
    for index in np.flatnonzero(~wanted):
        kind = table["类别"].iat[index]
        rows.append((table["名称"].iat[index], kind, ranks.get(kind, 4), *position[index]))
    missing = max(0, round(6000 * scale) - len(rows))
    homes = np.flatnonzero(np.isin(buildings.style, ("多层住宅", "高层住宅", "老城里巷")))
    chosen = homes[np.sort(rng.choice(len(homes), min(missing, len(homes)), replace=False))]
    centre = shapely.get_coordinates(shapely.centroid(buildings.shapes[chosen]))
    for index, house in enumerate(chosen):
        community = areas.names.communities[str(areas.community[buildings.cell[house]])].removesuffix("社区")
        word = WORDS[int(rng.integers(len(WORDS)))]
        estate = ESTATES[int(rng.integers(len(ESTATES)))]
        rows.append((f"{community}{word}{estate}", "住宅小区", 4, *centre[index]))
    return pd.DataFrame(rows, columns=["名称", "类别", "级别", "x", "y"])


def _label_point(shape: BaseGeometry) -> tuple[float, float]:
    point = shape.representative_point()
    return point.x, point.y
