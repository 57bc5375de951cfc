"""What the OpenAPI document says of these routes, in the words that OpenAPI 3.0 and 3.1 have in common."""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI

from layers.ogc.document import GEOJSON, JSON, SCHEMA_JSON
from layers.ogc.item import DEFAULT_ITEMS, FILTER_LANGUAGES, MOST_ITEMS
from layers.ogc.sorting import MOST_TERMS
from layers.ogc.tile_set import QUAD, TILE
from layers.problem import MEDIA_TYPE
from layers.tile import HIGHEST_ZOOM
from layers.tile_endpoint import ROUTE as TILE_ROUTE

Document = dict[str, Any]

TEXT: Document = {"type": "string"}
LINKS: Document = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["href", "rel"],
        "properties": {
            "href": TEXT,
            "rel": TEXT,
            "type": TEXT,
            "title": TEXT,
            "templated": {"type": "boolean"},
        },
    },
}
PROBLEM: Document = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT},
}
REFUSALS = {
    "400": "A parameter is not as it must be; the detail says which and how to mend it.",
    "401": "No session and no token.",
    "404": "There is no such thing, as far as this account may know.",
}
COORDINATES: Document = {"type": "array", "items": {}}
GEOMETRY: Document = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": TEXT, "coordinates": COORDINATES, "geometries": COORDINATES},
}
FEATURE: Document = {
    "type": "object",
    "required": ["type", "id", "properties"],
    "properties": {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"type": "integer"},
        # Without a type: a feature may have no place, and the two versions write “or null” differently.
        "geometry": {"description": "GeoJSON geometry in the axis order of the reference system, or null"},
        "properties": {"type": "object"},
        "links": LINKS,
    },
}
FEATURES: Document = {
    "type": "object",
    "required": ["type", "features", "links", "numberReturned"],
    "properties": {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": FEATURE},
        "links": LINKS,
        "numberReturned": {"type": "integer", "minimum": 0},
        "numberMatched": {"type": "integer", "minimum": 0},
        "timeStamp": {"type": "string", "format": "date-time"},
    },
}
LINKED: Document = {"type": "object", "required": ["links"], "properties": {"links": LINKS}}
COLLECTION: Document = {
    "type": "object",
    "required": ["id", "links"],
    "properties": {
        "id": TEXT,
        "title": TEXT,
        "description": TEXT,
        "itemType": {"type": "string", "enum": ["feature"]},
        "crs": {"type": "array", "items": TEXT},
        "storageCrs": TEXT,
        "extent": {"type": "object"},
        "links": LINKS,
    },
}
COLLECTIONS: Document = {
    "type": "object",
    "required": ["links", "collections"],
    "properties": {"links": LINKS, "collections": {"type": "array", "items": COLLECTION}},
}
CONFORMS: Document = {
    "type": "object",
    "required": ["conformsTo"],
    "properties": {"conformsTo": {"type": "array", "items": TEXT}},
}
OBJECT: Document = {"type": "object"}


def path_parameter(name: str, description: str, schema: Document | None = None) -> Document:
    """A parameter in the path."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema or {"type": "string", "minLength": 1},
    }


def query_parameter(name: str, description: str, schema: Document | None = None, **more: Any) -> Document:
    """A parameter in the query."""
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema or {"type": "string", "minLength": 1},
        **more,
    }


COLLECTION_ID = path_parameter("collectionId", "Id of a collection: a layer of the map.")
LAYERS = path_parameter("layers", "Ids of layers, comma separated.")
FORMAT = query_parameter(
    "f",
    "The only encoding there is, for clients that name one.",
    {"type": "string", "enum": ["json", "geojson"]},
)
CRS = query_parameter("crs", "URI of the coordinate reference system of the answer; CRS84 without it.")
ITEM_PARAMETERS: tuple[Document, ...] = (
    query_parameter(
        "limit",
        f"Most features of the answer; more than {MOST_ITEMS} counts as {MOST_ITEMS}.",
        {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": DEFAULT_ITEMS},
    ),
    query_parameter(
        "bbox",
        "Lower and upper corner of an area that the features meet, in the axis order of bbox-crs.",
        {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6},
        style="form",
        explode=False,
    ),
    query_parameter("bbox-crs", "URI of the coordinate reference system of bbox; CRS84 without it."),
    query_parameter("datetime", "Instant or interval of RFC 3339 that holds the feature's first date."),
    CRS,
    query_parameter("filter", "Condition in CQL2 text over the collection's queryables."),
    query_parameter("filter-lang", "Language of filter.", {"type": "string", "enum": list(FILTER_LANGUAGES)}),
    query_parameter(
        "filter-crs", "URI of the reference system of the filter's geometries; CRS84 without it."
    ),
    query_parameter(
        "sortby",
        "Sortables, the weightiest first, each after + (ascending, as without a sign) or - (descending); "
        "features without a value come last.",
        {"type": "array", "minItems": 1, "maxItems": MOST_TERMS, "items": {"type": "string", "minLength": 1}},
        style="form",
        explode=False,
    ),
    query_parameter(
        "count", "Whether to count all features that match.", {"type": "boolean", "default": False}
    ),
    query_parameter("after", "Where the page before ended; stands in “next” links."),
    query_parameter(
        "properties",
        "Any queryable by its name and the value it must have.",
        {"type": "object", "additionalProperties": TEXT},
        style="form",
        explode=True,
    ),
    FORMAT,
)


def operation(
    summary: str,
    schema: Document,
    media_type: str = JSON,
    parameters: tuple[Document, ...] = (),
    refusals: tuple[str, ...] = ("400", "401"),
    headers: Mapping[str, Document] | None = None,
) -> Document:
    """An operation of the document, with its answer of 200 and its refusals."""
    answer: Document = {"description": summary, "content": {media_type: {"schema": schema}}}
    if headers:
        answer["headers"] = dict(headers)
    responses: Document = {"200": answer}
    for status in refusals:
        responses[status] = {"description": REFUSALS[status], "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


CONTENT_CRS = {"Content-Crs": {"description": "URI of the coordinate reference system.", "schema": TEXT}}
UNKNOWN = ("400", "401", "404")
IN_COLLECTION = (COLLECTION_ID, FORMAT)

OPERATIONS: Mapping[str, Document] = {
    "/features/": operation("Landing page", LINKED, parameters=(FORMAT,)),
    "/features/api": operation("This document", OBJECT, JSON, (FORMAT,)),
    "/features/conformance": operation("Conformance classes", CONFORMS, parameters=(FORMAT,)),
    "/features/collections": operation("Collections", COLLECTIONS, parameters=(FORMAT,)),
    "/features/collections/{collectionId}": operation(
        "A collection", COLLECTION, JSON, IN_COLLECTION, UNKNOWN
    ),
    "/features/collections/{collectionId}/queryables": operation(
        "Properties that filters may name", OBJECT, SCHEMA_JSON, IN_COLLECTION, UNKNOWN
    ),
    "/features/collections/{collectionId}/sortables": operation(
        "Properties that features may be sorted by", OBJECT, SCHEMA_JSON, IN_COLLECTION, UNKNOWN
    ),
    "/features/collections/{collectionId}/items": operation(
        "Features", FEATURES, GEOJSON, (COLLECTION_ID, *ITEM_PARAMETERS), UNKNOWN, CONTENT_CRS
    ),
    "/features/collections/{collectionId}/items/{featureId}": operation(
        "A feature",
        FEATURE,
        GEOJSON,
        (
            COLLECTION_ID,
            path_parameter("featureId", "Id of a feature.", {"type": "integer"}),
            CRS,
            FORMAT,
        ),
        UNKNOWN,
        CONTENT_CRS,
    ),
    "/features/collections/{collectionId}/tiles": operation(
        "Tile sets of a collection", LINKED, JSON, IN_COLLECTION, UNKNOWN
    ),
    "/features/collections/{collectionId}/tiles/{tileMatrixSetId}": operation(
        "A tile set of a collection",
        LINKED,
        JSON,
        (
            COLLECTION_ID,
            path_parameter("tileMatrixSetId", "The tiling scheme.", {"type": "string", "enum": [QUAD]}),
            FORMAT,
        ),
        UNKNOWN,
    ),
    "/features/tileMatrixSets": operation("Tiling schemes", OBJECT, parameters=(FORMAT,)),
    f"/features/tileMatrixSets/{QUAD}": operation("The tiling scheme", OBJECT, parameters=(FORMAT,)),
    "/tiles/{layers}/tilejson.json": operation("TileJSON of layers", OBJECT, JSON, (LAYERS, FORMAT), UNKNOWN),
}

_ZOOM = {"type": "integer", "minimum": 0, "maximum": HIGHEST_ZOOM}
_INDEX = {"type": "integer", "minimum": 0}
TILE_OPERATION: Document = operation(
    "Vector tile of one or several layers",
    {"type": "string", "format": "binary"},
    TILE,
    (
        LAYERS,
        path_parameter("z", "Zoom.", _ZOOM),
        path_parameter("x", "Column, from the west.", _INDEX),
        path_parameter("y", "Row, from the north.", _INDEX),
    ),
    ("401", "404"),
)
TILE_OPERATION["responses"]["204"] = {"description": "There is nothing in the tile."}
TILE_OPERATION["responses"]["304"] = {"description": "The tile is as the client has it (If-None-Match)."}

SECURITY: Document = {
    "securitySchemes": {
        "token": {"type": "http", "scheme": "bearer", "description": "Made with `ioc user token NAME`."}
    }
}


def own_document(version: str, base: str, properties: Mapping[str, Iterable[str]]) -> Document:
    """OpenAPI 3.0 of these routes alone, for clients that do not read 3.1.

    ``properties`` holds the queryables of each collection: its items have a path of their own, by which GDAL
    learns what it may leave to the server. ``base`` is the server's absolute address.
    """
    paths: Document = {}
    for path, described in {**OPERATIONS, TILE_ROUTE: TILE_OPERATION}.items():
        if path.startswith("/features"):
            paths[path.removeprefix("/features")] = {"get": described}
        else:
            paths[path] = {"servers": [{"url": base}], "get": described}
    for collection, names in properties.items():
        paths[f"/collections/{collection}/items"] = {"get": _items_of(names)}
    return {
        "openapi": "3.0.3",
        "info": {"title": "IOC OGC API", "version": version, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": f"{base}/features"}],
        "security": [{"token": []}],
        "components": SECURITY,
        "paths": paths,
    }


def _items_of(names: Iterable[str]) -> Document:
    general = [one for one in ITEM_PARAMETERS if one["name"] != "properties"]
    own = [query_parameter(name, "The value that the property must have.") for name in names]
    return operation("Features", FEATURES, GEOJSON, (*general, *own), UNKNOWN, CONTENT_CRS)


def document_tiles(app: FastAPI) -> None:
    """Let the application's own document tell of the tiles too, whose route answers below FastAPI."""
    without = app.openapi

    def with_tiles() -> Document:
        document = without()
        document["paths"].setdefault(TILE_ROUTE, {"get": TILE_OPERATION})
        return document

    app.openapi = with_tiles
