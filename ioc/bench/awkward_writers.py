"""Writes the files of the awkward corpus: tables and shapes in a trick's format, spoilt as it says."""

import io
import warnings
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import xlsxwriter
from pyproj import CRS

from geodata.coordinates import convert, format_dms
from ioc.bench.awkward_tricks import Trick


def _with_coordinates(trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> pd.DataFrame:
    """The table with its coordinates in columns, as the trick writes them."""
    table = table.copy()
    if trick.form == "wkt":
        return table.assign(WKT=shapely.to_wkt(shapes, rounding_precision=7))
    x, y = shapely.get_x(shapes), shapely.get_y(shapes)
    if trick.form == "pair":
        return table.assign(坐标=[f"{a},{b}" for a, b in zip(x, y, strict=True)])
    if trick.form == "dms_pair":
        return table.assign(位置=[format_dms(a, b) for a, b in zip(x, y, strict=True)])
    spell: dict[str, Callable[[float], Any]] = {
        "two": lambda value: value,
        "dms": _dms,
        "packed": _packed,
        "dms_words": _dms_words,
        "thousands": lambda value: f"{value:,.3f}",
        "d.mmss": lambda value: round(_packed(value) / 10_000, 8),
        "wide": lambda value: str(value).translate({0x30 + digit: 0xFF10 + digit for digit in range(10)}),
    }
    for name, values in zip(trick.headers, (x, y), strict=True):
        table[name] = [spell[trick.form](float(value)) for value in values]
    return table


def _dms(value: float) -> str:
    minutes = (value % 1) * 60
    return f"{int(value)}°{int(minutes):02d}′{min((minutes % 1) * 60, 59.99):05.2f}″"


def _dms_words(value: float) -> str:
    return _dms(value).translate(str.maketrans("°′″", "度分秒"))


def _packed(value: float) -> float:
    minutes = (value % 1) * 60
    return round(int(value) * 10_000 + int(minutes) * 100 + min((minutes % 1) * 60, 59.99), 2)


def _csv(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray, name: str = "数据.csv") -> Path:
    delimiter = {"semicolon": ";", "tsv": "\t", "txt": "\t"}.get(trick.writer, ",")
    text = io.StringIO()
    for title in trick.titles:
        text.write(title + delimiter * (len(table.columns) - 1) + "\n")
    _with_coordinates(trick, table, shapes).to_csv(text, index=False, sep=delimiter)
    codec = {"UTF-8-BOM": "utf-8-sig"}.get(trick.encoding, trick.encoding)
    path = folder / name
    path.write_bytes(_SPOILT.get(trick.writer, str)(text.getvalue()).encode(codec, errors="replace"))
    return path


def _ragged(text: str) -> str:
    """Rows without their last empty cells, or with more of them, as saving again and again leaves them."""
    lines = text.splitlines()
    for at in range(1, len(lines)):
        lines[at] = lines[at].rstrip(",") if at % 3 else lines[at] + ",,"
    return "\n".join(lines) + "\n"


def _two_headers(text: str) -> str:
    """Below the names of the columns those of a database."""
    names, rest = text.split("\n", 1)
    return f"{names}\n{','.join(f'F{at:02d}' for at in range(names.count(',') + 1))}\n{rest}"


_SPOILT: dict[str, Callable[[str], str]] = {"ragged": _ragged, "two_headers": _two_headers}


def _txt(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    return _csv(folder, trick, table, shapes, "导出.txt")


def _tsv(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    return _csv(folder, trick, table, shapes, "数据.tsv")


def _xlsx(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    table = _with_coordinates(trick, table, shapes)
    path = folder / "台账.xlsx"
    begin = len(trick.titles)
    with xlsxwriter.Workbook(str(path)) as workbook:
        if trick.name == "xlsx_sheets":
            workbook.add_worksheet("填表说明").write(0, 0, "请按模板填写")
        sheet = workbook.add_worksheet("明细")
        for row, title in enumerate(trick.titles):
            sheet.merge_range(row, 0, row, len(table.columns) - 1, title)
        if trick.writer == "xlsx_two_headers":
            begin = _two_rows_of_header(sheet, begin, list(table.columns))
        else:
            sheet.write_row(begin, 0, list(table.columns))
        rows = list(table.astype(object).itertuples(index=False))
        for row, values in enumerate(rows, start=begin + 1):
            sheet.write_row(row, 0, [None if pd.isna(value) else _cell(value) for value in values])
        if trick.writer == "xlsx_totals":
            end = begin + 1 + len(rows)
            sheet.merge_range(begin + 1, 2, begin + 3, 2, "综合")
            sheet.merge_range(end, 0, end, 2, f"合计：{len(rows)} 处")
            sheet.write(end, 6, int(pd.Series(table.iloc[:, 6]).fillna(0).sum()))
    return path


def _two_rows_of_header(sheet: Any, begin: int, names: list[str]) -> int:
    """The places' columns below one name for both; returns the last row of the header."""
    for column, name in enumerate(names[:-2]):
        sheet.merge_range(begin, column, begin + 1, column, name)
    sheet.merge_range(begin, len(names) - 2, begin, len(names) - 1, "坐标")
    sheet.write_row(begin + 1, len(names) - 2, names[-2:])
    return begin + 1


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else str(value)


def _shp(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray, name: str = "图层") -> Path:
    path = folder / f"{name}.shp"
    _write_vector(path, "ESRI Shapefile", trick, table, shapes, encoding=trick.encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if trick.stated is None:
        path.with_suffix(".prj").unlink(missing_ok=True)
    if trick.writer == "shp_bad_cpg":
        path.with_suffix(".cpg").write_text("UTF-8")
    return path


def _zip_shp(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    """Member names in GBK without saying so, as Chinese Windows packs them."""
    inner = folder / "内"
    inner.mkdir()
    _shp(inner, trick, table, shapes, "部件普查")
    return _packed_up(folder, inner)


def _zip_csv(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    inner = folder / "内"
    inner.mkdir()
    _csv(inner, trick, table, shapes, "场所清单.csv")
    return _packed_up(folder, inner)


def _zip_in_zip(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    inner = folder / "外"
    inner.mkdir()
    _zip_shp(inner, trick, table, shapes)
    for part in (inner / "内").iterdir():
        part.unlink()
    (inner / "内").rmdir()
    return _packed_up(folder, inner)


def _zip_two_frames(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    """A list in the trick's frame, and fewer of its rows as surveyors have them, in metres, with no .prj."""
    inner = folder / "内"
    inner.mkdir()
    _csv(inner, trick, table, shapes, "场所清单.csv")
    few = shapes[:-5]
    east, north = convert(shapely.get_x(few), shapely.get_y(few), trick.frame, "EPSG:4547")
    _shp(
        inner, trick, table.head(len(few)), np.asarray(shapely.points(east, north), dtype=object), "测绘成果"
    )
    return _packed_up(folder, inner)


def _packed_up(folder: Path, inner: Path) -> Path:
    path = folder / "移交.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(inner.iterdir()):
            member = _LegacyInfo(part.name.encode("gb18030").decode("cp437"))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, part.read_bytes())
    return path


class _LegacyInfo(zipfile.ZipInfo):
    """A member whose name is written as bytes of code page 437, with no flag."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        return self.filename.encode("cp437"), self.flag_bits & ~0x800


def _write_vector(
    path: Path, driver: str, trick: Trick, table: pd.DataFrame, shapes: np.ndarray, **options: Any
) -> None:
    crs = CRS.from_user_input(trick.stated) if trick.stated and trick.stated.startswith("EPSG") else None
    plain = table.map(lambda value: value.isoformat() if isinstance(value, date) else value)
    frame = gpd.GeoDataFrame(plain, geometry=shapes, crs=crs)
    with warnings.catch_warnings():
        # That a file states no frame, and that names are cut, is what these files are for.
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, path, driver=driver, **options)


def _vector(ending: str, driver: str) -> Callable[[Path, Trick, pd.DataFrame, np.ndarray], Path]:
    def write(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
        path = folder / f"图层{ending}"
        _write_vector(path, driver, trick, table, shapes)
        return path

    return write


def _geojson(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    path = folder / "图层.geojson"
    options = {} if trick.stated else {"RFC7946": "NO"}
    _write_vector(path, "GeoJSON", trick, table, shapes, **options)
    return path


def _dxf(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:  # noqa: ARG001
    """Lines and nothing else, as a drawing office exports them."""
    pairs = ["0", "SECTION", "2", "ENTITIES"]
    for shape in shapes:
        places = shapely.get_coordinates(shape)
        pairs += ["0", "LWPOLYLINE", "8", "雨水管", "90", str(len(places)), "70", "0"]
        pairs += [text for x, y in places for text in ("10", f"{x:.3f}", "20", f"{y:.3f}")]
    path = folder / "竣工图.dxf"
    path.write_bytes("\n".join([*pairs, "0", "ENDSEC", "0", "EOF", ""]).encode(trick.encoding))
    return path


def _kmz(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:  # noqa: ARG001
    """Placemarks in folders within folders, few in the first."""
    marks = [_placemark(row, shape) for row, shape in zip(table.to_dict("records"), shapes, strict=True)]
    inner = f"<Folder><name>其他</name>{''.join(marks[:8])}</Folder>"
    inner += f"<Folder><name>场所</name><Folder><name>城区</name>{''.join(marks[8:])}</Folder></Folder>"
    path = folder / "图层.kmz"
    with zipfile.ZipFile(path, "w") as archive:
        text = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inner}</Document></kml>'
        archive.writestr("doc.kml", text)
    return path


def _placemark(row: dict[Any, Any], shape: Any) -> str:
    given = {name: value for name, value in row.items() if not pd.isna(value)}
    cells = "".join(
        f"<Data name={quoteattr(str(name))}><value>{escape(str(value))}</value></Data>"
        for name, value in given.items()
    )
    place = f"<Point><coordinates>{shape.x},{shape.y},0</coordinates></Point>"
    return f"<Placemark><ExtendedData>{cells}</ExtendedData>{place}</Placemark>"


WRITERS: dict[str, Callable[[Path, Trick, pd.DataFrame, np.ndarray], Path]] = {
    "csv": _csv,
    "semicolon": _csv,
    "tsv": _tsv,
    "xlsx": _xlsx,
    "shp": _shp,
    "shp_bad_cpg": _shp,
    "zip_shp": _zip_shp,
    "zip_csv": _zip_csv,
    "zip_in_zip": _zip_in_zip,
    "zip_two_frames": _zip_two_frames,
    "txt": _txt,
    "ragged": _csv,
    "two_headers": _csv,
    "xlsx_two_headers": _xlsx,
    "xlsx_totals": _xlsx,
    "dxf": _dxf,
    "kmz": _kmz,
    "gml": _vector(".gml", "GML"),
    "geojson": _geojson,
    "gpkg": _vector(".gpkg", "GPKG"),
    "kml": _vector(".kml", "KML"),
    "fgb": _vector(".fgb", "FlatGeobuf"),
    "mif": _vector(".mif", "MapInfo File"),
    "tab": _vector(".tab", "MapInfo File"),
}
