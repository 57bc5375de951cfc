"""Quarantined rows as a workbook: the file's columns, wrong cells explained, formulas kept texts."""

import io
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from openpyxl.utils import get_column_letter

from etl.quarantine_workbook import KEY, WorkbookError, quarantine_workbook, read_corrections
from geodata.store import Store
from tests.etl.deliveries import degrees_job, load, load_areas, write_list

ROWS = [
    "A1,一号,114.305,30.505,10",
    "A2,,114.315,30.505,-5",
    '=1+1,"=HYPERLINK(""http://x"")",114.9,30.515,很多',
    "A4,四号,114.305,30.515,约30米",
]


@pytest.fixture
def workbook(store: Store, tmp_path: Path) -> bytes:
    load_areas(store, tmp_path)
    write_list(tmp_path, ROWS, "编号,名称,经度,纬度,容量")
    job = degrees_job(tmp_path, checks='[[checks]]\nrule = "inside_district"\ntolerance_m = 20')
    load(store, job, tmp_path)
    return quarantine_workbook(store, job)


def test_the_sheet_is_the_file_with_what_is_wrong_marked(workbook: bytes) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(workbook))["待更正"]
    header = [cell.value for cell in sheet[1]]
    assert header[:5] == ["编号", "名称", "经度", "纬度", "容量"]
    assert sheet.freeze_panes == "A2"
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == ["A2", "=1+1", "A4"]
    assert {
        cell.data_type for row in sheet.iter_rows(min_row=2, max_col=5) for cell in row if cell.value
    } == {"s"}
    name, east, capacity = sheet["B2"], sheet["C3"], sheet["E4"]
    assert name.fill.start_color.rgb == "FFF8B4B4"
    assert east.fill.start_color.rgb == "FFF8B4B4"
    assert capacity.fill.start_color.rgb == "FFFCE8A8"
    assert name.comment is not None
    assert name.comment.text.startswith("“名称”未填写。补填“名称”")
    assert capacity.comment is not None
    assert "改填 30" in capacity.comment.text
    assert sheet["A2"].fill.fill_type is None
    key = get_column_letter(header.index(KEY) + 1)
    assert sheet.column_dimensions[key].hidden


def test_lines_are_known_after_sorting_and_leaving_some_out(workbook: bytes) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    sheet = book["待更正"]
    sheet.delete_rows(3)
    sheet["B2"] = "二号"
    sheet.move_range("A2:H2", rows=5)
    file = io.BytesIO()
    book.save(file)
    corrections = read_corrections(file.getvalue())
    assert corrections.dataset == "facility_test"
    assert [(line.source_row, line.cells["名称"]) for line in corrections.lines] == [(5, "四号"), (3, "二号")]


def test_what_is_no_such_workbook_is_refused_in_one_sentence(workbook: bytes, tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="is no workbook of quarantined rows"):
        read_corrections(b"PK\x03\x04 damaged")
    other = io.BytesIO()
    with xlsxwriter.Workbook(other) as book:
        book.add_worksheet("Sheet1").write(0, 0, "x")
    with pytest.raises(WorkbookError, match="is no workbook of quarantined rows"):
        read_corrections(other.getvalue())
    with pytest.raises(WorkbookError, match="cannot be read"):
        read_corrections(tmp_path / "missing.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    book["待更正"].append(["A9", "新增", "114.3", "30.5"])
    changed = io.BytesIO()
    book.save(changed)
    with pytest.raises(WorkbookError, match="sheet row 5: the hidden key is missing"):
        read_corrections(changed.getvalue())
