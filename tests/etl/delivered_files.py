"""The same two wells in each format departments deliver, and how a test reads them."""

import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
import xlsxwriter

from etl.delivery import Delivery, joined
from etl.source_format import open_source
from etl.source_options import SourceOptions

POINT = shapely.Point(114.31, 30.51)


WELLS = {"编号": ["A1", "A2"], "名称": ["徐东大街排水井", "一号"]}


def wells(crs: str = "EPSG:4490") -> gpd.GeoDataFrame:
    points = [POINT, shapely.Point(114.32, 30.52)]
    return gpd.GeoDataFrame(WELLS, geometry=points, crs="EPSG:4490").to_crs(crs)


def read(path: Path, layer: str | None = None, **options: Any) -> Delivery:
    with open_source(path, SourceOptions(path=path.name, layer=layer, **options)) as source:
        return joined(list(source.chunks(layer, 1_000)))


def write_gdb(folder: Path) -> Path:
    wells().to_file(folder / "a.gdb", driver="OpenFileGDB")
    return folder / "a.gdb"


def write_gdb_zip(folder: Path) -> Path:
    gdb = write_gdb(folder)
    with zipfile.ZipFile(folder / "a.gdb.zip", "w") as archive:
        for file in gdb.iterdir():
            archive.write(file, f"a.gdb/{file.name}")
    return folder / "a.gdb.zip"


def write_lines(folder: Path) -> Path:
    wells().to_file(folder / "a.geojsonl", driver="GeoJSONSeq")
    return (folder / "a.geojsonl").rename(folder / "a.ndjson")


def write_gbk_json(folder: Path) -> Path:
    (folder / "a.geojson").write_text(wells().to_json(ensure_ascii=False), encoding="gb18030")
    return folder / "a.geojson"


def write_neutral_mif(folder: Path) -> Path:
    wells().to_file(folder / "a.mif", driver="MapInfo File", layer_options={"ENCODING": "CP936"})
    head = (folder / "a.mif").read_bytes().replace(b"WindowsSimpChinese", b"Neutral")
    (folder / "a.mif").write_bytes(head)
    return folder / "a.mif"


def write_as(name: str, **options: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        wells().to_file(folder / name, **options)
        return folder / name

    return write


def write_wrong_cpg(folder: Path) -> Path:
    path = write_as("a.shp", encoding="GBK")(folder)
    path.with_suffix(".cpg").write_text("ISO-8859-1")
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "GeoPackage": write_as("a.gpkg"),
    "FlatGeobuf": write_as("a.fgb", engine="pyogrio", SPATIAL_INDEX="NO"),
    "file geodatabase": write_gdb,
    "zipped file geodatabase": write_gdb_zip,
    "GeoJSON in GBK": write_gbk_json,
    "newline-delimited GeoJSON": write_lines,
    "TAB": write_as("a.tab", driver="MapInfo File", layer_options={"ENCODING": "CP936"}),
    "MIF of a neutral character set": write_neutral_mif,
    "GML": write_as("a.gml", driver="GML"),
    "shapefile whose .cpg is wrong": write_wrong_cpg,
}


KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<name>D</name><Folder><name>雨水</name><Folder><name>检查井</name><Placemark><name>p1</name>
<description><![CDATA[<b>井</b><table><tr><td>编号</td><td>A1</td></tr><tr><td>井深</td><td>2.5</td></tr>
</table>]]></description><ExtendedData><Data name="材质"><value>混凝土</value></Data></ExtendedData>
<Point><coordinates> 114.31, 30.51,12 </coordinates></Point></Placemark></Folder></Folder>
<Placemark><name>面</name><MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 4,0 4,4 0,0
</coordinates></LinearRing></outerBoundaryIs></Polygon><Polygon><outerBoundaryIs><LinearRing><coordinates>
9,9 12,9 12,12 9,9</coordinates></LinearRing></outerBoundaryIs></Polygon></MultiGeometry></Placemark>
</Document></kml>"""


def write_workbook(path: Path) -> None:
    with xlsxwriter.Workbook(str(path)) as book:
        hidden = book.add_worksheet("旧表")
        hidden.write_row(0, 0, ["不", "看"])
        sheet = book.add_worksheet("管线")
        sheet.activate()
        sheet.set_first_sheet()
        hidden.hide()
        sheet.merge_range("A1:F1", "武昌区排水管线一览表")
        sheet.write("A2", "填报单位：区水务局")
        sheet.merge_range("A3:A4", "编号")
        sheet.merge_range("B3:C3", "坐标")
        sheet.write_row("B4", ["X", "Y"])
        sheet.merge_range("D3:D4", "管径（mm）")
        sheet.merge_range("E3:E4", "所属道路")
        sheet.merge_range("F3:F4", "日期")
        date = book.add_format({"num_format": "yyyy-mm-dd"})
        for row, (code, diameter) in enumerate(
            [("A1", "１，２００"), ("A2", "1,500"), ("A3", "８００")], start=4
        ):
            sheet.write_row(row, 0, [code, "114.3" + code[1], "30.5", diameter])
            sheet.write_datetime(row, 5, datetime(2026, 3, 1), date)
        sheet.merge_range("E5:E6", "中山路")
        sheet.write_formula("E7", '=E5&"东"', None, "中山路东")  # type: ignore[arg-type]
        sheet.set_row(5, None, None, {"hidden": True})
