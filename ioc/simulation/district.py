"""The state of the district under a scenario, and what each device of it would measure."""

from dataclasses import dataclass

import numpy as np

from ioc.demo.landscape import Floats
from ioc.simulation.roster import Devices
from ioc.simulation.scenario import Scenario
from ioc.simulation.water import Drains, Levels, Pumps

GAUGES, ROADS, MANHOLES = "雨量计", "积水监测仪", "管网液位计"
PUMPS, LEVELS, FLOW = "泵站监控终端", "水位计", "流量计"
GAS, COVERS, AIR, QUALITY = "燃气泄漏监测仪", "井盖监测器", "空气质量微站", "水质分析仪"
RIVER_BELOW_GUARD, LAKE_BELOW_GUARD = 1.2, 0.25
"""Normal level under the guard level, m."""
RIVER_GAIN, LAKE_GAIN = 2.5, 6.0
BEGIN_S = -36 * 3600.0
LONGEST_STEP_S = 60.0
BROKEN_PUMPS = 0.05
HOLLOWS_FLOODED = 1.4
"""Centimetres on the road for each millimetre over what the drains hold, at the middle of the scale."""


@dataclass(frozen=True)
class Measured:
    """Values of one device by metric, as the device names them."""

    code: str
    values: dict[str, float]


class District:
    """All sensors.

    Args:
        devices: by kind; places in metres of the district's zone.
        begin_s: the time at which the district is dry and its life begins, seconds from the start.
    """

    def __init__(
        self, devices: dict[str, Devices], scenario: Scenario, seed: int, begin_s: float = BEGIN_S
    ) -> None:
        self._devices = devices
        self._scenario = scenario
        self._rng = np.random.default_rng(seed)
        self._now = begin_s
        places = [one.place[~np.isnan(one.place[:, 0])] for one in devices.values()]
        self._centre = np.vstack(places).mean(axis=0)
        # Gauges report what fell in each five minutes of the clock.
        self.fallen = np.zeros(self._count(GAUGES))
        self.drains = {kind: self._laid_drains(kind) for kind in (ROADS, MANHOLES, PUMPS)}
        limit = devices[PUMPS].limit if PUMPS in devices else np.zeros(0)
        self.pumps = Pumps(np.nan_to_num(limit, nan=20.0), self._rng.random(len(limit)) < BROKEN_PUMPS)
        self.levels = self._levels()
        # How high the water stands in a manhole whose drain is full, of its depth.
        self._standing = self._rng.uniform(0.4, 0.9, self._count(MANHOLES))

    def step(self, seconds: float) -> None:
        """Let the time go on."""
        begin, self._now = self._now, self._now + seconds
        self.fallen += self._rain(GAUGES, begin)
        for kind, drains in self.drains.items():
            drains.step(self._rain(kind, begin), seconds)
        self.pumps.step(self.drains[PUMPS].filling, seconds)
        self.levels.step(self._rain(LEVELS, begin), seconds)

    def live_until(self, second: float) -> None:
        """Let the time go on to a time from the start, in steps that the drains follow."""
        while self._now < second:
            self.step(min(LONGEST_STEP_S, second - self._now))

    def measured(self, kind: str) -> list[Measured]:
        """What every device of a kind measures now; gauges begin anew."""
        if kind not in self._devices:
            return []
        columns = _MEASURES[kind](self)
        rows = np.column_stack(list(columns.values()))
        return [
            Measured(code, dict(zip(columns, map(float, row), strict=True)))
            for code, row in zip(self._devices[kind].codes, rows, strict=True)
        ]

    def flooded(self, deeper_than: float) -> list[int]:
        """Numbers of the road sensors under more than so many centimetres of water."""
        return np.flatnonzero(self.drains[ROADS].on_road > deeper_than).tolist()

    def _count(self, kind: str) -> int:
        return len(self._devices[kind].codes) if kind in self._devices else 0

    def _rain(self, kind: str, begin: float) -> Floats:
        if kind not in self._devices:
            return np.zeros(0)
        return self._scenario.rain(begin, self._now, self._devices[kind].place, self._centre)

    def _laid_drains(self, kind: str) -> Drains:
        count = self._count(kind)
        poor = self._rng.random(count) < 0.18
        capacity = np.where(poor, self._rng.uniform(0.35, 0.7, count), self._rng.uniform(0.9, 1.5, count))
        return Drains(capacity, HOLLOWS_FLOODED * self._rng.uniform(0.4, 2.0, count))

    def _levels(self) -> Levels:
        if LEVELS not in self._devices:
            return Levels(np.zeros(0), np.zeros(0))
        devices = self._devices[LEVELS]
        guard = np.nan_to_num(devices.guard, nan=19.15)
        below = np.where(devices.on_river, RIVER_BELOW_GUARD, LAKE_BELOW_GUARD)
        return Levels(guard - below, np.where(devices.on_river, RIVER_GAIN, LAKE_GAIN))

    def _noise(self, kind: str, size: float) -> Floats:
        return self._rng.normal(0.0, size, self._count(kind))

    def _gauges(self) -> dict[str, Floats]:
        fallen, self.fallen = self.fallen, np.zeros(len(self.fallen))
        return {"PN05": np.round(fallen * self._rng.uniform(0.94, 1.06, len(fallen)), 1)}

    def _roads(self) -> dict[str, Floats]:
        depth = self.drains[ROADS].on_road
        return {
            "depth": np.round(np.maximum(depth + self._noise(ROADS, 0.2) * (depth > 0), 0), 1)
        } | self._battery(ROADS)

    def _manholes(self) -> dict[str, Floats]:
        # The declared limit is four fifths of the manhole's depth.
        depth = np.nan_to_num(self._devices[MANHOLES].limit, nan=2.0) / 0.8
        level = np.maximum(
            depth * self._standing * self.drains[MANHOLES].filling ** 0.8 + self._noise(MANHOLES, 0.005), 0.0
        )
        return {"level": np.round(level, 3)} | self._battery(MANHOLES)

    def _pumps(self) -> dict[str, Floats]:
        level = self.pumps.level + self._noise(PUMPS, 0.004)
        return {
            "upstream": np.round(level, 3),
            "downstream": np.round(self.pumps.start + 1.5 + 0.1 * self.pumps.running, 3),
            "pumps": self.pumps.running.astype(float),
            "flow": np.round(self.pumps.flow, 2),
        }

    def _gas(self) -> dict[str, Floats]:
        return {"ch4": np.round(np.abs(self._noise(GAS, 0.8)), 1)}

    def _covers(self) -> dict[str, Floats]:
        return {"tilt": np.round(np.abs(self._noise(COVERS, 0.6)), 1)}

    def _level(self) -> dict[str, Floats]:
        return {"Z": np.round(self.levels.level + self._noise(LEVELS, 0.003), 3)}

    def _flow(self) -> dict[str, Floats]:
        return {"Q": np.round(21_500 + self._noise(FLOW, 60), 0)}

    def _air(self) -> dict[str, Floats]:
        dust, rainy = (
            self._scenario.dust,
            self.drains[ROADS].stored.mean() > 1 if self._count(ROADS) else False,
        )
        fine = np.maximum((28 if rainy else 46) * dust + self._noise(AIR, 5), 3)
        return {
            "a34004": np.round(fine, 1),
            "a34002": np.round(fine * 1.6 + self._noise(AIR, 4), 1),
            "LA": np.round(57 + self._noise(AIR, 3), 1),
        }

    def _quality(self) -> dict[str, Floats]:
        washed = float(self.drains[MANHOLES].filling.mean()) if self._count(MANHOLES) else 0.0
        return {
            "w01001": np.round(7.5 + self._noise(QUALITY, 0.05), 2),
            "w01009": np.round(7.2 - 2.5 * washed + self._noise(QUALITY, 0.1), 1),
            "w21003": np.round(0.5 + 1.1 * washed + np.abs(self._noise(QUALITY, 0.03)), 2),
        }

    def _battery(self, kind: str) -> dict[str, Floats]:
        return {"battery": np.round(3.8 + self._noise(kind, 0.02), 2)}


_MEASURES = {
    GAUGES: District._gauges,
    ROADS: District._roads,
    MANHOLES: District._manholes,
    PUMPS: District._pumps,
    GAS: District._gas,
    COVERS: District._covers,
    LEVELS: District._level,
    FLOW: District._flow,
    AIR: District._air,
    QUALITY: District._quality,
}
