"""``/stations``: what stations measure, for pages, scripts and spreadsheets."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from geodata.audit import AuditEntry, disclosures
from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.device_picture import picture_of, pictures_of
from layers.export import check_downloadable
from layers.latest_reading import LatestReadings
from layers.metrics import LOOKUP_SECONDS
from layers.moment import DISTRICT_TIME, read_moment
from layers.observation import (
    CourseQuestion,
    course,
    readings_of,
    series_about,
    sums,
)

LONGEST_SPAN = timedelta(days=20 * 366)
_PRIVATE = {"Cache-Control": "private, no-store"}

Code = Annotated[str, Query(max_length=64)]


def observation_routes(
    store: Store, catalogue: Callable[[], Catalogue], viewer_of: Callable[[Request], Viewer]
) -> APIRouter:
    """Routes of stations, each answering for the request's viewer."""
    routes = APIRouter(tags=["stations"])
    latest = LatestReadings(store)

    @routes.get("/stations/latest")
    async def latest_of_all(
        request: Request, area: Annotated[str, Query(pattern=r"^\d{0,15}$")] = ""
    ) -> Response:
        """The latest of every metric of every station; `area` is the code of a street, community or grid."""
        with LOOKUP_SECONDS.labels("latest").time():
            return _json(await latest.of_stations(viewer_of(request), area))

    @routes.get("/stations/{code}/latest")
    async def latest_of_one(request: Request, code: str) -> Response:
        """The latest of every metric of a station, or of a device that belongs to none."""
        return _json(await latest.of_station(viewer_of(request), code))

    @routes.get("/stations/{code}/series")
    async def series(
        request: Request,
        code: str,
        metric: Annotated[str, Query(max_length=64)],
        begin: Annotated[str | None, Query(alias="from")] = None,
        end: Annotated[str | None, Query(alias="to")] = None,
        points: Annotated[int, Query(ge=2, le=10_000)] = 2000,
        device: Code = "",
        per: Literal["", "hour", "day"] = "",
    ) -> JSONResponse:
        """A metric's course, by default of the last 24 hours, as [milliseconds, value], peaks kept.

        `per=hour` or `per=day` gives sums instead, as rain is shown.
        """
        asked = _question(code, metric, begin, end, points, device)
        with LOOKUP_SECONDS.labels("series").time():
            viewer = viewer_of(request)
            found = await (sums(store, viewer, asked, per) if per else course(store, viewer, asked))
        return JSONResponse(found, headers=_PRIVATE)

    @routes.get("/stations/{code}/export")
    async def export(
        request: Request,
        code: str,
        metric: Annotated[str, Query(max_length=64)],
        begin: Annotated[str | None, Query(alias="from")] = None,
        end: Annotated[str | None, Query(alias="to")] = None,
        device: Code = "",
        lang: Literal["zh", "en"] = "zh",
    ) -> Response:
        """Every reading of a metric as CSV, times in Asia/Shanghai."""
        if (stations := catalogue().by_id.get("station")) is not None:
            check_downloadable(stations)
        viewer = viewer_of(request)
        asked = _question(code, metric, begin, end, 2, device)
        number, about = await series_about(store, viewer, asked)
        noted = disclosures.get()
        if noted is not None:
            subject = f"{code} {metric} {about['from'][:10]}/{about['to'][:10]}"
            noted.append(AuditEntry("export", layer="station", subject=subject))
        lines = _csv(readings_of(store, viewer, number, asked.begin, asked.end), about["unit"] or "", lang)
        name = "".join(
            letter if letter.isalnum() and letter.isascii() else "_" for letter in f"{code}_{metric}"
        )
        headers = {**_PRIVATE, "Content-Disposition": f'attachment; filename="{name}.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)

    @routes.get("/stations/{code}/pictures")
    async def pictures(request: Request, code: str, at: str | None = None) -> JSONResponse:
        """The newest pictures of a station's devices, or those that were the newest at a moment."""
        until = read_moment(at) or datetime.now(UTC) + timedelta(minutes=5)
        found = await pictures_of(store, viewer_of(request), code, until)
        return JSONResponse({"pictures": found}, headers=_PRIVATE)

    @routes.get("/stations/{code}/pictures/{picture_id}", response_class=Response)
    async def picture(request: Request, code: str, picture_id: int) -> Response:
        """A picture as it was taken."""
        media_type, body = await picture_of(store, viewer_of(request), code, picture_id)
        return Response(body, media_type=media_type, headers=_PRIVATE)

    return routes


def _json(text: str) -> Response:
    return Response(text, media_type="application/json", headers=_PRIVATE)


def _question(
    code: str, metric: str, begin: str | None, end: str | None, points: int, device: str
) -> CourseQuestion:
    until = read_moment(end) or datetime.now(UTC) + timedelta(minutes=5)
    since = read_moment(begin) or until - timedelta(days=1)
    if not since < until:
        raise UserError("The parameter from must be a moment before that of to.")
    if until - since > LONGEST_SPAN:
        raise UserError(f"Between from and to lie at most {LONGEST_SPAN.days // 366} years.")
    return CourseQuestion(code, metric, since, until, points, device)


def _csv(rows: Iterator[Any], unit: str, lang: str) -> Iterator[str]:
    """Lines of the file, many at a time; the mark at its beginning is what spreadsheets know UTF-8 by."""
    yield "\ufeff时间,数值,单位,质量\r\n" if lang == "zh" else "\ufefftime,value,unit,quality\r\n"
    lines: list[str] = []
    for at, value, quality in rows:
        local = at.astimezone(DISTRICT_TIME).strftime("%Y-%m-%d %H:%M:%S")
        mark = quality.replace('"', '""')
        lines.append(f'{local},{"" if value is None else repr(value)},"{unit}","{mark}"\r\n')
        if len(lines) == 5000:
            yield "".join(lines)
            lines.clear()
    yield "".join(lines)
