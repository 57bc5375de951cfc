"""Vehicles on the roads: most of them wander along their rounds, crews drive where water stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from layers.road_graph import RoadGraph

METRES_PER_SECOND = 7.5
CREW_METRES_PER_SECOND = 12.0
ARRIVED_SECONDS = 1500.0
"""How long a crew stays where it was sent."""


@dataclass
class Vehicle:
    """One vehicle: its way in metres of the district's zone and how far along it is."""

    code: str
    crew: bool
    way: shapely.LineString
    along: float = 0.0
    speed: float = METRES_PER_SECOND
    errand: int | None = None
    """The place it was sent to, while it is sent."""
    left_s: float = 0.0
    """How long it stays there still."""

    @property
    def at(self) -> shapely.Point:
        return self.way.interpolate(min(self.along, self.way.length))

    @property
    def heading(self) -> int:
        """Degrees clockwise from grid north."""
        ahead = min(self.along + 4.0, self.way.length)
        one, other = self.way.interpolate(max(ahead - 8.0, 0.0)), self.way.interpolate(ahead)
        return round(np.degrees(np.arctan2(other.x - one.x, other.y - one.y))) % 360

    @property
    def stands(self) -> bool:
        return self.left_s > 0


class Fleet:
    """All vehicles over one graph of the roads.

    Args:
        crews: codes of the vehicles that are sent to water on the road.
        last: where vehicles were last, in degrees of CGCS2000, by code: they go on from there.
        frame: the district's zone.
    """

    def __init__(
        self,
        roads: Sequence[BaseGeometry],
        frame: str,
        codes: Sequence[str],
        crews: Sequence[str],
        last: Mapping[str, tuple[float, float]],
        seed: int,
    ) -> None:
        self._graph = RoadGraph(roads, frame)
        self._roads: list[shapely.LineString] = list(self._graph.parts)
        self._degrees = Transformer.from_crs(frame, "EPSG:4490", always_xy=True)
        self._metres = Transformer.from_crs("EPSG:4490", frame, always_xy=True)
        self._rng = np.random.default_rng(seed)
        self._at: dict[tuple[float, ...], list[int]] = {}
        for number, part in enumerate(self._roads):
            for end in (part.coords[0], part.coords[-1]):
                self._at.setdefault(end, []).append(number)
        self._nearest = shapely.STRtree(self._roads).nearest
        sent = set(crews)
        starts = self._rng.choice(len(self._roads), len(codes))
        self.vehicles = [
            Vehicle(code, code in sent, self._roads[start], float(self._rng.random()) * 30)
            for code, start in zip(codes, starts, strict=True)
        ]
        for vehicle in self.vehicles:
            if vehicle.code in last:
                self._take_road_at(vehicle, shapely.Point(self._metres.transform(*last[vehicle.code])))

    def step(self, seconds: float) -> None:
        """Drive on; who is at the end of its way takes another road, or stays where it was sent."""
        for vehicle in self.vehicles:
            if vehicle.stands:
                vehicle.left_s -= seconds
                if not vehicle.stands:
                    vehicle.errand = None
                continue
            speed = CREW_METRES_PER_SECOND if vehicle.errand is not None else METRES_PER_SECOND
            vehicle.speed = speed * float(self._rng.uniform(0.6, 1.2))
            vehicle.along += vehicle.speed * seconds
            if vehicle.along < vehicle.way.length:
                continue
            if vehicle.errand is not None:
                vehicle.left_s = ARRIVED_SECONDS
            else:
                self._next_road(vehicle)

    def send_to(self, place: int, x: float, y: float) -> str | None:
        """Send the nearest free crew to a place, along the roads; its code, None when all are out."""
        if any(vehicle.errand == place for vehicle in self.vehicles):
            return None
        free = [vehicle for vehicle in self.vehicles if vehicle.crew and vehicle.errand is None]
        target = self._degrees.transform(x, y)
        origins = [self.position(vehicle) for vehicle in free]
        found = self._graph.nearest(target, origins, 1)
        if not found:
            return None
        index, way = found[0]
        vehicle = free[index]
        # The way is from the place to the crew; the crew drives it the other way round.
        line = shapely.transform(
            way.line, lambda p: np.column_stack(self._metres.transform(p[:, 0], p[:, 1]))
        )
        vehicle.way, vehicle.along, vehicle.errand = shapely.LineString(line.coords[::-1]), 0.0, place
        return vehicle.code

    def position(self, vehicle: Vehicle) -> tuple[float, float]:
        """Degrees in CGCS2000."""
        lon, lat = self._degrees.transform(vehicle.at.x, vehicle.at.y)
        return float(lon), float(lat)

    def _take_road_at(self, vehicle: Vehicle, place: shapely.Point) -> None:
        """Go on along the road that is nearest."""
        vehicle.way = self._roads[int(self._nearest(place))]
        vehicle.along = vehicle.way.project(place)

    def _next_road(self, vehicle: Vehicle) -> None:
        end = vehicle.way.coords[-1]
        roads = self._at.get(end)
        if roads is None:
            # It was sent to a place beside the crossings.
            self._take_road_at(vehicle, shapely.Point(end))
            return
        others = [one for one in roads if not self._roads[one].equals(vehicle.way)] or roads
        part = self._roads[int(self._rng.choice(others))]
        forwards = part.coords[0] == end
        vehicle.way = part if forwards else shapely.LineString(part.coords[::-1])
        vehicle.along = 0.0
