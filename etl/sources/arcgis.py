"""Layers of ArcGIS FeatureServer and MapServer services, by offsets or by ranges of object numbers.

Features are asked for in the layer's own frame: services that convert do not say by which transformation.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import shapely

from etl.fetch import Access, Fetched, FetchError
from etl.geojson_rows import Tally
from etl.page_client import PageClient, json_object
from etl.row_spool import ENDING, FetchedRow, write_rows
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.row_file import RowFileSource

PAGE = 1_000
_ESRI_NUMBERS = {102100: 3857, 102113: 3857}
"""Numbers of Esri's own that stand for Web Mercator."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def fetch(options: SourceOptions, access: Access, folder: Path, watermark: str | None) -> Fetched:  # noqa: ARG001
    """Fetch a layer; the address ends in its number.

    Raises:
        FetchError: see ``PageClient`` and ``Tally``.
    """
    address = (options.url or "").rstrip("/")
    credential = access.credential(options.credential)
    with PageClient(address, access, credential, folder, token_parameter="token") as client:
        about = _answer(address, client.ask(address, {"f": "json"}))
        query = {"where": "1=1", "f": "json"}
        count = _answer(address, client.ask(f"{address}/query", {**query, "returnCountOnly": "true"}))
        tally = Tally(address, count["count"] if isinstance(count.get("count"), int) else None)
        client.agree(tally.total)
        most = about.get("maxRecordCount")
        size = min(options.page_size or PAGE, most if isinstance(most, int) and most > 0 else PAGE)
        path = folder / f"features{ENDING}"
        with client.collecting():
            pages = _pages(client, address, about, size)
            number = write_rows(path, _rows(address, pages, tally), lambda: _frame(about))
        return Fetched(path, number)


def _rows(address: str, pages: Iterator[dict[str, Any]], tally: Tally) -> Iterator[FetchedRow]:
    for page in pages:
        dates = [
            field["name"] for field in page.get("fields", ()) if field.get("type") == "esriFieldTypeDate"
        ]
        key = page.get("objectIdFieldName")
        rows, identifiers = [], []
        try:
            for feature in page["features"]:
                cells = dict(feature.get("attributes") or {})
                for name in dates:
                    if isinstance(cells.get(name), int | float):
                        cells[name] = _EPOCH + timedelta(milliseconds=cells[name])
                identifiers.append(cells.get(key) if key else None)
                rows.append(FetchedRow(cells, esri_shape(feature.get("geometry"))))
        except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.GEOSException) as error:
            raise FetchError(f"The service {address} answers something other than features.") from error
        tally.count(identifiers)
        yield from rows
    tally.finish()


def _pages(client: PageClient, address: str, about: dict[str, Any], size: int) -> Iterator[dict[str, Any]]:
    key = _object_id(about)
    query = {"where": "1=1", "outFields": "*", "returnGeometry": "true", "f": "json"}
    paged = (about.get("advancedQueryCapabilities") or {}).get("supportsPagination")
    if not paged:
        yield from _pages_by_ids(client, address, query, size)
        return
    start = 0
    while True:
        asked = {**query, "resultOffset": start, "resultRecordCount": size}
        page = _answer(
            address, client.page(f"{address}/query", asked | ({"orderByFields": key} if key else {}))
        )
        yield page
        found = len(page.get("features", ()))
        start += found
        # A short page without the mark is the last one; one with the mark and no features would never end.
        if not found or not (page.get("exceededTransferLimit") or found >= size):
            return


def _pages_by_ids(
    client: PageClient, address: str, query: dict[str, str], size: int
) -> Iterator[dict[str, Any]]:
    """Ranges of object numbers, for services that do not page."""
    asked = {"where": "1=1", "returnIdsOnly": "true", "f": "json"}
    listing = _answer(address, client.ask(f"{address}/query", asked))
    key, ids = listing.get("objectIdFieldName"), sorted(listing.get("objectIds") or ())
    for at in range(0, len(ids), size):
        part = ids[at : at + size]
        where = f"{key} >= {int(part[0])} AND {key} <= {int(part[-1])}"
        yield _answer(address, client.page(f"{address}/query", {**query, "where": where}))


def _answer(address: str, body: bytes) -> dict[str, Any]:
    """An answer; these services tell their errors with status 200."""
    answer = json_object(address, body)
    error = answer.get("error")
    if isinstance(error, dict):
        if error.get("code") in (498, 499, 403):
            raise FetchError(f"The service {address} refuses the token: check the job's credential.")
        words = " ".join([str(error.get("message", "")), *map(str, error.get("details") or ())]).strip()
        raise FetchError(f"The service {address} refuses: {words[:200]}.")
    return answer


def _object_id(about: dict[str, Any]) -> str | None:
    if isinstance(about.get("objectIdField"), str):
        return about["objectIdField"]
    fields = about.get("fields") or ()
    return next((one["name"] for one in fields if one.get("type") == "esriFieldTypeOID"), None)


def _frame(about: dict[str, Any]) -> str | None:
    reference = (
        about.get("sourceSpatialReference") or (about.get("extent") or {}).get("spatialReference") or {}
    )
    number = reference.get("latestWkid") or reference.get("wkid")
    if isinstance(number, int):
        return f"EPSG:{_ESRI_NUMBERS.get(number, number)}"
    return reference.get("wkt")


def esri_shape(geometry: dict[str, Any] | None) -> shapely.Geometry | None:
    """A geometry of Esri JSON; the outer rings of a polygon run clockwise, its holes counter-clockwise."""
    if not geometry:
        return None
    if "x" in geometry:
        x, y = geometry["x"], geometry["y"]
        return None if x is None or y is None or "NaN" in (x, y) else shapely.Point(float(x), float(y))
    if "points" in geometry:
        return shapely.MultiPoint([point[:2] for point in geometry["points"]])
    if "paths" in geometry:
        lines = [shapely.LineString([point[:2] for point in path]) for path in geometry["paths"]]
        return lines[0] if len(lines) == 1 else shapely.MultiLineString(lines) if lines else None
    if "rings" in geometry:
        return _polygon([shapely.LinearRing([point[:2] for point in ring]) for ring in geometry["rings"]])
    raise ValueError("a kind of geometry that is not known")


def _polygon(rings: list[shapely.LinearRing]) -> shapely.Geometry | None:
    outer = [shapely.Polygon(ring) for ring in rings if not ring.is_ccw]
    holes: list[list[shapely.LinearRing]] = [[] for _ in outer]
    for hole in (ring for ring in rings if ring.is_ccw):
        inside = shapely.Point(hole.coords[0])
        around = next((at for at, shape in enumerate(outer) if shape.covers(inside)), None)
        if around is None:
            outer.append(shapely.Polygon(hole))
            holes.append([])
        else:
            holes[around].append(hole)
    shapes = [shapely.Polygon(shape.exterior, inner) for shape, inner in zip(outer, holes, strict=True)]
    return shapes[0] if len(shapes) == 1 else shapely.MultiPolygon(shapes) if shapes else None


FORMAT = SourceFormat("arcgis", (), RowFileSource, fetch)
