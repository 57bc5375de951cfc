"""Rows of a department's file that are reports, such as a hotline's: each is filed as a case, once."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from psycopg import Connection, sql

from etl.job import Job
from geodata.case_filing import CaseReport, file_case, matter_named
from geodata.dataset_version import Version
from geodata.errors import UserError

BEIJING = ZoneInfo("Asia/Shanghai")


def report_cases(connection: Connection[Any], job: Job, version: Version) -> int:
    """File the rows of a version that is being published as cases, in its transaction; gives the new ones.

    A row is known by the job and its code, so a case that was filed before is left as it is.

    Raises:
        UserError: a row's matter or moment is none, or the store has no district.
    """
    if job.cases is None:
        return 0
    row = connection.execute("SELECT code FROM ioc.district ORDER BY code LIMIT 1").fetchone()
    if row is None:
        raise UserError("Cases are filed in a district: load the job “district” first.")
    rows = connection.execute(
        sql.SQL(
            "SELECT v.code, v.attributes, ST_X(p), ST_Y(p) FROM version.{} v, "
            "LATERAL ioc.place_of(v.geom) AS p ORDER BY v.source_row"
        ).format(sql.Identifier(f"{job.target}_{version.id}"))
    ).fetchall()
    filed = [file_case(connection, _report(job, *one), row[0]) for one in rows]
    return sum(not case.known for case in filed)


def _report(job: Job, code: str, values: dict[str, Any], lon: float | None, lat: float | None) -> CaseReport:
    assert job.cases is not None, "asked for rows of a job that files cases"

    def text(name: str | None) -> str | None:
        value = values.get(name) if name else None
        return None if value is None else str(value)

    return CaseReport(
        source=job.code,
        source_code=code,
        channel=job.cases.channel,
        matter_class=matter_named(text(job.cases.matter) or "").code,
        description=text(job.cases.details),
        address=text(job.cases.place),
        lon=lon,
        lat=lat,
        reported_at=_moment(code, text(job.cases.reported)),
    )


def _moment(code: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"Row {code}: “{text[:40]}” is no moment; write 2026-07-01 08:00.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)
