"""``/vehicles``: where they drove."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import Viewer
from layers.moment import read_moment
from layers.vehicle_track import vehicle_track

LONGEST_SPAN = timedelta(days=31)


def vehicle_routes(store: Store, viewer_of: Callable[[Request], Viewer]) -> APIRouter:
    """Routes of vehicles, each answering for the request's viewer."""
    routes = APIRouter(tags=["vehicles"])

    @routes.get("/vehicles/{code}/track")
    async def track(
        request: Request,
        code: str,
        begin: Annotated[str | None, Query(alias="from")] = None,
        end: Annotated[str | None, Query(alias="to")] = None,
    ) -> JSONResponse:
        """A vehicle's way, by default of the last hour: lines of [lon, lat] and metres along them.

        A day at most is drawn from each position, a longer span from the simplified way of each hour.
        """
        until = read_moment(end) or datetime.now(UTC) + timedelta(minutes=5)
        since = read_moment(begin) or until - timedelta(hours=1)
        if not since < until <= since + LONGEST_SPAN:
            raise UserError(f"From comes before to, and at most {LONGEST_SPAN.days} days lie between them.")
        found = await vehicle_track(store, viewer_of(request), code, since, until)
        return JSONResponse(found, headers={"Cache-Control": "private, no-store"})

    return routes
