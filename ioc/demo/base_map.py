"""Layers of the base map that the planning bureau hands over."""

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from ioc.demo.buildings import STOREY
from ioc.demo.district import DemoDistrict
from ioc.demo.landscape import points_at, to_degrees
from ioc.demo.roads import RANKS

NOTE = "演示数据"
Layer = tuple[pd.DataFrame, np.ndarray]


def base_map_layers(district: DemoDistrict) -> dict[str, Layer]:
    """road, water, green, building, place and boundary, with geometries in degrees."""
    layers = {
        "road": _roads(district),
        "water": _waters(district),
        "green": _greens(district),
        "building": _buildings(district),
        "place": _places(district),
        "boundary": _boundaries(district),
    }
    return {name: (_coded(name, table), to_degrees(shapes)) for name, (table, shapes) in layers.items()}


def _coded(layer: str, table: pd.DataFrame) -> pd.DataFrame:
    letter = {"road": "R", "water": "W", "green": "G", "building": "B", "place": "P", "boundary": "J"}[layer]
    table.insert(0, "编号", [f"{letter}{number + 1:06d}" for number in range(len(table))])
    table["备注"] = NOTE
    return table


def _roads(district: DemoDistrict) -> Layer:
    """Every named road in one piece, or in as many as it really has."""
    network = district.network
    order = np.argsort(network.road, kind="stable")
    road, first = np.unique(network.road[order], return_index=True)
    shapes = [
        shapely.line_merge(shapely.multilinestrings(list(group)))
        for group in np.split(network.lines[order], first[1:])
    ]
    classes = network.classes[road]
    table = pd.DataFrame(
        {
            "名称": network.names[road],
            "等级": np.where(network.bridge[road], "桥隧", classes),
            "宽度": network.widths[road],
            "级别": [RANKS[name] for name in classes],
        }
    )
    return table, np.array(shapes)


def _waters(district: DemoDistrict) -> Layer:
    rows: list[tuple[str, str, BaseGeometry]] = [
        (water.name, water.kind, water.shape)
        for water in district.landscape.waters + district.landscape.lakes
    ]
    district_shape = district.landscape.district
    for name, width, line in district.landscape.channels:
        rows.append((name, "渠道", line.buffer(width / 2, cap_style="flat").intersection(district_shape)))
    table = pd.DataFrame({"名称": [row[0] for row in rows], "类别": [row[1] for row in rows]})
    return table, np.array([row[2] for row in rows])


def _greens(district: DemoDistrict) -> Layer:
    greens = district.greens
    table = pd.DataFrame({"名称": [green.name for green in greens], "类别": [green.kind for green in greens]})
    return table, np.array([green.shape for green in greens])


def _buildings(district: DemoDistrict) -> Layer:
    buildings = district.buildings
    table = pd.DataFrame(
        {
            "类别": buildings.style,
            "层数": buildings.floors,
            "高度": np.round(buildings.floors * STOREY + 1.2, 1),
        }
    )
    return table, buildings.shapes


def _places(district: DemoDistrict) -> Layer:
    table = district.places
    return table.drop(columns=["x", "y"]), points_at(table[["x", "y"]].to_numpy())


def _boundaries(district: DemoDistrict) -> Layer:
    areas = district.areas
    codes, shapes = areas.joined(areas.street)
    table = pd.DataFrame(
        {
            "名称": ["武昌区界", *(f"{areas.names.streets[code]}界" for code in codes)],
            "类别": ["区界"] + ["街道界"] * len(codes),
        }
    )
    district_shape = shapely.coverage_union_all(areas.cells)
    return table, shapely.boundary(np.array([district_shape, *shapes]))
