"""What the map asks over HTTP: tiles, the catalogue, features, identify, search."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from geodata.errors import UserError
from geodata.store import Store
from layers.catalogue import Catalogue
from layers.dataset_watch import DatasetWatch
from layers.disclosure import note_view, note_views
from layers.feature import feature
from layers.identify import identify
from layers.layer_http import layer_routes
from layers.listing import listing
from layers.metrics import LOOKUP_SECONDS
from layers.moment import read_moment
from layers.observation_http import observation_routes
from layers.query_http import query_router
from layers.saved_view import view_routes
from layers.search import search
from layers.tile import TileService
from layers.tile_endpoint import ROUTE, TileEndpoint, ViewerOf
from layers.unit_grid_violations import unit_grid_routes
from layers.vehicle_http import vehicle_routes
from styles import THEMES

GEOJSON = "application/geo+json"
MOST_RESULTS = 50


def router(
    store: Store,
    catalogue: Callable[[], Catalogue],
    watch: DatasetWatch,
    viewer_of: ViewerOf,
    district_frame: str = "EPSG:4547",
) -> APIRouter:
    """The routes of layers, each answering for the request's viewer.

    ``catalogue`` gives the layers as published now (``published_catalogue``). ``viewer_of`` gives the viewer
    of a request. ``district_frame`` is the zone that metres without a zone number are taken to be in.
    """
    routes = APIRouter(tags=["layers"])
    tiles = TileService(store, catalogue, watch)
    routes.include_router(query_router(store, catalogue, viewer_of, district_frame))
    routes.include_router(layer_routes(store, catalogue, watch, viewer_of))
    routes.include_router(view_routes(store, viewer_of))
    routes.include_router(unit_grid_routes(store, watch, viewer_of))
    routes.include_router(observation_routes(store, catalogue, viewer_of))
    routes.include_router(vehicle_routes(store, viewer_of))
    endpoint = TileEndpoint(tiles, viewer_of)
    routes.add_route(ROUTE, endpoint, methods=["GET", "HEAD"])  # pyright: ignore[reportArgumentType]

    @routes.get("/layers")
    async def list_layers(request: Request, theme: str = "night") -> JSONResponse:
        """Layers the viewer may see, in groups, styled for a theme."""
        if theme not in THEMES:
            raise UserError(f"There is no theme “{theme[:40]}”: the themes are {', '.join(THEMES)}.")
        viewer = viewer_of(request)

        def tile_version(layer_id: str) -> str:
            return tiles.plan(viewer, layer_id).version

        return _private(listing(catalogue(), viewer, theme, tile_version))

    @routes.get("/features/{layer}/items/{feature_id}")
    async def one_feature(
        request: Request, layer: str, feature_id: int, at: str | None = None
    ) -> JSONResponse:
        """A feature as GeoJSON with its record; `at` asks for it as it was published at a moment."""
        with LOOKUP_SECONDS.labels("feature").time():
            found = await feature(store, catalogue(), viewer_of(request), layer, feature_id, read_moment(at))
        note_view(catalogue(), catalogue().by_id[layer], str(feature_id))
        return _private(found, GEOJSON)

    @routes.get("/identify")
    async def identify_at(
        request: Request,
        lon: Annotated[float, Query(ge=-180, le=180)],
        lat: Annotated[float, Query(ge=-90, le=90)],
        zoom: Annotated[float, Query(ge=0, le=24)],
        layers: str | None = None,
        at: str | None = None,
    ) -> JSONResponse:
        """Everything under a position; `layers` limits it to some (comma separated), `at` to a moment."""
        if not all(map(math.isfinite, (lon, lat, zoom))):
            raise UserError("The parameters lon, lat and zoom must be numbers.")
        names = [name for name in layers.split(",") if name] if layers is not None else None
        with LOOKUP_SECONDS.labels("identify").time():
            found = await identify(
                store, catalogue(), viewer_of(request), (lon, lat), zoom, names, read_moment(at)
            )
        for answer in found["layers"]:
            shown = " ".join(str(entry["id"]) for entry in answer["features"])
            note_view(catalogue(), catalogue().by_id[answer["layer"]], shown)
        return _private(found)

    @routes.get("/search")
    async def search_for(
        request: Request,
        q: Annotated[str, Query(max_length=2000)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_RESULTS)] = 12,
    ) -> JSONResponse:
        """Features, areas and coordinates that the text may mean, most likely first."""
        with LOOKUP_SECONDS.labels("search").time():
            results = await search(store, catalogue(), viewer_of(request), q, limit, district_frame)
        note_views(catalogue(), [(hit["layer"], hit["id"]) for hit in results if hit["layer"]])
        return _private({"query": q, "results": results})

    return routes


def _private(content: Any, media_type: str = "application/json") -> JSONResponse:
    return JSONResponse(content, media_type=media_type, headers={"Cache-Control": "private, no-store"})
