"""KML and KMZ: folders as layers, ExtendedData and HTML tables of descriptions as columns.

Read here and not through GDAL, whose reader turns Chinese names of ExtendedData into underscores.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from etl.delivery import Delivery, Source, SourceError, SourceLayer, geometry_type
from etl.source_format import SourceFormat
from etl.source_options import SourceOptions
from etl.sources.archive import unpack_member
from etl.xml_prolog import check_xml

WGS84 = CRS.from_epsg(4326)
"""OGC 12-007r2 (KML 2.3), 6.2: longitude and latitude of WGS 84."""

_NO_FOLDER = "(root)"


@dataclass(frozen=True)
class Placemark:
    """One placemark: the folders it lies in, its columns, its geometry (None where it has none)."""

    folder: str
    cells: dict[str, str]
    shape: shapely.Geometry | None


class KmlSource(Source):
    """A KML document; a layer is called by its folders, such as ``雨水/检查井``."""

    def __init__(self, path: Path, options: SourceOptions) -> None:  # noqa: ARG002
        self.path = path
        self._folder = tempfile.TemporaryDirectory(prefix="ioc-kml-")
        try:
            self.document = _unpacked(path, Path(self._folder.name))
            if check_xml(self.document) != "kml":
                raise SourceError(f"{path} is no KML: deliver it again.")
        except SourceError as error:
            self.close()
            raise SourceError(str(error).replace(self._folder.name, str(path))) from error

    def close(self) -> None:
        self._folder.cleanup()

    def layers(self) -> list[SourceLayer]:
        return [
            SourceLayer(
                name,
                found.rows,
                geometry_type(np.array(found.shapes, dtype=object)),
                dict.fromkeys(found.columns, "text"),
                "UTF-8",
                WGS84,
            )
            for name, found in self._contents.items()
        ]

    def chunks(self, layer: str | None, rows: int) -> Iterator[Delivery]:
        """Without a layer, the placemarks of all folders; column ``folder`` says of which."""
        if layer is not None and layer not in self._contents:
            raise SourceError(f"{self.path} has no folder “{layer}”; it has {', '.join(self._contents)}.")
        wanted = [layer] if layer is not None else list(self._contents)
        columns = list(dict.fromkeys(name for one in wanted for name in self._contents[one].columns))
        numbers: list[int] = []
        held: list[Placemark] = []
        for number, placemark in enumerate(self._placemarks(), start=1):
            if layer in (None, placemark.folder):
                numbers.append(number)
                held.append(placemark)
            if len(held) == rows:
                yield self._delivery(columns, numbers, held)
                numbers, held = [], []
        if held:
            yield self._delivery(columns, numbers, held)

    def _delivery(self, columns: list[str], numbers: list[int], held: list[Placemark]) -> Delivery:
        table = {name: [one.cells.get(name) for one in held] for name in columns}
        shapes = np.empty(len(held), dtype=object)
        shapes[:] = [one.shape for one in held]
        frame = pd.DataFrame({"folder": [one.folder for one in held], **table}, dtype="str")
        return Delivery(self.path, frame, np.array(numbers), shapes, WGS84)

    @cached_property
    def _contents(self) -> dict[str, "_Folder"]:
        folders: dict[str, _Folder] = {}
        for placemark in self._placemarks():
            folders.setdefault(placemark.folder, _Folder()).add(placemark)
        return folders

    def _placemarks(self) -> Iterator[Placemark]:
        names: list[str] = []
        holders: list[bool] = []
        try:
            for event, element in ElementTree.iterparse(self.document, events=("start", "end")):
                tag = element.tag.rpartition("}")[2]
                if event == "start":
                    if tag == "Folder":
                        names.append("")
                    holders.append(tag == "Folder")
                    continue
                holders.pop()
                if tag == "name" and holders and holders[-1]:
                    names[-1] = (element.text or "").strip()
                elif tag == "Folder":
                    names.pop()
                    element.clear()
                elif tag == "Placemark":
                    yield _placemark("/".join(filter(None, names)) or _NO_FOLDER, element)
                    element.clear()
        except ElementTree.ParseError as error:
            raise SourceError(f"{self.path} is damaged ({error}): deliver it again.") from error


class _Folder:
    """What is known of a folder after reading it once."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns: list[str] = []
        self.shapes: list[shapely.Geometry] = []
        """One of each kind."""

    def add(self, placemark: Placemark) -> None:
        self.rows += 1
        self.columns += [name for name in placemark.cells if name not in self.columns]
        if placemark.shape is not None and type(placemark.shape) not in map(type, self.shapes):
            self.shapes.append(placemark.shape)


def _placemark(folder: str, element: ElementTree.Element) -> Placemark:
    cells: dict[str, str] = {}
    shapes: list[shapely.Geometry] = []
    for part in element:
        tag = part.tag.rpartition("}")[2]
        if tag in ("name", "description", "address", "phoneNumber") and part.text:
            cells[tag] = part.text.strip()
        elif tag == "ExtendedData":
            cells |= _extended(part)
        else:
            shapes += _shapes(part, tag)
    if "<" in cells.get("description", ""):
        cells |= {name: value for name, value in _table_cells(cells["description"]) if name not in cells}
    return Placemark(folder, cells, _together(shapes))


def _extended(element: ElementTree.Element) -> dict[str, str]:
    """``Data`` and ``SchemaData`` by name."""
    found = {}
    for part in element.iter():
        tag = part.tag.rpartition("}")[2]
        if tag == "Data":
            value = next((one.text for one in part if one.tag.rpartition("}")[2] == "value"), None)
            found[part.get("name", "")] = (value or "").strip()
        elif tag == "SimpleData":
            found[part.get("name", "")] = (part.text or "").strip()
    return found


class _TableReader(HTMLParser):
    """Rows of the innermost tables as lists of their cells' texts."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._row: list[str] | None = None
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag == "tr":
            self._row = []
        elif tag in ("td", "th") and self._row is not None:
            self._row.append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False
        elif tag == "tr" and self._row is not None:
            self.rows.append(self._row)
            self._row = None

    def handle_data(self, data: str) -> None:
        if self._open and self._row:
            self._row[-1] += data


def _table_cells(html: str) -> list[tuple[str, str]]:
    """Name and value of the rows of two cells."""
    reader = _TableReader()
    reader.feed(html)
    return [(row[0].strip(), row[1].strip()) for row in reader.rows if len(row) == 2 and row[0].strip()]


def _shapes(element: ElementTree.Element, tag: str) -> list[shapely.Geometry]:
    if tag == "MultiGeometry":
        return [shape for part in element for shape in _shapes(part, part.tag.rpartition("}")[2])]
    if tag not in ("Point", "LineString", "LinearRing", "Polygon"):
        return []
    rings = [_positions(part.text or "") for part in element.iter() if part.tag.endswith("coordinates")]
    try:
        if tag == "Point":
            return [shapely.Point(rings[0][0])]
        if tag == "Polygon":
            return [shapely.Polygon(rings[0], rings[1:])]
        return [shapely.LineString(rings[0])]
    except (IndexError, ValueError, shapely.errors.GEOSException):
        return []


def _positions(text: str) -> list[tuple[float, float]]:
    """Positions of a ``coordinates`` element; heights are left out, spaces after commas forgiven."""
    found = []
    for word in re.sub(r"\s*,\s*", ",", text).split():
        numbers = word.split(",")
        found.append((float(numbers[0]), float(numbers[1])))
    return found


def _together(shapes: list[shapely.Geometry]) -> shapely.Geometry | None:
    if len(shapes) < 2:
        return shapes[0] if shapes else None
    kinds = {type(shape) for shape in shapes}
    multi = {
        shapely.Point: shapely.multipoints,
        shapely.LineString: shapely.multilinestrings,
        shapely.Polygon: shapely.multipolygons,
    }
    return multi[kinds.pop()](shapes) if len(kinds) == 1 else shapely.geometrycollections(shapes)


def _unpacked(path: Path, folder: Path) -> Path:
    """The document itself; of a KMZ the first KML in it, as its rules say."""
    if path.suffix.lower() != ".kmz":
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            documents = [one for one in archive.infolist() if one.filename.lower().endswith(".kml")]
            if not documents:
                raise SourceError(f"{path} holds no KML: deliver it again.")
            return unpack_member(path, archive, documents[0], folder / "doc.kml")
    except zipfile.BadZipFile as error:
        raise SourceError(f"{path} is damaged or no KMZ ({error}): deliver it again.") from error


FORMAT = SourceFormat("kml", (".kml", ".kmz"), KmlSource)
