"""``/open311/v2``: Open311 GeoReport v2, so that citizens' existing clients report here.

An ``api_key`` is the token of a source with the scope ``cases``; a source reads again what it reported.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from psycopg import sql
from psycopg.rows import dict_row
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from geodata.case_filing import CaseReport, Reporter, file_case
from geodata.errors import UserError
from geodata.store import Store
from ioc.feed_source import FeedSource, NoSourceError, SourceDoor, TooOftenError
from layers import open311
from layers.open311 import ENDED, MEDIA, Listing
from layers.problem import ForbiddenError, NotFoundError

Form = Literal["json", "xml"]
MOST_BYTES = 100_000
MOST_REQUESTS = 1000
SPAN = timedelta(days=90)
"""Both bounds of what one answer holds are the specification's."""
NO_STORE = {"Cache-Control": "no-store"}

FOUND = sql.SQL(
    """
    SELECT c.code, c.state, c.title, c.matter_code, c.description, c.address, c.reported_at, c.deadline,
        ST_X(c.geom) AS lon, ST_Y(c.geom) AS lat, d.name_zh AS department,
        greatest(c.received_at, c.filed_at, c.dispatched_at, c.handled_at, c.ended_at) AS updated_at
    FROM ioc.cases_of_source(%(source)s) AS c LEFT JOIN ioc.department d ON d.code = c.department_code
    WHERE {} ORDER BY c.reported_at DESC, c.id DESC LIMIT %(most)s
    """
)


def open311_router(store: Store, sources: SourceDoor, district_code: str) -> APIRouter:
    """The routes, which need no sign-in: discovery and services are public, requests want an api_key."""
    routes = APIRouter(prefix="/open311/v2", tags=["open311"])
    _add_services(routes)
    _add_requests(routes, store, sources, district_code)
    return routes


def _add_services(routes: APIRouter) -> None:
    @routes.get("/discovery.{form}")
    def discovery(request: Request, form: Form) -> Response:
        """Where the services are and in which forms."""
        address = f"{request.url.scheme}://{request.url.netloc}"
        return Response(open311.discovery_document(address, form), media_type=MEDIA[form])

    @routes.get("/services.{form}")
    def services(form: Form) -> Response:
        """What may be reported: the matters of GB/T 47678.5-2026."""
        return _answer(open311.services(), form)

    @routes.get("/services/{service_code}.{form}")
    def service(service_code: str, form: Form) -> Response:
        """What is to be said of a service beyond the common fields."""
        found = open311.service_definition(service_code)
        if found is None:
            return _error(404, f"There is no service {service_code[:20]}.", form)
        return _answer(found, form)


def _add_requests(routes: APIRouter, store: Store, sources: SourceDoor, district_code: str) -> None:
    @routes.post("/requests.{form}", status_code=201)
    async def create(request: Request, form: Form) -> Response:
        """Report: a form of ``api_key``, ``service_code``, ``lat`` and ``long``, ``description`` and more."""
        body = await _form(request)

        def keep() -> Response:
            source = sources.enter(request, "cases", body.get("api_key", ""))
            report = _report(body, source, request.headers.get("idempotency-key"))
            with store.app_connection() as connection:
                filed = file_case(connection, report, district_code)
            return _answer(open311.created(filed.code), form, 200 if filed.known else 201)

        return await _answered(form, lambda: run_in_threadpool(keep))

    @routes.get("/requests.{form}")
    async def listing(
        request: Request,
        form: Form,
        api_key: str = "",
        service_request_id: Annotated[str, Query(max_length=4000)] = "",
        service_code: Annotated[str, Query(max_length=400)] = "",
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        status: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        """Requests of this source: by number, or of at most 90 days, by service and status."""

        def find() -> Response:
            source = sources.enter(request, "cases", api_key)
            wanted = _wanted(service_request_id, service_code, start_date, end_date, status)
            return _answer(open311.requests(_found(store, source, wanted)), form)

        return await _answered(form, lambda: run_in_threadpool(find))

    @routes.get("/requests/{service_request_id}.{form}")
    async def one(request: Request, service_request_id: str, form: Form, api_key: str = "") -> Response:
        """One request by its number."""

        def find() -> Response:
            source = sources.enter(request, "cases", api_key)
            found = _found(store, source, {"codes": [service_request_id]})
            if not found:
                raise NotFoundError(f"There is no request {service_request_id[:40]} of this source.")
            return _answer(open311.requests(found), form)

        return await _answered(form, lambda: run_in_threadpool(find))

    @routes.get("/tokens/{token}.{form}")
    async def token(request: Request, token: str, form: Form, api_key: str = "") -> Response:
        """The number of a request by its token, which here is the number itself."""

        def find() -> Response:
            source = sources.enter(request, "cases", api_key)
            if not _found(store, source, {"codes": [token]}):
                raise NotFoundError(f"There is no token {token[:40]} of this source.")
            return _answer(open311.token_of(token), form)

        return await _answered(form, lambda: run_in_threadpool(find))


async def _answered(form: Form, work: Callable[[], Awaitable[Response]]) -> Response:
    """What the work gives; refusals in the specification's own form."""
    try:
        return await work()
    except (NoSourceError, ForbiddenError) as refusal:
        return _error(403, str(refusal), form)
    except TooOftenError as refusal:
        return _error(429, str(refusal), form)
    except NotFoundError as refusal:
        return _error(404, str(refusal), form)
    except UserError as refusal:
        return _error(400, str(refusal), form)


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            break
    text = bytes(body[:MOST_BYTES]).decode("utf-8", "replace")
    return {key: values[-1].strip() for key, values in parse_qs(text, max_num_fields=100).items()}


def _report(body: dict[str, str], source: FeedSource, key: str | None) -> CaseReport:
    """The report of a form. WGS 84, which it gives, and CGCS2000 are the same within centimetres.

    Raises:
        UserError: a field is missing or not what it must be.
    """
    if not body.get("service_code"):
        raise UserError("The field service_code is missing: services.json lists those there are.")
    if not (body.get("lat") and body.get("long")) and not body.get("address_string"):
        raise UserError("Say where: lat and long, or address_string.")
    name = " ".join(part for part in (body.get("first_name"), body.get("last_name")) if part)
    reporter = Reporter(name or None, body.get("phone") or None, body.get("email") or None)
    said = [body.get("description"), body.get("media_url")]
    return CaseReport(
        source=source.name,
        source_code=f"key:{key[:128]}" if key else None,
        channel="public",
        matter_class=body["service_code"],
        description="\n".join(part for part in said if part)[:4000] or None,
        address=(body.get("address_string") or "")[:400] or None,
        lon=_degrees(body, "long", 180),
        lat=_degrees(body, "lat", 90),
        reporter=reporter if any(vars(reporter).values()) else None,
    )


def _degrees(body: dict[str, str], field: str, most: float) -> float | None:
    if not body.get(field):
        return None
    try:
        value = float(body[field])
    except ValueError as error:
        raise UserError(f"The field {field} is “{body[field][:40]}”: give degrees, such as 30.54.") from error
    if not -most <= value <= most:
        raise UserError(f"The field {field} is {value:g}: give degrees between -{most:g} and {most:g}.")
    return value


def _wanted(
    codes: str, services: str, start: datetime | None, end: datetime | None, status: str
) -> dict[str, Any]:
    if codes:
        return {"codes": [one.strip() for one in codes.split(",")][:MOST_REQUESTS]}
    until = _zoned(end) if end else datetime.now(UTC)
    since = _zoned(start) if start else until - SPAN
    return {
        "since": max(since, until - SPAN),
        "until": until,
        "services": [one.strip() for one in services.split(",")] if services else None,
        "statuses": {one.strip() for one in status.split(",")} if status else {"open", "closed"},
    }


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _found(store: Store, source: FeedSource, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    if "codes" in wanted:
        condition = sql.SQL("c.code = ANY (%(codes)s)")
    else:
        condition = sql.SQL(
            "c.reported_at BETWEEN %(since)s AND %(until)s "
            "AND (%(services)s::text[] IS NULL OR right(c.matter_code, 5) = ANY (%(services)s::text[])) "
            "AND (CASE WHEN c.state = ANY (%(ended)s) THEN 'closed' ELSE 'open' END) = ANY (%(states)s)"
        )
    asked = {
        **wanted,
        "source": source.name,
        "most": MOST_REQUESTS,
        "ended": list(ENDED),
        "states": sorted(wanted.get("statuses", ())),
    }
    asked.pop("statuses", None)
    with store.app_connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(FOUND.format(condition), asked).fetchall()


def _answer(listing: Listing, form: Form, status: int = 200) -> Response:
    return Response(listing.written(form), status, headers=NO_STORE, media_type=MEDIA[form])


def _error(status: int, description: str, form: Form) -> Response:
    return _answer(open311.errors(status, description), form, status)
