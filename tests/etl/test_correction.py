"""Corrected rows, and only these, are run again and join the published version; nothing else moves."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
import shapely

from etl.correction import merge_corrections
from etl.dataset_history import quarantined_rows
from etl.job import Job
from etl.quarantine_workbook import GEOMETRY, WorkbookError, quarantine_workbook
from etl.rows import Rows
from etl.rules import RULES, Finding
from etl.rules.finding import always, rule
from etl.run import run_job
from geodata.store import Store
from tests.etl.deliveries import (
    degrees_job,
    facility_job,
    load,
    load_areas,
    loaded_codes,
    rows_of,
    version_states,
    version_tables,
    write_geojson,
    write_list,
)

HEADER = "编号,名称,经度,纬度,容量"
ROWS = [
    "A1,一号,114.305,30.505,10",
    "A2,,114.315,30.505,20",
    "A3,三号,114.9,30.515,30",
    "A4,四号,114.305,30.515,约30米",
    "A5,,114.315,30.515,50",
]
CHECKS = '[[checks]]\nrule = "inside_district"\ntolerance_m = 20'


@pytest.fixture
def job(store: Store, tmp_path: Path) -> Job:
    load_areas(store, tmp_path)
    write_list(tmp_path, ROWS, HEADER)
    one = degrees_job(tmp_path, checks=CHECKS)
    load(store, one, tmp_path)
    return one


def corrected(workbook: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The workbook after a steward went through its lines."""
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    sheet = book["待更正"]
    names = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        change({str(name): cell for name, cell in zip(names, row, strict=True)})
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def set_cells(changes: dict[str, dict[str, str]]) -> Callable[[dict[str, Any]], None]:
    """Set cells of the lines of these codes."""

    def change(line: dict[str, Any]) -> None:
        for name, value in changes.get(str(line["编号"].value), {}).items():
            line[name].value = value

    return change


def test_corrected_rows_join_the_rest_and_others_stay_in_quarantine(store: Store, job: Job) -> None:
    workbook = quarantine_workbook(store, job)
    done = corrected(
        workbook, set_cells({"A2": {"名称": "二号"}, "A4": {"容量": "30"}, "A3": {"名称": "仍远"}})
    )
    report = merge_corrections(store, job, done)
    assert (report.published, report.rows_read, report.rows_loaded, report.rows_refused) == (True, 3, 2, 1)
    found = rows_of(
        store, "SELECT code, name, capacity, source_row, warnings FROM ioc.facility ORDER BY code"
    )
    assert found == [
        ("A1", "一号", 10.0, 2, None),
        ("A2", "二号", 20.0, 3, None),
        ("A4", "四号", 30.0, 5, None),
    ]
    left = {(row.source_row, row.rule, row.raw["名称"]) for row in quarantined_rows(store, job.code)}
    assert left == {(4, "inside_district", "仍远"), (6, "given", "")}
    counts = "SELECT rows_read, rows_loaded, rows_refused, rows_flagged FROM ioc.dataset_version ORDER BY id"
    assert rows_of(store, counts)[-1] == (5, 3, 2, 0)
    entries = rows_of(store, "SELECT code FROM ioc.search_entry WHERE code LIKE 'A%%' ORDER BY code")
    assert entries == [("A1",), ("A2",), ("A4",)]


def crowded(rows: Rows) -> Finding:
    """Every row that shares its place."""
    places = pd.Series(shapely.to_wkt(rows.geometry))
    return Finding(places.duplicated(keep=False).to_numpy(), None, always("拥挤", "crowded"))


def test_rows_carried_over_are_judged_again_beside_the_corrected_ones(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, "crowded", crowded)
    rule("crowded", scope="dataset", columns=("code", "geom"))(crowded)
    near = '[[checks]]\nid = "NEAR"\nrule = "same_place"\nseverity = "warning"'
    dated = '[[checks]]\nrule = "range"\ncolumn = "capacity"\nmax = 50\nseverity = "warning"'
    crowd = '[[checks]]\nrule = "crowded"\nseverity = "warning"'
    job = degrees_job(tmp_path, checks=f"{near}\n{dated}\n{crowd}")
    # B2 lies where B1 does; B1, corrected, moves to where B3 is, which lies after it.
    rows = ["B1,一,114.305,30.505,99", "B2,二,114.305,30.505,1", "B3,三,114.315,30.505,1"]
    write_list(tmp_path, rows, HEADER)
    load(store, job, tmp_path)
    warnings = "SELECT code, warnings FROM ioc.facility ORDER BY code"
    assert rows_of(store, warnings) == [
        ("B1", ["range:capacity", "crowded"]),
        ("B2", ["NEAR:geom", "crowded"]),
        ("B3", None),
    ]
    moved = {"B1": {"经度": "114.315", "容量": "9"}}
    report = merge_corrections(store, job, corrected(quarantine_workbook(store, job), set_cells(moved)))
    assert report.published
    assert rows_of(store, warnings) == [("B1", ["NEAR:geom", "crowded"]), ("B2", None), ("B3", ["crowded"])]
    entries = {(row.source_row, row.rule, row.reason_en) for row in quarantined_rows(store, job.code)}
    assert {one[:2] for one in entries} == {(2, "NEAR"), (2, "crowded"), (None, "crowded")}
    assert (None, "crowded", "B3：crowded") in entries


def test_the_same_workbook_and_the_uncorrected_file_change_nothing(
    store: Store, job: Job, tmp_path: Path
) -> None:
    done = corrected(quarantine_workbook(store, job), set_cells({"A2": {"名称": "二号"}}))
    assert merge_corrections(store, job, done).published
    before = version_tables(store), version_states(store, job.code)
    assert merge_corrections(store, job, done).unchanged
    assert run_job(store, job, tmp_path).unchanged
    assert (version_tables(store), version_states(store, job.code)) == before
    second = corrected(quarantine_workbook(store, job), set_cells({"A5": {"名称": "五号"}}))
    assert merge_corrections(store, job, second).published
    assert loaded_codes(store) == ["A1", "A2", "A4", "A5"]
    assert merge_corrections(store, job, done).unchanged


def test_a_row_that_a_newer_load_brought_otherwise_is_turned_away(
    store: Store, job: Job, tmp_path: Path
) -> None:
    done = corrected(
        quarantine_workbook(store, job), set_cells({"A2": {"名称": "二号"}, "A5": {"名称": "五号"}})
    )
    write_list(tmp_path, [ROWS[0], "A2,,114.316,30.505,20", *ROWS[2:4], "A5,好了,114.315,30.515,50"], HEADER)
    load(store, job, tmp_path)
    report = merge_corrections(store, job, done)
    assert (report.published, report.unchanged) == (False, True)
    assert [(row, reason[:9]) for row, reason, _ in report.turned_away] == [
        (3, "该行在新一次入库的"),
        (6, "该行在当前版本中已"),
    ]
    assert loaded_codes(store) == ["A1", "A4", "A5"]


def test_a_corrected_code_neither_replaces_another_row_nor_stays_twice(store: Store, job: Job) -> None:
    changes = {"A2": {"编号": "A1", "名称": "二号"}, "A4": {"编号": "B4", "容量": "30"}}
    report = merge_corrections(store, job, corrected(quarantine_workbook(store, job), set_cells(changes)))
    assert report.refused_by_rule == {"unique": 1}
    assert rows_of(store, "SELECT code, name FROM ioc.facility ORDER BY code") == [
        ("A1", "一号"),
        ("B4", "四号"),
    ]
    [entry] = [row for row in quarantined_rows(store, job.code) if row.rule == "unique"]
    assert (entry.source_row, entry.reason_zh) == (3, "“A1”与第 2 行重复")


def test_places_of_a_file_with_geometry_are_corrected_as_text(store: Store, tmp_path: Path) -> None:
    load_areas(store, tmp_path)
    places = [shapely.Point(114.305, 30.505), shapely.Point(114.9, 30.505), None]
    columns = {"编号": ["A1", "A2", "A3"], "名称": ["一号", "二号", "三号"]}
    write_geojson(tmp_path / "list.geojson", columns, places)
    job = facility_job(tmp_path, "list.geojson", checks=CHECKS)
    load(store, job, tmp_path)
    changes = {"A2": {GEOMETRY: "POINT (114.315 30.505)"}, "A3": {GEOMETRY: "114.315, 30.515"}}
    merge_corrections(store, job, corrected(quarantine_workbook(store, job), set_cells(changes)))
    found = rows_of(store, "SELECT code, ST_X(geom), ST_Y(geom) FROM ioc.facility ORDER BY code")
    assert found == [("A1", 114.305, 30.505), ("A2", 114.315, 30.505), ("A3", 114.315, 30.515)]


def test_a_workbook_of_another_dataset_is_refused(store: Store, job: Job, tmp_path: Path) -> None:
    workbook = quarantine_workbook(store, job)
    other = degrees_job(tmp_path, code="other_test")
    with pytest.raises(WorkbookError, match=r"corrects dataset “facility_test”, not “other_test”"):
        merge_corrections(store, other, workbook)
    load(store, other, tmp_path)
    clean = degrees_job(tmp_path, code="clean_test")
    write_list(tmp_path, ROWS[:1], HEADER)
    load(store, clean, tmp_path)
    with pytest.raises(WorkbookError, match="no refused or flagged rows"):
        quarantine_workbook(store, clean)
