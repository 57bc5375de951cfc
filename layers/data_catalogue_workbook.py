"""The data catalogue as an Excel workbook, and what stewards changed in one."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import xlsxwriter
from python_calamine import CalamineError, CalamineWorkbook

from geodata.code_table import CodeTable
from geodata.errors import UserError
from layers.data_catalogue import CatalogueDataset, CatalogueField, dataset_quality

SHEET, FIELD_SHEET = "数据资源目录", "数据项"
CODE = "资源代码 Code"
PERIOD, SHARING = "更新周期 Update period", "共享类型 Sharing"
NOTE, DESCRIPTION, CONTACT = "共享条件 Condition", "资源摘要 Description", "联系方式 Contact"
HEADINGS = (
    CODE,
    "资源名称 Title",
    "英文名称 English title",
    "提供部门 Department",
    PERIOD,
    SHARING,
    NOTE,
    DESCRIPTION,
    CONTACT,
    "数据量 Rows",
    "最近装载 Last load",
    "质量分 Quality",
    "敏感级别 Sensitivity",
    "来源说明 Source",
    "演示数据 Synthetic",
)
FIELD_HEADINGS = (
    CODE,
    "数据项 Field",
    "中文名称 Chinese",
    "英文名称 English",
    "标准字段名 Standard",
    "单位 Unit",
    "代码表 Code table",
    "填充率 Filled",
)
EDITABLE = (PERIOD, SHARING, NOTE, DESCRIPTION, CONTACT)
LONGEST = 2000
_SENSITIVITY = {1: "公开", 2: "内部", 3: "受控"}
_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Description:
    """What a line of the workbook says of a dataset; codes of the tables of periods and sharing levels."""

    code: str
    update_period: str | None
    sharing: str | None
    sharing_note: str | None
    description: str | None
    contact: str | None


def catalogue_workbook(
    datasets: Sequence[tuple[CatalogueDataset, Sequence[CatalogueField]]], now: datetime
) -> bytes:
    """The catalogue: a sheet of datasets, of which the white columns may be changed, and one of fields."""
    file = io.BytesIO()
    # A text that begins with = is a text here, whatever a department called its dataset.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E4E8EE", "border": 1})
        fixed = book.add_format({"font_color": "#666666", "bg_color": "#F4F4F4"})
        sheet = book.add_worksheet(SHEET)
        sheet.freeze_panes(1, 2)
        sheet.set_column(0, len(HEADINGS) - 1, 18)
        sheet.write_row(0, 0, HEADINGS, head)
        for line, (dataset, fields) in enumerate(datasets, start=1):
            for column, value in enumerate(_line(dataset, fields, now)):
                sheet.write(line, column, value, None if HEADINGS[column] in EDITABLE else fixed)
        for heading, table in ((PERIOD, "update_period"), (SHARING, "sharing_level")):
            column = HEADINGS.index(heading)
            words = [entry.name for entry in CodeTable.load(table)]
            sheet.data_validation(
                1, column, max(1, len(datasets)), column, {"validate": "list", "source": words}
            )
        details = book.add_worksheet(FIELD_SHEET)
        details.freeze_panes(1, 0)
        details.set_column(0, len(FIELD_HEADINGS) - 1, 18)
        details.write_row(0, 0, FIELD_HEADINGS, head)
        lines = ((dataset, one) for dataset, fields in datasets for one in fields)
        for line, (dataset, one) in enumerate(lines, start=1):
            shown = (one.name, one.label_zh, one.label_en, one.standard, one.unit, one.code_table, one.fill)
            details.write_row(line, 0, (dataset.code, *("" if cell is None else cell for cell in shown)))
    return file.getvalue()


def _line(
    dataset: CatalogueDataset, fields: Sequence[CatalogueField], now: datetime
) -> list[str | int | float]:
    score = dataset_quality(dataset, [one.fill for one in fields if one.fill is not None], now).score
    return [
        dataset.code,
        dataset.title_zh,
        dataset.title_en,
        dataset.department_zh,
        _word("update_period", dataset.update_period),
        _word("sharing_level", dataset.sharing),
        dataset.sharing_note or "",
        dataset.description or "",
        dataset.contact or "",
        dataset.rows_loaded,
        dataset.loaded_at.astimezone(_ZONE).strftime("%Y-%m-%d %H:%M"),
        "" if score is None else round(score, 1),
        _SENSITIVITY[dataset.sensitivity],
        dataset.source_note or "",
        "是" if dataset.synthetic else "否",
    ]


def _word(table: str, code: str | None) -> str:
    entry = CodeTable.load(table).get(code or "")
    return entry.name if entry else ""


def read_catalogue_workbook(content: bytes) -> list[Description]:
    """What the lines of a catalogue workbook say.

    Raises:
        UserError: it is no such workbook, or a cell holds what the column does not take.
    """
    try:
        rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    except (CalamineError, IndexError, OSError, ValueError) as error:
        raise UserError(
            "The file is no Excel workbook: export the catalogue, change it and hand it in.",
            zh="这不是 Excel 文件，请先导出目录，修改后交回。",
        ) from error
    headings = [str(cell).strip() for cell in rows[0]] if rows else []
    missing = [heading for heading in (CODE, *EDITABLE) if heading not in headings]
    if missing:
        raise UserError(
            f"The workbook has no column “{missing[0]}”: export the catalogue, change it and hand it in.",
            zh=f"文件中没有“{missing[0]}”这一列，请先导出目录，修改后交回。",
        )
    descriptions: dict[str, Description] = {}
    for number, row in enumerate(rows[1:], start=2):
        cells = {heading: str(row[place]).strip() for place, heading in enumerate(headings)}
        if not any(cells.values()):
            continue
        one = _description(number, cells)
        if one.code in descriptions:
            raise UserError(
                f"Row {number}: the code “{one.code}” stands in an earlier row too; keep one.",
                zh=f"第 {number} 行：代码“{one.code}”在前面已出现，请只留一行。",
            )
        descriptions[one.code] = one
    return list(descriptions.values())


def _description(number: int, cells: dict[str, str]) -> Description:
    if not cells[CODE]:
        raise UserError(
            f"Row {number}: the column “{CODE}” is empty; give the dataset's code.",
            zh=f"第 {number} 行：“{CODE}”为空，请填数据集代码。",
        )
    for heading in (NOTE, DESCRIPTION, CONTACT):
        if len(cells[heading]) > LONGEST:
            raise UserError(
                f"Row {number}: “{heading}” is longer than {LONGEST} characters; shorten it.",
                zh=f"第 {number} 行：“{heading}”超过 {LONGEST} 个字，请缩短。",
            )
    return Description(
        cells[CODE],
        _code("update_period", PERIOD, number, cells[PERIOD]),
        _code("sharing_level", SHARING, number, cells[SHARING]),
        cells[NOTE] or None,
        cells[DESCRIPTION] or None,
        cells[CONTACT] or None,
    )


def _code(table: str, heading: str, number: int, word: str) -> str | None:
    if not word:
        return None
    entries = CodeTable.load(table)
    for entry in entries:
        if word in (entry.name, entry.name_en, entry.code):
            return entry.code
    known = "、".join(entry.name for entry in entries)
    raise UserError(
        f"Row {number}: “{word[:40]}” in the column “{heading}” is none of {known}.",
        zh=f"第 {number} 行：“{heading}”列的“{word[:40]}”不在可选值之内：{known}。",
    )
