"""The rows of a delivery on their way to the store: columns, geometries in CGCS2000, what went wrong."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
import shapely

from etl.references import References
from etl.seen_places import SeenPlaces

LEAST, GREATEST = (-180.0, -89.0, -180.0, -89.0), (180.0, 89.0, 180.0, 89.0)
"""Bounds in degrees beyond which a place cannot be drawn."""


class Columns(dict[str, pd.Series]):
    """Columns by name; one that the job does not fill is empty."""

    def __init__(self, columns: dict[str, pd.Series], length: int) -> None:
        super().__init__(columns)
        self._length = length

    def __missing__(self, _name: str) -> pd.Series:
        return pd.Series([None] * self._length, dtype="str")


@dataclass
class Rows:
    """All columns have the same length and order as the delivery's rows.

    ``unreadable`` marks cells that could not be converted, by column; ``code_faults`` holds keys of the table
    code_fault; ``stated`` keeps what the file said where the location decides; ``repaired`` marks geometries
    that were mended, ``assigned`` rows that lie in the area found for them, ``swapped`` coordinates that only
    fit with x and y exchanged. ``first_with`` holds, for rules that go row after row, the number of the row
    that had a column's value first, 0 for that row itself; ``seen_places`` the points of rows
    before, where these are but a part of all.
    """

    columns: dict[str, pd.Series]
    source_row: np.ndarray
    raw: pd.DataFrame
    geometry: np.ndarray | None
    geometry_type: str
    references: References
    sources: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, np.ndarray] = field(default_factory=dict)
    code_faults: dict[str, pd.Series] = field(default_factory=dict)
    stated: dict[str, pd.Series] = field(default_factory=dict)
    area_code: np.ndarray | None = None
    assigned: np.ndarray | None = None
    repaired: np.ndarray | None = None
    swapped: np.ndarray | None = None
    first_with: dict[str, np.ndarray] = field(default_factory=dict)
    seen_places: SeenPlaces | None = None
    refused: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.columns = Columns(self.columns, len(self.source_row))
        self.refused = np.zeros(len(self.source_row), dtype=bool)

    @classmethod
    def of_columns(
        cls,
        columns: dict[str, pd.Series],
        source_row: np.ndarray,
        geometry: np.ndarray | None = None,
        geometry_type: str = "",
    ) -> Self:
        """Rows of which nothing is known but some columns, as rules that look across rows get them."""
        return cls(columns, source_row, pd.DataFrame(), geometry, geometry_type, References())

    def __len__(self) -> int:
        return len(self.source_row)

    def none(self) -> np.ndarray:
        """A mask of no row."""
        return np.zeros(len(self), dtype=bool)

    def located(self) -> np.ndarray:
        """Rows with coordinates that can be degrees of longitude and latitude; the poles do not count."""
        if self.geometry is None:
            return self.none()
        bounds = shapely.bounds(self.geometry)
        return np.all(bounds >= LEAST, axis=1) & np.all(bounds <= GREATEST, axis=1)

    def source_name(self, column: str) -> str:
        """The file's own name of a column, for people who know the file."""
        return self.sources.get(column, column)

    def raw_values(self, column: str, chosen: np.ndarray) -> list[str]:
        """What the file says in the cells that a column comes from, in the rows of these numbers."""
        name = self.sources.get(column)
        values: Any = self.raw[name] if name in self.raw.columns else self.columns[column]
        cells = values.astype(object).to_numpy()[chosen]
        return ["" if v is None or v is pd.NA or v is pd.NaT or v != v else str(v) for v in cells]
