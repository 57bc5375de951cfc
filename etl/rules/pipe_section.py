"""What a pipe's record says of its inside: diameter or width x height in millimetres, and the area."""

import re
from functools import lru_cache

import numpy as np
import pandas as pd

_ROUND = re.compile(r"[DdΦφ]?\s*(\d+(?:\.\d+)?)(?:\s*mm)?")
_BOX = re.compile(r"(\d+(?:\.\d+)?)\s*[xX×*]\s*(\d+(?:\.\d+)?)(?:\s*mm)?")


@lru_cache(maxsize=4096)
def section_size(text: str) -> tuple[float, float]:
    """Height (mm; of a round pipe its diameter) and area (m²) of a section, NaN where it cannot be read."""
    if found := _ROUND.fullmatch(text.strip()):
        diameter = float(found[1])
        return diameter, np.pi * (diameter / 2000) ** 2
    if found := _BOX.fullmatch(text.strip()):
        width, height = float(found[1]), float(found[2])
        return height, width * height / 1e6
    return np.nan, np.nan


def is_round(text: str) -> bool:
    """Whether the section is that of a round pipe."""
    return _ROUND.fullmatch(text.strip()) is not None


def section_sizes(sections: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Heights (mm) and areas (m²) of a column of sections."""
    sizes = [section_size(text) if isinstance(text, str) else (np.nan, np.nan) for text in sections]
    heights, areas = np.array(sizes, dtype=float).reshape(-1, 2).T
    return heights, areas
