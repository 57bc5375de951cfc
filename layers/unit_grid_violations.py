"""GET /unit-grids/violations: where the published unit grids break a rule, for the map to draw."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from psycopg.errors import QueryCanceled
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from geodata.errors import UserError
from geodata.store import Store
from geodata.unit_grid_check import GridCheck, ManagedArea, check_unit_grids, large_water
from geodata.viewer import Viewer
from layers.dataset_watch import DatasetWatch
from layers.problem import ForbiddenError
from layers.tile_endpoint import ViewerOf

ROLES = ("staff", "planner", "steward", "admin")
"""Who may check: those who work on the grids."""
CHECKED = ("unit_grid", "community")
LARGE_WATER = 60_000.0
"""Water larger than this, in m², is nobody's grid."""
CHECKS_AT_ONCE = 1
LONGEST = "120s"


def unit_grid_routes(store: Store, watch: DatasetWatch, viewer_of: ViewerOf) -> APIRouter:
    """The route, answering for the request's viewer; arguments as ``layers.http.router``."""
    routes = APIRouter(tags=["layers"])
    turn = asyncio.Semaphore(CHECKS_AT_ONCE)

    @routes.get("/unit-grids/violations")
    async def violations(
        request: Request,
        managed: Literal["communities", "district"] = "communities",
        water_above: Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False)] = LARGE_WATER,
    ) -> JSONResponse:
        """Overlaps, gaps, grids in several communities, wrong codes: GeoJSON with reasons and areas.

        `managed` is what the grids must cover; water larger than `water_above` m² is left out.
        """
        viewer = viewer_of(request)
        check_right(viewer, watch)
        async with turn:
            found = await run_in_threadpool(_check, store, viewer, managed, water_above)
        return JSONResponse(
            found.as_geojson(),
            media_type="application/geo+json",
            headers={"Cache-Control": "private, no-store"},
        )

    return routes


def check_right(viewer: Viewer, watch: DatasetWatch) -> None:
    """Refuse who may not check, or sees only some of the grids: what is hidden would look like a gap.

    Raises:
        ForbiddenError: said in one sentence.
    """
    if viewer.roles.isdisjoint(ROLES):
        raise ForbiddenError(
            f"Checking unit grids is for the roles {', '.join(ROLES)}: ask the administrator for one of them."
        )
    by_target = watch.snapshot.by_target
    for dataset in (dataset for table in CHECKED for dataset in by_target.get(table, ())):
        if dataset.id * 4 + dataset.sensitivity not in viewer.rights.whole:
            raise ForbiddenError(
                f"Checking unit grids needs sight of all “{dataset.code}”, of which this account sees part: "
                "ask the administrator for the right."
            )


def _check(store: Store, viewer: Viewer, managed: ManagedArea, water_above: float) -> GridCheck:
    with store.connect(viewer) as connection:
        connection.execute("SELECT set_config('statement_timeout', %s, true)", [LONGEST])
        try:
            return check_unit_grids(connection, managed, large_water(connection, water_above))
        except QueryCanceled as error:
            raise UserError(
                "The check was stopped after two minutes: run `ioc grid check` on the server instead."
            ) from error
