"""Coordinates in columns beside a geometry, held against it: where they disagree, one of them is wrong."""

import numpy as np
import pandas as pd

from etl.cell_values import as_numbers
from etl.inspect.content import Content
from etl.inspect.coordinate_columns import named_pairs
from etl.inspect.frame import FrameFinding
from etl.inspect.hypotheses import statement_of_words
from geodata.coordinates import CGCS2000, convert
from geodata.coordinates.gcj02 import Floats
from geodata.errors import UserError

_LEAST, _MOST = 15.0, 2_000.0
"""Metres between which a disagreement tells something; further away the columns are of something else."""
_ALIKE = 0.5
"""Share of the offset by which rows may differ from the middle one for it to be one offset of them all."""
_METRES_PER_DEGREE = 111_320.0


def note_on_columns(
    attributes: pd.DataFrame, contents: dict[str, Content], x: Floats, y: Floats, frame: FrameFinding
) -> tuple[str, str] | None:
    """What is to be said, in two languages, of columns that all put the rows elsewhere than the geometry.

    Args:
        x, y: (n,) places of the geometries as the file has them.
    """
    if frame.crs is None or frame.needs_parameters or frame.packed:
        return None
    for names in named_pairs(contents):
        away = _offset(attributes, names, (x, y), frame)
        if away is not None:
            east, north = away
            both = "、".join(names)
            return (
                f"列 {both} 的位置与图形整体相差 东 {east:+.0f} m、北 {north:+.0f} m：请向提供部门核实",
                f"columns {', '.join(names)} put the rows {east:+.0f} m E {north:+.0f} m N of their shapes: "
                "ask the department which is right",
            )
    return None


def _offset(
    attributes: pd.DataFrame, names: tuple[str, str], place: tuple[Floats, Floats], frame: FrameFinding
) -> tuple[float, float] | None:
    said = statement_of_words(" ".join(names))
    written = [as_numbers(pd.Series(attributes[name]))[0].to_numpy(dtype=np.float64) for name in names]
    if not all(np.isfinite(one).mean() > 0.5 for one in written):
        return None
    degrees = float(np.nanmax(np.abs(np.stack(written)))) <= 180
    of = (said.frame if said else CGCS2000) if degrees else frame.crs
    x, y = place[::-1] if frame.swapped else place
    try:
        lon, lat = convert(x, y, frame.crs or CGCS2000, CGCS2000)
        other_lon, other_lat = convert(written[0], written[1], of or CGCS2000, CGCS2000)
    except UserError:
        return None
    east = (other_lon - lon) * _METRES_PER_DEGREE * np.cos(np.radians(lat))
    north = (other_lat - lat) * _METRES_PER_DEGREE
    given = np.isfinite(east) & np.isfinite(north)
    if given.mean() < 0.5:
        return None
    middle = float(np.median(east[given])), float(np.median(north[given]))
    away = float(np.hypot(*middle))
    alike = np.hypot(east[given] - middle[0], north[given] - middle[1]) < _ALIKE * away
    return middle if _LEAST < away < _MOST and alike.mean() > 0.5 else None
