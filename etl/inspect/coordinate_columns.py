"""The columns of a table that hold its places: two of numbers or angles, one of both, or one of WKT."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import shapely

from etl.cell_values import as_numbers, as_text
from etl.coordinate_columns import read_geometries
from etl.inspect.content import Content, pairs
from etl.inspect.hypotheses import statement_of_words
from geodata.coordinates import parse_degrees
from geodata.coordinates.gcj02 import Floats

NAMES = Path(__file__).with_name("coordinate_names.toml")
_GOOD_FRAMES = {"CGCS2000": 3, "WGS84": 2, None: 1, "GCJ-02": 0, "BD-09": 0}


@dataclass(frozen=True)
class CoordinateColumns:
    """``x`` and ``y`` name two columns, or ``xy`` one of both, or ``wkt`` one of geometries."""

    x: str | None = None
    y: str | None = None
    xy: str | None = None
    wkt: str | None = None
    others: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.x, self.y, self.xy, self.wkt) if name)

    @property
    def words(self) -> str:
        """The names, for what they say of the frame."""
        return " ".join(self.names)


def find_columns(contents: dict[str, Content]) -> CoordinateColumns | None:
    """The columns with the places; None where there are none. Where several fit, the truest frame's."""
    by_kind = {kind: name for name, content in contents.items() for kind in content.kinds}
    if "wkt" in by_kind:
        return CoordinateColumns(wkt=by_kind["wkt"])
    found = named_pairs(contents)
    if not found and "pair" in by_kind:
        return CoordinateColumns(xy=by_kind["pair"])
    found = found or _pairs_by_content(contents)
    if not found:
        return None
    found.sort(key=lambda pair: -_rank(pair, contents))
    (x, y), *others = found
    return CoordinateColumns(x, y, others=tuple(others))


def names_coordinate(name: str) -> Literal["x", "y"] | None:
    """Whether a name is one of an easting or longitude (x) or of a northing or latitude (y)."""
    for axis, pattern in _patterns().items():
        if pattern.search(name.strip()):
            return axis
    return None


def coordinates(table: pd.DataFrame, columns: CoordinateColumns) -> tuple[Floats, Floats, np.ndarray | None]:
    """(n,) x and y as written, NaN where unreadable, and the shapes where a column holds WKT."""
    if columns.wkt:
        shapes = read_geometries(pd.Series(table[columns.wkt]))[0]
        middle = shapely.centroid(shapes)
        return shapely.get_x(middle), shapely.get_y(middle), shapes
    if columns.xy:
        both = pairs(pd.Series(as_text(pd.Series(table[columns.xy])), dtype="str"))
        return both[:, 0], both[:, 1], None
    return _numbers(table, columns.x), _numbers(table, columns.y), None


def _numbers(table: pd.DataFrame, name: str | None) -> Floats:
    values = pd.Series(table[name])
    numbers = as_numbers(values)[0].to_numpy(dtype=np.float64)
    if np.isfinite(numbers).mean() >= 0.5:
        return numbers
    return parse_degrees(values)[0]


def named_pairs(contents: dict[str, Content]) -> list[tuple[str, str]]:
    """Each x with the y whose name differs in that token alone."""
    named: dict[str, list[str]] = {"x": [], "y": []}
    for name, content in contents.items():
        axis = names_coordinate(name)
        if axis and {"number", "angle"} & set(content.kinds):
            named[axis].append(name)
    found = []
    for x in named["x"]:
        alike = sorted(named["y"], key=lambda y: (_rest(y) != _rest(x), abs(len(y) - len(x))))
        if alike:
            found.append((x, alike[0]))
    return found


def _pairs_by_content(contents: dict[str, Content]) -> list[tuple[str, str]]:
    """Longitudes beside latitudes, or 6- and 8-digit eastings beside northings, whatever they are called."""
    by_kind = {
        kind: [name for name, content in contents.items() if kind in content.kinds]
        for kind in ("longitude", "latitude")
    }
    found = list(product(by_kind["longitude"], by_kind["latitude"]))
    if found:
        return [pair for pair in found if contents[pair[1]].spread > 0.5 and contents[pair[0]].spread > 0.5][
            :1
        ]
    metres = [name for name, content in contents.items() if _could_be_metres(content)]
    easts = [name for name in metres if (contents[name].high or 0) < 1e6 or (contents[name].low or 0) > 1.2e7]
    norths = [name for name in metres if 1e6 < (contents[name].low or 0) < 6.3e6]
    return list(product(easts, norths))[:1]


def _could_be_metres(content: Content) -> bool:
    return (
        "number" in content.kinds
        and not content.whole
        and content.spread > 0.9
        and content.low is not None
        and content.low > 1e5
    )


def _rank(pair: tuple[str, str], contents: dict[str, Content]) -> float:
    said = statement_of_words(" ".join(pair))
    filled = 1 - max(contents[name].null_share for name in pair)
    degrees = all({"longitude", "latitude", "angle"} & set(contents[name].kinds) for name in pair)
    return _GOOD_FRAMES.get(said.frame if said else None, 1) + 2 * filled + 0.5 * degrees


def _rest(name: str) -> str:
    for pattern in _patterns().values():
        name = pattern.sub("", name, count=1)
    return name.lower()


@cache
def _patterns() -> dict[Literal["x", "y"], re.Pattern[str]]:
    with NAMES.open("rb") as file:
        entries = tomllib.load(file)
    return {axis: re.compile(entries[axis], re.IGNORECASE) for axis in ("x", "y")}
