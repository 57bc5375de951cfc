"""Numbers unit grids inside their community: from west to east, north to south (GB/T 47678.3-2026, DB11).

The order is that of reading a page. A community is read in rows of equal height, from its northernmost grid
down; a grid stands in the row that its centroid lies in. In a row grids follow from west to east by their
centroid; of two with the same easting (to the centimetre) the northern comes first, then the larger.
"""

from collections.abc import Sequence

import numpy as np
import shapely

from geodata.coverage import Geometries
from geodata.errors import UserError

ROW_HEIGHT = 100.0
"""Metres: the side of a square of 10,000 m²."""
MOST = 999
"""The sequence has three digits."""


def unit_grid_codes(
    polygons: Geometries, communities: Sequence[str], row_height: float = ROW_HEIGHT
) -> np.ndarray:
    """The 15-digit code of each grid: its community's 12 digits and its number there.

    Args:
        polygons: in a projected frame, in metres.
        communities: code of each grid's community, 12 digits.
        row_height: of the rows in which a community is read, in metres.

    Raises:
        UserError: a community has more grids than three digits can number, or a code is not 12 digits.
    """
    community = np.asarray(communities, dtype=str)
    _check(community)
    middle = np.round(shapely.get_coordinates(shapely.centroid(polygons)), 2)
    codes, owner = np.unique(community, return_inverse=True)
    north = np.full(len(codes), -np.inf)
    np.maximum.at(north, owner, middle[:, 1])
    row = np.floor((north[owner] - middle[:, 1]) / row_height)
    order = np.lexsort((-np.round(shapely.area(polygons), 1), -middle[:, 1], middle[:, 0], row, owner))
    _, first, counts = np.unique(owner[order], return_index=True, return_counts=True)
    if counts.max(initial=0) > MOST:
        crowded = codes[counts.argmax()]
        raise UserError(
            f"The community {crowded} has {counts.max()} unit grids, but three digits number at most {MOST}: "
            "divide it with a larger target area."
        )
    number = np.arange(len(order)) - np.repeat(first, counts) + 1
    numbered = np.empty(len(order), dtype="U15")
    numbered[order] = np.char.add(community[order], np.char.zfill(number.astype(str), 3))
    return numbered


def _check(community: np.ndarray) -> None:
    sound = (np.char.str_len(community) == 12) & np.char.isdigit(community)
    if not sound.all():
        row = int(np.flatnonzero(~sound)[0])
        raise UserError(
            f"Grid {row + 1} stands in community “{community[row]}”, which is not a code of 12 digits: "
            "correct the community codes before numbering."
        )
