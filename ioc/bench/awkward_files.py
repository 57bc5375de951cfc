"""Deliberately awkward files: every format, encoding, frame trick and naming, each with its answer."""

import io
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
import xlsxwriter
from pyproj import CRS

from geodata.coordinates import convert, format_dms
from ioc.bench.awkward_rows import AwkwardRows

Place = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Trick:
    """One awkward file to write.

    ``frame`` is the frame its coordinates really are in (what the answer must be, unless ``answer`` says
    otherwise), ``stated`` what the file says of itself; ``form`` how coordinates are written; ``shift``
    metres that everything is off. ``most``: the confidence must stay below, where no more can be known.
    """

    name: str
    rows: str
    style: str
    writer: str
    frame: str = "CGCS2000"
    stated: str | None = None
    encoding: str = "UTF-8"
    swapped: bool = False
    form: str = "two"
    headers: tuple[str, str] = ("经度", "纬度")
    answer: str | None = None
    known: bool = True
    most: float | None = None
    shift: tuple[float, float] = (0.0, 0.0)
    titles: tuple[str, ...] = ()
    count: int | None = None
    target: bool = True


@dataclass(frozen=True)
class AwkwardFile:
    """A file and its answer: ``crs`` None means that no frame may be named."""

    trick: Trick
    path: Path
    encoding: str
    crs: str | None
    target: str
    fields: dict[str, str | None]


XY = ("X坐标", "Y坐标")
NORTH_FIRST = ("X", "Y")
TRICKS: tuple[Trick, ...] = (
    Trick("csv_gcj", "facility", "chinese", "csv", "GCJ-02", encoding="GB18030"),
    Trick("csv_bd", "facility", "chinese", "csv", "BD-09"),
    Trick("csv_true", "facility", "wide", "csv", encoding="UTF-8"),
    Trick(
        "csv_bom_gcj", "facility", "english", "csv", "GCJ-02", encoding="UTF-8-BOM", headers=("lng", "lat")
    ),
    Trick("csv_utf16_bd", "facility", "initials", "csv", "BD-09", encoding="UTF-16", headers=("JD", "WD")),
    Trick(
        "csv_says_wgs",
        "facility",
        "chinese",
        "csv",
        "WGS84",
        stated="WGS84",
        headers=("经度(WGS84)", "纬度(WGS84)"),
    ),
    Trick(
        "csv_says_2000", "facility", "initials", "csv", "CGCS2000", headers=("CGCS2000经度", "CGCS2000纬度")
    ),
    Trick("csv_says_wgs_is_gcj", "facility", "chinese", "csv", "GCJ-02", headers=("WGS84_lon", "WGS84_lat")),
    Trick("csv_semicolon", "facility", "chinese", "semicolon", "GCJ-02", encoding="GB18030"),
    Trick(
        "tsv_titles", "facility", "chinese", "tsv", "BD-09", titles=("武昌区场所一览表", "填报单位：区政务局")
    ),
    Trick("csv_lat_named_lon", "facility", "chinese", "csv", "GCJ-02", swapped=True),
    Trick("csv_4547", "facility", "chinese", "csv", "EPSG:4547", headers=("横坐标", "纵坐标")),
    Trick(
        "csv_north_first",
        "pipe_node",
        "standard",
        "csv",
        "EPSG:4547",
        headers=NORTH_FIRST,
        swapped=True,
        encoding="GB18030",
    ),
    Trick("csv_zone", "component", "legacy", "csv", "EPSG:4526", headers=XY, encoding="GB18030"),
    Trick(
        "csv_zone_north_first", "component", "chinese", "csv", "EPSG:4526", headers=NORTH_FIRST, swapped=True
    ),
    Trick("csv_six_degrees", "component", "standard", "csv", "EPSG:4498", headers=("东坐标", "北坐标")),
    Trick("csv_mercator", "facility", "chinese", "csv", "EPSG:3857", headers=("x", "y")),
    Trick("csv_utm", "facility", "chinese", "csv", "EPSG:32650", headers=("Easting", "Northing")),
    Trick("csv_dms", "station", "chinese", "csv", form="dms", encoding="GB18030"),
    Trick("csv_dms_gcj", "facility", "chinese", "csv", "GCJ-02", form="dms"),
    Trick("csv_dms_pair", "facility", "chinese", "csv", form="dms_pair", encoding="GB18030"),
    Trick("csv_packed", "station", "standard", "csv", form="packed"),
    Trick("csv_packed_decimal", "facility", "chinese", "csv", form="d.mmss"),
    Trick("csv_pair", "facility", "chinese", "csv", "GCJ-02", form="pair"),
    Trick(
        "csv_pair_lat_first",
        "facility",
        "chinese",
        "csv",
        "BD-09",
        form="pair",
        swapped=True,
        encoding="GB18030",
    ),
    Trick("csv_wkt_points", "tree", "chinese", "csv", form="wkt"),
    Trick("csv_wkt_lines", "pipe_segment", "standard", "csv", "EPSG:4547", form="wkt", encoding="GB18030"),
    Trick("csv_big5", "park", "traditional", "csv", encoding="Big5", headers=("經度", "緯度")),
    Trick("csv_tree_true", "tree", "chinese", "csv"),
    Trick("csv_tree_gcj", "tree", "chinese", "csv", "GCJ-02", encoding="GB18030"),
    Trick("csv_tree_bd", "tree", "chinese", "csv", "BD-09"),
    Trick("csv_case_gcj", "case", "chinese", "csv", "GCJ-02", encoding="GB18030"),
    Trick("csv_case_true", "case", "chinese", "csv", headers=("lon", "lat")),
    Trick("csv_local", "facility", "chinese", "csv", "local", headers=("X", "Y"), answer=None, known=False),
    Trick(
        "csv_three_bare", "tree", "chinese", "csv", "CGCS2000", count=3, most=0.75, known=False, target=False
    ),
    Trick(
        "csv_says_gcj_three",
        "tree",
        "chinese",
        "csv",
        "GCJ-02",
        count=3,
        headers=("高德经度", "高德纬度"),
        target=False,
    ),
    Trick("xlsx_gcj_titles", "camera", "chinese", "xlsx", "GCJ-02", titles=("视频监控点位表", "2026年6月")),
    Trick("xlsx_true", "station", "standard", "xlsx", headers=("LGTD", "LTTD")),
    Trick("xlsx_dms", "camera", "initials", "xlsx", form="dms"),
    Trick("xlsx_sheets", "facility", "chinese", "xlsx", "BD-09", titles=("附件1",)),
    Trick("xlsx_wide_digits", "facility", "wide", "xlsx", "GCJ-02", form="wide"),
    Trick(
        "xlsx_4547",
        "pipe_node",
        "chinese",
        "xlsx",
        "EPSG:4547",
        headers=("X坐标（北）", "Y坐标（东）"),
        swapped=True,
    ),
    Trick("shp_no_prj_gbk", "pipe_segment", "standard", "shp", "EPSG:4547", encoding="GB18030"),
    Trick("shp_no_prj_zone", "pipe_node", "standard", "shp", "EPSG:4526", encoding="GB18030"),
    Trick("shp_no_prj_degrees", "component", "standard", "shp", encoding="GB18030"),
    Trick("shp_no_prj_gcj", "component", "legacy", "shp", "GCJ-02"),
    Trick("shp_prj_4547", "pipe_segment", "cut", "shp", "EPSG:4547", stated="EPSG:4547", encoding="GB18030"),
    Trick("shp_cut_names", "component", "cut", "shp", stated="EPSG:4490", encoding="GB18030"),
    Trick("shp_wgs_prj_is_gcj", "facility", "initials", "shp", "GCJ-02", stated="EPSG:4326"),
    Trick(
        "shp_wgs_prj_is_bd", "component", "standard", "shp", "BD-09", stated="EPSG:4326", encoding="GB18030"
    ),
    Trick("shp_wgs_prj", "facility", "initials", "shp", "WGS84", stated="EPSG:4326"),
    Trick("shp_prj_degrees_is_metres", "component", "standard", "shp", "EPSG:4547", stated="EPSG:4490"),
    Trick("shp_prj_metres_is_degrees", "component", "legacy", "shp", "CGCS2000", stated="EPSG:4547"),
    Trick("shp_prj_without_zone", "pipe_node", "standard", "shp", "EPSG:4526", stated="EPSG:4547"),
    Trick("shp_north_first", "pipe_node", "standard", "shp", "EPSG:4547", stated="EPSG:4547", swapped=True),
    Trick("shp_mercator_no_prj", "community", "initials", "shp", "EPSG:3857"),
    Trick(
        "shp_xian80",
        "pipe_segment",
        "standard",
        "shp",
        "EPSG:4547",
        stated="EPSG:2383",
        answer="EPSG:2383",
        shift=(-60, -9),
    ),
    Trick(
        "shp_beijing54_zone",
        "component",
        "standard",
        "shp",
        "EPSG:4526",
        stated="EPSG:2414",
        answer="EPSG:2414",
        shift=(-45, 58),
    ),
    Trick(
        "shp_mislabelled_xian80",
        "community",
        "initials",
        "shp",
        "EPSG:4547",
        stated="EPSG:4547",
        shift=(-59.9, -8.5),
        most=0.5,
    ),
    Trick("shp_bad_cpg", "facility", "initials", "shp_bad_cpg", "GCJ-02", encoding="GB18030"),
    Trick("shp_zip", "component", "cut", "zip_shp", encoding="GB18030"),
    Trick("csv_zip", "facility", "chinese", "zip_csv", "BD-09", encoding="GB18030"),
    Trick("geojson_no_crs", "facility", "chinese", "geojson", "WGS84"),
    Trick("geojson_no_crs_gcj", "facility", "english", "geojson", "GCJ-02"),
    Trick("geojson_no_crs_bd", "component", "standard", "geojson", "BD-09"),
    Trick("geojson_lat_first", "component", "chinese", "geojson", "WGS84", swapped=True),
    Trick("geojson_4490", "community", "chinese", "geojson", stated="EPSG:4490"),
    Trick("geojson_4547", "pipe_segment", "chinese", "geojson", "EPSG:4547", stated="EPSG:4547"),
    Trick("geojson_pipe_metres", "pipe_segment", "metres", "geojson", "WGS84"),
    Trick("geojson_tree_gcj", "tree", "chinese", "geojson", "GCJ-02"),
    Trick("gpkg_4547", "component", "standard", "gpkg", "EPSG:4547", stated="EPSG:4547"),
    Trick("gpkg_4490_is_gcj", "component", "legacy", "gpkg", "GCJ-02", stated="EPSG:4490"),
    Trick("gpkg_mercator", "facility", "chinese", "gpkg", "EPSG:3857", stated="EPSG:3857"),
    Trick("gpkg_no_crs", "pipe_node", "english", "gpkg", "EPSG:4547"),
    Trick("kml", "facility", "english", "kml", "WGS84"),
    Trick("kml_gcj", "facility", "chinese", "kml", "GCJ-02"),
    Trick("fgb", "camera", "chinese", "fgb", "GCJ-02", stated="EPSG:4326"),
    Trick("mif", "facility", "initials", "mif", "WGS84", stated="EPSG:4326"),
    Trick("tab_gbk", "component", "standard", "tab", "WGS84", stated="EPSG:4326"),
)


def write_corpus(
    folder: Path, rows: dict[str, AwkwardRows], random: np.random.Generator
) -> Iterator[AwkwardFile]:
    """Write every awkward file into a folder of its own."""
    for trick in TRICKS:
        place = folder / trick.name
        place.mkdir(parents=True)
        yield _write(place, trick, rows[trick.rows], random)


def _write(folder: Path, trick: Trick, rows: AwkwardRows, random: np.random.Generator) -> AwkwardFile:
    table, fields = rows.named(trick.style)
    shapes = rows.shapes
    if trick.count is not None:
        table, shapes = table.head(trick.count), shapes[: trick.count]
    if trick.style == "metres":
        table = table.assign(**{"管径(m)": table["管径(m)"] / 1000})
    shapes = np.asarray(shapely.transform(shapes, _into(trick, random)), dtype=object)
    path = _WRITERS[trick.writer](folder, trick, table.reset_index(drop=True), shapes)
    crs = (trick.answer or trick.frame) if trick.frame != "local" else None
    encoding = trick.encoding.removesuffix("-BOM")
    return AwkwardFile(trick, path, encoding, crs, rows.target, fields)


def _into(trick: Trick, random: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """From degrees of CGCS2000 to what the file holds."""
    frame = "EPSG:4547" if trick.frame == "local" else trick.frame
    origin = random.uniform(470_000, 490_000), random.uniform(3_330_000, 3_345_000)

    def apply(points: np.ndarray) -> np.ndarray:
        x, y = convert(points[:, 0], points[:, 1], "CGCS2000", frame)
        if trick.frame == "local":
            x, y = x - origin[0], y - origin[1]
        x, y = x + trick.shift[0], y + trick.shift[1]
        columns = (y, x) if trick.swapped else (x, y)
        return np.round(np.column_stack(columns), 7 if np.nanmax(np.abs(x)) < 200 else 3)

    return apply


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
        "d.mmss": lambda value: round(_packed(value) / 10_000, 8),
        "wide": lambda value: str(value).translate({0x30 + digit: 0xFF10 + digit for digit in range(10)}),
    }
    for name, values in zip(trick.headers, (x, y), strict=True):
        table[name] = [spell[trick.form](float(value)) for value in values]
    return table


def _dms(value: float) -> str:
    minutes = (value % 1) * 60
    return f"{int(value)}°{int(minutes):02d}′{min((minutes % 1) * 60, 59.99):05.2f}″"


def _packed(value: float) -> float:
    minutes = (value % 1) * 60
    return round(int(value) * 10_000 + int(minutes) * 100 + min((minutes % 1) * 60, 59.99), 2)


def _csv(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray, name: str = "数据.csv") -> Path:
    delimiter = {"semicolon": ";", "tsv": "\t"}.get(trick.writer, ",")
    text = io.StringIO()
    for title in trick.titles:
        text.write(title + delimiter * (len(table.columns) - 1) + "\n")
    _with_coordinates(trick, table, shapes).to_csv(text, index=False, sep=delimiter)
    codec = {"UTF-8-BOM": "utf-8-sig"}.get(trick.encoding, trick.encoding)
    path = folder / name
    path.write_bytes(text.getvalue().encode(codec, errors="replace"))
    return path


def _tsv(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    return _csv(folder, trick, table, shapes, "数据.tsv")


def _xlsx(folder: Path, trick: Trick, table: pd.DataFrame, shapes: np.ndarray) -> Path:
    table = _with_coordinates(trick, table, shapes)
    path = folder / "台账.xlsx"
    with xlsxwriter.Workbook(str(path)) as workbook:
        if trick.name == "xlsx_sheets":
            workbook.add_worksheet("填表说明").write(0, 0, "请按模板填写")
        sheet = workbook.add_worksheet("明细")
        for row, title in enumerate(trick.titles):
            sheet.merge_range(row, 0, row, len(table.columns) - 1, title)
        sheet.write_row(len(trick.titles), 0, list(table.columns))
        for row, values in enumerate(
            table.astype(object).itertuples(index=False), start=len(trick.titles) + 1
        ):
            sheet.write_row(row, 0, [None if pd.isna(value) else _cell(value) for value in values])
    return path


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


_WRITERS: dict[str, Callable[[Path, Trick, pd.DataFrame, np.ndarray], Path]] = {
    "csv": _csv,
    "semicolon": _csv,
    "tsv": _tsv,
    "xlsx": _xlsx,
    "shp": _shp,
    "shp_bad_cpg": _shp,
    "zip_shp": _zip_shp,
    "zip_csv": _zip_csv,
    "geojson": _geojson,
    "gpkg": _vector(".gpkg", "GPKG"),
    "kml": _vector(".kml", "KML"),
    "fgb": _vector(".fgb", "FlatGeobuf"),
    "mif": _vector(".mif", "MapInfo File"),
    "tab": _vector(".tab", "MapInfo File"),
}
