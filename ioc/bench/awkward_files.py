"""Deliberately awkward files: every format, encoding, frame trick and naming, each with its answer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from geodata.coordinates import convert
from ioc.bench.awkward_rows import AwkwardRows
from ioc.bench.awkward_tricks import TRICKS, Trick
from ioc.bench.awkward_writers import WRITERS


@dataclass(frozen=True)
class AwkwardFile:
    """A file and its answer: ``crs`` None means that no frame may be named."""

    trick: Trick
    path: Path
    encoding: str
    crs: str | None
    target: str
    fields: dict[str, str | None]


def write_corpus(
    folder: Path, rows: dict[str, AwkwardRows], random: np.random.Generator
) -> Iterator[AwkwardFile]:
    """Write every awkward file into a folder of its own."""
    for trick in TRICKS:
        place = folder / trick.name
        place.mkdir(parents=True)
        yield _write(place, trick, rows[trick.rows], random)


def _write(folder: Path, trick: Trick, rows: AwkwardRows, random: np.random.Generator) -> AwkwardFile:
    table, fields = rows.named(trick.style)
    shapes = rows.shapes
    if trick.count is not None:
        table, shapes = table.head(trick.count), shapes[: trick.count]
    if trick.style == "metres":
        table = table.assign(**{"管径(m)": table["管径(m)"] / 1000})
    shapes = np.asarray(shapely.transform(shapes, _into(trick, random)), dtype=object)
    path = WRITERS[trick.writer](folder, trick, table.reset_index(drop=True), shapes)
    crs = (trick.answer or trick.frame) if trick.frame != "local" else None
    encoding = trick.encoding.removesuffix("-BOM")
    return AwkwardFile(trick, path, encoding, crs, rows.target, {} if trick.writer == "dxf" else fields)


def _into(trick: Trick, random: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """From degrees of CGCS2000 to what the file holds."""
    frame = "EPSG:4547" if trick.frame == "local" else trick.frame
    origin = random.uniform(470_000, 490_000), random.uniform(3_330_000, 3_345_000)

    def apply(points: np.ndarray) -> np.ndarray:
        x, y = convert(points[:, 0], points[:, 1], "CGCS2000", frame)
        if trick.frame == "local":
            x, y = x - origin[0], y - origin[1]
        x, y = x + trick.shift[0], y + trick.shift[1]
        columns = (y, x) if trick.swapped else (x, y)
        return np.round(np.column_stack(columns), 7 if np.nanmax(np.abs(x)) < 200 else 3)

    return apply
