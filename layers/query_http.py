"""Asking the map over HTTP: what lies in a shape, as an answer or as a file; what belongs to a feature."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse

from geodata.errors import UserError
from geodata.store import Store
from layers.catalogue import Catalogue
from layers.disclosure import note_export, note_view, note_views
from layers.export import MEDIA_TYPES, Export, check_downloadable, write_export
from layers.feature import visible_layer
from layers.links import links
from layers.metrics import LOOKUP_SECONDS
from layers.nearest import NearestService
from layers.query_shape import SpatialQuestion, shape_of
from layers.spatial_query import spatial_query
from layers.tile_endpoint import ViewerOf

EXPORTS_AT_ONCE = 2
NO_STORE = {"Cache-Control": "private, no-store"}


def query_router(
    store: Store, catalogue: Callable[[], Catalogue], viewer_of: ViewerOf, district_frame: str
) -> APIRouter:
    """The routes, each answering for the request's viewer; arguments as ``layers.http.router``."""
    routes = APIRouter(tags=["layers"])
    nearest = NearestService(store, district_frame)
    exports = asyncio.Semaphore(EXPORTS_AT_ONCE)

    @routes.get("/features/{layer}/items/{feature_id}/links")
    async def linked(request: Request, layer: str, feature_id: int) -> JSONResponse:
        """What belongs to a feature in other layers."""
        with LOOKUP_SECONDS.labels("links").time():
            found = await links(store, catalogue(), viewer_of(request), layer, feature_id)
        note_views(catalogue(), [(one["layer"], entry["id"]) for one in found for entry in one["features"]])
        return JSONResponse({"links": found}, headers=NO_STORE)

    @routes.get("/nearest")
    async def nearest_of(
        request: Request,
        kind: Annotated[str, Query(max_length=40)],
        lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)],
        lat: Annotated[float, Query(ge=-85, le=85, allow_inf_nan=False)],
        n: Annotated[int, Query(ge=1, le=20)] = 5,
    ) -> JSONResponse:
        """The nearest of a kind to a place, by road."""
        with LOOKUP_SECONDS.labels("nearest").time():
            found = await nearest.nearest(catalogue(), viewer_of(request), kind, (lon, lat), n)
        if found["layer"]:
            note_views(catalogue(), [(found["layer"], entry["id"]) for entry in found["features"]])
        return JSONResponse(found, headers=NO_STORE)

    @routes.post("/query")
    async def query(request: Request, question: SpatialQuestion) -> JSONResponse:
        """What lies in a shape, by layer: counts, sums by class, the first features."""
        with LOOKUP_SECONDS.labels("query").time():
            answer = await spatial_query(store, catalogue(), viewer_of(request), question)
        for name in question.layers:
            if name in catalogue().by_id:
                note_view(catalogue(), catalogue().by_id[name], "query")
        return JSONResponse(answer, headers=NO_STORE)

    @routes.post("/query/export")
    async def export(
        request: Request,
        question: SpatialQuestion,
        format: Literal["xlsx", "csv", "geojson", "gpkg"],
        lang: Annotated[Literal["zh", "en"], Query()] = "zh",
    ) -> FileResponse:
        """What lies in a shape of one layer, as a file."""
        if len(question.layers) != 1:
            raise UserError("A file holds one layer: name one in “layers”.")
        known, viewer = catalogue(), viewer_of(request)
        layer, _ = visible_layer(known, viewer, question.layers[0])
        check_downloadable(layer)
        wanted = Export(layer, known.visible_datasets(layer, viewer), lang)
        shape = await shape_of(store, known, viewer, question)
        async with exports:
            path = await asyncio.to_thread(write_export, store, viewer, wanted, shape, format)
        note_export(layer, format)
        title = layer.title.zh if lang == "zh" else layer.title.en
        headers = {
            "Content-Disposition": f'attachment; filename="{layer.id}.{format}"; '
            f"filename*=UTF-8''{quote(title)}.{format}",
            **NO_STORE,
        }
        return FileResponse(
            path, media_type=MEDIA_TYPES[format], headers=headers, background=BackgroundTask(path.unlink)
        )

    return routes
