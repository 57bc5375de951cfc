"""The pipes of a dataset as a network: who meets whom, which way the water goes, what the nodes are.

Subclasses (YS storm, WS sewage, HS combined) and conventions (levels of gravity drains are inverts;
``flow_direction`` 0 from start to end, 1 from end to start) are those of CJJ 61-2017, as the code tables
pipe_subclass and pipe_field have them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely

from etl.rows import Rows
from etl.rules.pipe_section import section_sizes
from geodata.coordinates import CGCS2000, convert_geometries, geodesic_length
from geodata.coordinates.gauss_kruger import epsg_of_zone, zone_of

STORM, SEWAGE, COMBINED = "YS", "WS", "HS"
GRAVITY = (STORM, SEWAGE, COMBINED)
AGAINST = ("1", "逆流")
NODE_COLUMNS = ("ground_level", "feature", "attachment", "subclass")
NODES = {"pipe_node": NODE_COLUMNS}
"""What is looked up of the published points."""
COLUMNS = (
    "code", "start_node", "end_node", "start_depth", "end_depth", "start_invert_level", "end_invert_level",
    "subclass", "material", "section", "flow_direction", "pressure", "embedding", "geom",
)  # fmt: skip
"""Target columns that the rules of networks read."""


@dataclass(frozen=True)
class Network:
    """Pipes between nodes. Arrays of one value per pipe, ``top`` and ``bottom`` are positions in ``codes``.

    ``rows`` are the numbers of the pipes' rows; ``up`` and ``down`` the levels (m) at the ends where water
    enters and leaves; heights in mm, areas in m². Node values follow ``codes``, "" or NaN where not known.
    """

    rows: np.ndarray
    codes: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    up: np.ndarray
    down: np.ndarray
    kind: np.ndarray
    gravity: np.ndarray
    height: np.ndarray
    area: np.ndarray
    feature: np.ndarray
    attachment: np.ndarray
    node_kind: np.ndarray

    def outflows(self, chosen: np.ndarray) -> np.ndarray:
        """How many of the chosen pipes leave each node."""
        return np.bincount(self.top[chosen], minlength=len(self.codes))

    def is_one_of(self, words: tuple[str, ...]) -> np.ndarray:
        """Nodes whose feature or attachment contains one of the words."""
        texts = np.char.add(self.feature.astype(str), np.char.add(" ", self.attachment.astype(str)))
        found = np.zeros(len(self.codes), dtype=bool)
        for word in words:
            found |= np.char.find(texts, word) >= 0
        return found


def network_of(rows: Rows) -> Network:
    """The pipes that stand and name both their ends."""
    columns = rows.columns
    start, end = (columns[name].astype(object) for name in ("start_node", "end_node"))
    kept = np.flatnonzero(~rows.refused & start.notna().to_numpy() & end.notna().to_numpy())
    numbers, codes = pd.factorize(np.concatenate([start.to_numpy()[kept], end.to_numpy()[kept]]), sort=True)
    first, last = numbers[: len(kept)], numbers[len(kept) :]
    against = runs_against(rows)[kept]
    levels = [plain(rows, name)[kept] for name in ("start_invert_level", "end_invert_level")]
    heights, areas = section_sizes(pd.Series(columns["section"].astype(object).to_numpy()[kept]))
    nodes = rows.references.columns("pipe_node", NODE_COLUMNS).reindex(codes)
    words = {name: nodes[name].fillna("").to_numpy(dtype=object) for name in NODE_COLUMNS[1:]}
    return Network(
        kept,
        np.asarray(codes, dtype=object),
        np.where(against, last, first),
        np.where(against, first, last),
        np.where(against, levels[1], levels[0]),
        np.where(against, levels[0], levels[1]),
        columns["subclass"].astype(object).fillna("").to_numpy()[kept],
        is_gravity(rows)[kept],
        heights,
        areas,
        words["feature"],
        words["attachment"],
        words["subclass"],
    )


def plain(rows: Rows, column: str) -> np.ndarray:
    """A column of numbers, NaN where empty."""
    return rows.columns[column].astype("float64").to_numpy()


def runs_against(rows: Rows) -> np.ndarray:
    """Pipes whose flow is stated to run from end to start."""
    return rows.columns["flow_direction"].isin(AGAINST).to_numpy(dtype=bool)


def is_gravity(rows: Rows) -> np.ndarray:
    """Drains without a pressure."""
    drains = rows.columns["subclass"].isin(GRAVITY)
    return (drains & rows.columns["pressure"].isna()).to_numpy(dtype=bool)


def plan_lengths(rows: Rows) -> np.ndarray:
    """Metres along each pipe on the map, NaN where it has no place."""
    shapes = rows.geometry if rows.geometry is not None else np.full(len(rows), None, dtype=object)
    return geodesic_length(shapes)


def ground_levels(rows: Rows, column: str) -> np.ndarray:
    """Ground level (m) at the published node that a column names."""
    nodes = rows.references.columns("pipe_node", NODE_COLUMNS)
    levels = nodes["ground_level"].astype("float64").reindex(rows.columns[column].astype(object))
    return levels.to_numpy(dtype=float)


def in_metres(shapes: np.ndarray) -> np.ndarray:
    """Shapes in the 3-degree zone they lie in; those without a place stay None."""
    middle = float(np.nanmean(shapely.bounds(shapes)[:, 0]))
    return convert_geometries(shapes, CGCS2000, f"EPSG:{epsg_of_zone(zone_of(middle).number)}")


def node_places(rows: Rows, codes: np.ndarray) -> np.ndarray:
    """Published places of nodes in degrees, None where not known."""
    nodes = rows.references.table("pipe_node")
    position = pd.Series(np.arange(len(nodes)), index=nodes.codes)
    found: Any = pd.Series(position[~position.index.duplicated()]).reindex(codes)
    known = found.notna().to_numpy()
    places = np.full(len(codes), None, dtype=object)
    places[known] = nodes.geometry[found[known].astype(int).to_numpy()]
    return places
