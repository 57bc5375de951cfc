"""The land of the demo district: its outline, lakes, hills and the height of the ground.

Everything is in metres of EPSG:4547 (CGCS2000, 3-degree zone of 114° E), heights in the 1985 datum.
"""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from shapely import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

Floats = NDArray[np.floating]

CONTROL_POINTS = Path(__file__).with_name("wuchang.toml")
METRES = "EPSG:4547"
DEGREES = "EPSG:4490"
# Vertices are kept to a millimetre, so that neighbours share them exactly.
PRECISION = 0.001


@dataclass(frozen=True)
class Water:
    """A body of water and its usual level in metres (吴淞)."""

    name: str
    kind: str
    level: float
    shape: Polygon


@dataclass(frozen=True)
class Hill:
    name: str
    height: float
    radius: float
    ridge: LineString


@dataclass(frozen=True)
class DrawnRoad:
    """A main road or bridge as drawn by hand."""

    name: str
    road_class: str
    width: float
    line: LineString
    bridge: bool = False


@dataclass(frozen=True)
class Landscape:
    """What is there before anything is built."""

    district: Polygon
    lakes: tuple[Water, ...]
    waters: tuple[Water, ...]
    channels: tuple[tuple[str, float, LineString], ...]
    hills: tuple[Hill, ...]
    roads: tuple[DrawnRoad, ...]
    street_seeds: dict[str, tuple[Point, ...]]
    metro: dict[str, Point]
    landmarks: dict[str, tuple[Point, str]]

    @cached_property
    def land(self) -> BaseGeometry:
        """The district without its lakes."""
        return self.district.difference(shapely.union_all([lake.shape for lake in self.lakes]))

    @cached_property
    def receiving_water(self) -> BaseGeometry:
        """Everything that a storm drain may run out into."""
        shapes = [water.shape for water in self.lakes + self.waters]
        shapes += [line.buffer(width / 2, cap_style="flat") for _, width, line in self.channels]
        return shapely.union_all(shapes)

    def ground(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Height of the ground in metres (1985): it rises from the water, with the hills on top."""
        points = shapely.points(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        water = shapely.union_all([water.shape for water in self.lakes + self.waters])
        shapely.prepare(water)
        distance = shapely.distance(points, water) / 1000
        height = 20.9 + 2.6 * distance**0.8
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        height = height + 0.25 * np.sin(x / 410) * np.cos(y / 530) + 0.12 * np.sin(x / 97 + y / 131)
        for hill in self.hills:
            away = shapely.distance(points, hill.ridge) / hill.radius
            height = height + (hill.height - 24) * np.exp(-1.2 * away**2)
        return np.asarray(height, dtype=np.float64)


def to_metres(degrees: ArrayLike) -> Floats:
    """An array of longitude, latitude to x east, y north."""
    points = np.asarray(degrees, dtype=np.float64)
    transformer = Transformer.from_crs(DEGREES, METRES, always_xy=True)
    return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))


def to_degrees(geometries: np.ndarray) -> np.ndarray:
    """Geometries in metres to CGCS2000 degrees, rounded to 10^-9 (0.1 mm)."""
    transformer = Transformer.from_crs(METRES, DEGREES, always_xy=True)

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees = np.column_stack(transformer.transform(points[:, 0], points[:, 1]))
        return np.asarray(np.round(degrees, 9), dtype=np.float64)

    return np.asarray(shapely.transform(geometries, project))


def points_at(position: ArrayLike) -> np.ndarray:
    """An array of points for rows of x, y."""
    return np.asarray(shapely.points(np.asarray(position, dtype=np.float64).reshape(-1, 2)))


def smooth(points: Floats, closed: bool = False, rounds: int = 2) -> Floats:
    """Corner cutting (Chaikin); the ends of an open line stay where they are."""
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0) if closed else points[1:]
        previous = points if closed else points[:-1]
        quarter, three = previous * 0.75 + following * 0.25, previous * 0.25 + following * 0.75
        cut = np.stack([quarter, three], axis=1).reshape(-1, 2)
        points = cut if closed else np.vstack([points[:1], cut[1:-1], points[-1:]])
    return points


def read_landscape() -> Landscape:
    """The landscape after the packaged control points."""
    drawn = tomllib.loads(CONTROL_POINTS.read_text(encoding="utf-8"))
    district = _district(drawn["district"])
    return Landscape(
        district=district,
        lakes=tuple(
            Water(lake["name"], "湖泊", lake["level"], _ring(lake["ring"])) for lake in drawn["lakes"]
        ),
        waters=tuple(
            Water(item["name"], item["kind"], item["level"], _around(item["ring"], district))
            for item in drawn["waters"]
        ),
        channels=tuple((c["name"], c["width"], _line(c["line"])) for c in drawn["channels"]),
        hills=tuple(Hill(h["name"], h["height"], h["radius"], _line(h["ridge"], 0)) for h in drawn["hills"]),
        roads=tuple(
            DrawnRoad(road["name"], road["class"], road["width"], _line(road["line"]), bridge)
            for kind, bridge in (("roads", False), ("bridges", True))
            for road in drawn[kind]
        ),
        street_seeds={
            code: tuple(points_at(to_metres(points))) for code, points in drawn["street_seeds"].items()
        },
        metro={name: Point(to_metres([point])[0]) for name, point in drawn["metro"].items()},
        landmarks={
            name: (Point(to_metres([(lon, lat)])[0]), kind)
            for name, (lon, lat, kind) in drawn["landmarks"].items()
        },
    )


def _district(drawn: dict[str, Any]) -> Polygon:
    """The outline, moved inland or outwards by the few metres that bring it to the stated area."""
    outline = Polygon(smooth(np.vstack([to_metres(drawn["bank"]), to_metres(drawn["inland"])]), closed=True))
    wanted = drawn["area_km2"] * 1e6
    low, high = -400.0, 400.0
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (
            (middle, high) if outline.buffer(middle, join_style="mitre").area < wanted else (low, middle)
        )
    return shapely.set_precision(outline.buffer(low, join_style="mitre"), PRECISION)


def _ring(degrees: list[list[float]]) -> Polygon:
    return shapely.set_precision(Polygon(smooth(to_metres(degrees), closed=True)), PRECISION)


def _around(degrees: list[list[float]], district: Polygon) -> Polygon:
    """Water beside the district: reaches its edge, with no strip between the two."""
    drawn = Polygon(smooth(to_metres(degrees), closed=True))
    grown = drawn.union(drawn.buffer(260).intersection(district.buffer(240))).difference(district)
    return max(shapely.get_parts([grown]), key=lambda part: part.area)


def _line(degrees: list[list[float]], rounds: int = 2) -> LineString:
    return LineString(smooth(to_metres(degrees), rounds=rounds))
