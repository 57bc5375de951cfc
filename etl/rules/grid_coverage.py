"""Rules about unit grids as a whole: they do not overlap, and they leave no gap in their communities.

Limits and words are those of ``geodata.unit_grid_check``, which also checks what is published.
"""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from etl.rows import Rows
from etl.rules.finding import Finding, Note, each, nothing, of, rule
from etl.rules.pipe_network import in_metres
from geodata.unit_grid_check import REASONS, Limits


@rule("grid_overlap", scope="dataset", columns=("code", "geom"))
def grid_overlap(
    rows: Rows, sliver_area: float = Limits.sliver_area, sliver_width: float = Limits.sliver_width
) -> Finding:
    """No two grids share more than a sliver (m², m wide on average); the later row is marked."""
    if rows.geometry is None:
        return nothing(rows, "geom")
    standing = np.flatnonzero(rows.located() & ~rows.refused & (shapely.area(rows.geometry) > 0))
    if not len(standing):
        return nothing(rows, "geom")
    plane = shapely.make_valid(in_metres(rows.geometry[standing]))
    one, other = shapely.STRtree(plane).query(plane, predicate="intersects")
    one, other = one[one > other], other[one > other]
    common = shapely.intersection(plane[one], plane[other])
    large = ~_is_sliver(common, sliver_area, sliver_width)
    twin, area = np.full(len(rows), -1), np.zeros(len(rows))
    twin[standing[one[large]]] = standing[other[large]]
    area[standing[one[large]]] = shapely.area(common[large])
    codes = rows.columns["code"].to_numpy(dtype=object)
    zh, en = REASONS["overlap"]
    describe = each(
        lambda code, second, shared: (
            zh.format(codes=f"{second}、{code}", area=f"{shared:,.1f}"),
            en.format(codes=f"{second} and {code}", area=f"{shared:,.1f}"),
            "修正两网格的公共边界",
            "mend the border between the two",
        ),
        of(codes),
        lambda chosen: codes[twin[chosen]].tolist(),
        of(area),
    )
    return Finding(twin >= 0, "geom", describe)


@rule("grid_gap", scope="dataset", columns=("code", "geom"), reads=("community",))
def grid_gap(
    rows: Rows, sliver_area: float = Limits.sliver_area, sliver_width: float = Limits.sliver_width
) -> Finding:
    """The grids cover every published community. Notes, as a gap is no grid's."""
    communities = rows.references.table("community")
    if rows.geometry is None or not len(communities):
        return nothing(rows, "geom")
    standing = np.flatnonzero(rows.located() & ~rows.refused & (shapely.area(rows.geometry) > 0))
    grids = shapely.make_valid(rows.geometry[standing])
    tree = shapely.STRtree(grids)
    notes = []
    for code, community in zip(communities.codes, communities.geometry, strict=True):
        bare = shapely.difference(community, shapely.union_all(grids[tree.query(community)]))
        gaps = shapely.get_parts(bare)
        gaps = gaps[shapely.area(gaps) > 0]
        if not len(gaps):
            continue
        plane = in_metres(gaps)
        for gap, drawn in zip(gaps, plane, strict=True):
            if not _is_sliver(drawn, sliver_area, sliver_width):
                notes.append(_gap_note(str(code), gap, float(shapely.area(drawn))))
    return Finding(rows.none(), "geom", nothing(rows).describe, tuple(notes))


def _gap_note(community: str, gap: BaseGeometry, area: float) -> Note:
    zh, en = (text.format(community=community, area=f"{area:,.1f}") for text in REASONS["gap"])
    return Note(
        community, zh, en, gap, "补划网格，或扩展相邻网格", "draw a grid there, or widen one beside it"
    )


def _is_sliver(shapes: np.ndarray, area: float, width: float) -> np.ndarray:
    """Smaller than an area, or narrower than a width on average (2 · area / perimeter)."""
    areas, around = shapely.area(shapes), shapely.length(shapes)
    mean = np.divide(2 * areas, around, out=np.zeros_like(areas), where=around > 0)
    return (areas < area) | (mean < width)
