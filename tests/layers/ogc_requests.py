"""What the tests of OGC API – Features ask, and what the store itself would answer."""

from typing import Any
from urllib.parse import urlencode

import httpx

from tests.layers.district import District, rows_of

COMPONENTS = "/features/collections/component/items"
OGC_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def items(
    district: District, collection: str = "component", who: str = "leader", **asked: Any
) -> httpx.Response:
    hyphened = {"bbox_crs": "bbox-crs", "filter_crs": "filter-crs"}
    query = urlencode({hyphened.get(name, name): value for name, value in asked.items()})
    return district.get(f"/features/collections/{collection}/items?{query}", who)


def ids(answer: httpx.Response) -> set[int]:
    assert answer.status_code == 200, answer.text
    return {feature["id"] for feature in answer.json()["features"]}


def expected(district: District, table: str, condition: str) -> set[int]:
    return {row[0] for row in rows_of(district, f"SELECT id FROM ioc.{table} WHERE {condition}")}  # noqa: S608


def link_of(document: dict[str, Any], rel: str) -> str | None:
    return next((entry["href"] for entry in document["links"] if entry["rel"] == rel), None)
