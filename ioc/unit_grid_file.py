"""Reads communities, roads, water and buildings from files or the store; reads and writes unit grids.

Shapes are in the district's projected frame, in metres. A file may be followed by ``#`` and a layer's name.
Unit grids are written with the field names that the job ``unit_grid`` reads.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from psycopg import Connection

from etl.sources.vector import read_vector
from geodata.coordinates import convert_geometries, geodesic_area, geodesic_length
from geodata.coordinates.frame import Frame
from geodata.errors import UserError

DEGREES = "EPSG:4490"
DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON"}
CODE, NAME, COMMUNITY, FORMER = "网格编码", "网格名称", "社区代码", "原网格编码"
MAIN_RANK = 3
"""Roads of rank 1 to 3 (快速路, 主干路, 次干路) are main roads."""
OFF_THE_GROUND = ("桥隧",)
"""Classes of roads that divide no land: bridges and tunnels."""


@dataclass(frozen=True)
class Shapes:
    """Rows with geometries in the projected frame."""

    table: pd.DataFrame
    geometry: np.ndarray

    def column(self, *names: str) -> pd.Series | None:
        """The first of these columns that there is."""
        found = next((name for name in names if name in self.table.columns), None)
        return None if found is None else pd.Series(self.table[found])


def shapes_of_file(file: str, projection: str) -> Shapes:
    """All rows of a vector file that have a geometry.

    Raises:
        UserError: the file is not there, cannot be read, or does not say in which frame it is.
    """
    name, _, layer = file.partition("#")
    path = Path(name)
    if not path.is_file():
        raise UserError(f"The file {path} is not there: check its name.")
    table, geometry, crs = read_vector(path, layer or None, None)
    if crs is None:
        raise UserError(f"{path} does not say in which frame its coordinates are: deliver it with its CRS.")
    kept = ~shapely.is_missing(geometry) & ~shapely.is_empty(geometry)
    shapes = convert_geometries(geometry[kept], Frame.of_crs(crs), projection)
    return Shapes(table.iloc[np.flatnonzero(kept)].reset_index(drop=True), _valid(shapes))


def communities_of_store(connection: Connection[Any], codes: Iterable[str], projection: str) -> Shapes:
    """Communities whose codes begin with one of the given area codes; all of them where none is given."""
    prefixes = list(codes)
    rows = connection.execute(
        """
        SELECT code, name, ST_AsBinary(geom) FROM ioc.community
        WHERE geom IS NOT NULL AND (code ^@ ANY (%(prefixes)s::text[]) OR %(prefixes)s::text[] = '{}')
        ORDER BY code
        """,
        {"prefixes": prefixes},
    ).fetchall()
    if not rows:
        raise UserError(
            f"The store has no community in {', '.join(prefixes) or 'it'}: load the communities first "
            "(ioc etl run community) or name a file with --communities."
        )
    return _shapes(rows, ["代码", "名称"], projection)


def base_features_of_store(connection: Connection[Any], kind: str, projection: str) -> Shapes:
    """Roads, water or buildings of the base map."""
    rows = connection.execute(
        """
        SELECT feature_class, rank, ST_AsBinary(geom) FROM ioc.base_feature
        WHERE kind = %s AND geom IS NOT NULL ORDER BY dataset_id, id
        """,
        [kind],
    ).fetchall()
    return _shapes(rows, ["等级", "级别"], projection)


def _shapes(rows: list[tuple[Any, ...]], names: list[str], projection: str) -> Shapes:
    table = pd.DataFrame([row[:-1] for row in rows], columns=pd.Index(names))
    geometry = np.array(shapely.from_wkb([row[-1] for row in rows]), dtype=object)
    return Shapes(table, _valid(convert_geometries(geometry, DEGREES, projection)))


def _valid(shapes: np.ndarray) -> np.ndarray:
    return np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes))


def roads_on_the_ground(roads: Shapes) -> tuple[np.ndarray, np.ndarray]:
    """Centre lines of roads that divide land, and which of them are main roads."""
    classes = roads.column("等级", "feature_class")
    kept = np.ones(len(roads.geometry), dtype=bool) if classes is None else ~classes.isin(OFF_THE_GROUND)
    ranks = roads.column("级别", "rank")
    main = np.zeros(len(roads.geometry), dtype=bool)
    if ranks is not None:
        main = np.asarray(pd.to_numeric(ranks, errors="coerce"), dtype=np.float64) <= MAIN_RANK
    kept = np.asarray(kept) & (shapely.get_dimensions(roads.geometry) == 1)
    return roads.geometry[kept], main[kept]


def text_column(shapes: Shapes, file: str, what: str, *names: str) -> pd.Series:
    """A column of codes or names as text.

    Raises:
        UserError: there is none of these names.
    """
    column = shapes.column(*names)
    if column is None:
        raise UserError(
            f"{file} has no column “{names[0]}” with the {what}; it has {', '.join(shapes.table.columns)}."
        )
    return column.astype(str).str.strip()


def grid_table(
    codes: np.ndarray, names: Iterable[str], polygons: np.ndarray, projection: str, initial: date
) -> gpd.GeoDataFrame:
    """Unit grids in CGCS2000 degrees, ordered by code, with the fields of the standard."""
    order = np.argsort(codes, kind="stable")
    degrees = convert_geometries(polygons, projection, DEGREES)[order]
    return gpd.GeoDataFrame(
        {
            CODE: codes[order],
            NAME: np.array(list(names), dtype=object)[order],
            COMMUNITY: [code[:12] for code in codes[order]],
            "面积": np.round(geodesic_area(degrees), 1),
            "周长": np.round(geodesic_length(degrees), 1),
            "初始日期": initial.isoformat(),
            "终止日期": pd.Series([None] * len(codes), dtype=object),
            "备注": pd.Series([None] * len(codes), dtype=object),
        },
        geometry=degrees,
        crs=DEGREES,
    )


def write_grids(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write unit grids as GeoPackage or GeoJSON, whichever the file's ending says.

    Raises:
        UserError: another ending, or the folder is not there.
    """
    driver = checked_driver(path)
    path.unlink(missing_ok=True)
    # 11 decimals keep the shared vertices of neighbours together to less than a hundredth of a millimetre.
    options = {"COORDINATE_PRECISION": 11, "RFC7946": "NO"} if driver == "GeoJSON" else {}
    layer = None if driver == "GeoJSON" else path.stem
    pyogrio.write_dataframe(frame, path, driver=driver, layer=layer, **options)


def checked_driver(path: Path) -> str:
    """GDAL's driver for a file that is to be written.

    Raises:
        UserError: another ending, or the folder is not there.
    """
    driver = DRIVERS.get(path.suffix.lower())
    if driver is None:
        raise UserError(
            f"Unit grids are written as .gpkg or .geojson, not as “{path.name}”: change the ending."
        )
    if not path.parent.is_dir():
        raise UserError(f"The folder {path.parent} for {path.name} is not there: make it first.")
    return driver
