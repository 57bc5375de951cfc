"""Tile sets (OGC API – Tiles) and TileJSON: how a client finds the vector tiles and what is in them."""

from collections.abc import Sequence
from math import floor
from typing import Any

from layers.layer import Layer
from layers.mercator import mercator
from layers.ogc.document import JSON, link
from layers.ogc.reference_system import CRS84
from layers.tile import HIGHEST_ZOOM
from layers.tile_sql import WORLD_METRES

QUAD = "WebMercatorQuad"
QUAD_URI = f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{QUAD}"
MERCATOR_URI = "http://www.opengis.net/def/crs/EPSG/0/3857"
TILE = "application/vnd.mapbox-vector-tile"
TILE_PIXELS = 256
PIXEL_METRES = 0.00028
"""A pixel of a screen, as OGC defines scales."""

Extent = Sequence[float]


def tile_sets(layer: Layer, extent: Extent | None, root: str, language: str) -> dict[str, Any]:
    """The tile sets of a collection: there is one."""
    own = f"{root}/collections/{layer.id}/tiles"
    entry = tile_set(layer, extent, root, language)
    entry.pop("tileMatrixSetLimits", None)
    return {"links": [link(own, "self")], "tilesets": [entry]}


def tile_set(layer: Layer, extent: Extent | None, root: str, language: str) -> dict[str, Any]:
    """Where a collection's tiles are and which of them hold anything."""
    own = f"{root}/collections/{layer.id}/tiles/{QUAD}"
    base = root.removesuffix("/features")
    template = f"{base}/tiles/{layer.id}/{{tileMatrix}}/{{tileCol}}/{{tileRow}}.mvt"
    described: dict[str, Any] = {
        "title": layer.title.zh if language == "zh" else layer.title.en,
        "dataType": "vector",
        "crs": MERCATOR_URI,
        "tileMatrixSetURI": QUAD_URI,
        "links": [
            link(own, "self"),
            link(f"{root}/tileMatrixSets/{QUAD}", "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"),
            link(f"{root}/collections/{layer.id}", "http://www.opengis.net/def/rel/ogc/1.0/geodata"),
            link(f"{base}/tiles/{layer.id}/tilejson.json", "describedby", JSON, "TileJSON"),
            link(template, "item", TILE, templated=True),
        ],
    }
    if extent is not None:
        described["boundingBox"] = {
            "lowerLeft": list(extent[:2]),
            "upperRight": list(extent[2:]),
            "crs": CRS84,
        }
        described["tileMatrixSetLimits"] = [
            _limits(extent, zoom) for zoom in range(layer.min_zoom, min(layer.max_zoom, HIGHEST_ZOOM) + 1)
        ]
    return described


def _limits(extent: Extent, zoom: int) -> dict[str, Any]:
    size = WORLD_METRES / 2**zoom
    half = WORLD_METRES / 2
    (left, bottom), (right, top) = mercator(extent[0], extent[1]), mercator(extent[2], extent[3])
    last = 2**zoom - 1
    return {
        "tileMatrix": str(zoom),
        "minTileRow": max(0, floor((half - top) / size)),
        "maxTileRow": min(last, floor((half - bottom) / size)),
        "minTileCol": max(0, floor((left + half) / size)),
        "maxTileCol": min(last, floor((right + half) / size)),
    }


def tile_matrix_sets(root: str) -> dict[str, Any]:
    """The list of tiling schemes."""
    address = f"{root}/tileMatrixSets/{QUAD}"
    return {"tileMatrixSets": [{"id": QUAD, "uri": QUAD_URI, "links": [link(address, "self")]}]}


def web_mercator_quad() -> dict[str, Any]:
    """The tiling scheme (OGC 17-083r4, annex D), as deep as tiles are made."""
    half = WORLD_METRES / 2
    matrices = []
    for zoom in range(HIGHEST_ZOOM + 1):
        cell = WORLD_METRES / TILE_PIXELS / 2**zoom
        matrices.append(
            {
                "id": str(zoom),
                "scaleDenominator": cell / PIXEL_METRES,
                "cellSize": cell,
                "pointOfOrigin": [-half, half],
                "tileWidth": TILE_PIXELS,
                "tileHeight": TILE_PIXELS,
                "matrixWidth": 2**zoom,
                "matrixHeight": 2**zoom,
            }
        )
    return {
        "id": QUAD,
        "title": "Google Maps Compatible for the World",
        "uri": QUAD_URI,
        "crs": MERCATOR_URI,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": matrices,
    }


def tilejson(layers: Sequence[tuple[Layer, Extent | None]], base: str, language: str) -> dict[str, Any]:
    """TileJSON 3.0.0 of one or several layers; ``base`` is the server's absolute address."""
    names = ",".join(layer.id for layer, _ in layers)
    shown = [extent for _, extent in layers if extent is not None]
    described: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": "、".join(layer.title.zh if language == "zh" else layer.title.en for layer, _ in layers),
        "tiles": [f"{base}/tiles/{names}/{{z}}/{{x}}/{{y}}.mvt"],
        "minzoom": min(layer.min_zoom for layer, _ in layers),
        "maxzoom": min(HIGHEST_ZOOM, max(layer.max_zoom for layer, _ in layers)),
        "vector_layers": [_vector_layer(layer, language) for layer, _ in layers],
    }
    if shown:
        west, south, east, north = zip(*shown, strict=True)
        described["bounds"] = [min(west), min(south), max(east), max(north)]
    return described


def _vector_layer(layer: Layer, language: str) -> dict[str, Any]:
    labels = {shown.name: shown.label for shown in layer.fields}
    fields = {}
    for one in layer.properties:
        label = labels.get(one.column)
        fields[one.name] = (label.zh if language == "zh" else label.en) if label else one.column
    if layer.geometry == "point" and layer.point_min_zoom > 0 and not layer.thin_by:
        chinese = language == "zh"
        fields["count"] = "聚合点内的要素数" if chinese else "Features in a cluster"
        if layer.cluster_class is not None:
            fields["class"] = "聚合点的类别" if chinese else "Class of a cluster"
    return {
        "id": layer.id,
        "description": layer.title.zh if language == "zh" else layer.title.en,
        "minzoom": layer.min_zoom,
        "maxzoom": min(layer.max_zoom, HIGHEST_ZOOM),
        "fields": fields,
    }
