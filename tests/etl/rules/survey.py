"""Small surveys of drains for the tests of rules: rows and published points made by hand, without a store."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely

from etl.references import Published
from etl.rows import Rows
from etl.rules import RULES
from geodata.models import PipeNode, PipeSegment

LON, LAT = 114.30, 30.50
# Degrees of one metre at this latitude on the CGCS2000 ellipsoid.
EAST, NORTH = 1 / 95_982.0, 1 / 110_861.0


def at(east: float, north: float = 0.0) -> shapely.Point:
    """A place so many metres east and north of the survey's corner."""
    return shapely.Point(LON + east * EAST, LAT + north * NORTH)


@dataclass
class PublishedPoints:
    """What ``References`` gives of the published points."""

    points: pd.DataFrame

    def table(self, _name: str) -> Published:
        codes = pd.Index(self.points["code"], dtype="str")
        places = np.array(self.points["geom"], dtype=object)
        return Published(codes, np.full(len(codes), None), places, np.full(len(codes), None))

    def columns(self, _name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        return pd.DataFrame(self.points.set_index("code")[list(columns)])


def node(code: str, place: shapely.Point, ground: float = 25.0, **more: Any) -> dict[str, Any]:
    """A storm well unless told otherwise."""
    known = {"feature": None, "attachment": "雨水井", "subclass": "YS", "element_code": "52012205"}
    return {"code": code, "map_code": code, "ground_level": ground, "geom": place} | known | more


def pipe(start: str, end: str, up: float = 22.0, down: float = 21.9, **more: Any) -> dict[str, Any]:
    """A storm drain of 600 mm from start to end with its inverts."""
    known = {
        "subclass": "YS", "section": "600", "material": "T", "flow_direction": "0", "pressure": None,
        "embedding": "ZM", "road_name": "中山路", "start_depth": 3.0, "end_depth": 3.1,
    }  # fmt: skip
    ends = {"code": f"{start}-{end}", "start_node": start, "end_node": end}
    return ends | {"start_invert_level": up, "end_invert_level": down} | known | more


def survey(pipes: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> Rows:
    """Pipes drawn straight between their points, as a rule sees them."""
    places = {one["code"]: one["geom"] for one in nodes}
    lines = [
        one.get("geom") or shapely.LineString([places[one["start_node"]], places[one["end_node"]]])
        if (one["start_node"] in places and one["end_node"] in places) or one.get("geom")
        else None
        for one in pipes
    ]
    return _rows(pipes, PipeSegment, lines, nodes)


def points(nodes: list[dict[str, Any]]) -> Rows:
    """Survey points as a rule sees them."""
    return _rows(nodes, PipeNode, [one["geom"] for one in nodes], nodes)


def _rows(records: list[dict[str, Any]], model: Any, shapes: list[Any], nodes: list[dict[str, Any]]) -> Rows:
    columns = {}
    for column in model.__table__.columns:
        values = [one.get(column.name) for one in records]
        numeric = column.type.python_type is float if column.name not in ("geom", "geom_3857") else None
        if numeric is not None:
            columns[column.name] = pd.Series(values, dtype="float64" if numeric else "str")
    geometry = np.full(len(records), None, dtype=object)
    geometry[:] = shapes
    published: Any = PublishedPoints(pd.DataFrame(nodes))
    rows = Rows(
        columns, np.arange(2, len(records) + 2), pd.DataFrame(), geometry, model.geometry_type, published
    )
    rows.area_code = np.full(len(records), None)
    return rows


@dataclass(frozen=True)
class Found:
    """What a rule found: codes of rows, subjects of notes, and the words of all of them."""

    codes: list[str]
    zh: list[str]
    en: list[str]
    advice: list[str]


def found(rows: Rows, rule: str, **parameters: Any) -> Found:
    finding = RULES[rule](rows, **parameters)
    chosen = np.flatnonzero(finding.rows)
    words = finding.describe(chosen)
    assert len(words.zh) == len(words.en) == len(words.do_zh) == len(words.do_en) == len(chosen)
    notes = finding.notes
    codes = rows.columns["code"].to_numpy(dtype=object)[chosen].tolist()
    return Found(
        codes + [one.subject for one in notes],
        [*words.zh, *(one.zh for one in notes)],
        [*words.en, *(one.en for one in notes)],
        [*words.do_zh, *(one.do_zh for one in notes)],
    )
