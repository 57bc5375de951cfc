"""Water runs downhill everywhere but at the seeded faults, and these are where the manifest says."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from ioc.demo.drain_faults import INTO_SEWER, INTO_STORM, NARROWED, REVERSED
from tests.ioc.demo.conftest import DemoFolder

NODES, SEGMENTS = "区水务局/排水管线_管点.shp", "区水务局/排水管线_管线段.shp"


@pytest.fixture(scope="module")
def pipes(demo: DemoFolder) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Nodes and segments without the rows that were spoilt on purpose."""
    frames = []
    for file, layer in ((NODES, "管点"), (SEGMENTS, "管线段")):
        frames.append(demo.read(file, encoding="GBK").drop(index=demo.spoilt(file, layer)))
    return frames[0], frames[1]


def listed(demo: DemoFolder, *kinds: str) -> set[tuple[str, str]]:
    faults = demo.manifest["drain_faults"]
    return {(fault["起点点号"], fault["终点点号"]) for fault in faults if fault["类型"] in kinds}


def ends(segments: pd.DataFrame) -> set[tuple[str, str]]:
    return set(zip(segments["QDDH"], segments["ZDDH"], strict=True))


def test_only_the_listed_segments_rise(demo: DemoFolder, pipes: tuple):
    _, segments = pipes
    rising = segments[segments["ZDGC"] >= segments["QDGC"]]
    assert ends(rising) == listed(demo, REVERSED) & ends(segments)
    assert len(rising) > 0


def test_only_the_listed_segments_are_narrower_than_what_they_take_in(demo: DemoFolder, pipes: tuple):
    _, segments = pipes
    size = segments["GJ"].astype(int)
    arriving = size.groupby(segments["ZDDH"]).max()
    narrow = segments[size < segments["QDDH"].map(arriving).fillna(0)]
    assert ends(narrow) == listed(demo, NARROWED) & ends(segments)


def test_only_the_listed_segments_join_the_wrong_system(demo: DemoFolder, pipes: tuple):
    nodes, segments = pipes
    system = segments["ZDDH"].map(nodes.set_index("WTDH")["GXLX"])
    own = segments["GXLX"].replace("HS", "WS")
    wrong = segments[system.notna() & (system != own)]
    known = set(nodes["WTDH"])
    expected = {pair for pair in listed(demo, INTO_SEWER, INTO_STORM) & ends(segments) if pair[1] in known}
    assert ends(wrong) == expected
    assert len(wrong) > 0


def test_depths_agree_with_levels(pipes: tuple):
    nodes, segments = pipes
    ground = nodes.set_index("WTDH")["DMGC"]
    start = segments["QDDH"].map(ground) - segments["QDGC"] - segments["QDMS"]
    end = segments["ZDDH"].map(ground) - segments["ZDGC"] - segments["ZDMS"]
    assert start.abs().max() <= 0.0051
    assert end.abs().max() <= 0.0051
    assert (segments[["QDMS", "ZDMS"]].min() > 0.3).all()
    assert (segments[["QDMS", "ZDMS"]].max() < 12).all()


def test_geometry_runs_from_node_to_node(pipes: tuple):
    nodes, segments = pipes
    assert segments.crs is not None
    assert segments.crs.to_epsg() == 4547
    place = nodes.set_index("WTDH").geometry
    known = segments[segments["QDDH"].isin(place.index)]
    first = known.geometry.map(lambda line: line.coords[0])
    there = place.loc[known["QDDH"]].map(lambda point: point.coords[0])
    assert np.allclose(np.array(first.tolist()), np.array(there.tolist()), atol=0.001)
    assert np.allclose(nodes["Y"], nodes.geometry.x)
    assert np.allclose(nodes["X"], nodes.geometry.y)
    assert known.length.min() > 0.05
    assert known.length.max() < 75


def test_every_drain_ends_at_an_outfall_or_a_pumping_station(demo: DemoFolder, pipes: tuple):
    nodes, segments = pipes
    last = set(segments["ZDDH"]) - set(segments["QDDH"])
    kind = nodes.set_index("WTDH")
    ending = kind.loc[sorted(last & set(kind.index))]
    spoilt_upstream = ending[(ending["TZ"] != "出水口") & (ending["FSW"] != "泵站")]
    # Each spoilt pipe that is left out here takes the way on from one point at most.
    assert len(spoilt_upstream) <= len(demo.spoilt(SEGMENTS, "管线段"))


def test_the_shapefile_is_gbk_and_does_not_say_so(demo: DemoFolder):
    for file in (NODES, SEGMENTS):
        assert not (demo.path / file).with_suffix(".cpg").exists()
        assert "武昌区".encode("gbk") in (demo.path / file).with_suffix(".dbf").read_bytes()
        assert all(len(name.encode("gbk")) <= 10 for name in demo.read(file, encoding="GBK").columns[:-1])
