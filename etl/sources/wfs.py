"""Feature types of WFS 2.0 services (OGC 09-025r2), page by page with startIndex and count.

GeoJSON is asked for, which every common server offers beside GML; a service without it is refused by name.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from etl.fetch import Access, Fetched, FetchError
from etl.geojson_rows import Tally, feature_rows
from etl.page_client import PageClient, json_object
from etl.row_spool import ENDING, FetchedRow, write_rows
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.row_file import RowFileSource

PAGE = 1_000
_BASE = {"service": "WFS", "version": "2.0.0"}


def fetch(options: SourceOptions, access: Access, folder: Path, watermark: str | None) -> Fetched:  # noqa: ARG001
    """Fetch a feature type, in the frame its answers state.

    Raises:
        FetchError: see ``PageClient`` and ``Tally``; or the service offers no GeoJSON.
    """
    address = options.url or ""
    if options.layer is None:
        raise FetchError(f"Name the feature type of {address} with layer.")
    with PageClient(address, access, access.credential(options.credential), folder) as client:
        form = _json_format(address, client.ask(address, {**_BASE, "request": "GetCapabilities"}))
        query = {**_BASE, "request": "GetFeature", "typeNames": options.layer, "outputFormat": form}
        first = _answer(address, client.ask(address, {**query, "count": 1}))
        tally = Tally(address, _matched(first))
        client.agree(tally.total)
        path = folder / f"features{ENDING}"
        with client.collecting():
            rows = _rows(client, address, query, options.page_size or PAGE, tally)
            number = write_rows(path, rows, lambda: _frame(first))
        return Fetched(path, number)


def _rows(
    client: PageClient, address: str, query: dict[str, str], size: int, tally: Tally
) -> Iterator[FetchedRow]:
    start = 0
    while True:
        page = _answer(address, client.page(address, {**query, "count": size, "startIndex": start}))
        rows, identifiers = feature_rows(address, page.get("features", ()))
        tally.count(identifiers, _matched(page))
        yield from rows
        start += len(rows)
        if not rows or (tally.total is not None and start >= tally.total):
            break
    tally.finish()


def _answer(address: str, body: bytes) -> dict[str, object]:
    """A page; servers tell their errors in XML with status 200."""
    if body.lstrip().startswith(b"<"):
        words = " ".join(_texts(body).split())[:200]
        raise FetchError(f"The service {address} refuses: {words or 'it answers XML'}.")
    return json_object(address, body)


def _texts(body: bytes) -> str:
    try:
        return " ".join(_parsed(body).itertext())
    except ElementTree.ParseError:
        return ""


def _parsed(body: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in body[:10_000]:
        raise ElementTree.ParseError("a document type is not read")
    return ElementTree.fromstring(body)


def _json_format(address: str, capabilities: bytes) -> str:
    """What the service calls GeoJSON."""
    try:
        texts = [(element.text or "").strip() for element in _parsed(capabilities).iter()]
    except ElementTree.ParseError as error:
        raise FetchError(
            f"The service {address} describes itself in no XML ({error}): check its address."
        ) from error
    offered = [text for text in texts if "json" in text.lower() and len(text) < 80]
    for wanted in ("application/json", "application/geo+json", "geojson", "json"):
        if found := next((text for text in offered if text.lower() == wanted), None):
            return found
    raise FetchError(f"The service {address} offers no GeoJSON: fetch its features as a file instead.")


def _matched(page: dict[str, object]) -> int | None:
    for name in ("numberMatched", "totalFeatures"):
        number = page.get(name)
        if isinstance(number, int):
            return number
    return None


def _frame(page: dict[str, object]) -> str:
    """The frame an answer names; without one GeoJSON is in CRS84 (RFC 7946, 4)."""
    crs = page.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return name if isinstance(name, str) else "OGC:CRS84"


FORMAT = SourceFormat("wfs", (), RowFileSource, fetch)
