"""``/cases/statistics``: how cases were handled in a period, on the page and as a file."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from psycopg import Connection
from starlette.responses import JSONResponse, Response

from geodata.audit import AuditEntry, disclosures
from geodata.working_calendar import ZONE
from layers.case_statistics import By, Period, case_statistics, statistics_file

NO_STORE = {"Cache-Control": "private, no-store"}
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
DAYS = 30

ConnectionOf = Callable[[Request], AbstractContextManager[Connection[Any]]]
Day = Annotated[date | None, Query()]


def add_statistics(routes: APIRouter, connection: ConnectionOf) -> None:
    """The routes; ``connection`` opens the store for a request's viewer."""

    def counted(request: Request, by: By, first: date | None, last: date | None) -> dict[str, Any]:
        today = datetime.now(UTC).astimezone(ZONE).date()
        period = Period(first or (last or today) - timedelta(days=DAYS - 1), last or today)
        with connection(request) as opened:
            return case_statistics(opened, by, period)

    @routes.get("/cases/statistics")
    def statistics(
        request: Request,
        by: By = "department",
        first: Day = None,
        last: Day = None,
    ) -> Response:
        """Numbers and rates by department, street or matter of a period of days, by default the last 30."""
        return JSONResponse(counted(request, by, first, last), headers=NO_STORE)

    @routes.get("/cases/statistics/export")
    def export(
        request: Request,
        format: Literal["csv", "xlsx"],
        by: By = "department",
        first: Day = None,
        last: Day = None,
        lang: Literal["zh", "en"] = "zh",
    ) -> Response:
        """The same as a file."""
        found = counted(request, by, first, last)
        noted = disclosures.get()
        if noted is not None:
            noted.append(AuditEntry("export", layer="case_file", subject=f"statistics.{format}"))
        name = f"case_statistics_{found['first']}_{found['last']}.{format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', **NO_STORE}
        return Response(statistics_file(found, format, lang), media_type=MEDIA_TYPES[format], headers=headers)
