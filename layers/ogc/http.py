"""The routes of OGC API – Features and Tiles under ``/features``, and TileJSON beside the tiles."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from geodata.errors import UserError
from geodata.store import Store
from layers.catalogue import Catalogue
from layers.disclosure import note_view
from layers.feature import visible_layer
from layers.ogc.document import (
    CONFORMANCE,
    GEOJSON,
    JSON,
    SCHEMA_JSON,
    collection,
    collections,
    extent_of,
    landing_page,
    link,
)
from layers.ogc.item import RESERVED, Collection, Page, one_item, read_query
from layers.ogc.openapi import OPERATIONS, own_document
from layers.ogc.queryable import queryables, schema, sortables
from layers.ogc.reference_system import ReferenceSystems
from layers.ogc.sorting import Key
from layers.ogc.tile_set import QUAD, tile_matrix_sets, tile_set, tile_sets, tilejson, web_mercator_quad
from layers.problem import ForbiddenError, NotFoundError
from layers.tile import MOST_LAYERS
from layers.tile_endpoint import ViewerOf

VARY = {"Cache-Control": "private, no-store", "Vary": "Accept-Language, Authorization, Cookie"}
API_VERSION = "1.0"


class OgcEndpoints:
    """The answers. What a viewer may not see is not in any of them, and asked for by name is not found."""

    def __init__(
        self, store: Store, catalogue: Callable[[], Catalogue], viewer_of: ViewerOf, district_frame: str
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._viewer_of = viewer_of
        self._systems = ReferenceSystems(district_frame)

    async def landing_page(self, request: Request) -> Response:
        _only(request)
        return _json(landing_page(_root(request), _language(request)))

    async def api(self, request: Request) -> Response:
        _only(request)
        catalogue, viewer = self._catalogue(), self._viewer_of(request)
        properties = {
            layer.id: queryables(layer, catalogue.visible_datasets(layer, viewer))
            for layer, _ in catalogue.visible_layers(viewer)
            if layer.downloadable
        }
        # Its own media type is in the link; answered as JSON, every client reads it.
        return _json(own_document(API_VERSION, _base(request), properties))

    async def conformance(self, request: Request) -> Response:
        _only(request)
        return _json({"conformsTo": list(CONFORMANCE)})

    async def collections(self, request: Request) -> Response:
        _only(request)
        viewer = self._viewer_of(request)
        return _json(
            collections(self._catalogue(), viewer, self._systems, _root(request), _language(request))
        )

    async def collection(self, request: Request) -> Response:
        _only(request)
        catalogue, viewer = self._catalogue(), self._viewer_of(request)
        layer, _ = visible_layer(catalogue, viewer, request.path_params["collectionId"])
        return _json(collection(catalogue, viewer, layer, self._systems, _root(request), _language(request)))

    async def queryables(self, request: Request) -> Response:
        _only(request)
        found = self._collection(request)
        uri = f"{_root(request)}/collections/{found.layer.id}/queryables"
        return _json(schema(found.layer, found.properties, uri, _language(request)), SCHEMA_JSON)

    async def sortables(self, request: Request) -> Response:
        _only(request)
        found = self._collection(request)
        uri = f"{_root(request)}/collections/{found.layer.id}/sortables"
        return _json(sortables(found.layer, found.properties, uri, _language(request)), SCHEMA_JSON)

    async def items(self, request: Request) -> Response:
        found = self._collection(request)
        if not found.layer.downloadable:
            raise ForbiddenError(
                f"The layer “{found.layer.id}” may be looked at but not taken away: "
                f"ask for single features by their id, or use its tiles."
            )
        asked = _only(request, RESERVED | found.properties.keys())
        query = read_query(found, asked, self._systems)
        page = Page(self._store, self._viewer_of(request), found, query)
        await page.begin()
        note_view(self._catalogue(), found.layer, "items")
        address = f"{_root(request)}/collections/{found.layer.id}"

        def end(last: Key | None, returned: int, matched: int | None) -> dict[str, Any]:
            return _end_of_page(address, asked, last, returned, matched)

        headers = {**VARY, "Content-Crs": f"<{query.system.uri}>"}
        return StreamingResponse(page.written(end), media_type=GEOJSON, headers=headers)

    async def item(self, request: Request) -> Response:
        found = self._collection(request)
        asked = _only(request, frozenset({"crs"}))
        system = self._systems.named(asked.get("crs"), "crs")
        text = request.path_params["featureId"]
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 40):
            raise NotFoundError(f"The collection “{found.layer.id}” has no feature “{text[:60]}”.")
        feature = await one_item(self._store, self._viewer_of(request), found, system, int(text))
        note_view(self._catalogue(), found.layer, text)
        address = f"{_root(request)}/collections/{found.layer.id}"
        links = [
            link(f"{address}/items/{feature['id']}", "self", GEOJSON),
            link(address, "collection"),
        ]
        return _json({**feature, "links": links}, GEOJSON, {"Content-Crs": f"<{system.uri}>"})

    async def tile_sets(self, request: Request) -> Response:
        _only(request)
        catalogue, viewer = self._catalogue(), self._viewer_of(request)
        layer, _ = visible_layer(catalogue, viewer, request.path_params["collectionId"])
        extent = extent_of(catalogue, viewer, layer)
        return _json(tile_sets(layer, extent, _root(request), _language(request)))

    async def tile_set(self, request: Request) -> Response:
        _only(request)
        catalogue, viewer = self._catalogue(), self._viewer_of(request)
        layer, _ = visible_layer(catalogue, viewer, request.path_params["collectionId"])
        if request.path_params["tileMatrixSetId"] != QUAD:
            raise NotFoundError(f"The tiles of “{layer.id}” come in the tiling scheme {QUAD} only.")
        extent = extent_of(catalogue, viewer, layer)
        return _json(tile_set(layer, extent, _root(request), _language(request)))

    async def tile_matrix_sets(self, request: Request) -> Response:
        _only(request)
        return _json(tile_matrix_sets(_root(request)))

    async def web_mercator_quad(self, request: Request) -> Response:
        _only(request)
        return _json(web_mercator_quad())

    async def tilejson(self, request: Request) -> Response:
        _only(request)
        catalogue, viewer = self._catalogue(), self._viewer_of(request)
        names = list(dict.fromkeys(request.path_params["layers"].split(",")))
        if len(names) > MOST_LAYERS:
            raise UserError(f"A tile holds at most {MOST_LAYERS} layers: ask for the others in another.")
        layers = [visible_layer(catalogue, viewer, name)[0] for name in names]
        pairs = [(layer, extent_of(catalogue, viewer, layer)) for layer in layers]
        return _json(tilejson(pairs, _base(request), _language(request)))

    def _collection(self, request: Request) -> Collection:
        catalogue, viewer = self._catalogue(), self._viewer_of(request)
        layer, dataset_ids = visible_layer(catalogue, viewer, request.path_params["collectionId"])
        datasets = catalogue.visible_datasets(layer, viewer)
        return Collection(layer, tuple(sorted(dataset_ids)), queryables(layer, datasets))


def ogc_router(
    store: Store,
    catalogue: Callable[[], Catalogue],
    viewer_of: ViewerOf,
    district_frame: str = "EPSG:4547",
) -> APIRouter:
    """The routes; ``district_frame`` is the projected frame offered beside CGCS2000 degrees.

    Include it before the routes of the map: some of its paths would match theirs as well.
    """
    answers = OgcEndpoints(store, catalogue, viewer_of, district_frame)
    endpoints: Mapping[str, Callable[[Request], Any]] = {
        "/features/": answers.landing_page,
        "/features/api": answers.api,
        "/features/conformance": answers.conformance,
        "/features/collections": answers.collections,
        "/features/collections/{collectionId}": answers.collection,
        "/features/collections/{collectionId}/queryables": answers.queryables,
        "/features/collections/{collectionId}/sortables": answers.sortables,
        "/features/collections/{collectionId}/items": answers.items,
        "/features/collections/{collectionId}/items/{featureId}": answers.item,
        "/features/collections/{collectionId}/tiles": answers.tile_sets,
        "/features/collections/{collectionId}/tiles/{tileMatrixSetId}": answers.tile_set,
        "/features/tileMatrixSets": answers.tile_matrix_sets,
        f"/features/tileMatrixSets/{QUAD}": answers.web_mercator_quad,
        "/tiles/{layers}/tilejson.json": answers.tilejson,
    }
    routes = APIRouter(tags=["ogc"])
    routes.add_api_route("/features", answers.landing_page, methods=["GET"], include_in_schema=False)
    for path, answer in endpoints.items():
        routes.add_api_route(
            path, answer, methods=["GET"], openapi_extra=OPERATIONS[path], response_class=Response
        )
    return routes


def _only(request: Request, names: frozenset[str] = frozenset()) -> dict[str, str]:
    """The request's parameters, each of them known and stated once."""
    asked: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names and name != "f":
            known = ", ".join(sorted(names - {"f"})) or "none"
            raise UserError(f"The parameter “{name[:60]}” is not known here; known are: {known}.")
        if name in asked:
            raise UserError(f"The parameter {name} is stated twice: state it once.")
        asked[name] = value
    if asked.pop("f", "json") not in ("json", "geojson"):
        raise UserError("The parameter f must be json: there is no other encoding.")
    return asked


def _end_of_page(
    address: str, asked: Mapping[str, str], last: Key | None, returned: int, matched: int | None
) -> dict[str, Any]:
    query = f"?{urlencode(asked)}" if asked else ""
    links = [link(f"{address}/items{query}", "self", GEOJSON), link(address, "collection")]
    if last is not None:
        following = urlencode({**asked, "after": str(last)})
        links.append(link(f"{address}/items?{following}", "next", GEOJSON))
    ended = {
        "timeStamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "numberReturned": returned,
        "links": links,
    }
    return ended if matched is None else {"numberMatched": matched, **ended}


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def _root(request: Request) -> str:
    return f"{_base(request)}/features"


def _language(request: Request) -> str:
    """English where it is what the client wants first; GIS programs that do not say get Chinese."""
    first = request.headers.get("accept-language", "").strip().lower()
    return "en" if first.startswith("en") else "zh"


def _json(content: Any, media_type: str = JSON, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(content, media_type=media_type, headers={**VARY, **(headers or {})})
