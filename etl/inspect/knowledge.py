"""What the store knows of the district, to hold a file against: areas, roads, buildings, known features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from psycopg import Connection, sql

from geodata.coordinates.gcj02 import Floats

_METRES_PER_DEGREE_NORTH = 110_860.0
_METRES_PER_DEGREE_EAST = 111_320.0
AREA_TABLES = ("unit_grid", "community", "street", "district")
_BY_CODE = (
    "component",
    "camera",
    "facility",
    "station",
    "pipe_node",
    "departmental_feature",
    *AREA_TABLES[:3],
)
_BY_NAME = ("facility", "camera", "station", "base_feature", "departmental_feature", "community", "street")


@dataclass(frozen=True)
class Plane:
    """Metres east and north of a place; true to a metre within 20 km, which is all that fitting needs."""

    lon: float
    lat: float

    def metres(self, lon: Floats, lat: Floats) -> Floats:
        """(n, 2) metres of (n,) degrees."""
        east = (lon - self.lon) * _METRES_PER_DEGREE_EAST * np.cos(np.radians(self.lat))
        return np.column_stack([east, (lat - self.lat) * _METRES_PER_DEGREE_NORTH])

    def shapes(self, geometries: NDArray[Any]) -> NDArray[Any]:
        """Geometries in degrees as geometries in metres."""
        return np.asarray(
            shapely.transform(geometries, lambda points: self.metres(points[:, 0], points[:, 1]))
        )


class Knowledge:
    """Reads from the store what is asked for, once, through the connection's own rights.

    Args:
        connection: the owner's, or a viewer's: a viewer learns nothing beyond the rights.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    @cached_property
    def district(self) -> shapely.Geometry | None:
        """The district in degrees; None where none is loaded."""
        _codes, _names, shapes = self._table("district")
        return shapely.union_all(shapes) if len(shapes) else None

    @cached_property
    def plane(self) -> Plane:
        """Metres around the district's middle."""
        assert self.district is not None, "asked for only where a district is loaded"
        middle = shapely.centroid(self.district)
        return Plane(shapely.get_x(middle), shapely.get_y(middle))

    @cached_property
    def district_in_metres(self) -> shapely.Geometry:
        """The district in the plane, prepared for many questions."""
        shape = self.plane.shapes(np.array([self.district], dtype=object))[0]
        shapely.prepare(shape)
        return shape

    @cached_property
    def areas_by_code(self) -> dict[str, shapely.Geometry]:
        """Polygons in metres of streets, communities and unit grids."""
        found: dict[str, shapely.Geometry] = {}
        for table in AREA_TABLES[:3]:
            codes, _names, shapes = self._table(table)
            found |= dict(zip(codes, self.plane.shapes(shapes), strict=True))
        return found

    @cached_property
    def areas_by_name(self) -> dict[str, shapely.Geometry]:
        """Polygons in metres of streets and communities whose name is theirs alone."""
        found: dict[str, shapely.Geometry] = {}
        doubled: set[str] = set()
        for table in ("community", "street"):
            codes, names, _shapes = self._table(table)
            for code, name in zip(codes, names, strict=True):
                for spelled in {name, name.removesuffix("居委会"), name.removesuffix("办事处")}:
                    if spelled in found:
                        doubled.add(spelled)
                    found[spelled] = self.areas_by_code[code]
        return {name: shape for name, shape in found.items() if name not in doubled}

    @cached_property
    def roads_by_name(self) -> dict[str, shapely.Geometry]:
        """Lines in metres of all roads that bear a name."""
        lines: dict[str, list[shapely.Geometry]] = {}
        for name, shape in zip(*self._roads, strict=True):
            if name:
                lines.setdefault(name, []).append(shape)
        return {name: shapely.union_all(parts) for name, parts in lines.items()}

    @cached_property
    def road_tree(self) -> shapely.STRtree:
        """Spatial index of the roads' stretches, in metres."""
        return _stretches(self._roads[1])

    @cached_property
    def outline_tree(self) -> shapely.STRtree:
        """Spatial index of the stretches of area borders, buildings, green and water, in metres."""
        areas = [self._table(table)[2] for table in ("district", "street", "community")]
        things = [self._base(kind)[1] for kind in ("building", "green", "water")]
        return _stretches(self.plane.shapes(np.concatenate([*areas, *things])))

    @cached_property
    def building_tree(self) -> shapely.STRtree:
        """Spatial index of the buildings, in metres."""
        return shapely.STRtree(self.plane.shapes(self._base("building")[1]))

    def places(
        self, codes: Sequence[str], names: Sequence[str]
    ) -> tuple[dict[str, Floats], dict[str, Floats]]:
        """Known features' places in metres by code and by name; those borne by several are left out."""
        return self._places("code", _BY_CODE, codes), self._places("name", _BY_NAME, names)

    def known_codes(self, table: str, codes: Sequence[str]) -> int:
        """How many of the codes a table has."""
        query = sql.SQL("SELECT count(*) FROM ioc.{} WHERE code = ANY(%s)").format(sql.Identifier(table))
        row = self._connection.execute(query, [list(codes)]).fetchone()
        return row[0] if row else 0

    def _places(self, column: str, tables: Sequence[str], wanted: Sequence[str]) -> dict[str, Floats]:
        found: dict[str, Floats] = {}
        doubled: set[str] = set()
        if not wanted:
            return found
        for table in tables:
            query = sql.SQL(
                "SELECT {column}, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)) FROM ioc.{table} "
                "WHERE {column} = ANY(%s) AND geom IS NOT NULL"
            ).format(column=sql.Identifier(column), table=sql.Identifier(table))
            for key, lon, lat in self._connection.execute(query, [list(wanted)]):
                if key in found:
                    doubled.add(key)
                found[key] = self.plane.metres(np.array([lon]), np.array([lat]))[0]
        return {key: place for key, place in found.items() if key not in doubled}

    @cached_property
    def _roads(self) -> tuple[list[str], NDArray[Any]]:
        names, shapes = self._base("road")
        return names, self.plane.shapes(shapes)

    def _base(self, kind: str) -> tuple[list[str], NDArray[Any]]:
        rows = self._connection.execute(
            "SELECT name, ST_AsBinary(geom) FROM ioc.base_feature WHERE kind = %s", [kind], binary=True
        ).fetchall()
        return [row[0] for row in rows], shapely.from_wkb(np.array([row[1] for row in rows], dtype=object))

    def _table(self, table: str) -> tuple[list[str], list[str], NDArray[Any]]:
        query = sql.SQL("SELECT code, coalesce(name, ''), ST_AsBinary(geom) FROM ioc.{}").format(
            sql.Identifier(table)
        )
        rows = self._connection.execute(query, binary=True).fetchall()
        shapes = shapely.from_wkb(np.array([row[2] for row in rows], dtype=object))
        return [row[0] for row in rows], [row[1] for row in rows], shapes


def _stretches(shapes: NDArray[Any]) -> shapely.STRtree:
    """Spatial index of all that lies between two corners."""
    parts = shapely.get_parts(shapes)
    polygons = shapely.get_dimensions(parts) == 2
    parts[polygons] = shapely.get_exterior_ring(parts[polygons])
    corners, owner = shapely.get_coordinates(parts, return_index=True)
    same = owner[1:] == owner[:-1]
    pairs = np.stack([corners[:-1][same], corners[1:][same]], axis=1)
    stretches = shapely.linestrings(pairs) if len(pairs) else []
    return shapely.STRtree(np.asarray(stretches, dtype=object))
