"""The demo's pipe survey with manholes nearer to each other: as many segments as a real district's."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from etl.job_file import find_job

WELLS = ("雨水井", "污水井")
"""Manholes that another may stand beside; outfalls, pumps and gratings stay what they are."""


def divide_pipes(folder: Path, wanted: int) -> None:
    """Divide the longest pipes of the survey in two, with a manhole between, until there are so many."""
    node_file = folder / str(find_job("pipe_node").source.path)
    pipe_file = folder / str(find_job("pipe_segment").source.path)
    nodes = gpd.read_file(node_file, encoding="GBK", datetime_as_string=True)
    pipes = gpd.read_file(pipe_file, encoding="GBK")
    wells = nodes[nodes["FSW"].isin(WELLS) & ~nodes["WTDH"].duplicated()].set_index("WTDH", drop=False)
    may = pipes["QDDH"].isin(wells["WTDH"]) & (
        shapely.get_type_id(pipes.geometry) == shapely.GeometryType.LINESTRING
    )
    length = pipes.length.where(may, 0)
    number = min(max(wanted - len(pipes), 0), int(may.sum()))
    chosen = pipes.loc[np.sort(length.nlargest(number).index)]
    first, second, between = chosen.copy(), chosen.copy(), wells.loc[chosen["QDDH"]].copy()
    codes = [f"Z{place:08d}" for place in range(number)]
    first["ZDDH"] = second["QDDH"] = codes
    for start, end in (("QDMS", "ZDMS"), ("QDGC", "ZDGC")):
        first[end] = second[start] = ((chosen[start] + chosen[end]) / 2).round(3)
    middle = shapely.line_interpolate_point(chosen.geometry, 0.5, normalized=True)
    begin, end = (shapely.get_point(chosen.geometry, at) for at in (0, -1))
    first.geometry = shapely.linestrings(_pairs(begin, middle))
    second.geometry = shapely.linestrings(_pairs(middle, end))
    between["WTDH"] = between["TSDH"] = codes
    between["X"], between["Y"] = shapely.get_y(middle).round(3), shapely.get_x(middle).round(3)
    between["DMGC"] = (first["ZDGC"] + first["ZDMS"]).round(3).to_numpy()
    between.geometry = middle.to_numpy()
    whole = pd.concat([pipes.drop(chosen.index), first, second], ignore_index=True)
    whole.to_file(pipe_file, encoding="GBK")
    pd.concat([nodes, between.reset_index(drop=True)], ignore_index=True).to_file(node_file, encoding="GBK")


def _pairs(one: gpd.GeoSeries, other: gpd.GeoSeries) -> np.ndarray:
    """Coordinates of lines of two points, (lines, 2, 2)."""
    return np.stack([shapely.get_coordinates(one), shapely.get_coordinates(other)], axis=1)
