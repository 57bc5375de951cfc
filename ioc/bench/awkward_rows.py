"""Rows for awkward files: things the store knows, moved a little, under names departments use."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import shapely
from psycopg import Connection, sql

METRE_EAST, METRE_NORTH = 1 / 95_900.0, 1 / 110_860.0
"""Degrees in a metre at 30.5° N."""


@dataclass
class AwkwardRows:
    """Rows with true shapes in CGCS2000; ``names``: field names by style, each a list beside ``columns``.

    ``targets`` are the columns that the fields should be matched to, None for those of no column.
    """

    target: str
    table: pd.DataFrame
    shapes: np.ndarray
    targets: list[str | None]
    names: dict[str, list[str]] = field(default_factory=dict)

    def named(self, style: str) -> tuple[pd.DataFrame, dict[str, str | None]]:
        """The rows under the names of a style, and what each field should be matched to."""
        names = self.names[style]
        targets = dict(zip(names, self.targets, strict=True))
        if "GJ" in targets:
            # CJJ 61's GJ holds diameters and sizes of box sections alike.
            targets["GJ"] = "section"
        return self.table.set_axis(names, axis=1), targets


def draw_rows(connection: Connection[Any], random: np.random.Generator) -> dict[str, AwkwardRows]:
    """Some of everything, another choice for every state of ``random``."""
    return {
        "facility": _facilities(connection, random),
        "component": _components(connection, random),
        "pipe_node": _pipe_nodes(connection, random),
        "pipe_segment": _pipe_segments(connection, random),
        "camera": _cameras(connection, random),
        "station": _stations(connection, random),
        "case": _cases(connection, random),
        "tree": _trees(connection, random),
        "park": _parks(connection, random),
        "community": _communities(connection, random),
        "outline": _outlines(connection, random),
    }


def _draw(
    connection: Connection[Any], random: np.random.Generator, table: str, columns: list[str], rows: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of a table in an order of their own, their places moved by some metres where they are points."""
    query = sql.SQL(
        "SELECT {}, ST_AsBinary(geom) FROM ioc.{} WHERE geom IS NOT NULL ORDER BY md5(code || %s) LIMIT %s"
    )
    chosen = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
    found = connection.execute(
        query.format(chosen, sql.Identifier(table)), [str(random.integers(1 << 30)), rows], binary=True
    ).fetchall()
    shapes = np.asarray(shapely.from_wkb(np.array([row[-1] for row in found], dtype=object)), dtype=object)
    if (shapely.get_type_id(shapes) == 0).all():
        shapes = _moved(shapes, random, 3.0)
    return pd.DataFrame([row[:-1] for row in found], columns=columns), shapes


def _moved(points: np.ndarray, random: np.random.Generator, metres: float) -> np.ndarray:
    lon, lat = shapely.get_x(points), shapely.get_y(points)
    lon = lon + random.normal(0, metres, len(lon)) * METRE_EAST
    lat = lat + random.normal(0, metres, len(lat)) * METRE_NORTH
    return np.asarray(shapely.points(lon, lat), dtype=object)


def _facilities(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    columns = ["name", "category", "address", "contact", "phone", "capacity"]
    table, shapes = _draw(connection, random, "facility", columns, 50)
    table.insert(0, "code", [f"HX{number:05d}" for number in range(len(table))])
    return AwkwardRows(
        "facility",
        table,
        shapes,
        ["code", *columns],
        {
            "chinese": ["编号", "单位名称", "设施类别", "详细地址", "负责人", "联系方式", "床位数"],
            "initials": ["SSBH", "SSMC", "SSLB", "XXDZ", "FZR", "LXDH", "RL"],
            "english": ["Facility ID", "Name", "Category", "Address", "Contact", "Telephone", "Capacity"],
            "wide": ["编　号", "名 称", "类型", "地　址", "联系人", "联系电话", "容量"],
        },
    )


def _components(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    columns = [
        "code", "name", "managing_unit_code", "managing_unit", "unit_grid_code", "state", "initial_date",
        "data_source",
    ]  # fmt: skip
    table, shapes = _draw(connection, random, "component", columns, 60)
    return AwkwardRows(
        "component",
        table,
        shapes,
        list(columns),
        {
            "standard": ["GLBJBSM", "GLBJMC", "ZGBMDM", "ZGBMMC", "SZDYWGBSM", "GLBJZT", "CSRQ", "SJLY"],
            "legacy": [
                "ObjID",
                "ObjName",
                "DeptCode1",
                "DeptName1",
                "BGID",
                "ObjState",
                "ORDate",
                "DataSource",
            ],
            "chinese": [
                "标识码",
                "部件名称",
                "主管部门代码",
                "主管部门",
                "单元网格",
                "部件状态",
                "普查日期",
                "数据来源",
            ],
            "cut": [
                "部件标识码",
                "部件名称",
                "主管部门代",
                "主管单位",
                "所在单元网",
                "部件状态",
                "初始日期",
                "数据来源",
            ],
        },
    )


def _pipe_nodes(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    columns = [
        "code",
        "ground_level",
        "attachment",
        "well_depth",
        "cover_material",
        "road_name",
        "survey_date",
    ]
    table, shapes = _draw(connection, random, "pipe_node", columns, 60)
    table["code"] = [f"W{random.integers(10**6):06d}X{row}" for row in range(len(table))]
    return AwkwardRows(
        "pipe_node",
        table,
        shapes,
        list(columns),
        {
            "standard": ["WTDH", "DMGC", "FSW", "JDS", "JGCZ", "SZDL", "TCRQ"],
            "chinese": ["物探点号", "地面高程(m)", "附属物", "井底深(m)", "井盖材质", "所在道路", "探测日期"],
            "english": [
                "Node ID",
                "Ground Level",
                "Attachment",
                "Well Depth",
                "Cover Material",
                "Road Name",
                "Survey Date",
            ],
        },
    )


def _pipe_segments(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    columns = [
        "start_node", "end_node", "start_depth", "end_depth", "subclass", "material", "diameter", "built",
        "road_name",
    ]  # fmt: skip
    table, shapes = _draw(connection, random, "pipe_segment", columns, 60)
    return AwkwardRows(
        "pipe_segment",
        table,
        shapes,
        list(columns),
        {
            "standard": ["QDDH", "ZDDH", "QDMS", "ZDMS", "GXLX", "CZ", "GJ", "JSND", "DLMC"],
            "chinese": [
                "起点点号",
                "终点点号",
                "起点埋深",
                "终点埋深",
                "管线类型",
                "材质",
                "管径(mm)",
                "建设年代",
                "道路名称",
            ],
            "metres": [
                "起始井号",
                "终止井号",
                "起点埋深(m)",
                "终点埋深(m)",
                "管类",
                "管材",
                "管径(m)",
                "建成年代",
                "路名",
            ],
            "cut": [
                "起点点号",
                "终点点号",
                "起点埋深",
                "终点埋深",
                "管线类型",
                "管道材质",
                "管径",
                "建设年代",
                "所在道路",
            ],
        },
    )


def _cameras(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    columns = ["code", "name", "camera_type", "address", "direction", "network"]
    table, shapes = _draw(connection, random, "camera", columns, 50)
    return AwkwardRows(
        "camera",
        table,
        shapes,
        list(columns),
        {
            "chinese": ["国标编码", "监控点名称", "摄像机类型", "安装位置", "方位角", "所属网络"],
            "initials": ["SBBM", "DWMC", "SXJLX", "AZDZ", "JSFW", "JRWL"],
        },
    )


def _stations(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    columns = ["code", "name", "station_type", "river", "address", "datum", "warning_level"]
    table, shapes = _draw(connection, random, "station", columns, 40)
    return AwkwardRows(
        "station",
        table,
        shapes,
        list(columns),
        {
            "standard": ["STCD", "STNM", "STTP", "RVNM", "STLC", "DTMNM", "WRZ"],
            "chinese": ["测站编码", "测站名称", "站类", "河流名称", "站址", "高程基准", "警戒水位"],
        },
    )


def _cases(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    """Complaints at facilities: their places are near, their codes and texts are the store's nowhere."""
    table, shapes = _draw(connection, random, "facility", ["address"], 50)
    days = pd.Timestamp("2026-03-01") + pd.to_timedelta(random.integers(0, 200, len(table)), unit="D")
    cases = pd.DataFrame(
        {
            "code": [f"2026{number:08d}" for number in random.permutation(10**6)[: len(table)]],
            "reported_at": [f"{day:%Y-%m-%d} 08:{day.day:02d}:00" for day in days],
            "category": random.choice(["街面秩序", "市容环境", "公用设施"], len(table)),
            "subcategory": random.choice(["占道经营", "暴露垃圾", "井盖破损"], len(table)),
            "description": [f"{place}附近有人反映问题" for place in table["address"]],
            "address": table["address"],
        }
    )
    return AwkwardRows(
        "case",
        cases,
        _moved(shapes, random, 10.0),
        list(cases.columns),
        {"chinese": ["案卷编号", "上报时间", "案卷大类", "案卷小类", "问题描述", "事发位置"]},
    )


def _trees(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    """A department's own list: street trees, at places of components, with no name the store knows."""
    query = (
        "SELECT ST_AsBinary(geom) FROM ioc.component WHERE name IN ('行道树', '路灯') "
        "ORDER BY md5(code || %s) LIMIT 150"
    )
    found = connection.execute(query, [str(random.integers(1 << 30))], binary=True).fetchall()
    shapes = np.asarray(shapely.from_wkb(np.array([row[0] for row in found], dtype=object)), dtype=object)
    count = len(shapes)
    table = pd.DataFrame(
        {
            "code": [f"GS-{number:04d}" for number in range(count)],
            "species": random.choice(["香樟", "银杏", "悬铃木", "池杉"], count),
            "age": random.integers(80, 400, count),
            "girth": random.integers(90, 500, count),
        }
    )
    return AwkwardRows(
        "departmental_feature",
        table,
        _moved(shapes, random, 1.5),
        ["code", None, None, None],
        {"chinese": ["编号", "树种", "树龄", "胸围"]},
    )


def _parks(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    """Names in traditional characters, as files from elsewhere have them."""
    _table, shapes = _draw(connection, random, "facility", ["code"], 40)
    words = random.choice(["東湖綠地", "長江觀景臺", "龍華廣場", "漢陽門樓", "鳳凰橋園"], len(shapes))
    table = pd.DataFrame(
        {
            "code": [f"P{number:03d}" for number in range(len(shapes))],
            "title": [f"{word}第{number}號" for number, word in enumerate(words)],
            "state": random.choice(["開放", "關閉", "維護中"], len(shapes)),
        }
    )
    return AwkwardRows(
        "departmental_feature",
        table,
        shapes,
        ["code", None, None],
        {"traditional": ["編號", "園區稱謂", "開放狀態"]},
    )


def _communities(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    table, shapes = _draw(connection, random, "community", ["code", "name", "street_code", "population"], 60)
    return AwkwardRows(
        "community",
        table,
        shapes,
        list(table.columns),
        {
            "chinese": ["社区代码", "社区名称", "街道代码", "常住人口"],
            "initials": ["SQDM", "SQMC", "JDDM", "RK"],
        },
    )


def _outlines(connection: Connection[Any], random: np.random.Generator) -> AwkwardRows:
    """Communities that say neither code nor name: what they are shows in their borders alone."""
    _table, shapes = _draw(connection, random, "community", ["code"], 60)
    count = len(shapes)
    table = pd.DataFrame(
        {"price": random.integers(9_000, 30_000, count), "green": np.round(random.random(count) * 60, 1)}
    )
    return AwkwardRows("departmental_feature", table, shapes, [None, None], {"chinese": ["房价", "绿化率"]})
