"""What a source delivers: its layers, and their rows as they are, with the numbers the steward sees."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from geodata.errors import UserError


class SourceError(UserError):
    """A source that is missing, damaged, or not as the job describes it."""


class SourceUnansweredError(SourceError):
    """A service or database that did not answer; it may the next time."""


@dataclass(frozen=True)
class SourceLayer:
    """A layer, sheet or table as the source states it, before its rows are read.

    ``rows`` is None where only reading all of them would tell, ``geometry_type`` where there is none;
    ``fields`` are columns with the types text, integer, number, date, datetime, boolean or binary.
    """

    name: str
    rows: int | None
    geometry_type: str | None = None
    fields: dict[str, str] = field(default_factory=dict)
    encoding: str | None = None
    crs: CRS | None = None


@dataclass
class Delivery:
    """Rows of a layer: text and numbers as read, geometries in the source's own frame, row numbers."""

    path: Path
    attributes: pd.DataFrame
    source_row: np.ndarray
    geometry: np.ndarray | None = None
    crs: CRS | None = None

    def __len__(self) -> int:
        return len(self.source_row)


class Source(ABC):
    """A source opened for reading; ``with`` closes it."""

    @abstractmethod
    def layers(self) -> list[SourceLayer]:
        """What the source holds, in its own order.

        Raises:
            SourceError: it is damaged.
        """

    @abstractmethod
    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        """The rows of a layer (the first one by default), at most ``rows`` at a time, in the file's order.

        Raises:
            SourceError: it is damaged or has no such layer.
        """

    def close(self) -> None:
        """Give back files, connections and folders, where there are any."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def geometry_type(shapes: np.ndarray) -> str | None:
    """The kind of all geometries, ``Unknown`` where there are several, None where there are none."""
    kinds = np.unique(shapely.get_type_id(shapes))
    kinds = kinds[kinds >= 0]
    if not len(kinds):
        return None
    return _KINDS[kinds[0]] if len(kinds) == 1 else "Unknown"


_KINDS = (
    "Point",
    "LineString",
    "LinearRing",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)


def joined(parts: list[Delivery]) -> Delivery:
    """Chunks of one layer, in order, as one delivery."""
    if len(parts) == 1:
        return parts[0]
    shapes = [part.geometry for part in parts]
    placed = [shape for shape in shapes if shape is not None]
    return Delivery(
        parts[0].path,
        pd.concat([part.attributes for part in parts], ignore_index=True),
        np.concatenate([part.source_row for part in parts]),
        np.concatenate(placed) if len(placed) == len(parts) else None,
        parts[0].crs,
    )
