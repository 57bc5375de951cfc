"""The latest of every metric of all stations: what the metrics are is remembered, what they measure is asked.

Each answer's readings come from the store under the viewer's rights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from geodata.store import Store
from geodata.viewer import Viewer
from layers.problem import NotFoundError
from layers.series_memory import STATE, SeriesMemory

LATEST = b"""
    SELECT series_id, concat(
        ',"at":', to_json(observed_at), ',"received_at":', to_json(received_at),
        ',"value":', coalesce(value::text, 'null'), ',"trend":', trend, ',"quality":', to_json(quality), '}'
    ) FROM ioc.latest
"""
# Devices without a station stand for themselves. How many rows the rights leave is not to be foreseen: a
# join that takes the metrics for few goes through all of them for each series, a full join never does.
KNOWN = b"""
    SELECT r.series, r.place, r.area_code, r.code, r.device,
        concat(left(json_build_object('code', r.code, 'name', r.name, 'lon', r.lon, 'lat', r.lat)::text, -1),
            ',"readings":['),
        left(json_build_object(
            'device', r.device, 'metric', r.metric, 'name', m.name, 'unit', m.unit,
            'lower_limit', m.lower_limit, 'upper_limit', m.upper_limit
        )::text, -1)
    FROM (
        SELECT s.id AS series, coalesce(t.id, d.id) AS place,
            coalesce(t.area_code, d.area_code, '') AS area_code,
            coalesce(t.code, d.code) AS code, coalesce(t.name, d.name) AS name,
            ST_X(coalesce(t.geom, d.geom)) AS lon, ST_Y(coalesce(t.geom, d.geom)) AS lat,
            d.code AS device, s.metric
        FROM ioc.series s
        JOIN ioc.device d ON d.code = s.device_code
        LEFT JOIN ioc.station t ON t.code = d.station_code
    ) AS r
    FULL JOIN ioc.metric m ON m.device_code = r.device AND m.metric = r.metric
    WHERE coalesce(r.series, 0) > 0
    ORDER BY r.code COLLATE "C", r.place, r.device COLLATE "C", r.metric COLLATE "C"
"""


class _Series(NamedTuple):
    """``opened`` is the JSON of a reading up to what it measured."""

    id: int
    device: str
    opened: str


@dataclass
class _Station:
    """``opened`` is its JSON up to its readings."""

    area_code: str
    code: str
    opened: str
    series: list[_Series] = field(default_factory=list)

    def written(self, latest: Mapping[int, str], device: str = "") -> str:
        """JSON with what its series, or those of one of its devices, measured; '' where that is nothing."""
        readings = [
            one.opened + latest[one.id]
            for one in self.series
            if one.id in latest and device in ("", one.device)
        ]
        return f"{self.opened}{','.join(readings)}]}}" if readings else ""


class LatestReadings:
    """Of one store, for any viewer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known = SeriesMemory(self._learn)

    async def of_stations(self, viewer: Viewer, area: str) -> str:
        """JSON of all stations in an area (a prefix of its code, or '') with the latest of their metrics."""
        stations, latest = await self._read(viewer)
        written = [one.written(latest) for one in stations if one.area_code.startswith(area)]
        return f"[{','.join(filter(None, written))}]"

    async def of_station(self, viewer: Viewer, code: str) -> str:
        """JSON of one station, or of a device by itself.

        Raises:
            NotFoundError: nothing of it has been measured, as far as the viewer may see.
        """
        stations, latest = await self._read(viewer)
        for one in stations:
            if written := one.written(latest, "" if one.code == code else code):
                return written
        raise NotFoundError(f"No station or device “{code[:64]}” has reported anything.")

    async def _read(self, viewer: Viewer) -> tuple[list[_Station], dict[int, str]]:
        """The stations that the viewer may see, and what each series measured last."""
        ((state,),), rows = await self._store.read(viewer, [(STATE, {}), (LATEST, {})])
        latest: dict[int, str] = dict(rows)
        return await self._known.of(viewer, state, latest.keys()), latest

    async def _learn(self, viewer: Viewer) -> tuple[list[_Station], frozenset[int]]:
        (rows,) = await self._store.read(viewer, [(KNOWN, {})])
        stations: dict[int, _Station] = {}
        for series, place, area_code, code, device, station, opened in rows:
            known = stations.setdefault(place, _Station(area_code, code, station))
            known.series.append(_Series(series, device, opened))
        return list(stations.values()), frozenset(row[0] for row in rows)
