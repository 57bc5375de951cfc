"""Files of rows that were fetched from a database or a service (``etl.row_spool``)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from etl.delivery import Delivery, Source, SourceError, SourceLayer
from etl.row_spool import ENDING
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions

_TAIL = 1 << 20


class RowFileSource(Source):
    """A file of fetched rows; what holds for all of them stands in its last line."""

    def __init__(self, path: Path, options: SourceOptions) -> None:  # noqa: ARG002
        self.path = path
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _TAIL, 0))
            last = file.read().rpartition(b"\n")[2]
        try:
            said = json.loads(last)
            self.columns, self.rows = list(said["columns"]), int(said["rows"])
            self.crs = CRS.from_user_input(said["crs"]) if said["crs"] else None
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{path} is not whole: fetch it again.") from error

    def layers(self) -> list[SourceLayer]:
        name = self.path.name.removesuffix(ENDING)
        fields = dict.fromkeys(self.columns, "text")
        return [SourceLayer(name, self.rows, None, fields, "UTF-8", self.crs)]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:  # noqa: ARG002
        held: list[tuple[dict[str, Any], str | None]] = []
        begin = 1
        with self.path.open(encoding="utf-8") as file:
            for number in range(1, self.rows + 1):
                cells, shape = json.loads(file.readline())
                held.append((cells, shape))
                if len(held) == rows or number == self.rows:
                    yield self._delivery(begin, held)
                    begin, held = number + 1, []

    def _delivery(self, begin: int, held: list[tuple[dict[str, Any], str | None]]) -> Delivery:
        columns = {
            name: pd.Series([cells.get(name) for cells, _ in held], dtype="object") for name in self.columns
        }
        shapes = shapely.from_wkb(np.array([shape for _, shape in held], dtype=object))
        placed = not shapely.is_missing(shapes).all() or self.crs is not None
        numbers = np.arange(begin, begin + len(held))
        return Delivery(self.path, pd.DataFrame(columns), numbers, shapes if placed else None, self.crs)


FORMAT = SourceFormat("rows", (ENDING,), RowFileSource)
