"""Collections of OGC API - Features services (OGC 17-069r4), page by page along their next links."""

from collections.abc import Iterator
from pathlib import Path

from etl.fetch import Access, Fetched, FetchError
from etl.geojson_rows import Tally, feature_rows
from etl.page_client import PageClient, json_object
from etl.row_spool import ENDING, FetchedRow, write_rows
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.row_file import RowFileSource

PAGE = 1_000
_EMPTY_PAGES = 3


def fetch(options: SourceOptions, access: Access, folder: Path, watermark: str | None) -> Fetched:  # noqa: ARG001
    """Fetch a collection, in CRS84.

    Raises:
        FetchError: see ``PageClient`` and ``Tally``.
    """
    address = (options.url or "").rstrip("/")
    if "/collections/" not in address:
        if options.layer is None:
            raise FetchError(f"Name the collection of {address} with layer, or in the address.")
        address = f"{address}/collections/{options.layer}"
    with PageClient(address, access, access.credential(options.credential), folder) as client:
        first = json_object(address, client.ask(f"{address}/items", {"f": "json", "limit": 1}))
        tally = Tally(address, _matched(first))
        client.agree(tally.total)
        path = folder / f"features{ENDING}"
        with client.collecting():
            number = write_rows(
                path, _rows(client, address, options.page_size or PAGE, tally), lambda: "OGC:CRS84"
            )
        return Fetched(path, number)


def _rows(client: PageClient, address: str, size: int, tally: Tally) -> Iterator[FetchedRow]:
    empty = 0
    link: str | None = f"{address}/items?f=json&limit={size}"
    while link is not None:
        page = json_object(address, client.page(link))
        rows, identifiers = feature_rows(address, page.get("features", ()))
        tally.count(identifiers, _matched(page))
        yield from rows
        empty = 0 if rows else empty + 1
        if empty > _EMPTY_PAGES:
            raise FetchError(f"The service {address} gives empty pages without end.")
        link = _next(client, page)
    tally.finish()


def _matched(page: dict[str, object]) -> int | None:
    number = page.get("numberMatched")
    return number if isinstance(number, int) else None


def _next(client: PageClient, page: dict[str, object]) -> str | None:
    links = page.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "next" and isinstance(link.get("href"), str):
            return client.absolute(link["href"])
    return None


FORMAT = SourceFormat("ogc_api", (), RowFileSource, fetch)
