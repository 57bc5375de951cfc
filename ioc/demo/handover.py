"""The files as each department hands them over, with a few rows spoilt, and the manifest of all that."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from geodata.coordinates import gcj02_to_bd09, wgs84_to_gcj02
from ioc.demo import bad_rows, writing
from ioc.demo.areas import DISTRICT, DISTRICT_NAME
from ioc.demo.bad_rows import SeededRows, Spoiler, spoil
from ioc.demo.base_map import base_map_layers
from ioc.demo.district import DemoDistrict
from ioc.demo.handover_water import fault_table, pipe_tables, station_sheets
from ioc.demo.landscape import Floats, points_at, to_degrees
from ioc.demo.pipe_faults import PipeSpoiler

CIVIL, CENTRE, URBAN, WATER = "区民政局", "区城市运行管理中心", "区城管执法局", "区水务局"
POLICE, PLANNING = "公安分局", "自然资源和规划分局"
NOTE = "演示数据"
# Persons per square metre of land, for made-up populations.
DENSITY = 0.0187
Table = tuple[pd.DataFrame, np.ndarray]
Plan = dict[str, tuple[int, Spoiler]]


@dataclass
class HandOver:
    """Writes into `folder` and notes what was written and what was spoilt."""

    folder: Path
    district: DemoDistrict
    rng: np.random.Generator
    progress: Callable[[str], None]
    seeded: SeededRows
    counts: dict[str, dict[str, int]]
    drain_faults: list[dict[str, str]]

    def table(
        self,
        file: str,
        layer: str,
        table: pd.DataFrame,
        shapes: np.ndarray,
        plan: Plan | None = None,
        busy: np.ndarray | None = None,
        suits: np.ndarray | None = None,
    ) -> Table:
        """The table with the rows of `plan` spoilt, as `bad_rows.spoil` says, and noted in the manifest."""
        if plan:
            table, shapes = spoil(self.seeded, file, layer, table, shapes, plan, self.rng, busy, suits)
        self.counts.setdefault(file, {})[layer] = len(table)
        return table, shapes

    def path(self, file: str) -> Path:
        self.progress(file)
        return self.folder / file


def hand_over(folder: Path, district: DemoDistrict, seed: int, progress: Callable[[str], None]) -> HandOver:
    """Writes all files of all departments into `folder`."""
    out = HandOver(folder, district, np.random.default_rng([seed, 90]), progress, SeededRows(), {}, [])
    _areas(out)
    _components(out)
    _water(out)
    _cameras(out)
    _facilities(out)
    _vehicles(out)
    file = f"{PLANNING}/基础地图.gpkg"
    layers = base_map_layers(district)
    writing.write_geopackage(
        out.path(file), {name: out.table(file, name, *layer) for name, layer in layers.items()}
    )
    return out


def _areas(out: HandOver) -> None:
    areas, names = out.district.areas, out.district.areas.names
    inhabited = np.where(shapely.area(areas.cells) < 60_000, shapely.area(areas.cells), 0.0)
    people = np.round(inhabited * DENSITY * out.rng.uniform(0.5, 1.5, len(areas.cells))).astype(int)
    for codes, file, name_of, above in (
        (np.full(len(areas.cells), DISTRICT), "行政区划_区", {DISTRICT: DISTRICT_NAME}, None),
        (areas.street, "行政区划_街道", names.streets, "区代码"),
        (areas.community, "行政区划_社区", names.communities, "街道代码"),
    ):
        found, shapes = areas.joined(codes)
        table = pd.DataFrame({"代码": found, "名称": [name_of[code] for code in found]})
        if above:
            table[above] = [code[:-3] for code in found]
        table["面积"] = np.round(shapely.area(shapes), 1)
        table["常住人口"] = [int(people[codes == code].sum()) for code in found]
        table["备注"] = NOTE
        _geojson(out, f"{CIVIL}/{file}.geojson", table, shapes)
    _grids(out)


def _grids(out: HandOver) -> None:
    areas, names = out.district.areas, out.district.areas.names
    found, shapes = areas.joined(areas.duty)
    community = found.astype("U12")
    duty = pd.DataFrame(
        {
            "网格编码": found,
            "网格名称": [
                f"{names.communities[c]}第{int(code[12:])}网格"
                for c, code in zip(community, found, strict=True)
            ],
            "社区代码": community,
            "社区名称": [names.communities[code] for code in community],
            "面积": np.round(shapely.area(shapes), 1),
            "网格长": [_person(number) for number in out.rng.integers(0, 10_000, len(found))],
            "联系电话": [f"027-8801{number:04d}" for number in out.rng.integers(0, 10_000, len(found))],
            "备注": NOTE,
        }
    )
    _geojson(out, f"{CENTRE}/责任网格.geojson", duty, shapes)
    order = np.argsort(areas.grid_code, kind="stable")
    unit = pd.DataFrame(
        {
            "网格编码": areas.grid_code[order],
            "网格名称": [
                f"{names.communities[c]}{g[12:]}"
                for c, g in zip(areas.community[order], areas.grid_code[order], strict=True)
            ],
            "社区代码": areas.community[order],
            "责任网格编码": areas.duty[order],
            "面积": np.round(shapely.area(areas.cells[order]), 1),
            "周长": np.round(shapely.length(areas.cells[order]), 1),
            "初始日期": "2026-07-01",
            "终止日期": None,
            "备注": NOTE,
        }
    )
    _geojson(out, f"{CENTRE}/万米单元网格.geojson", unit, areas.cells[order])


def _geojson(
    out: HandOver, file: str, table: pd.DataFrame, shapes: np.ndarray, plan: Plan | None = None
) -> None:
    table, shapes = out.table(file, Path(file).stem, table, to_degrees(shapes), plan)
    writing.write_geojson(out.path(file), table, shapes)


def _components(out: HandOver) -> None:
    components = out.district.components
    file = f"{URBAN}/城市部件普查_2026.gpkg"
    plan: Plan = {
        bad_rows.DUPLICATE: (8, bad_rows.repeat_previous("GLBJBSM")),
        bad_rows.CHECK_DIGIT: (8, bad_rows.wrong_check_digit("ZGBMDM")),
        bad_rows.OUTSIDE: (6, bad_rows.moved(0.31, 0.12)),
        bad_rows.SWAPPED: (4, bad_rows.swapped),
        bad_rows.MISSING: (5, bad_rows.emptied("GLBJMC")),
        bad_rows.UNKNOWN_TYPE: (6, bad_rows.set_to("GLBJBSM", lambda code: f"{code[:6]}09999{code[-6:]}")),
        bad_rows.NO_GEOMETRY: (4, bad_rows.without_geometry),
        bad_rows.BAD_LENGTH: (4, bad_rows.set_to("GLBJBSM", lambda code: code[:-2])),
    }
    points = to_degrees(points_at(components.position))
    layer = out.table(file, "部件", components.table, points, plan)
    writing.write_geopackage(out.path(file), {"部件": layer})


def _water(out: HandOver) -> None:
    district = out.district
    pipes = pipe_tables(district, out.rng)
    files = f"{WATER}/排水管线_管点.shp", f"{WATER}/排水管线_管线段.shp"
    spoiler = PipeSpoiler(district, pipes, out.seeded, files, out.rng)
    spoilt = spoiler.spoil()
    busy = _padded(spoiler.busy_nodes, len(spoilt.nodes)), _padded(spoiler.busy_segments, len(spoilt.lines))
    tips = ~_padded(~spoiler.tips, len(spoilt.nodes)), ~_padded(~spoiler.tip_segments, len(spoilt.lines))
    plan: Plan = {
        bad_rows.DUPLICATE: (6, bad_rows.repeat_previous("WTDH")),
        bad_rows.OUTSIDE: (4, bad_rows.moved(31_000.0, -12_000.0)),
        bad_rows.MISSING: (4, bad_rows.set_to("WTDH", lambda _: "")),
        bad_rows.UNKNOWN_TYPE: (4, bad_rows.set_to("DBM", lambda _: "52019999")),
        bad_rows.NO_GEOMETRY: (2, bad_rows.without_geometry),
    }
    writing.write_shapefile(
        out.path(files[0]), *out.table(files[0], "管点", spoilt.nodes, spoilt.points, plan, busy[0], tips[0])
    )
    plan = {
        bad_rows.DUPLICATE: (4, _repeated_segment),
        bad_rows.DANGLING: (5, bad_rows.set_to("ZDDH", lambda code: f"{code}X")),
        bad_rows.UNKNOWN_TYPE: (4, bad_rows.set_to("GXLX", lambda _: "ZZ")),
        bad_rows.MISSING: (4, bad_rows.set_to("GJ", lambda _: "")),
        bad_rows.NO_GEOMETRY: (2, bad_rows.without_geometry),
    }
    writing.write_shapefile(
        out.path(files[1]),
        *out.table(files[1], "管线段", spoilt.segments, spoilt.lines, plan, busy[1], tips[1]),
    )
    file = f"{WATER}/排水隐患与混接点.geojson"
    table, points = out.table(file, "排水隐患与混接点", *fault_table(district, pipes, out.rng))
    writing.write_geojson(out.path(file), table, points)
    where = ["编号", "类型", "缺陷代码", "起点点号", "终点点号"]
    columns = [table[name].tolist() for name in where]
    out.drain_faults += [dict(zip(where, row, strict=True)) for row in zip(*columns, strict=True)]
    _stations(out)


def _padded(busy: np.ndarray, rows: int) -> np.ndarray:
    """Rows added at the end are busy too."""
    return np.concatenate([busy, np.ones(rows - len(busy), dtype=bool)])


def _repeated_segment(table: pd.DataFrame, shapes: np.ndarray, row: int) -> tuple[str, Any]:
    for column in ("QDDH", "ZDDH", "GXLX"):
        table.iloc[row, table.columns.get_loc(column)] = table[column].iat[row - 1]
    shapes[row] = shapes[row - 1]
    return "QDDH,ZDDH", f"{table['QDDH'].iat[row]},{table['ZDDH'].iat[row]}"


def _stations(out: HandOver) -> None:
    file = f"{WATER}/监测站点.xlsx"
    sheets = station_sheets(out.district)
    plan: Plan = {
        bad_rows.DUPLICATE: (2, bad_rows.repeat_previous("STCD")),
        bad_rows.SWAPPED: (2, bad_rows.swapped_columns("LGTD", "LTTD")),
        bad_rows.UNKNOWN_TYPE: (2, bad_rows.set_to("STTP", lambda _: "QQ")),
        bad_rows.MISSING: (1, bad_rows.emptied("STNM")),
    }
    # The gauges of river and lakes at the top of the sheet stay sound.
    none = np.full(len(sheets["测站"]), None)
    sheets["测站"], _ = out.table(file, "测站", sheets["测站"], none, plan)
    for name in ("设备", "指标"):
        out.table(file, name, sheets[name], none)
    writing.write_workbook(out.path(file), sheets)


def _cameras(out: HandOver) -> None:
    cameras = out.district.cameras
    file = f"{POLICE}/视频监控点位表.xlsx"
    lon, lat = wgs84_to_gcj02(*_degrees(cameras.position))
    table = cameras.table.copy()
    table.insert(8, "经度", np.round(lon, 6))
    table.insert(9, "纬度", np.round(lat, 6))
    plan: Plan = {
        bad_rows.DUPLICATE: (5, bad_rows.repeat_previous("设备编码")),
        bad_rows.SWAPPED: (4, bad_rows.swapped_columns("经度", "纬度")),
        bad_rows.OUTSIDE: (4, bad_rows.set_to("经度", lambda lon: lon + 1.2)),
        bad_rows.MISSING: (4, bad_rows.emptied("点位名称")),
        bad_rows.BAD_LENGTH: (4, bad_rows.set_to("设备编码", lambda code: code[:-1])),
        bad_rows.NO_GEOMETRY: (3, bad_rows.emptied("纬度")),
    }
    table, _ = out.table(file, "点位表", table, np.full(len(table), None), plan)
    title = "武昌区视频监控点位统计表（演示数据，经纬度取自互联网地图）"
    writing.write_workbook(out.path(file), {"点位表": table}, title)


def _vehicles(out: HandOver) -> None:
    file = f"{URBAN}/作业车辆.csv"
    table = out.district.vehicles
    table, _ = out.table(file, "作业车辆", table, np.full(len(table), None))
    writing.write_csv(out.path(file), table)


def _facilities(out: HandOver) -> None:
    facilities = out.district.facilities
    file = f"{CENTRE}/公共设施_BD09.csv"
    lon, lat = gcj02_to_bd09(*wgs84_to_gcj02(*_degrees(facilities.position)))
    table = facilities.table.copy()
    table.insert(4, "经度", np.round(lon, 6))
    table.insert(5, "纬度", np.round(lat, 6))
    plan: Plan = {
        bad_rows.DUPLICATE: (4, bad_rows.repeat_previous("设施编号")),
        bad_rows.CHECK_DIGIT: (5, bad_rows.wrong_check_digit("统一社会信用代码")),
        bad_rows.SWAPPED: (3, bad_rows.swapped_columns("经度", "纬度")),
        bad_rows.OUTSIDE: (3, bad_rows.set_to("纬度", lambda lat: lat + 0.9)),
        bad_rows.MISSING: (3, bad_rows.emptied("名称")),
        bad_rows.NO_GEOMETRY: (2, bad_rows.emptied("经度")),
    }
    table, _ = out.table(file, "公共设施", table, np.full(len(table), None), plan)
    writing.write_csv(out.path(file), table)


def _degrees(position: Floats) -> tuple[Floats, Floats]:
    lon, lat = shapely.get_coordinates(to_degrees(points_at(position))).T
    return lon, lat


def _person(number: int) -> str:
    given = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
    return (
        "王李张刘陈杨黄赵周吴徐孙马朱胡郭何高林罗"[number % 20]
        + given[number // 20 % 20]
        + given[number // 400 % 20]
    )
