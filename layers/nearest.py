"""The nearest cameras, fire-fighting facilities and the like, by road where the roads lead there."""

import asyncio
import math
import tomllib
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import shapely
from psycopg import sql

from geodata.coordinates.measure import geodesic_distance
from geodata.store import Store
from geodata.viewer import Viewer
from layers.box import in_box
from layers.catalogue import Catalogue
from layers.feature import visible_layer
from layers.layer import Layer, Title
from layers.mercator import mercator
from layers.problem import NotFoundError
from layers.road_graph import RoadGraph
from layers.tile_sql import row_filter, row_parameters

KINDS_FILE = Path(__file__).with_suffix(".toml")
ROAD_LAYER = "road"
GRAPHS_KEPT = 4
ROUNDS = ((1_000.0, 40), (4_000.0, 160), (20_000.0, 640))
"""Metres around the place and most features looked at, until none farther away can be nearer by road."""

CANDIDATES = """
    SELECT id, {title}::text, code, ST_X(place), ST_Y(place)
    FROM (
        SELECT id, {title}, code, ST_PointOnSurface(geom) AS place FROM ioc.{table}
        WHERE {near} AND {filter}
        ORDER BY geom_3857 <-> {point} LIMIT %(most)s
    ) AS near
"""
# A vehicle that has been silent for half an hour is not offered: nobody knows where it is.
VEHICLES = sql.SQL("""
    SELECT d.id, concat_ws(' ', d.device_type, d.name), d.code, p.lon, p.lat
    FROM ioc.latest_position AS p JOIN ioc.series AS s ON s.id = p.series_id
    JOIN ioc.device AS d ON d.code = s.device_code
    WHERE d.device_type = ANY (%(kinds)s) AND p.observed_at > now() - interval '30 minutes'
""").format()
POINT = sql.SQL("ST_SetSRID(ST_MakePoint(%(px)s::float8, %(py)s::float8), 3857)")

Place = tuple[float, float]


@dataclass(frozen=True)
class NearestKind:
    """A kind of thing that can be asked for: features of a layer with one of the values in ``where``.

    Or, without a layer, vehicles of these kinds that have lately said where they are.
    """

    id: str
    title: Title
    layer: str | None
    where: MappingProxyType[str, tuple[str, ...]]
    vehicles: tuple[str, ...]


@cache
def nearest_kinds() -> dict[str, NearestKind]:
    """What ``nearest.toml`` declares, by its id."""
    declared = tomllib.loads(KINDS_FILE.read_text("utf-8"))
    return {
        name: NearestKind(
            name,
            Title(**entry["title"]),
            entry.get("layer"),
            MappingProxyType({column: tuple(values) for column, values in entry.get("where", {}).items()}),
            tuple(entry.get("vehicles", ())),
        )
        for name, entry in declared.items()
    }


class NearestService:
    """Answers what is nearest, with a graph of the roads for each set of rights and published version."""

    def __init__(self, store: Store, district_frame: str) -> None:
        self._store = store
        self._frame = district_frame
        self._graphs: OrderedDict[tuple[str, ...], asyncio.Task[RoadGraph]] = OrderedDict()

    async def nearest(
        self, catalogue: Catalogue, viewer: Viewer, kind: str, place: Place, count: int
    ) -> dict[str, Any]:
        """The nearest of a kind to a place in CGCS2000 degrees, by road; straight where no road leads.

        Raises:
            NotFoundError: there is no such kind, as far as this viewer may know.
        """
        asked = nearest_kinds().get(kind)
        if asked is None:
            raise NotFoundError(f"There is no kind “{kind[:40]}”: ask for {', '.join(nearest_kinds())}.")
        graph = await self._graph(catalogue, viewer)
        if asked.layer is None:
            (rows,) = await self._store.read(viewer, [(VEHICLES, {"kinds": list(asked.vehicles)})])
            straight = [float(geodesic_distance(*place, lon, lat)) for *_, lon, lat in rows]
            return _answer(asked, None, _ranked(graph, place, rows, straight, count))
        shown, dataset_ids = visible_layer(catalogue, viewer, asked.layer)
        layer = replace(shown, where=MappingProxyType({**shown.where, **asked.where}))
        found: list[dict[str, Any]] = []
        for reach, most in ROUNDS:
            rows = await self._candidates(viewer, layer, dataset_ids, place, reach, most)
            straight = [float(geodesic_distance(*place, lon, lat)) for *_, lon, lat in rows]
            found = _ranked(graph, place, rows, straight, count)
            seen_to = max(straight) if len(rows) == most else reach
            if len(found) == count and found[-1]["metres"] <= seen_to:
                break
        return _answer(asked, layer.id, found)

    async def _candidates(
        self, viewer: Viewer, layer: Layer, dataset_ids: list[int], place: Place, reach: float, most: int
    ) -> list[tuple[Any, ...]]:
        statement = sql.SQL(CANDIDATES).format(
            title=sql.Identifier(layer.title_field),
            table=sql.Identifier(layer.table),
            point=POINT,
            near=in_box(layer, sql.SQL("ST_Expand({}, %(reach)s::float8)").format(POINT)),
            filter=row_filter(layer),
        )
        x, y = mercator(*place)
        stretched = reach / math.cos(math.radians(place[1]))
        parameters = {"px": x, "py": y, "reach": stretched, "most": most}
        (rows,) = await self._store.read(
            viewer, [(statement, parameters | row_parameters(layer, dataset_ids))]
        )
        return rows

    async def _graph(self, catalogue: Catalogue, viewer: Viewer) -> RoadGraph | None:
        """The roads this viewer may see; None without any."""
        layer = catalogue.by_id.get(ROAD_LAYER)
        datasets = catalogue.visible_datasets(layer, viewer) if layer else ()
        if layer is None or not datasets:
            return None
        ids = [d.id for d in datasets]
        key = (viewer.fingerprint(ids), *(d.version_key for d in datasets))
        if key not in self._graphs:
            self._graphs[key] = asyncio.create_task(self._built(viewer, layer, ids))
            while len(self._graphs) > GRAPHS_KEPT:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        try:
            return await asyncio.shield(self._graphs[key])
        except Exception:
            self._graphs.pop(key, None)
            raise

    async def _built(self, viewer: Viewer, layer: Layer, dataset_ids: list[int]) -> RoadGraph:
        statement = sql.SQL("SELECT ST_AsBinary(geom) FROM ioc.{} WHERE {} AND geom IS NOT NULL").format(
            sql.Identifier(layer.table), row_filter(layer)
        )
        (rows,) = await self._store.read(viewer, [(statement, row_parameters(layer, dataset_ids))])
        roads = [shapely.from_wkb(bytes(wkb)) for (wkb,) in rows]
        return await asyncio.to_thread(RoadGraph, roads, self._frame)


def _answer(kind: NearestKind, layer: str | None, found: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kind": kind.id,
        "title_zh": kind.title.zh,
        "title_en": kind.title.en,
        "layer": layer,
        "features": found,
    }


def _ranked(
    graph: RoadGraph | None, place: Place, rows: list[tuple[Any, ...]], straight: list[float], count: int
) -> list[dict[str, Any]]:
    places = [(lon, lat) for *_, lon, lat in rows]
    ways = graph.nearest(place, places, count) if graph else []
    found = [_feature(rows[index], straight[index], way.metres, way.line) for index, way in ways]
    taken = {index for index, _ in ways}
    rest = sorted(index for index in range(len(rows)) if index not in taken)
    for index in sorted(rest, key=straight.__getitem__)[: count - len(found)]:
        found.append(_feature(rows[index], straight[index], None, shapely.LineString([place, places[index]])))
    return found


def _feature(row: tuple[Any, ...], straight: float, by_road: float | None, line: Any) -> dict[str, Any]:
    feature_id, title, code, lon, lat = row
    return {
        "id": feature_id,
        "title": title or code,
        "lon": lon,
        "lat": lat,
        "by": "straight" if by_road is None else "road",
        "metres": straight if by_road is None else by_road,
        "straight_m": straight,
        "route": shapely.get_coordinates(line).round(7).tolist(),
    }
