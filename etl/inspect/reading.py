"""A file's layers as they are: rows, shapes, what the file states, and how a job must read them."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyproj import CRS
from python_calamine import CalamineError, CalamineWorkbook

from etl.delivery import Delivery, Source, SourceError, SourceLayer, joined
from etl.inspect.header import SEARCHED, Header, find_header
from etl.source_format import format_of, open_source, sidecars
from etl.source_options import SourceOptions
from etl.sources.archive import ArchiveSource
from etl.text_encoding import EncodingGuess, dbf_texts, detect_encoding, detect_pieces, head_of

_MOST_ROWS = 60_000
"""Rows that are looked at; the count is of all."""
_TEXT_PARTS = {".mif": ".mid", ".tab": ".dat"}
_BINARY = (".gpkg", ".fgb", ".xlsx", ".xlsm", ".xls", ".ods", ".gdb", ".gdb.zip", ".sqlite", ".pbf", ".kmz")
_WGS84_BY_FORMAT = (".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".kml", ".kmz", ".gpx")
_IN_BINARY = EncodingGuess("UTF-8", 1.0, None, "格式规定为 UTF-8", "the format demands UTF-8")


@dataclass
class RawLayer:
    """A layer before anything is understood of it.

    ``source`` are the keys of the job's part ``[source]`` that reading it takes; ``titles`` stand above the
    table; ``implied`` is the frame the format demands where the file states none.
    """

    file: str
    name: str
    rows: int
    attributes: pd.DataFrame
    geometry: np.ndarray | None
    crs: CRS | None
    encoding: EncodingGuess
    source: dict[str, Any]
    titles: tuple[str, ...] = ()
    implied: str | None = None
    cut_names: bool = False
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def words(self) -> tuple[str, ...]:
        """Names and titles, for what they say."""
        return (*self.titles, self.name, Path(self.file).stem)


def raw_layers(path: Path) -> Iterator[RawLayer]:
    """Every layer of a file, those of an archive's members too.

    Raises:
        SourceError: of no format known, damaged, or missing.
    """
    if not path.exists():
        raise SourceError(f"{path} is not there: check its name.")
    options = SourceOptions(path=path.name)
    if format_of(path, options).name == "archive":
        yield from _archive(path, options)
        return
    yield from _file(path, path.name)


def _archive(path: Path, options: SourceOptions) -> Iterator[RawLayer]:
    with ArchiveSource(path, options) as archive:
        for member, inner in archive.members.items():
            for layer in _file(inner, path.name):
                if len(archive.members) > 1 or "layer" in layer.source or "sheet" in layer.source:
                    own = layer.source.pop("layer", None) or layer.source.pop("sheet", None) or layer.name
                    layer.source["layer"] = member if Path(member).stem == own else f"{member}|{own}"
                layer.file = f"{path.name}/{member}"
                yield layer


def _file(path: Path, named: str) -> Iterator[RawLayer]:
    kind = format_of(path, SourceOptions(path=path.name)).name
    if kind == "csv":
        yield _delimited(path, named)
    elif kind == "excel":
        yield from _workbook(path, named)
    else:
        yield from _vector(path, named)


def _delimited(path: Path, named: str) -> RawLayer:
    head = head_of(path)
    encoding = detect_encoding(head)
    text = head.decode(encoding.codec, errors="replace")
    try:
        cells, delimiter = _first_cells(text)
    except csv.Error as error:
        raise SourceError(f"{path} is no proper CSV ({error}): deliver it again.") from error
    header = find_header(cells)
    source: dict[str, Any] = {"path": named}
    if encoding.name != "UTF-8":
        source["encoding"] = encoding.name
    if delimiter != ",":
        source["delimiter"] = delimiter
    if header and header.row > 1:
        source["header_row"] = header.row
    return _table(path, path.stem, source, encoding, header, None)


def _workbook(path: Path, named: str) -> Iterator[RawLayer]:
    try:
        workbook = CalamineWorkbook.from_path(path)
        sheets = list(workbook.sheet_names)
        heads = {name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in sheets}
    except (CalamineError, OSError) as error:
        raise SourceError(f"{path} cannot be read as a workbook ({error}): save it as .xlsx.") from error
    for name in sheets:
        header = find_header(heads[name][: SEARCHED + 3])
        if header is None or len(heads[name]) <= header.row:
            continue
        source: dict[str, Any] = {"path": named}
        if len(sheets) > 1:
            source["sheet"] = name
        if header.row > 1:
            source["header_row"] = header.row
        yield _table(path, name, source, _IN_BINARY, header, name)


def _table(
    path: Path,
    name: str,
    source: dict[str, Any],
    encoding: EncodingGuess,
    header: Header | None,
    sheet: str | None,
) -> RawLayer:
    with open_source(path, SourceOptions.model_validate(source | {"path": path.name})) as opened:
        delivery, rows = _sample(opened, sheet)
    titles = header.titles if header else ()
    return RawLayer(path.name, name, rows, delivery.attributes, None, None, encoding, source, titles)


def _vector(path: Path, named: str) -> Iterator[RawLayer]:
    encoding = _vector_encoding(path)
    stated = {} if encoding.name == "UTF-8" and path.suffix.lower() != ".shp" else {"encoding": encoding.name}
    if path.suffix.lower() not in (".shp", ".geojson", ".json"):
        stated = {}
    with open_source(path, SourceOptions.model_validate({"path": path.name, **stated})) as opened:
        layers = opened.layers()
        for layer in layers:
            delivery, rows = _sample(opened, layer.name)
            source: dict[str, Any] = {"path": named, **stated}
            if len(layers) > 1:
                source["layer"] = layer.name
            yield RawLayer(
                path.name,
                layer.name,
                layer.rows if layer.rows is not None else rows,
                delivery.attributes,
                delivery.geometry,
                _stated_crs(path, layer, delivery),
                encoding,
                source,
                implied="WGS84" if path.suffix.lower() in _WGS84_BY_FORMAT and not _says_crs(path) else None,
                cut_names=path.suffix.lower() == ".shp",
            )


def _stated_crs(path: Path, layer: SourceLayer, delivery: Delivery) -> CRS | None:
    if path.suffix.lower() in _WGS84_BY_FORMAT and not _says_crs(path):
        return None
    return delivery.crs or layer.crs


def _says_crs(path: Path) -> bool:
    """Whether JSON names its frame; without it RFC 7946 makes it WGS 84, as KML and GPX always are."""
    if path.suffix.lower() in (".kml", ".kmz", ".gpx"):
        return False
    head = head_of(path)
    return b'"crs"' in head or b'"spatialReference"' in head


def _sample(source: Source, layer: str | None) -> tuple[Delivery, int]:
    """The first rows of a layer, and how many there are in what was read."""
    parts, rows = [], 0
    for part in source.chunks(layer, _MOST_ROWS):
        parts.append(part)
        rows += len(part)
        if rows >= _MOST_ROWS:
            break
    if not parts:
        return Delivery(Path(), pd.DataFrame(), np.array([], dtype=np.int64)), 0
    rest = sum(len(part) for part in source.chunks(layer, _MOST_ROWS)) if rows >= _MOST_ROWS else rows
    return joined(parts), rest


def _vector_encoding(path: Path) -> EncodingGuess:
    ending = path.suffix.lower()
    if ending == ".shp":
        dbf = next((part for part in sidecars(path) if part.suffix.lower() == ".dbf"), None)
        return detect_pieces(dbf_texts(dbf)) if dbf else _IN_BINARY
    if path.is_dir() or path.name.lower().endswith(_BINARY):
        return _IN_BINARY
    part = next((one for one in sidecars(path) if one.suffix.lower() == _TEXT_PARTS.get(ending)), path)
    return detect_encoding(_text_bytes(head_of(part)) if ending == ".tab" else head_of(part))


def _text_bytes(raw: bytes) -> bytes:
    """Of a table with binary numbers, the stretches that can be text."""
    return b"".join(piece for piece in raw.split(b"\0") if len(piece) > 3)


def _first_cells(text: str) -> tuple[list[list[Any]], str]:
    lines = text.splitlines()[: SEARCHED + 3]
    counts = {mark: [line.count(mark) for line in lines] for mark in ",\t;|"}
    delimiter = max(
        counts, key=lambda mark: float(np.median(counts[mark] or [0])) + 0.001 * sum(counts[mark])
    )
    return list(csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)), delimiter
