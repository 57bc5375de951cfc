"""Finding entries of the audit trail, and taking them away as CSV or Excel."""

import csv
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import xlsxwriter
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from geodata.models import AuditEntry

PAGE_ROWS = 200
MOST_EXPORTED = 500_000
ZONE = ZoneInfo("Asia/Shanghai")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

Row = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True)
class AuditSearch:
    """What to look for; empty means any. Days are of the district's time, ``until`` is included."""

    who: str = ""
    action: str = ""
    layer: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None

    def query(self) -> Select[AuditEntry]:
        """The entries sought, newest first."""
        found = select(AuditEntry).order_by(AuditEntry.id.desc())
        if self.who:
            found = found.where(AuditEntry.account_name == self.who)
        if self.action:
            found = found.where(AuditEntry.action == self.action)
        if self.layer:
            found = found.where(AuditEntry.layer == self.layer)
        if self.subject:
            found = found.where(AuditEntry.subject.contains(self.subject, autoescape=True))
        if self.since:
            found = found.where(AuditEntry.at >= _midnight(self.since))
        if self.until:
            found = found.where(AuditEntry.at < _midnight(self.until + timedelta(days=1)))
        if self.before:
            found = found.where(AuditEntry.id < self.before)
        return found


def search_page(session: Session, search: AuditSearch) -> tuple[list[Row], int | None]:
    """A page of entries, and the id before which the next one begins."""
    entries = list(session.scalars(search.query().limit(PAGE_ROWS)))
    return [_row(entry) for entry in entries], entries[-1].id if len(entries) == PAGE_ROWS else None


def audit_csv(session: Session, search: AuditSearch, headings: list[str]) -> Iterator[str]:
    """The entries as lines of CSV that spreadsheets open as UTF-8 and do not calculate."""
    yield "\ufeff"
    for row in _exported(session, search, headings):
        line = io.StringIO()
        csv.writer(line).writerow([f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in row])
        yield line.getvalue()


def audit_xlsx(session: Session, search: AuditSearch, headings: list[str]) -> Path:
    """The entries as an Excel file in a temporary place; the caller removes it."""
    with tempfile.NamedTemporaryFile(prefix="ioc-audit-", suffix=".xlsx", delete=False) as opened:
        path = Path(opened.name)
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(_exported(session, search, headings)):
            for column, cell in enumerate(row):
                sheet.write_string(number, column, cell)
    return path


def _exported(session: Session, search: AuditSearch, headings: list[str]) -> Iterator[tuple[str, ...]]:
    yield tuple(headings)
    entries = session.scalars(search.query().limit(MOST_EXPORTED).execution_options(yield_per=1000))
    yield from map(_row, entries)


def _row(entry: AuditEntry) -> Row:
    return (
        local_time(entry.at),
        entry.account_name or "",
        entry.action,
        entry.layer or "",
        entry.subject or "",
        entry.address or "",
        json.dumps(entry.detail, ensure_ascii=False) if entry.detail else "",
    )


def local_time(moment: datetime | None) -> str:
    """A moment as the pages show it, in the district's time."""
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)
