"""Water in the district as far as a sensor sees it: manholes, roads, pumping stations, lakes and river.

Every place has a catchment that acts as a linear reservoir: rain runs off into it, the drain takes away what
it can, and what the drain cannot hold stands on the road. All arrays have one entry for each place.
"""

from dataclasses import dataclass, field

import numpy as np

from ioc.demo.landscape import Floats

RUNOFF = 0.75
"""Share of the rain that runs off a built-up district (ψ, 0.6 to 0.85 in design)."""
DRAIN_MM_H = 58.0
"""What a full drain takes away of its catchment: half an hour's storm of three years' return in Wuhan."""
DRAIN_HOLDS_MM = 14.0
"""What catchment and drain hold before water stands on the road."""
DRY_FLOW_MM = 0.35
"""What stands in the drain when it has not rained, mm over the catchment."""


@dataclass
class Drains:
    """Catchments of manholes and roads.

    ``capacity`` multiplies what the drain takes away (more than 1 for sound ones), ``hollow`` is how many
    centimetres stand on the road for each millimetre that the drain cannot hold.
    """

    capacity: Floats
    hollow: Floats
    stored: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.stored = np.full(len(self.capacity), DRY_FLOW_MM)

    def step(self, rain: Floats, seconds: float) -> None:
        """Let ``rain`` (mm) run off within so many seconds."""
        self.stored = self.stored + RUNOFF * rain
        full = np.minimum(self.stored / DRAIN_HOLDS_MM, 1.0)
        away = DRAIN_MM_H * self.capacity * full * seconds / 3600
        self.stored = np.maximum(self.stored - away, np.minimum(self.stored, DRY_FLOW_MM))

    @property
    def filling(self) -> Floats:
        """How full the drains are, 0 to 1."""
        return np.minimum(self.stored / DRAIN_HOLDS_MM, 1.0)

    @property
    def on_road(self) -> Floats:
        """Centimetres of water on the road."""
        return np.maximum(self.stored - DRAIN_HOLDS_MM, 0.0) * self.hollow


@dataclass
class Pumps:
    """Sumps of pumping stations; ``start`` is the level, in the station's datum, at which pumps run.

    A ``broken`` one does not start while much comes; crews get it going once the rush is over. Each pump that
    runs takes the level down, one more for every 0.25 m.
    """

    start: Floats
    broken: np.ndarray
    level: Floats = field(init=False)
    running: np.ndarray = field(init=False)

    MOST = 4
    FLOW = 1.6
    """m³/s of one pump."""
    RUSH = 0.25

    def __post_init__(self) -> None:
        self.level = self.start - 1.4
        self.running = np.zeros(len(self.start), dtype=int)

    def step(self, filling: Floats, seconds: float) -> None:
        """``filling`` of the drains that lead here decides how much comes."""
        over = self.level - (self.start - 0.35)
        wanted = np.clip(np.ceil(over / 0.25), 0, self.MOST).astype(int)
        # A pump that runs goes on until the level is well below where it started.
        wanted = np.where((self.running > 0) & (over > -0.6), np.maximum(wanted, 1), wanted)
        self.running = np.where(self.broken & (filling > self.RUSH), 0, wanted)
        rise = (filling**1.5 * 0.045 - self.running * 0.014 - 0.0012) * seconds / 60
        self.level = np.clip(self.level + rise, self.start - 1.6, self.start + 1.2)

    @property
    def flow(self) -> Floats:
        return self.running * self.FLOW


@dataclass
class Levels:
    """Lakes and the river: metres in the gauge's datum.

    ``gain`` is how many metres a metre of rain lifts them (a lake's catchment against its area),
    ``recession`` the share of the rise that is gone after a day: gates and pumps empty a city's lake in
    hours.
    """

    normal: Floats
    gain: Floats
    recession: float = 0.97
    rise: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.rise = np.zeros(len(self.normal))

    def step(self, rain: Floats, seconds: float) -> None:
        lost = self.rise * (1 - (1 - self.recession) ** (seconds / 86400))
        self.rise = self.rise + RUNOFF * rain / 1000 * self.gain - lost

    @property
    def level(self) -> Floats:
        return self.normal + self.rise
