"""Keeps a delivery's raw rows on disk while it is loaded, for those that are refused only at the end."""

import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from etl.delivery import Delivery
from etl.quarantine import raw_json


class RawSpool:
    """Chunks in files of a temporary folder that goes when the load ends."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="ioc-load-")
        self._chunks: list[tuple[int, int, Path]] = []

    def keep(self, delivery: Delivery) -> None:
        """Write a chunk's rows away."""
        path = Path(self._folder.name) / f"{len(self._chunks)}.pickle"
        with path.open("wb") as file:
            pickle.dump((delivery.source_row, delivery.attributes), file, protocol=pickle.HIGHEST_PROTOCOL)
        self._chunks.append((int(delivery.source_row.min()), int(delivery.source_row.max()), path))

    def raw(self, numbers: np.ndarray) -> pa.Array:
        """The raw rows of these numbers as JSON objects, in this order."""
        found: dict[int, str] = {}
        for first, last, path in self._chunks:
            if not ((numbers >= first) & (numbers <= last)).any():
                continue
            with path.open("rb") as file:
                source_row, attributes = pickle.load(file)
            chosen = np.flatnonzero(np.isin(source_row, numbers))
            rows = raw_json(pd.DataFrame(attributes).iloc[chosen])
            found |= dict(zip(source_row[chosen].tolist(), rows.to_pylist(), strict=True))
        return pa.array([found[number] for number in numbers.tolist()], pa.large_string())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._folder.cleanup()
