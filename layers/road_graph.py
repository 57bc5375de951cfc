"""The roads as a graph, and the shortest ways along it from one place to several.

Roads are joined where they meet or cross, after snapping to half a metre, whatever their level; they are
taken to be passable both ways, since the road layer says nothing of that.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

SNAP_METRES = 0.5
FARTHEST_METRES = 20_000.0

Step: TypeAlias = tuple[int, int]
"""The node a way came from, and the part it came by."""
BEGINNING: Step = (-1, -1)


@dataclass(frozen=True)
class Way:
    """A shortest way: metres, those from the road to either end included, and its line in degrees."""

    metres: float
    line: BaseGeometry


@dataclass(frozen=True)
class _Stop:
    """A place on the graph: the road part nearest to it, how far along that, and how far from it."""

    edge: int
    along: float
    aside: float
    place: BaseGeometry


class RoadGraph:
    """Road parts between their meeting points, in metres of a zone of the district."""

    def __init__(self, roads: Sequence[BaseGeometry], frame: str) -> None:
        """``roads`` are lines in CGCS2000 degrees, ``frame`` the projected system they are measured in."""
        degrees = CRS.from_epsg(4490)
        self._there = Transformer.from_crs(degrees, CRS.from_user_input(frame), always_xy=True)
        self._back = Transformer.from_crs(CRS.from_user_input(frame), degrees, always_xy=True)
        flat = [_moved(road, self._there) for road in roads]
        joined = shapely.union_all(np.asarray(flat, dtype=object), grid_size=SNAP_METRES)
        self.parts = np.asarray([part for part in shapely.get_parts(joined) if part.length > 0], dtype=object)
        self._tree = shapely.STRtree(self.parts)
        self._length: list[float] = shapely.length(self.parts).tolist()
        nodes: dict[tuple[float, float], int] = {}
        self._ends: list[tuple[int, int]] = []
        self._at: list[list[tuple[int, int, float]]] = []
        for edge, part in enumerate(self.parts):
            start, end = (nodes.setdefault(part.coords[i], len(nodes)) for i in (0, -1))
            self._ends.append((start, end))
            self._at += [[] for _ in range(len(nodes) - len(self._at))]
            self._at[start].append((end, edge, self._length[edge]))
            self._at[end].append((start, edge, self._length[edge]))

    def nearest(
        self, origin: tuple[float, float], targets: Sequence[tuple[float, float]], count: int
    ) -> list[tuple[int, Way]]:
        """The targets with the shortest ways from the origin: index and way, nearest first."""
        if not len(self.parts) or not targets:
            return []
        start = self._stop(origin)
        stops = [self._stop(target) for target in targets]
        best, came_from = self._search(start, stops, count)
        ranked = sorted((metres, index) for index, (metres, _) in best.items())[:count]
        return [
            (index, Way(metres, self._line(start, stops[index], best[index][1], came_from)))
            for metres, index in ranked
        ]

    def _stop(self, place: tuple[float, float]) -> _Stop:
        point = shapely.Point(*self._there.transform(*place))
        edge = int(self._tree.nearest(point))
        part = self.parts[edge]
        return _Stop(edge, float(part.project(point)), float(part.distance(point)), point)

    def _search(
        self, start: _Stop, stops: list[_Stop], count: int
    ) -> tuple[dict[int, tuple[float, int | None]], dict[int, Step]]:
        """Dijkstra's algorithm, ended when ``count`` targets are nearer than what is left.

        Gives by target its metres and the node its way ends from (None along one part), and by node the node
        and part its way came by.
        """
        best: dict[int, tuple[float, int | None]] = {}
        waiting: dict[int, list[tuple[int, float]]] = {}
        for index, stop in enumerate(stops):
            if stop.edge == start.edge:
                best[index] = (start.aside + abs(stop.along - start.along) + stop.aside, None)
            first, last = self._ends[stop.edge]
            waiting.setdefault(first, []).append((index, stop.along + stop.aside))
            rest = self._length[stop.edge] - stop.along
            waiting.setdefault(last, []).append((index, rest + stop.aside))
        first, last = self._ends[start.edge]
        heap: list[tuple[float, int, Step]] = [
            (start.aside + start.along, first, BEGINNING),
            (start.aside + self._length[start.edge] - start.along, last, BEGINNING),
        ]
        heapq.heapify(heap)
        came_from: dict[int, Step] = {}
        while heap:
            metres, node, by = heapq.heappop(heap)
            if metres > self._bound(best, count):
                break
            if node in came_from:
                continue
            came_from[node] = by
            for index, rest in waiting.get(node, ()):
                if index not in best or metres + rest < best[index][0]:
                    best[index] = (metres + rest, node)
            for neighbour, edge, length in self._at[node]:
                if neighbour not in came_from:
                    heapq.heappush(heap, (metres + length, neighbour, (node, edge)))
        return best, came_from

    @staticmethod
    def _bound(best: dict[int, Any], count: int) -> float:
        if len(best) < count:
            return FARTHEST_METRES
        return heapq.nsmallest(count, (metres for metres, _ in best.values()))[-1]

    def _line(self, start: _Stop, stop: _Stop, node: int | None, came_from: dict[int, Step]) -> BaseGeometry:
        points: list[tuple[float, ...]] = [stop.place.coords[0]]
        if node is None:
            points += substring(self.parts[stop.edge], stop.along, start.along).coords
        else:
            points += self._from_stop(stop, node)
            while came_from[node] != BEGINNING:
                before, edge = came_from[node]
                part = list(self.parts[edge].coords)
                points += part if self._ends[edge][0] == node else part[::-1]
                node = before
            points += self._from_stop(start, node)[::-1]
        points.append(start.place.coords[0])
        return _moved(shapely.LineString(points[::-1]), self._back)

    def _from_stop(self, stop: _Stop, node: int) -> list[tuple[float, ...]]:
        """The piece of a part from a stop to one of its ends."""
        end = 0.0 if self._ends[stop.edge][0] == node else self._length[stop.edge]
        return list(substring(self.parts[stop.edge], stop.along, end).coords)


def _moved(shape: BaseGeometry, how: Transformer) -> BaseGeometry:
    return shapely.transform(shape, lambda points: np.column_stack(how.transform(points[:, 0], points[:, 1])))
