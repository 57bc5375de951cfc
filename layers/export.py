"""Features of one layer inside a shape as a file: Excel, CSV, GeoJSON or GeoPackage.

Every row says where it comes from and, where that is so, that it is made up: a row copied out of the file
still does.
"""

import csv
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import geopandas
import shapely
import xlsxwriter
from psycopg import sql
from pyogrio import write_dataframe
from shapely.geometry.base import BaseGeometry

from geodata.errors import UserError
from geodata.store import Store
from geodata.viewer import SENSITIVITY, Viewer
from layers.dataset_watch import PublishedDataset
from layers.layer import DEPARTMENTAL_TABLE, Layer, ShownField
from layers.problem import ForbiddenError
from layers.spatial_query import inside, shape_parameters

MOST_ROWS = {"csv": 250_000, "geojson": 250_000, "gpkg": 250_000, "xlsx": 100_000}
BATCH = 5_000
ZONE = ZoneInfo("Asia/Shanghai")
MEDIA_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "geojson": "application/geo+json",
    "gpkg": "application/geopackage+sqlite3",
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
CRS_NAME = "urn:ogc:def:crs:EPSG::4490"


@dataclass(frozen=True)
class ExportWords:
    """The texts of a file in one language."""

    lon: str
    lat: str
    note: str
    made_up: str
    about: str
    layer: str
    source: str
    published: str
    exported: str
    sensitivity: str
    frame: str
    rows: str


WORDS = {
    "zh": ExportWords(
        "经度", "纬度", "数据说明", "演示数据（由程序生成，不代表真实情况）", "说明", "图层", "来源",
        "数据发布时间", "导出时间", "密级", "坐标系", "行数",
    ),
    "en": ExportWords(
        "Longitude", "Latitude", "Data note", "Demo data (made by a program, not real)", "About", "Layer",
        "Source", "Data published", "Exported", "Sensitivity", "Coordinate frame", "Rows",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Export:
    """A file that was asked for: of which layer and datasets, in which language."""

    layer: Layer
    datasets: tuple[PublishedDataset, ...]
    language: str

    @property
    def words(self) -> ExportWords:
        """The file's texts."""
        return WORDS[self.language]

    @property
    def fields(self) -> tuple[ShownField, ...]:
        """Record fields that become columns."""
        return tuple(shown for shown in self.layer.fields if shown.name != "warnings")

    def label(self, shown: ShownField) -> str:
        """A column's heading, with its unit."""
        name = shown.label.zh if self.language == "zh" else shown.label.en
        return f"{name} ({shown.unit})" if shown.unit else name

    def about(self) -> list[tuple[str, str]]:
        """What the file says of itself."""
        words, own = self.words, self.datasets[0]
        zh = self.language == "zh"
        department = own.department_zh if zh else own.department_en
        published = max((d.published_at for d in self.datasets if d.published_at), default=None)
        lines = [
            (words.layer, self.layer.title.zh if zh else self.layer.title.en),
            (words.source, "；".join(filter(None, (department, own.source_note)))),
            (words.published, published.astimezone(ZONE).strftime("%Y-%m-%d %H:%M") if published else ""),
            (words.exported, datetime.now(ZONE).strftime("%Y-%m-%d %H:%M")),
            (words.sensitivity, SENSITIVITY[max(d.sensitivity for d in self.datasets)][0 if zh else 1]),
            (words.frame, "CGCS2000 (EPSG:4490)"),
        ]
        if any(d.synthetic for d in self.datasets):
            lines.insert(0, (words.note, words.made_up))
        return lines

    def note(self) -> str:
        """What every row says of where it comes from."""
        said = dict(self.about())
        parts = [said.get(self.words.note), said[self.words.source], said[self.words.published]]
        return "；".join(part for part in parts if part)


def check_downloadable(layer: Layer) -> None:
    """Raise ``ForbiddenError`` when the layer's file does not let it be taken away."""
    if not layer.downloadable:
        raise ForbiddenError(
            f"The layer “{layer.id}” may be looked at but not taken away as a file.",
            zh="该图层只能查看，不能导出。",
        )


def write_export(store: Store, viewer: Viewer, export: Export, shape: BaseGeometry, kind: str) -> Path:
    """The file, in a temporary place; the caller removes it.

    Raises:
        UserError: there are more rows than a file may hold.
    """
    with tempfile.NamedTemporaryFile(prefix="ioc-export-", suffix=f".{kind}", delete=False) as opened:
        path = Path(opened.name)
    try:
        WRITERS[kind](path, export, _rows(store, viewer, export, shape, MOST_ROWS[kind]))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


Row = tuple[BaseGeometry, list[Any]]


def _rows(store: Store, viewer: Viewer, export: Export, shape: BaseGeometry, most: int) -> Iterator[Row]:
    """Geometry and field values of every feature, decoded, in the order of the codes."""
    layer = export.layer
    dataset_ids = [d.id for d in export.datasets]
    names = [shown.name for shown in export.fields if not shown.attribute]
    columns: list[sql.Composable] = [sql.Identifier(name) for name in names]
    if layer.table == DEPARTMENTAL_TABLE:
        columns.append(sql.Identifier("attributes"))
    statement = sql.SQL("SELECT ST_AsBinary(geom), {} FROM ioc.{} WHERE {} ORDER BY code, id").format(
        sql.SQL(", ").join(columns), sql.Identifier(layer.table), inside(layer)
    )
    with store.connect(viewer) as connection, connection.cursor("export") as cursor:
        cursor.itersize = BATCH
        cursor.execute(statement, shape_parameters(layer, dataset_ids, shape))
        for number, (wkb, *values) in enumerate(cursor):
            if number == most:
                raise UserError(
                    f"There are more than {most:,} rows: draw a smaller shape or take CSV instead.",
                    zh=f"超过 {most:,} 行，请画小一些的范围，或改存 CSV。",
                )
            attributes = values.pop() if layer.table == DEPARTMENTAL_TABLE else {}
            own = iter(values)
            cells = [
                _cell(shown, attributes.get(shown.name) if shown.attribute else next(own), export.language)
                for shown in export.fields
            ]
            yield shapely.from_wkb(bytes(wkb)), cells


def _cell(shown: ShownField, value: Any, language: str) -> Any:
    """Numbers stay numbers; everything else is the text people read."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and not shown.table):
        return value
    return shown.text(value, language) or None


def _headings(export: Export) -> list[str]:
    return [export.label(shown) for shown in export.fields]


def _place(geometry: BaseGeometry) -> tuple[float, float]:
    point = shapely.point_on_surface(geometry)
    return round(point.x, 9), round(point.y, 9)


def _write_csv(path: Path, export: Export, rows: Iterator[Row]) -> None:
    # The byte order mark makes Excel read UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*_headings(export), export.words.lon, export.words.lat, export.words.note])
        note = export.note()
        for geometry, cells in rows:
            writer.writerow([*map(harmless, cells), *_place(geometry), note])


def harmless(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula is set off: opening the file runs nothing."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def _write_xlsx(path: Path, export: Export, rows: Iterator[Row]) -> None:
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet(export.layer.title.zh[:31] if export.language == "zh" else "Data")
        bold = book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(export.fields) + 2, 16)
        sheet.write_row(
            0, 0, [*_headings(export), export.words.lon, export.words.lat, export.words.note], bold
        )
        note, count = export.note(), 0
        for geometry, cells in rows:
            count += 1
            sheet.write_row(count, 0, [*cells, *_place(geometry), note])
        about = book.add_worksheet(export.words.about)
        about.set_column(0, 0, 18)
        about.set_column(1, 1, 60)
        for number, line in enumerate([*export.about(), (export.words.rows, str(count))]):
            about.write_row(number, 0, line)


def _write_geojson(path: Path, export: Export, rows: Iterator[Row]) -> None:
    head = {
        "type": "FeatureCollection",
        "name": export.layer.id,
        "crs": {"type": "name", "properties": {"name": CRS_NAME}},
        "metadata": dict(export.about()),
    }
    names = [shown.name for shown in export.fields]
    note = {export.words.note: export.note()}
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [')
        for number, (geometry, cells) in enumerate(rows):
            properties = dict(zip(names, cells, strict=True)) | note
            shape = json.loads(shapely.to_geojson(geometry))
            feature = {"type": "Feature", "properties": properties, "geometry": shape}
            file.write((",\n" if number else "\n") + json.dumps(feature, ensure_ascii=False))
        file.write("\n]}\n")


def _write_gpkg(path: Path, export: Export, rows: Iterator[Row]) -> None:
    path.unlink()
    headings = _headings(export)
    metadata = {"about": json.dumps(dict(export.about()), ensure_ascii=False)}
    geometries: list[BaseGeometry] = []
    cells: list[list[Any]] = []
    # One table must be written at once for its columns to have one type.
    for geometry, row in rows:
        geometries.append(geometry)
        cells.append(row)
    frame = geopandas.GeoDataFrame(
        {heading: [row[number] for row in cells] for number, heading in enumerate(headings)},
        geometry=geopandas.GeoSeries(geometries, crs=4490),
    )
    frame[export.words.note] = export.note()
    kinds = {geometry.geom_type for geometry in geometries}
    write_dataframe(
        frame,
        path,
        layer=export.layer.id,
        driver="GPKG",
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        dataset_metadata=metadata,
    )


WRITERS = {"csv": _write_csv, "xlsx": _write_xlsx, "geojson": _write_geojson, "gpkg": _write_gpkg}
