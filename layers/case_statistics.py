"""How cases were handled in a period, by department, street or matter: numbers and rates, also as a file.

Which indicators there are, and of which counts each is made, is the table ``case_indicator``.
"""

import csv
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, LiteralString, cast

import xlsxwriter
from psycopg import Connection, sql
from psycopg.rows import dict_row

from geodata.code_table import CodeTable
from geodata.errors import UserError
from layers.export import harmless

COUNTS = cast(LiteralString, Path(__file__).with_name("case_statistics.sql").read_text(encoding="utf-8"))
KEYS = {"department": "department_code", "street": "street_code", "matter": "matter_class"}
HEADS = {"department": ("部门", "Department"), "street": ("街道", "Street"), "matter": ("事项", "Matter")}
NONE = ("未派遣或未定位", "None yet")
TOTAL = ("合计", "Total")
UNVERIFIED = ("（口径待核）", " (unverified)")
"""Of an indicator whose formula or limit no standard that was seen confirms."""

By = Literal["department", "street", "matter"]


@dataclass(frozen=True)
class Period:
    """Days of the district, both counted."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise UserError(
                f"The period ends ({self.last}) before it begins ({self.first}).",
                zh="结束日期早于开始日期。",
            )


def case_statistics(connection: Connection[Any], by: By, period: Period) -> dict[str, Any]:
    """The indicators, and a row for each department, street or matter, the total first.

    A row's ``values`` are in the order of ``indicators``: numbers, or shares of 1 where an indicator is a
    rate; None where nothing was due.
    """
    names = _names(connection, by)
    with connection.cursor(row_factory=dict_row) as cursor:
        counted = cursor.execute(
            sql.SQL(COUNTS).format(key=sql.Identifier(KEYS[by])), vars(period)
        ).fetchall()
    return {
        "by": by,
        "first": period.first.isoformat(),
        "last": period.last.isoformat(),
        "indicators": [
            {
                "code": one.code,
                "name_zh": one.name,
                "name_en": one.title("en"),
                "rate": bool(one["denominator"]),
                "verified": one.confidence == "seen",
            }
            for one in CodeTable.load("case_indicator")
        ],
        "rows": [
            {
                "key": row["key"],
                "total": row["total"],
                **dict(zip(("name_zh", "name_en"), _name(names, row), strict=True)),
                "values": [
                    _value(row, one["numerator"], one["denominator"])
                    for one in CodeTable.load("case_indicator")
                ],
            }
            for row in counted
        ],
    }


def _value(row: dict[str, Any], numerator: str, denominator: str) -> float | int | None:
    if not denominator:
        return row[numerator]
    return row[numerator] / row[denominator] if row[denominator] else None


def _name(names: dict[str, tuple[str, str]], row: dict[str, Any]) -> tuple[str, str]:
    if row["total"]:
        return TOTAL
    return names.get(row["key"], (row["key"], row["key"])) if row["key"] else NONE


def _names(connection: Connection[Any], by: By) -> dict[str, tuple[str, str]]:
    if by == "matter":
        return {one.code: (one.name, one.title("en")) for one in CodeTable.load("event").of_edition("2026")}
    table = {"department": "name_zh, name_en FROM ioc.department", "street": "name, name FROM ioc.street"}
    statement = sql.SQL("SELECT code, {}").format(sql.SQL(cast(LiteralString, table[by])))
    return {code: (zh, en) for code, zh, en in connection.execute(statement)}


def statistics_file(found: dict[str, Any], kind: Literal["csv", "xlsx"], language: str) -> bytes:
    """The statistics as a file for spreadsheets; rates as shares of 1, in Excel shown as percent."""
    side = 0 if language == "zh" else 1
    name = f"name_{language}"
    period = f"{found['first']} – {found['last']}"
    heads = [
        f"{HEADS[found['by']][side]}（{period}）" if side == 0 else f"{HEADS[found['by']][side]} ({period})"
    ]
    heads += [one[name] if one["verified"] else one[name] + UNVERIFIED[side] for one in found["indicators"]]
    lines = [[harmless(row[name]), *row["values"]] for row in found["rows"]]
    return _csv(heads, lines) if kind == "csv" else _workbook(heads, lines, found["indicators"])


def _csv(heads: list[str], lines: list[list[Any]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(heads)
    writer.writerows([f"{cell:.4f}" if isinstance(cell, float) else cell for cell in line] for line in lines)
    return written.getvalue().encode("utf-8-sig")


def _workbook(heads: list[str], lines: list[list[Any]], indicators: list[dict[str, Any]]) -> bytes:
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("案件统计")
        bold, percent = book.add_format({"bold": True}), book.add_format({"num_format": "0.0%"})
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, len(heads), 13)
        sheet.write_row(0, 0, heads, bold)
        for number, line in enumerate(lines, 1):
            sheet.write(number, 0, line[0])
            for column, (cell, indicator) in enumerate(zip(line[1:], indicators, strict=True), 1):
                if cell is not None:
                    sheet.write_number(number, column, cell, percent if indicator["rate"] else None)
    return written.getvalue()
