"""Statistics of cases: a month worked out by hand, its days those of the district."""

import io
from datetime import date
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from geodata.errors import UserError
from geodata.store import Store
from layers.case_statistics import Period, case_statistics, statistics_file
from tests.geodata.case_accounts import add_person, put, report

MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))


def day(text: str, hour: int = 10) -> str:
    return f"2026-{text}T{hour:02}:30:00+08:00"


def lived(store: Store, number: str, department: str | None, **values: Any) -> None:
    put(store, report(store, number), department_code=department, **values)


def handled(on: str, **values: Any) -> dict[str, Any]:
    return {"handled_at": day(on), "stopped_at": day(on), **values}


@pytest.fixture
def march(store: Store) -> Store:
    for department in ("water", "urban"):
        add_person(store, f"of {department}", ["staff"], department)
    closed = {"state": "closed"}
    first = {"reported_at": day("03-02"), "filed_at": day("03-02"), "deadline": day("03-05")}
    prompt = {
        "filing_deadline": day("03-02"),
        "dispatch_deadline": day("03-03"),
        "dispatched_at": day("03-03"),
    }
    lived(store, "in time", "water", **closed, **first, **prompt, **handled("03-04"), ended_at=day("03-06"))
    before = {"reported_at": day("02-20"), "filed_at": day("02-20"), "deadline": day("03-10")}
    late = {**closed, **before, **handled("03-12"), "ended_at": day("03-13")}
    lived(store, "late", "water", **late, reworks=1)
    lived(store, "appealed", "water", **late, appeal="granted")
    open_since = {"reported_at": day("03-20"), "filed_at": day("03-20"), "deadline": day("03-25")}
    slow = {
        "filing_deadline": day("03-20", 9),
        "dispatch_deadline": day("03-20", 11),
        "dispatched_at": day("03-21"),
    }
    lived(store, "overdue", "urban", **open_since, **slow, state="handling")
    lived(store, "rejected", None, reported_at=day("03-21"), state="rejected", ended_at=day("03-21"))
    paused = {"reported_at": day("03-10"), "filed_at": day("03-10"), "deadline": day("03-12")}
    # Back from a department and filed anew: the dispatch before counts no longer, and this one is overdue.
    again = {"dispatched_at": day("03-05"), "dispatch_deadline": day("03-10", 11)}
    lived(store, "suspended", "urban", **paused, **again, state="suspended", stopped_at=day("03-11"))
    waits = {"filed_at": day("04-02"), "dispatch_deadline": day("04-02", 11), "state": "pending_dispatch"}
    lived(store, "last minute", None, reported_at=day("03-31", 23), **waits)
    lived(store, "after midnight", None, reported_at=day("04-01", 0))
    lived(store, "over before", "water", **{**late, "ended_at": day("02-27")})
    return store


def rows_by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    codes = [one["code"] for one in found["indicators"]]
    return {row["name_en"]: dict(zip(codes, row["values"], strict=True)) for row in found["rows"]}


def test_a_month_by_department(march: Store) -> None:
    with march.connect(add_person(march, "chief", ["duty_chief"])) as connection:
        found = case_statistics(connection, "department", MARCH)
    rows = rows_by_name(found)
    assert rows["Total"] == {
        "report": 5,
        "register": 3,
        "register_rate": 3 / 5,
        "in_time_register_rate": 2 / 3,
        "need_dispatch": 3,
        "dispatch": 2,
        "in_time_dispatch_rate": 1 / 3,
        "need_dispose": 4,
        "dispose": 3,
        "in_time_dispose_rate": 2 / 4,
        "need_archive": 4,
        "archive": 3,
        "archive_rate": 3 / 4,
        "in_time_archive": 2,
        "in_time_archive_rate": 2 / 4,
        "open": 2,
        "overdue": 1,
        "rework_rate": 1 / 4,
        "deferred": 1,
    }
    assert rows["water"]["in_time_archive_rate"] == 2 / 3
    assert rows["Urban management bureau"]["archive"] == 0
    assert rows["None yet"]["in_time_archive_rate"] is None
    assert found["rows"][0]["total"]
    with CalamineWorkbook.from_filelike(io.BytesIO(statistics_file(found, "xlsx", "en"))) as book:
        lines = book.get_sheet_by_index(0).to_python()
    assert lines[0][0] == "Department (2026-03-01 – 2026-03-31)"
    assert lines[0][4] == "Filed in time / filed (unverified)"
    assert lines[1][:4] == ["Total", 5, 3, 0.6]


def test_a_department_is_told_of_its_own_cases(march: Store) -> None:
    with march.connect(add_person(march, "waterman", ["staff"], "water")) as connection:
        rows = rows_by_name(case_statistics(connection, "matter", MARCH))
    assert (rows["Total"]["need_archive"], rows["Total"]["report"], rows["Total"]["open"]) == (3, 1, 0)
    assert len(rows) == 2


def test_a_period_has_its_end_after_its_beginning() -> None:
    with pytest.raises(UserError, match="ends"):
        Period(date(2026, 3, 2), date(2026, 3, 1))
