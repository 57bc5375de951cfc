"""GeoJSON, also one feature a line, and Esri JSON: whole, in UTF-8, and not one page of many."""

import json
import tempfile
from pathlib import Path

from etl.delivery import SourceError
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.vector import VectorSource, first_line
from etl.text_encoding import text_encoding, transcode

_WHOLLY_PARSED = 50_000_000
_LINES = (".geojsonl", ".geojsons", ".ndjson", ".jsonl")


class GeoJsonSource(VectorSource):
    """JSON in another encoding is read from a copy in UTF-8, one feature a line by the ending GDAL knows."""

    def __init__(self, path: Path, options: SourceOptions) -> None:
        encoding = text_encoding(path, options.encoding)
        super().__init__(path)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        lined = path.name.lower().endswith(_LINES)
        if encoding != "utf-8-sig" or lined:
            self._folder = tempfile.TemporaryDirectory(prefix="ioc-json-")
            self.opened = Path(self._folder.name, f"{path.stem}.geojsonl" if lined else f"{path.stem}.json")
            if encoding == "utf-8-sig":
                self.opened.symlink_to(path.absolute())
            else:
                transcode(path, encoding, self.opened)
        try:
            _check(path, self.opened, lined=lined)
        except SourceError:
            self.close()
            raise

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _check(path: Path, opened: Path, *, lined: bool) -> None:
    with opened.open("rb") as file:
        head = file.read(4_000)
        file.seek(max(opened.stat().st_size - 400, 0))
        tail = file.read()
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\x1e")
    if not begin:
        raise SourceError(f"{path} is empty: deliver it again.")
    if not begin.startswith(b"{") or b"gdal_streamed_alg" in head:
        raise SourceError(f"{path} is no GeoJSON: deliver it again.")
    if b'"exceededTransferLimit":true' in (head + tail).replace(b" ", b"").replace(b"\n", b""):
        raise SourceError(
            f"{path} is one page of an ArcGIS query and not all of it: export the whole layer, or let "
            'the job read the service itself (format = "arcgis").'
        )
    if lined:
        _check_lines(path, opened)
    elif opened.stat().st_size < _WHOLLY_PARSED:
        try:
            json.loads(opened.read_bytes())
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SourceError(f"{path} is not whole JSON ({first_line(error)}): deliver it again.") from error
    elif not tail.rstrip().endswith(b"}"):
        raise SourceError(f"{path} is not whole JSON (its end is missing): deliver it again.")


def _check_lines(path: Path, opened: Path) -> None:
    """GDAL passes over lines it cannot read."""
    with opened.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            try:
                whole = not line.strip("\x1e \t\r\n") or isinstance(json.loads(line.strip("\x1e")), dict)
            except (json.JSONDecodeError, RecursionError):
                whole = False
            if not whole:
                raise SourceError(f"{path}, line {number}, is no whole JSON object: deliver it again.")


FORMAT = SourceFormat("geojson", (".geojson", ".json", *_LINES), GeoJsonSource)
