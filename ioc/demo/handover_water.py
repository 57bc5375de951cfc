"""What the water bureau hands over: the pipe survey, the list of its faults and the stations."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from ioc.demo.areas import Areas
from ioc.demo.district import DemoDistrict
from ioc.demo.drain_faults import GRADES
from ioc.demo.drain_layout import COMBINED, SEWER, STORM
from ioc.demo.landscape import points_at, to_degrees
from ioc.demo.organisations import UNITS

SURVEYOR = "武汉市测绘研究院（演示）"
# Element codes of CJJ 61-2017 appendix F by system and by 特征 or 附属物.
ELEMENTS = {
    STORM: {
        "出水口": "52012105",
        "雨水箅": "52012204",
        "雨水井": "52012205",
        "沉泥井": "52012211",
        "泵站": "52012219",
    },
    SEWER: {"污水井": "52022205", "化粪池": "52022215", "泵站": "52022221"},
}
MATERIALS = {
    STORM: ("T", "PE", "PVC", "ZS"),
    SEWER: ("T", "PE", "BLG", "TC"),
    COMBINED: ("T", "ZS", "Z", "TC"),
}


@dataclass(frozen=True)
class PipeTables:
    """管点 and 管线段 with the fields of CJJ 61-2017, and their geometries in metres."""

    nodes: pd.DataFrame
    points: np.ndarray
    segments: pd.DataFrame
    lines: np.ndarray


def pipe_tables(district: DemoDistrict, rng: np.random.Generator) -> PipeTables:
    """The survey as its two tables; every segment is drawn from its upper to its lower node."""
    drains, names = district.drains, district.network.names
    numbers = _point_numbers(drains.position, drains.system, district.areas)
    cover = ~np.isin(drains.fixture, ("雨水箅", "泵站", "化粪池")) & (drains.feature == "")
    deepest = np.full(len(drains.ground), np.inf)
    np.minimum.at(deepest, drains.top, drains.invert_top)
    np.minimum.at(deepest, drains.bottom, drains.invert_bottom)
    sump = np.where(drains.fixture == "沉泥井", 0.4, 0.0)
    kind = np.where(drains.feature == "", drains.fixture, drains.feature)
    built = rng.integers(1986, 2025, len(names))
    count = len(numbers)
    nodes = pd.DataFrame(
        {
            "WTDH": numbers,
            "TSDH": numbers,
            "X": drains.position[:, 1],
            "Y": drains.position[:, 0],
            "DMGC": drains.ground,
            "TZ": drains.feature,
            "FSW": drains.fixture,
            "JGCZ": np.where(
                cover, np.array(["铸铁", "复合材料", "混凝土"])[rng.choice(3, count, p=[0.7, 0.2, 0.1])], ""
            ),
            "JGGG": np.where(cover, "700", ""),
            "JGXZ": np.where(cover, "圆形", ""),
            "JDS": np.round(drains.ground - deepest + sump, 2),
            "JBS": np.where(cover, 0.45, 0.0),
            "JSGG": np.where(cover, "1000", ""),
            "JSCZ": np.where(cover, np.array(["砖", "混凝土"])[rng.choice(2, count)], ""),
            "PXJW": "",
            "DBM": [ELEMENTS[system][what] for system, what in zip(drains.system, kind, strict=True)],
            "SZDL": names[drains.node_road],
            "QSDW": UNITS["drainage"],
            "JSND": built[drains.node_road].astype(str),
            "TCDW": SURVEYOR,
            "TCRQ": (np.datetime64("2024-03-01") + rng.integers(0, 500, count)).astype("datetime64[s]"),
            "ZT": "0",
            "GXLX": drains.system,
            "BZ": "演示数据",
        }
    )
    materials = [
        MATERIALS[kind][n]
        for kind, n in zip(
            drains.subclass, rng.choice(4, len(drains.top), p=[0.55, 0.3, 0.1, 0.05]), strict=True
        )
    ]
    segments = pd.DataFrame(
        {
            "QDDH": numbers[drains.top],
            "ZDDH": numbers[drains.bottom],
            "QDMS": np.round(drains.ground[drains.top] - drains.invert_top, 2),
            "ZDMS": np.round(drains.ground[drains.bottom] - drains.invert_bottom, 2),
            "QDGC": drains.invert_top,
            "ZDGC": drains.invert_bottom,
            "GXLX": drains.subclass,
            "CZ": materials,
            "GJ": drains.diameter.astype(str),
            "MSFS": "ZM",
            "LX": np.zeros(len(drains.top), dtype=np.int32),
            "YL": "",
            "BHCL": "无",
            "JSND": built[drains.segment_road].astype(str),
            "QSDW": UNITS["drainage"],
            "DLMC": names[drains.segment_road],
            "ZT": "0",
            "BZ": "演示数据",
        }
    )
    ends = np.stack([drains.position[drains.top], drains.position[drains.bottom]], axis=1)
    return PipeTables(nodes, points_at(drains.position), segments, np.asarray(shapely.linestrings(ends)))


def _point_numbers(position: np.ndarray, system: np.ndarray, areas: Areas) -> np.ndarray:
    """Street (last 3 digits), system and a running number, from north to south."""
    street = areas.street[areas.cell_at(points_at(position))]
    stem = np.char.add(np.array([code[6:] for code in street]), system.astype("U2"))
    order = np.lexsort((position[:, 0], -position[:, 1], stem))
    _, first, counts = np.unique(stem[order], return_index=True, return_counts=True)
    number = np.arange(len(order)) - np.repeat(first, counts) + 1
    result = np.empty(len(order), dtype="U12")
    result[order] = np.char.add(stem[order], np.char.zfill(number.astype("U6"), 5))
    return result


def fault_table(
    district: DemoDistrict, pipes: PipeTables, rng: np.random.Generator
) -> tuple[pd.DataFrame, np.ndarray]:
    """The bureau's list of hazards and misconnections and the segment each is on; points in degrees."""
    faults, areas = district.drain_faults, district.areas
    segment = np.array([fault.segment for fault in faults])
    points = points_at([(fault.x, fault.y) for fault in faults])
    cell = areas.cell_at(points)
    state = np.array(["待整改", "整改中", "已整改"])[rng.choice(3, len(faults), p=[0.5, 0.3, 0.2])]
    table = pd.DataFrame(
        {
            "编号": _fault_numbers([fault.category for fault in faults]),
            "类别": [fault.category for fault in faults],
            "类型": [fault.kind for fault in faults],
            "缺陷代码": [fault.code for fault in faults],
            "等级": [fault.grade for fault in faults],
            "等级名称": [GRADES[fault.grade - 1] for fault in faults],
            "起点点号": pipes.segments["QDDH"].to_numpy()[segment],
            "终点点号": pipes.segments["ZDDH"].to_numpy()[segment],
            "管线类型": pipes.segments["GXLX"].to_numpy()[segment],
            "管径": pipes.segments["GJ"].to_numpy()[segment],
            "道路": pipes.segments["DLMC"].to_numpy()[segment],
            "所在街道": [areas.names.streets[code] for code in areas.street[cell]],
            "所在社区": [areas.names.communities[code] for code in areas.community[cell]],
            "发现日期": (np.datetime64("2025-03-01") + rng.integers(0, 600, len(faults))).astype(str),
            "整改状态": state,
            "备注": "演示数据",
        }
    )
    return table, to_degrees(points)


def _fault_numbers(categories: list[str]) -> list[str]:
    letters = {"隐患": "YH", "混接": "HJ"}
    seen: dict[str, int] = {}
    numbers = []
    for category in categories:
        seen[category] = seen.get(category, 0) + 1
        numbers.append(f"{letters[category]}{seen[category]:05d}")
    return numbers


def station_sheets(district: DemoDistrict) -> dict[str, pd.DataFrame]:
    """The sheets of the station list; positions in degrees with six decimals, as SL 323-2011 has them."""
    sheets = district.stations
    table = sheets.stations.copy()
    degrees = shapely.get_coordinates(to_degrees(points_at(table[["x", "y"]].to_numpy())))
    table.insert(5, "LGTD", np.round(degrees[:, 0], 6))
    table.insert(6, "LTTD", np.round(degrees[:, 1], 6))
    return {"测站": table.drop(columns=["x", "y"]), "设备": sheets.devices, "指标": sheets.metrics}
