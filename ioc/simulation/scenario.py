"""Scenarios: what the weather does, from a file; the rain of a storm over time and place."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geodata.errors import UserError
from ioc.demo.landscape import Floats

FOLDER = Path(__file__).with_name("scenarios")
# Exponent of the falling intensity on either side of the peak, as in the form b / (t + c)^n of design storms.
STEEPNESS = 0.6
SOFTENING = 0.06
CELL_METRES = 4000.0
"""Half width of the storm's cell."""
CELL_SPEED = 4.0
"""m/s, from west to east."""


@dataclass(frozen=True)
class Scenario:
    """The weather: minutes and millimetres; ``dust`` multiplies particulates; cases that people report."""

    code: str
    title_zh: str
    title_en: str
    begins_min: float
    every_min: float
    rain_mm: float
    rain_min: float
    peak: float
    temperature: float
    dust: float
    cases_per_hour: float

    def under_way(self, second: float) -> bool:
        """Whether a storm lasts, or its water still stands, at a time from the start."""
        return self.rain_mm > 0 and (second / 60 - self.begins_min) % self.every_min < 1.6 * self.rain_min

    def share(self, minutes: float) -> float:
        """The part of a storm's rain that has fallen so many minutes after it began, 0 to 1."""
        return float(_fallen(np.clip(minutes / self.rain_min, 0.0, 1.0), self.peak))

    def rain(self, begin_s: float, end_s: float, places: Floats, centre: Floats) -> Floats:
        """Millimetres that fall between two times, seconds from the start; before it they are negative.

        Args:
            places: n × 2, metres; centre: the point the cell passes in the middle of the storm.
        """
        into = [(second / 60 - self.begins_min) % self.every_min for second in (begin_s, end_s)]
        if into[1] < into[0]:
            return np.zeros(len(places))
        amount = self.rain_mm * (self.share(into[1]) - self.share(into[0]))
        ahead = (into[1] - self.rain_min / 2) * 60 * CELL_SPEED
        from_cell = places - (centre + np.array([ahead, 0.0]))
        near = np.exp(-np.sum(from_cell**2, axis=1) / (2 * CELL_METRES**2))
        return amount * (0.6 + 0.5 * near)


def _fallen(share: float, peak: float) -> float:
    """The integral of a storm of the Chicago form, from 0 to 1: steep towards the peak and after it."""

    def side(part: float) -> float:
        low, high = SOFTENING ** (1 - STEEPNESS), (1 + SOFTENING) ** (1 - STEEPNESS)
        return ((part + SOFTENING) ** (1 - STEEPNESS) - low) / (high - low)

    if share <= peak:
        return peak * (1 - side(1 - share / peak)) if peak else 0.0
    return peak + (1 - peak) * side((share - peak) / (1 - peak))


def scenario(code: str) -> Scenario:
    """The scenario of a file.

    Raises:
        UserError: there is none of this name.
    """
    path = FOLDER / f"{code}.toml"
    if not path.is_file() or path.parent != FOLDER:
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.toml")))
        raise UserError(f"There is no scenario “{code}”: the scenarios are {known}.")
    return Scenario(code=code, **tomllib.loads(path.read_text(encoding="utf-8")))
