"""``POST /ingest/cases``: cases of a hotline or a grid application, each once, answered when kept."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from psycopg import Connection
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from geodata.case_filing import CaseReport, FiledCase, Reporter, file_case, matter_named
from geodata.case_refusal import CaseRefusedError
from geodata.coordinates import gcj02_to_wgs84
from geodata.store import Store
from ioc.feed_source import FeedSource, NoSourceError, SourceDoor, TooOftenError
from ioc.ingest_body import RowError, TooMuchError, rows_of, unpacked_body
from layers.problem import problem_response

NO_STORE = {"Cache-Control": "no-store"}


class SentReporter(BaseModel):
    """Who reported."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(None, max_length=80)
    phone: str | None = Field(None, max_length=40)
    email: str | None = Field(None, max_length=120)


class SentCase(BaseModel):
    """A case of a request; ``number`` is the source's own and makes the case known again."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=1, max_length=80)
    matter: str = Field(min_length=1, max_length=60)
    channel: Literal["collector", "public", "department", "leader", "device"] = "public"
    description: str | None = Field(None, max_length=4000)
    address: str | None = Field(None, max_length=400)
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    frame: Literal["CGCS2000", "WGS84", "GCJ-02"] = "CGCS2000"
    reported_at: AwareDatetime | None = None
    component: str | None = Field(None, max_length=17)
    reporter: SentReporter | None = None


def case_ingest_router(store: Store, sources: SourceDoor, district_code: str) -> APIRouter:
    """The route, which needs the token of a source with the scope ``cases`` and no sign-in."""
    routes = APIRouter(tags=["ingest"])

    @routes.post("/ingest/cases")
    async def hand_in(request: Request) -> Response:
        """Hand in cases: `{"cases": [{"number", "matter", "lon", "lat", …}]}`; one number is one case.

        Answered after the commit: `cases` with their codes here, `refused` with a sentence each. A request
        that was not answered is sent again as it is.
        """
        try:
            source = await run_in_threadpool(sources.enter, request, "cases")
            body = await unpacked_body(request)
            content = await run_in_threadpool(_keep, store, source, body, district_code)
        except NoSourceError as error:
            return problem_response(401, "No source", str(error), {"WWW-Authenticate": "Bearer"})
        except TooOftenError as error:
            return problem_response(429, "Too many requests", str(error), {"Retry-After": str(error.wait)})
        except TooMuchError as error:
            return problem_response(413, "Too much at once", str(error))
        if content["refused"] and not content["cases"]:
            first = content["refused"][0]
            return problem_response(422, "Every row was refused", f"Row {first['row']}: {first['reason']}")
        return JSONResponse(content, headers=NO_STORE)

    return routes


def _keep(store: Store, source: FeedSource, body: bytes, district_code: str) -> dict[str, Any]:
    sent, places, unread = rows_of(body, "cases", _read)
    kept: list[dict[str, Any]] = []
    refused = [{"row": one.row, "reason": one.en, "reason_zh": one.zh} for one in unread]
    with store.app_connection() as connection:
        for row, case in zip(places, sent, strict=True):
            try:
                filed = _file(connection, source, case, district_code)
            except CaseRefusedError as refusal:
                refused.append({"row": row, "reason": str(refusal), "reason_zh": f"没有事项“{case.matter}”"})
                continue
            kept.append({"row": row, "number": case.number, **vars(filed)})
    return {"cases": kept, "refused": sorted(refused, key=lambda one: one["row"])}


def _file(connection: Connection[Any], source: FeedSource, case: SentCase, district_code: str) -> FiledCase:
    lon, lat = case.lon, case.lat
    if case.frame == "GCJ-02" and lon is not None and lat is not None:
        lon, lat = map(float, gcj02_to_wgs84(lon, lat))
    report = CaseReport(
        source=source.name,
        source_code=case.number,
        channel=case.channel,
        matter_class=matter_named(case.matter).code,
        description=case.description,
        address=case.address,
        lon=lon,
        lat=lat,
        reported_at=case.reported_at,
        component_code=case.component,
        reporter=Reporter(**case.reporter.model_dump()) if case.reporter else None,
    )
    return file_case(connection, report, district_code)


def _read(row: dict[str, Any]) -> SentCase:
    try:
        return SentCase.model_validate(row)
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "the row"
        raise RowError(f"{field} 填写有误", f"{field}: {fault['msg']}") from error
