"""The documents that tell a client what there is: landing page, conformance, collections."""

from typing import Any

from geodata.viewer import Viewer
from layers.catalogue import Catalogue
from layers.layer import Layer
from layers.ogc.reference_system import CRS84, STORED, ReferenceSystems

JSON = "application/json"
GEOJSON = "application/geo+json"
SCHEMA_JSON = "application/schema+json"
OPENAPI_JSON = "application/vnd.oai.openapi+json;version=3.0"

CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    # Part 8 is a draft: its classes have no final number yet.
    "http://www.opengis.net/spec/ogcapi-features-8/0.0/conf/sorting",
    "http://www.opengis.net/spec/ogcapi-features-8/0.0/conf/features-sorting",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/property-property",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
)


def link(
    href: str, rel: str, type_: str | None = JSON, title: str | None = None, **more: Any
) -> dict[str, Any]:
    """A link of OGC API Common."""
    entries = {"href": href, "rel": rel, "type": type_, "title": title, **more}
    return {name: value for name, value in entries.items() if value is not None}


def landing_page(root: str, language: str) -> dict[str, Any]:
    """What is at ``root``, the absolute address of ``/features`` without a slash at its end."""
    chinese = language == "zh"
    return {
        "title": "城市运行一张图" if chinese else "One map of the district",
        "description": (
            "区级城市运行管理中心的图层，按登录账号的权限提供。"
            if chinese
            else "Layers of the district's operations center, as far as the account has rights to them."
        ),
        "links": [
            link(f"{root}/", "self"),
            link(f"{root}/api", "service-desc", OPENAPI_JSON),
            link(f"{root.removesuffix('/features')}/openapi.json", "service-desc", _openapi("3.1")),
            link(f"{root}/conformance", "conformance"),
            link(f"{root}/conformance", "http://www.opengis.net/def/rel/ogc/1.0/conformance"),
            link(f"{root}/collections", "data"),
            link(f"{root}/collections", "http://www.opengis.net/def/rel/ogc/1.0/data"),
            link(f"{root}/tileMatrixSets", "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"),
        ],
    }


def _openapi(version: str) -> str:
    return f"application/vnd.oai.openapi+json;version={version}"


def collections(
    catalogue: Catalogue, viewer: Viewer, systems: ReferenceSystems, root: str, language: str
) -> dict[str, Any]:
    """The collections that a viewer may read."""
    return {
        "links": [link(f"{root}/collections", "self")],
        "collections": [
            collection(catalogue, viewer, layer, systems, root, language)
            for layer, _ in catalogue.visible_layers(viewer)
        ],
    }


def extent_of(catalogue: Catalogue, viewer: Viewer, layer: Layer) -> list[float] | None:
    """West, south, east, north around the datasets of a layer, in CGCS2000 degrees."""
    extents = [d.extent for d in catalogue.visible_datasets(layer, viewer) if d.extent]
    if not extents:
        return None
    west, south, east, north = zip(*extents, strict=True)
    return [min(west), min(south), max(east), max(north)]


def collection(
    catalogue: Catalogue, viewer: Viewer, layer: Layer, systems: ReferenceSystems, root: str, language: str
) -> dict[str, Any]:
    """A layer as a collection."""
    own = f"{root}/collections/{layer.id}"
    chinese = language == "zh"
    datasets = catalogue.visible_datasets(layer, viewer)
    notes = [d.source_note for d in datasets if d.source_note]
    departments = [d.department_zh if chinese else d.department_en for d in datasets]
    described: dict[str, Any] = {
        "id": layer.id,
        "title": layer.title.zh if chinese else layer.title.en,
        "description": "；".join(dict.fromkeys([*departments, *notes])),
        "itemType": "feature",
        "crs": list(systems.by_uri),
        "storageCrs": STORED,
        "links": [
            link(own, "self"),
            # What may not be taken away has single features and tiles only.
            *([link(f"{own}/items", "items", GEOJSON)] if layer.downloadable else []),
            link(f"{own}/queryables", "http://www.opengis.net/def/rel/ogc/1.0/queryables", SCHEMA_JSON),
            link(f"{own}/sortables", "http://www.opengis.net/def/rel/ogc/1.0/sortables", SCHEMA_JSON),
            link(f"{own}/tiles", "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"),
        ],
    }
    extent = extent_of(catalogue, viewer, layer)
    if extent is not None:
        described["extent"] = {"spatial": {"bbox": [extent], "crs": CRS84}}
    return described
