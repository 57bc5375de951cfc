"""The same seed gives the same files, and the manifest tells what is in them."""

from pathlib import Path

import pandas as pd
import pyogrio
import pytest
from python_calamine import CalamineWorkbook

from geodata.errors import UserError
from ioc.demo.build import build_demo
from ioc.demo.cameras import COUNT as CAMERAS
from ioc.demo.components import COUNT as COMPONENTS
from ioc.demo.district import grid_counts
from ioc.demo.drain_faults import HAZARDS, MISCONNECTIONS
from tests.ioc.demo.conftest import SCALE, SEED, DemoFolder


def rows_in(path: Path, layer: str) -> int:
    if path.suffix == ".xlsx":
        rows = CalamineWorkbook.from_path(path).get_sheet_by_name(layer).to_python()
        return len(rows) - (2 if layer == "点位表" else 1)
    if path.suffix == ".csv":
        return len(pd.read_csv(path, encoding="gb18030"))
    return pyogrio.read_info(path, layer=layer if path.suffix == ".gpkg" else None)["features"]


def test_the_same_seed_gives_the_same_bytes(demo: DemoFolder, tmp_path: Path):
    again = build_demo(tmp_path, SEED, SCALE)
    assert again["sha256"] == demo.manifest["sha256"]


def test_another_seed_gives_other_files(demo: DemoFolder, tmp_path: Path):
    other = build_demo(tmp_path, SEED + 1, 0.01)
    file = "区城管执法局/城市部件普查_2026.gpkg"
    assert other["sha256"][file] != demo.manifest["sha256"][file]


def test_the_manifest_counts_what_the_files_hold(demo: DemoFolder):
    for file, layers in demo.manifest["counts"].items():
        for layer, count in layers.items():
            assert rows_in(demo.path / file, layer) == count, (file, layer)


def test_counts_follow_the_scale(demo: DemoFolder):
    counts = demo.manifest["counts"]
    assert counts["区城管执法局/城市部件普查_2026.gpkg"]["部件"] == round(COMPONENTS * SCALE)
    assert counts["公安分局/视频监控点位表.xlsx"]["点位表"] == round(CAMERAS * SCALE)
    assert counts["区民政局/行政区划_街道.geojson"]["行政区划_街道"] == 14
    unit_grids, duty_grids = grid_counts(SCALE)
    assert counts["区城市运行管理中心/责任网格.geojson"]["责任网格"] == duty_grids
    assert counts["区城市运行管理中心/万米单元网格.geojson"]["万米单元网格"] == pytest.approx(
        unit_grids, rel=0.02
    )
    faults = demo.manifest["drain_fault_counts"]
    assert sum(n for kind, n in faults.items() if kind.startswith("隐患")) == round(HAZARDS * SCALE)
    assert sum(n for kind, n in faults.items() if kind.startswith("混接")) == round(MISCONNECTIONS * SCALE)


def test_every_file_says_that_it_is_synthetic(demo: DemoFolder):
    assert demo.manifest["synthetic"] is True
    assert "演示数据" in (demo.path / "说明.txt").read_text(encoding="utf-8")
    pipes = demo.read("区水务局/排水管线_管线段.shp", encoding="GBK")
    assert set(pipes["BZ"]) == {"演示数据"}


def test_a_scale_out_of_range_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="比例"):
        build_demo(tmp_path, SEED, 0.001)
