"""The data catalogue in DCAT (W3C Data Catalog Vocabulary 3), as JSON-LD."""

from collections.abc import Callable, Iterable
from typing import Any

from layers.data_catalogue import CatalogueDataset

CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "locn": "http://www.w3.org/ns/locn#",
    "gsp": "http://www.opengis.net/ont/geosparql#",
}
FREQUENCY = "http://publications.europa.eu/resource/authority/frequency/"
FREQUENCIES = {
    "realtime": "UPDATE_CONT",
    "daily": "DAILY",
    "weekly": "WEEKLY",
    "monthly": "MONTHLY",
    "quarterly": "QUARTERLY",
    "half_yearly": "ANNUAL_2",
    "yearly": "ANNUAL",
    "irregular": "IRREG",
}
ACCESS = "http://publications.europa.eu/resource/authority/access-right/"
ACCESS_RIGHTS = {"unconditional": "PUBLIC", "conditional": "RESTRICTED", "none": "NON_PUBLIC"}
GEOJSON = "https://www.iana.org/assignments/media-types/application/geo+json"


def dcat_catalogue(
    datasets: Iterable[CatalogueDataset], base: str, layer_of: Callable[[int], str | None]
) -> dict[str, Any]:
    """A catalogue of the datasets.

    Args:
        base: address of the program, with no slash at the end.
        layer_of: the layer by which a dataset can be taken, if it may be.
    """
    return {
        "@context": CONTEXT,
        "@id": f"{base}/catalogue",
        "@type": "dcat:Catalog",
        "dct:title": [_text("数据资源目录", "zh"), _text("Data catalogue", "en")],
        "dcat:dataset": [_dataset(one, base, layer_of(one.id)) for one in datasets],
    }


def _text(value: str, language: str) -> dict[str, str]:
    return {"@value": value, "@language": language}


def _dataset(dataset: CatalogueDataset, base: str, layer: str | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "@id": f"{base}/catalogue/{dataset.code}",
        "@type": "dcat:Dataset",
        "dct:identifier": dataset.code,
        "dct:title": [_text(dataset.title_zh, "zh"), _text(dataset.title_en, "en")],
        "dct:publisher": {
            "@type": "foaf:Agent",
            "foaf:name": [_text(dataset.department_zh, "zh"), _text(dataset.department_en, "en")],
        },
        "dct:issued": dataset.published_at.isoformat(),
        "dct:modified": dataset.loaded_at.isoformat(),
    }
    notes = [note for note in (dataset.description, dataset.source_note) if note]
    if notes:
        entry["dct:description"] = [_text("；".join(notes), "zh")]
    if dataset.update_period in FREQUENCIES:
        entry["dct:accrualPeriodicity"] = {"@id": FREQUENCY + FREQUENCIES[dataset.update_period]}
    if dataset.sharing in ACCESS_RIGHTS:
        entry["dct:accessRights"] = {"@id": ACCESS + ACCESS_RIGHTS[dataset.sharing]}
    if dataset.sharing_note:
        entry["dct:rights"] = _text(dataset.sharing_note, "zh")
    if dataset.extent:
        entry["dct:spatial"] = {"@type": "dct:Location", "dcat:bbox": _bbox(dataset.extent)}
    if layer:
        entry["dcat:distribution"] = [
            {
                "@type": "dcat:Distribution",
                "dct:title": _text("OGC API – Features", "en"),
                "dcat:accessURL": {"@id": f"{base}/features/collections/{layer}/items"},
                "dcat:mediaType": {"@id": GEOJSON},
            }
        ]
    return entry


def _bbox(extent: list[float]) -> dict[str, str]:
    west, south, east, north = extent
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    corners = ", ".join(f"{x} {y}" for x, y in ring)
    return {
        "@type": "gsp:wktLiteral",
        "@value": f"<http://www.opengis.net/def/crs/EPSG/0/4490> POLYGON (({corners}))",
    }
