"""Checks the published unit grids in PostGIS: coverage, overlaps, one community each, codes, area.

The rules are in ``unit_grid_check.sql``; they follow the division rules of unit grids (no gaps over the
managed area, no overlaps, each grid in exactly one community and coded by it).
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, LiteralString, cast

import shapely
from psycopg import Connection
from shapely.geometry.base import BaseGeometry

from geodata.coordinates import geodesic_area

ManagedArea = Literal["communities", "district"]

RULES: dict[str, tuple[str, str]] = {
    "overlap": ("网格重叠", "Grids overlap"),
    "gap": ("管理范围内有空白", "Gap in the managed area"),
    "outside": ("超出全部社区", "Outside every community"),
    "straddling": ("跨社区", "In more than one community"),
    "prefix": ("编码前缀与所在社区不符", "Code does not begin with its community"),
    "stated_community": ("所填社区与所在社区不符", "States another community"),
    "code": ("编码无效", "Code not valid"),
    "duplicate": ("编码重复", "Code used twice"),
    "geometry": ("图形无效", "Geometry not valid"),
    "area": ("面积超限", "Area beyond the limits"),
}
"""Every rule by its name, in Chinese and English; ``area`` is a warning, all others are errors."""

REASONS: dict[str, tuple[str, str]] = {
    "overlap": ("网格 {codes} 重叠 {area} m²", "Grids {codes} overlap by {area} m²"),
    "gap": ("{community} 内有 {area} m² 没有网格覆盖", "No grid covers {area} m² of {community}"),
    "outside": ("网格 {codes} 有 {area} m² 在所有社区之外", "{area} m² of grid {codes} lie in no community"),
    "straddling": (
        "网格 {codes} 属社区 {detail}，却有 {area} m² 在社区 {community}",
        "Grid {codes} is of community {detail}, but {area} m² of it lie in community {community}",
    ),
    "prefix": (
        "网格 {codes} 位于社区 {community}，编码前 12 位却是 {detail}",
        "Grid {codes} lies in community {community}, but its code begins with {detail}",
    ),
    "stated_community": (
        "网格 {codes} 位于社区 {community}，属性却填 {detail}",
        "Grid {codes} lies in community {community}, but its record says {detail}",
    ),
    "code": (
        "编码 {codes} 不是 15 位单元网格编码（社区 12 位加顺序码 001–999）",
        "Code {codes} is not a unit grid code of 15 digits (community of 12 and number 001–999)",
    ),
    "duplicate": ("编码 {codes} 被 {detail} 个网格使用", "Code {codes} is used by {detail} grids"),
    "geometry": ("网格 {codes} 的图形无效：{detail}", "The geometry of grid {codes} is not valid: {detail}"),
    "area": (
        "网格 {codes} 面积 {detail} m²，不在 {smallest}–{largest} m² 之间",
        "Grid {codes} has {detail} m², not between {smallest} and {largest} m²",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What counts. Overlaps, gaps and parts elsewhere are slivers, and only counted, when they are smaller
    than ``sliver_area`` m² or on average (2 · area / perimeter) narrower than ``sliver_width`` m.
    """

    sliver_area: float = 1.0
    sliver_width: float = 0.05
    smallest: float = 500.0
    largest: float = 60_000.0


@dataclass(frozen=True)
class Violation:
    """One place where the grids break a rule; ``geometry`` in CGCS2000 degrees, None where there is none."""

    rule: str
    severity: str
    codes: tuple[str, ...]
    community: str | None
    reason_zh: str
    reason_en: str
    area_m2: float
    geometry: BaseGeometry | None

    def as_feature(self) -> dict[str, Any]:
        """The violation as a GeoJSON feature."""
        return {
            "type": "Feature",
            "geometry": None if self.geometry is None else shapely.geometry.mapping(self.geometry),
            "properties": {
                "rule": self.rule,
                "rule_zh": RULES[self.rule][0],
                "rule_en": RULES[self.rule][1],
                "severity": self.severity,
                "codes": list(self.codes),
                "community": self.community,
                "reason_zh": self.reason_zh,
                "reason_en": self.reason_en,
                "area_m2": round(self.area_m2, 2),
            },
        }


@dataclass(frozen=True)
class GridCheck:
    """What a check found; ``slivers`` counts, by rule, what was too small to report."""

    grids: int
    communities: int
    violations: tuple[Violation, ...]
    slivers: dict[str, int]
    limits: Limits

    @property
    def errors(self) -> int:
        return sum(one.severity == "error" for one in self.violations)

    def as_geojson(self) -> dict[str, Any]:
        """The violations as a GeoJSON feature collection (CGCS2000 degrees) with the summary beside them."""
        return {
            "type": "FeatureCollection",
            "summary": {
                "grids": self.grids,
                "communities": self.communities,
                "errors": self.errors,
                "warnings": len(self.violations) - self.errors,
                "by_rule": dict(Counter(one.rule for one in self.violations)),
                "slivers": self.slivers,
                "sliver_area_m2": self.limits.sliver_area,
                "sliver_width_m": self.limits.sliver_width,
            },
            "features": [one.as_feature() for one in self.violations],
        }


def check_unit_grids(
    connection: Connection[Any],
    managed_area: ManagedArea = "communities",
    excluded: BaseGeometry | None = None,
    limits: Limits | None = None,
) -> GridCheck:
    """All violations among the published unit grids that the connection may see, errors first.

    Args:
        connection: of the owner, or of a viewer who may see all communities and unit grids: of one who
            sees only some, what is hidden would be taken for a gap.
        managed_area: what grids must cover: every community, or the whole district.
        excluded: what they need not cover, such as large water; in CGCS2000 degrees.
        limits: tolerances of slivers and of area.
    """
    limits = limits or Limits()
    parameters = {
        "excluded": None if excluded is None else shapely.to_wkb(excluded),
        "whole_district": managed_area == "district",
        "sliver_area": limits.sliver_area,
        "sliver_width": limits.sliver_width,
        "smallest": limits.smallest,
        "largest": limits.largest,
    }
    with connection.transaction():
        connection.execute("SET LOCAL search_path = ioc, public")
        # The planner takes what spatial joins leave for one row, and would join thousands row by row.
        connection.execute("SET LOCAL enable_nestloop = off")
        rows = connection.execute(_sql(), parameters).fetchall()
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM unit_grid), (SELECT count(*) FROM community)"
        ).fetchone()
    grids, communities = counts or (0, 0)
    slivers = dict(Counter(row[0] for row in rows if row[-1]))
    violations = tuple(_violation(row[:-1], limits) for row in rows if not row[-1])
    return GridCheck(grids, communities, violations, slivers, limits)


def large_water(connection: Connection[Any], above_m2: float) -> BaseGeometry | None:
    """Water of the base map larger than ``above_m2`` m², in CGCS2000 degrees; None where there is none."""
    rows = connection.execute(
        "SELECT ST_AsBinary(geom) FROM ioc.base_feature WHERE kind = 'water' AND ST_Dimension(geom) = 2"
    ).fetchall()
    water = shapely.from_wkb([row[0] for row in rows])
    large = shapely.make_valid(water[geodesic_area(water) > above_m2]) if len(water) else water
    return shapely.union_all(large) if len(large) else None


def _sql() -> LiteralString:
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    return cast(LiteralString, text)


def _violation(row: Iterable[Any], limits: Limits) -> Violation:
    rule, severity, codes, community, detail, area, geometry = row
    words = {
        "codes": "、".join(codes),
        "community": community or "",
        "detail": detail or "",
        "area": f"{area:,.1f}",
        "smallest": f"{limits.smallest:g}",
        "largest": f"{limits.largest:g}",
    }
    zh, en = REASONS[rule]
    return Violation(
        rule,
        severity,
        tuple(codes),
        community,
        zh.format(**words),
        en.format(**{**words, "codes": " and ".join(codes)}),
        area,
        None if geometry is None else shapely.from_wkb(geometry),
    )
