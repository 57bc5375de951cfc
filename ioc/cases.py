"""``/cases``: report a case, see cases, move them on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from psycopg import Connection
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response

from dashboards.scripted_page import scripted_page
from etl.photo import read_photo
from geodata.audit import act_as
from geodata.case_filing import CaseReport, file_case, suspected_duplicates
from geodata.case_flow import Step, attach_photo, take_step
from geodata.case_refusal import CaseRefusedError
from geodata.store import Store
from ioc.case_statistics import add_statistics
from ioc.edits import limited_body
from ioc.page_choices import choices_of, keep_choices
from ioc.sign_in import origin_of, viewer_of
from layers.case_file import (
    CaseSearch,
    Sort,
    case_card,
    case_choices,
    case_list,
    case_photo,
    case_reporter,
    conditions,
    matter_classes,
)
from layers.feature import LARGEST_ID
from layers.problem import problem_response

NO_STORE = {"Cache-Control": "private, no-store"}
STATUS = {"right": 403, "changed": 409, "state": 409}

NOBODY_THERE = CaseRefusedError("right", "Nobody acts through a wall screen's session: sign in by name.")

Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
MatterClass = Annotated[str, Field(pattern=r"^\d{5}$")]
Lon = Annotated[float, Field(ge=-180, le=180)]
Lat = Annotated[float, Field(ge=-90, le=90)]


class Report(BaseModel):
    """A case as the map's form sends it; coordinates in CGCS2000 degrees."""

    model_config = ConfigDict(extra="forbid")

    matter: MatterClass
    lon: Lon
    lat: Lat
    description: str = Field("", max_length=2000)
    address: str = Field("", max_length=200)
    component: str | None = Field(None, max_length=17)
    key: str | None = Field(None, max_length=64)
    """The same key again is the same report, sent again after a broken connection."""


class StepSent(BaseModel):
    """A step as a page sends it; ``version`` is the case's as its sender saw it."""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(max_length=40)
    version: int = Field(ge=1, lt=2**31)
    opinion: str = Field("", max_length=1000)
    department: str | None = Field(None, max_length=40)
    condition: str | None = Field(None, max_length=60)
    matter: MatterClass | None = None
    until: AwareDatetime | None = None
    lon: Lon | None = None
    lat: Lat | None = None


def cases_router(store: Store, district_code: str) -> APIRouter:
    """The routes, each answering for the request's viewer."""
    routes = APIRouter(tags=["cases"])

    @contextmanager
    def connection(request: Request) -> Iterator[Connection[Any]]:
        with store.connect(viewer_of(request)) as opened:
            act_as(opened, None, origin_of(request).address)
            yield opened

    @routes.get("/cases", include_in_schema=False)
    def page(request: Request) -> Response:
        html = scripted_page("cases", choices_of(request), viewer_of(request))
        return keep_choices(request, HTMLResponse(html, headers=NO_STORE))

    add_statistics(routes, connection)
    _add_reading(routes, connection)
    _add_reporter(routes, connection)
    _add_working(routes, connection, district_code)
    return routes


def _add_reading(routes: APIRouter, connection: Any) -> None:
    @routes.get("/cases/list")
    def list_cases(
        request: Request,
        state: Annotated[str, Query(max_length=20)] = "open",
        overdue: bool = False,
        late: bool = False,
        mine: bool = False,
        area: Annotated[str, Query(pattern=r"^\d{0,15}$")] = "",
        department: Annotated[str, Query(max_length=40)] = "",
        words: Annotated[str, Query(max_length=80)] = "",
        component: Annotated[int | None, Query(ge=-LARGEST_ID, le=LARGEST_ID)] = None,
        sort: Sort = "time_left",
        offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> Response:
        """Cases that the viewer may see, a page of them, with counts of what is open."""
        search = CaseSearch(
            state, overdue, late, mine, area, department, words.strip(), component, sort, offset, limit
        )
        with connection(request) as opened:
            return _answer(case_list(opened, viewer_of(request), search))

    @routes.get("/cases/choices")
    def choices(request: Request) -> Response:
        """What forms and filters offer: matters of GB/T 47678.5-2026, streets and departments."""
        with connection(request) as opened:
            return _answer({"matters": matter_classes(), **case_choices(opened)})

    @routes.get("/cases/conditions/{matter}")
    def conditions_of_matter(matter: MatterClass) -> Response:
        """The filing conditions of a matter with their limits: those of one city, to be confirmed."""
        return _answer({"conditions": conditions(matter)})

    @routes.get("/cases/duplicates")
    def duplicates(request: Request, matter: MatterClass, lon: Lon, lat: Lat) -> Response:
        """Cases of the same matter within 50 m and 72 h: suspected duplicates."""
        with connection(request) as opened:
            return _answer({"cases": suspected_duplicates(opened, matter, lon, lat)})

    @routes.get("/cases/photos/{photo_id}")
    def photo(request: Request, photo_id: Id) -> Response:
        """A photograph of a step."""
        with connection(request) as opened:
            media_type, body = case_photo(opened, photo_id)
        headers = {"Cache-Control": "private, max-age=3600", "Content-Disposition": "inline"}
        return Response(body, media_type=media_type, headers=headers)

    @routes.get("/cases/{case_id}")
    def card(request: Request, case_id: Id) -> Response:
        """A case with its steps, and what the viewer may do with it."""
        with connection(request) as opened:
            found = case_card(opened, viewer_of(request), case_id)
        return _answer(found | ({"actions": []} if viewer_of(request).unattended else {}))


def _add_reporter(routes: APIRouter, connection: Any) -> None:
    @routes.get("/cases/{case_id}/reporter")
    def reporter(request: Request, case_id: Id) -> Response:
        """Who reported a case, in full, for those who call back; each look is kept in the audit trail."""
        if viewer_of(request).unattended:
            return _refused(NOBODY_THERE)
        with connection(request) as opened:
            return _answer(case_reporter(opened, case_id))


def _add_working(routes: APIRouter, connection: Any, district_code: str) -> None:
    @routes.post("/cases")
    def report(request: Request, sent: Report) -> Response:
        """Report a case as the viewer."""
        viewer = viewer_of(request)
        if viewer.unattended:
            return _refused(NOBODY_THERE)
        channel = "leader" if "leader" in viewer.roles else "department"
        content = CaseReport(
            source="map",
            source_code=f"{viewer.name}/{sent.key}" if sent.key else None,
            channel="collector" if "collector" in viewer.roles else channel,
            matter_class=sent.matter,
            description=sent.description.strip() or None,
            address=sent.address.strip() or None,
            lon=sent.lon,
            lat=sent.lat,
            component_code=sent.component,
        )
        try:
            with connection(request) as opened:
                filed = file_case(opened, content, district_code)
        except CaseRefusedError as refusal:
            return _refused(refusal)
        return JSONResponse(vars(filed), 200 if filed.known else 201, headers=NO_STORE)

    @routes.post("/cases/{case_id}/steps")
    def step(request: Request, case_id: Id, sent: StepSent) -> Response:
        """Move a case on. `fault`: changed (a colleague was faster), state, right, or what is missing."""
        if viewer_of(request).unattended:
            return _refused(NOBODY_THERE)
        wanted = Step(
            case_id,
            sent.version,
            sent.action,
            sent.opinion,
            sent.department,
            sent.condition,
            sent.matter,
            sent.until,
            None if sent.lon is None or sent.lat is None else (sent.lon, sent.lat),
        )
        try:
            with connection(request) as opened:
                version = take_step(opened, wanted)
        except CaseRefusedError as refusal:
            return _refused(refusal)
        return JSONResponse({"version": version}, headers=NO_STORE)

    @routes.post("/cases/{case_id}/photos")
    async def add_photo(
        request: Request, case_id: Id, step: Annotated[int, Query(ge=1, lt=2**31)]
    ) -> Response:
        """Attach a photograph to a step of the viewer's: the body is a JPEG, PNG or WebP file."""
        if viewer_of(request).unattended:
            return _refused(NOBODY_THERE)
        picture = read_photo(await limited_body(request))

        def keep() -> int:
            with connection(request) as opened:
                return attach_photo(opened, case_id, step, picture)

        try:
            return JSONResponse({"photo": await run_in_threadpool(keep)}, 201, headers=NO_STORE)
        except CaseRefusedError as refusal:
            return _refused(refusal)


def _answer(content: dict[str, Any]) -> Response:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)
    return Response(text, media_type="application/json", headers=NO_STORE)


def _refused(refusal: CaseRefusedError) -> Response:
    status = STATUS.get(refusal.fault, 400)
    title = {403: "Forbidden", 409: "Conflict"}.get(status, "Bad request")
    return problem_response(status, title, str(refusal), NO_STORE, fault=refusal.fault)
