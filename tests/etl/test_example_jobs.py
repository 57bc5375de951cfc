"""The packaged examples for OpenStreetMap and SWMM load by name, and are no part of a folder's load."""

from pathlib import Path

import pytest

from etl.job_file import find_job, packaged_jobs
from etl.run import run_job
from etl.source import read_chunks
from geodata.errors import UserError
from geodata.store import Store
from tests.etl.deliveries import load_areas, rows_of
from tests.etl.drawings import ROAD, extract, model


def test_roads_of_an_extract_become_the_base_map_s(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    (tmp_path / "roads.osm.pbf").write_bytes(extract(".osm.pbf"))
    report = run_job(store, find_job("examples/osm_road"), tmp_path)
    assert (report.rows_loaded, report.rows_refused) == (1, 0)
    found = rows_of(store, "SELECT code, kind, name, feature_class FROM ioc.base_feature")
    assert found == [("9", "road", "中山路", "primary")]


def test_lines_that_are_no_roads_are_not_asked_for(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    river = '<way id="10"><nd ref="1"/><nd ref="2"/><tag k="waterway" v="river"/></way>'
    path = tmp_path / "roads.osm"
    path.write_text(ROAD.replace('<way id="9">', f'{river}<way id="9">'), encoding="utf-8")
    job = find_job("examples/osm_road")
    report = run_job(store, job, path)
    assert (report.rows_read, report.rows_loaded, report.rows_refused) == (1, 1, 0)
    assert rows_of(store, "SELECT code FROM ioc.base_feature") == [("9",)]
    # The other way round of it: one class of road only, and the file has none of it.
    small = job.model_copy(update={"source": job.source.model_copy(update={"where": {"highway": ("path",)}})})
    with pytest.raises(UserError, match=r"None of the 2 rows .* source.where"):
        list(read_chunks(small, path, 1))
    river_only = small.source.model_copy(update={"where": {"waterway": ("river", "stream")}})
    [kept] = read_chunks(job.model_copy(update={"source": river_only}), path, 1)
    assert kept.source_row.tolist() == [1]


def test_a_model_s_nodes_and_links_become_drains(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    # 114.31° E, 30.51° N in the 3-degree zone of 114° E lies near easting 529 760 m, northing 3 376 600 m.
    placed = (
        model("CMS", "DEPTH")
        .replace("J1 0 0", "J1 529760 3376600")
        .replace("O1 100 0", "O1 529860 3376600")
        .replace("C1 50 10", "C1 529810 3376610")
    )
    (tmp_path / "model.inp").write_text(placed)
    for name in ("swmm_node", "swmm_segment"):
        assert run_job(store, find_job(f"examples/{name}"), tmp_path).rows_refused == 0
    nodes = rows_of(store, "SELECT code, ground_level, well_depth FROM ioc.pipe_node ORDER BY code")
    assert nodes == [("J1", 110.0, 10.0), ("O1", None, None)]
    [(code, start, end, top, low, diameter, length)] = rows_of(
        store,
        "SELECT code, start_node, end_node, start_invert_level, end_invert_level, diameter, length_m "
        "FROM ioc.pipe_segment",
    )
    assert (code, start, end, top, low, diameter) == ("C1", "J1", "O1", 101.0, 90.0, 2000.0)
    # Two legs of sqrt(50² + 10²) m; the projection's scale there is within 1 in 100,000.
    assert length == pytest.approx(101.98, abs=0.01)


def test_rows_of_a_hotline_become_cases_once(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    job = find_job("examples/hotline_case")
    file = tmp_path / str(job.source.path)
    file.parent.mkdir(parents=True, exist_ok=True)
    head = "工单编号,事项,诉求内容,地址,来电时间,经度,纬度\n"
    # 114.3155, 30.5076 in GCJ-02 is about 114.310, 30.510 in CGCS2000.
    first = "HX-1,暴露垃圾,没人收,中山路,2026-03-04 08:00,114.3155,30.5076\n"
    first += "HX-2,没有的事项,x,y,,114.3155,30.5076\n"
    file.write_text(head + first, encoding="utf-8")
    report = run_job(store, job, tmp_path)
    assert (report.rows_loaded, report.rows_refused) == (1, 1)
    file.write_text(head + first + "HX-3,道路不洁,路面脏,中山路,2026-03-04 09:00,114.3155,30.5076\n")
    run_job(store, job, tmp_path)
    found = rows_of(
        store,
        "SELECT source_code, title, description, address, left(area_code, 9), reported_at::text, "
        "(SELECT count(*) FROM ioc.case_step s WHERE s.case_id = c.id) FROM ioc.case_file c ORDER BY id",
    )
    assert [row[0] for row in found] == ["HX-1", "HX-3"]
    assert found[0][1:5] == ("暴露垃圾", "没人收", "中山路", "420106003")
    assert found[0][5].startswith("2026-03-04 00:00") or "08:00:00+08" in found[0][5]
    assert [row[6] for row in found] == [1, 1]


def test_examples_are_no_part_of_a_folder_s_load() -> None:
    assert not {"osm_road", "swmm_node", "swmm_segment", "hotline_case"} & {
        job.code for job in packaged_jobs()
    }
