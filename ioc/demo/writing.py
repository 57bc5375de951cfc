"""Files in the forms that departments use, byte for byte the same each time they are written."""

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyogrio.raw
import shapely
import xlsxwriter

from ioc.demo.landscape import DEGREES, METRES

# Drivers stamp files with the time of writing; this stands in for it.
STAMP_DATE, STAMP = "2026-06-30", "2026-06-30T00:00:00.000Z"
SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def write_geojson(path: Path, table: pd.DataFrame, shapes: np.ndarray) -> None:
    """GeoJSON in CGCS2000 degrees, said so in the old `crs` member as most software here does it."""
    names = list(table.columns)
    rows = zip(*(table[name].tolist() for name in names), strict=True)
    geometries = [None if text is None else json.loads(text) for text in shapely.to_geojson(shapes)]
    features = [
        {"type": "Feature", "properties": _present(dict(zip(names, row, strict=True))), "geometry": geometry}
        for row, geometry in zip(rows, geometries, strict=True)
    ]
    head = {
        "type": "FeatureCollection",
        "name": path.stem,
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}},
    }
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    text = json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [\n' + lines + "\n]}\n"
    _folder(path).write_text(text, encoding="utf-8")


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and np.isnan(value) else value for name, value in row.items()
    }


def write_geopackage(path: Path, layers: dict[str, tuple[pd.DataFrame, np.ndarray]]) -> None:
    """A GeoPackage in CGCS2000 degrees with one table for each layer."""
    _folder(path).unlink(missing_ok=True)
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        for layer, (table, shapes) in layers.items():
            days = {name: pd.ArrowDtype(pa.date32()) for name in table.select_dtypes("datetime")}
            frame = gpd.GeoDataFrame(table.astype(days), geometry=shapes, crs=DEGREES)
            pyogrio.write_dataframe(
                frame, path, layer=layer, driver="GPKG", append=path.exists(), use_arrow=True
            )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def write_shapefile(path: Path, table: pd.DataFrame, shapes: np.ndarray) -> None:
    """A shapefile in the 3-degree zone, its text in GBK and nothing that says so."""
    for ending in SHAPEFILE_PARTS:
        _folder(path).with_suffix(ending).unlink(missing_ok=True)
    columns = [table[name].to_numpy() for name in table.columns]
    # GDAL writes days as dates and any finer time as text.
    columns = [values.astype("datetime64[D]") if values.dtype.kind == "M" else values for values in columns]
    pyogrio.raw.write(
        path, shapely.to_wkb(shapes), columns, list(table.columns), driver="ESRI Shapefile", encoding="GBK",
        geometry_type=next(shape.geom_type for shape in shapes if shape is not None), crs=METRES,
        layer_options={"DBF_DATE_LAST_UPDATE": STAMP_DATE, "RESIZE": "YES"},
    )  # fmt: skip
    path.with_suffix(".cpg").unlink(missing_ok=True)


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """CSV as the spreadsheet program of a Chinese Windows saves it: GB18030, lines ending in CR LF."""
    table.to_csv(_folder(path), index=False, encoding="gb18030", lineterminator="\r\n")


def write_workbook(path: Path, sheets: dict[str, pd.DataFrame], title: str | None = None) -> None:
    """A workbook with one sheet for each table, under a title row where there is one."""
    with xlsxwriter.Workbook(str(_folder(path))) as workbook:
        workbook.set_properties({"created": pd.Timestamp(STAMP_DATE).to_pydatetime(), "author": "演示数据"})
        bold = workbook.add_format({"bold": True})
        for name, table in sheets.items():
            sheet = workbook.add_worksheet(name)
            row = 0
            if title:
                sheet.merge_range(0, 0, 0, len(table.columns) - 1, title, bold)
                row = 1
            sheet.write_row(row, 0, table.columns, bold)
            for column, header in enumerate(table.columns):
                values = [None if pd.isna(value) else value for value in table[header].tolist()]
                sheet.write_column(row + 1, column, values)


def write_json(path: Path, content: Any) -> None:
    _folder(path).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _folder(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
