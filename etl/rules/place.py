"""Rules about where rows lie: valid, inside the district, in the area they state, not twice in one place."""

from typing import Any

import numpy as np
import pandas as pd
import shapely

from etl.rows import Rows
from etl.rules.finding import Finding, Said, Words, always, each, nothing, of, rule
from etl.seen_places import SeenPlaces
from geodata.coordinates import geodesic_distance

_KINDS = {"POINT": 0, "LINESTRING": 1}
_KIND_NAMES = {0: "点", 1: "线", 3: "面", 4: "多点", 5: "多线", 6: "多面", 7: "几何集合"}


@rule("geometry")
def geometry(rows: Rows, optional: bool = False) -> Finding:
    """A place is given, valid, and of the kind the table holds."""
    shapes = rows.geometry
    if shapes is None:
        return nothing(rows, "geom")
    missing = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    lost = ~missing & ~rows.located()
    kind = shapely.get_type_id(shapes)
    wanted = _KINDS.get(rows.geometry_type)
    wrong_kind = ~missing & ((kind != wanted) if wanted is not None else kind > 6)
    invalid = ~missing & ~lost & ~shapely.is_valid(shapes)
    swapped = (rows.swapped if rows.swapped is not None else rows.none()) | (lost & _fits_swapped(shapes))
    x, y = rows.source_name("x"), rows.source_name("y")
    exchange = (f"对调“{x}”与“{y}”", f"exchange “{x}” and “{y}”") if "x" in rows.sources else ("", "")

    def describe(chosen: np.ndarray) -> Words:
        said = [_geometry_words(*values) for values in zip(
            swapped[chosen], missing[chosen], lost[chosen], wrong_kind[chosen], shapes[chosen], strict=True
        )]  # fmt: skip
        said = [(*words[:2], *(exchange if words[2] == "" and swapped[row] else words[2:]))
                for row, words in zip(chosen, said, strict=True)]  # fmt: skip
        return Words(*zip(*said, strict=True)) if said else Words([], [], [], [])

    return Finding((missing & (not optional)) | lost | wrong_kind | invalid, "geom", describe)


def _geometry_words(swapped: bool, missing: bool, lost: bool, wrong_kind: bool, shape: Any) -> Said:
    if swapped:
        zh, en = (
            "坐标只有在经纬度（纵横坐标）对调后才合理",
            "the coordinates only make sense with x and y exchanged",
        )
        if shape is None:
            return zh, en, "", ""
        lon, lat = shapely.get_coordinates(shape)[0][::-1]
        return zh, en, f"对调后为 {lon:.6f}，{lat:.6f}", f"exchanged they are {lon:.6f}, {lat:.6f}"
    if missing:
        return (
            "没有位置，或坐标无法识别", "no place, or coordinates that cannot be read",
            "补填坐标", "fill in the coordinates",
        )  # fmt: skip
    if lost:
        return (
            "坐标超出所声明坐标系的范围", "coordinates outside the range of the stated frame",
            "核对坐标系与带号", "check the frame and its zone",
        )  # fmt: skip
    if wrong_kind:
        kind = int(shapely.get_type_id(shape))
        name = _KIND_NAMES.get(kind, str(kind))
        return (
            f"几何类型不符（{name}）", f"geometry of another kind ({shape.geom_type})",
            "拆分或改绘后重交", "split it, or draw it anew",
        )  # fmt: skip
    reason = shapely.is_valid_reason(shape)
    return (
        f"几何无效且无法安全修复：{reason}", f"invalid geometry that cannot be mended safely: {reason}",
        "在所示坐标处修正边界", "mend the border at the coordinates named",
    )  # fmt: skip


def _fits_swapped(shapes: np.ndarray) -> np.ndarray:
    """Degrees that could be latitude first."""
    bounds = shapely.bounds(shapes)
    limits = np.array([89.0, 180.0, 89.0, 180.0])
    return np.all(np.abs(bounds) <= limits, axis=1)


@rule("geometry_repaired")
def geometry_repaired(rows: Rows) -> Finding:
    """The geometry was invalid and has been mended."""
    repaired = rows.repaired if rows.repaired is not None else rows.none()
    words = always(
        "几何无效，已自动修复", "invalid geometry, mended", "核对修复结果", "look at what was mended"
    )
    return Finding(repaired, "geom", words)


@rule("inside_district", reads=("district",))
def inside_district(rows: Rows, tolerance_m: float = 0.0) -> Finding:
    """The whole place lies in a published district, or no further than the tolerance from one."""
    districts = rows.references.table("district")
    shapes = rows.geometry
    if shapes is None or not len(districts):
        return nothing(rows, "geom")
    candidates = np.flatnonzero(rows.located() & ~_inside_unit(rows))
    area = shapely.union_all(districts.geometry)
    shapely.prepare(area)
    outside = candidates[~shapely.covers(area, shapes[candidates])]
    if tolerance_m > 0 and len(outside):
        outside = outside[_metres_beyond(area, shapes[outside]) > tolerance_m]
    mask = rows.none()
    mask[outside] = True
    describe = each(
        lambda metres: (
            f"位于辖区之外，超出 {metres:,.0f} 米",
            f"{metres:,.0f} m outside the district",
            "核对坐标系与坐标；确属外区的请删去",
            "check frame and coordinates; leave out what belongs to another district",
        ),
        lambda chosen: _metres_beyond(area, shapes[chosen]),
    )
    return Finding(mask, "geom", describe)


def _inside_unit(rows: Rows) -> np.ndarray:
    """Points already found in a unit grid or community need no second look."""
    if rows.area_code is None or rows.geometry is None:
        return rows.none()
    deep = pd.Series(rows.area_code).str.len().fillna(0).to_numpy() >= 12
    within = rows.assigned if rows.assigned is not None else rows.none()
    return deep & within & (shapely.get_type_id(rows.geometry) == 0)


def _metres_beyond(area: Any, shapes: np.ndarray) -> np.ndarray:
    """Distance of each shape's farthest vertex from the area in metres, 0 inside."""
    points, owner = shapely.get_coordinates(shapes, return_index=True)
    vertices = shapely.points(points)
    links = shapely.get_coordinates(shapely.shortest_line(vertices, area)).reshape(-1, 2, 2)
    metres = geodesic_distance(links[:, 0, 0], links[:, 0, 1], links[:, 1, 0], links[:, 1, 1])
    farthest = np.zeros(len(shapes))
    np.maximum.at(farthest, owner, metres)
    return farthest


@rule("agrees_with_location")
def agrees_with_location(rows: Rows, column: str) -> Finding:
    """The area the file states is the one the place lies in."""
    stated, found = rows.stated.get(column), rows.columns[column]
    if stated is None:
        return nothing(rows, column)
    differs = stated.notna() & found.notna() & (stated != found)
    name = rows.source_name(column)
    table = rows.references.table(column.removesuffix("_code").removesuffix("_name"))
    names = dict(zip(table.codes, table.names, strict=True))

    def say(said: str, right: str) -> Said:
        called = f"（{names[right]}）" if names.get(right) else ""
        return (
            f"“{name}”填 {said}，按位置应为 {right}",
            f"“{name}” says {said}, the place lies in {right}",
            f"“{name}”改填 {right}{called}，或核对坐标",
            f"write {right} into “{name}”, or check the coordinates",
        )

    return Finding(differs.to_numpy(dtype=bool), column, each(say, of(stated), of(found)))


@rule("same_place", scope="dataset", columns=("code", "geom"))
def same_place(rows: Rows, distance_m: float = 0.1, column: str | None = None) -> Finding:
    """No accepted row before of the same kind (the ``column``) lies within the distance.

    Points seen on the way in do instead of the store's, where a delivery is the whole dataset.
    """
    if rows.geometry is None:
        return nothing(rows, "geom")
    standing = np.flatnonzero(rows.located() & ~rows.refused & (shapely.get_type_id(rows.geometry) == 0))
    lon, lat = shapely.get_coordinates(rows.geometry[standing]).T
    kinds = rows.columns[column].iloc[standing] if column else pd.Series([""] * len(standing), dtype="str")
    seen = rows.seen_places or SeenPlaces(distance_m)
    first = np.zeros(len(rows), dtype=np.int32)
    first[standing] = seen.first_rows(lon, lat, kinds, rows.source_row[standing])
    describe = each(
        lambda row: (
            f"与第 {row} 行在同一位置（{distance_m:g} 米以内）且类别相同",
            f"in the same place (within {distance_m:g} m) as row {row}, and of the same kind",
            "确为同一对象的只留一行",
            "if they are one thing, keep one of the rows",
        ),
        of(first),
    )
    return Finding(first > 0, "geom", describe)
