"""Files as departments save them: encodings, title rows, missing parts, frames."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xlsxwriter

from etl.delivery import joined
from etl.job import Job
from etl.normalise import normalise
from etl.references import References
from etl.run import run_job
from etl.source import read_chunks, read_source, source_path
from etl.source_format import list_layers
from geodata.coordinates import geodesic_distance, wgs84_to_gcj02
from geodata.coordinates.gcj02 import gcj02_to_bd09
from geodata.errors import UserError
from geodata.store import Store
from tests.etl.deliveries import MIDDLE, degrees_job, facility_job, load, rows_of, write_list

HEADER = "编号,名称,经度,纬度"
ROW = "A1,武昌江滩（一期）,114.31,30.51"


def names(job: Job, folder: Path) -> list[str]:
    delivery = read_source(job, source_path(job, folder))
    return normalise(job, delivery, References()).columns["name"].tolist()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_csv_of_any_chinese_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "list.csv").write_bytes(f"{HEADER}\r\n{ROW}\r\n".encode(encoding))
    assert names(degrees_job(tmp_path), tmp_path) == ["武昌江滩（一期）"]


def test_a_quoted_line_break_keeps_the_row_numbers(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f'{HEADER}\nA1,"两行\n名称",114.31,30.51\nA2,二号,114.31,30.51\n')
    job = degrees_job(tmp_path)
    delivery = read_source(job, tmp_path / "list.csv")
    assert delivery.source_row.tolist() == [2, 3]
    assert names(job, tmp_path) == ["两行 名称", "二号"]


def test_titles_above_the_header_of_a_sheet_by_name(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(str(tmp_path / "list.xlsx")) as book:
        book.add_worksheet("说明").write(0, 0, "请看下一页")
        sheet = book.add_worksheet("点位")
        sheet.merge_range(0, 0, 0, 3, "设施一览表")
        sheet.write_row(2, 0, HEADER.split(","))
        sheet.write_row(3, 0, [1001, "ＡＢ 一号　", 114.31, 30.51])
        sheet.write_row(5, 0, [1002, "二号", 114.31, 30.51])
    source = 'sheet = "点位"\nheader_contains = ["经度", "纬度"]\nx = "经度"\ny = "纬度"\ncrs = "CGCS2000"'
    job = facility_job(tmp_path, "list.xlsx", source)
    delivery = read_source(job, tmp_path / "list.xlsx")
    rows = normalise(job, delivery, References())
    assert delivery.source_row.tolist() == [4, 6]
    assert rows.columns["code"].tolist() == ["1001", "1002"]
    assert rows.columns["name"].tolist() == ["AB 一号", "二号"]


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx", "list.gpkg"])
def test_chunks_are_the_whole_in_order(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"编号": [f"A{number}" for number in range(25)], "名称": "井"})
    if name == "list.csv":
        frame.to_csv(tmp_path / name, index=False)
    elif name == "list.xlsx":
        frame.to_excel(tmp_path / name, index=False)
    else:
        points = [shapely.Point(114.3 + number / 1000, 30.5) for number in range(25)]
        gpd.GeoDataFrame(frame, geometry=points, crs=4490).to_file(tmp_path / name)
    job = facility_job(tmp_path, name)
    parts = list(read_chunks(job, tmp_path / name, 10))
    whole = read_source(job, tmp_path / name)
    assert [len(part) for part in parts] == [10, 10, 5]
    again = joined(parts)
    assert again.attributes["编号"].tolist() == whole.attributes["编号"].tolist() == frame["编号"].tolist()
    assert again.source_row.tolist() == whole.source_row.tolist()
    if whole.geometry is not None:
        assert again.geometry is not None
        assert shapely.equals(again.geometry, whole.geometry).all()
    layer = list_layers(tmp_path / name)[0]
    assert (layer.rows, list(layer.fields)) == (25, ["编号", "名称"])


def write_shapefile(folder: Path, encoding: str, crs: str = "EPSG:4547") -> Path:
    frame = gpd.GeoDataFrame(
        {"编号": ["A1"], "名称": ["徐东大街排水井"]}, geometry=[shapely.Point(*MIDDLE)], crs="EPSG:4490"
    )
    path = folder / "井.shp"
    frame.to_crs(crs).to_file(path, driver="ESRI Shapefile", encoding=encoding)
    path.with_suffix(".cpg").unlink()
    return path


@pytest.mark.parametrize(("encoding", "language_driver"), [("GBK", 0), ("UTF-8", 0), ("GBK", 0x4D)])
def test_shapefile_without_cpg(tmp_path: Path, encoding: str, language_driver: int) -> None:
    dbf = write_shapefile(tmp_path, encoding).with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    content[29] = language_driver
    dbf.write_bytes(content)
    assert names(facility_job(tmp_path, "井.shp"), tmp_path) == ["徐东大街排水井"]


def offset_lists() -> dict[str, tuple[float, float]]:
    lon, lat = (np.array([one]) for one in MIDDLE)
    gcj = wgs84_to_gcj02(lon, lat)
    bd = gcj02_to_bd09(*gcj)
    return {
        "GCJ-02": (gcj[0][0], gcj[1][0]),
        "BD-09": (bd[0][0], bd[1][0]),
        "CGCS2000": MIDDLE,
        "EPSG:4326": MIDDLE,
    }


@pytest.mark.parametrize("frame", ["GCJ-02", "BD-09", "CGCS2000", "EPSG:4326"])
def test_listed_positions_land_in_their_place(tmp_path: Path, frame: str) -> None:
    x, y = offset_lists()[frame]
    write_list(tmp_path, [f"A1,一号,{x:.9f},{y:.9f}"])
    job = facility_job(tmp_path, "list.csv", f'x = "经度"\ny = "纬度"\ncrs = "{frame}"')
    assert metres_off(job, tmp_path) < 1.0


@pytest.mark.parametrize("crs", ["EPSG:4547", "EPSG:4526", "EPSG:3857", "EPSG:4490"])
def test_drawn_positions_land_in_their_place(tmp_path: Path, crs: str) -> None:
    write_shapefile(tmp_path, "GBK", crs)
    assert metres_off(facility_job(tmp_path, "井.shp"), tmp_path) < 0.01


def metres_off(job: Job, folder: Path) -> float:
    rows = normalise(job, read_source(job, source_path(job, folder)), References())
    assert rows.geometry is not None
    point = rows.geometry[0]
    return float(geodesic_distance(point.x, point.y, *MIDDLE))


def test_heights_are_dropped_and_broken_polygons_mended(store: Store, tmp_path: Path) -> None:
    sliver = shapely.Polygon(
        [(114.3, 30.5, 9), (114.31, 30.5, 9), (114.31, 30.51, 9), (114.31, 30.51, 9), (114.3, 30.51, 9)]
    )
    spike = shapely.Polygon(
        [(114.3, 30.5), (114.31, 30.5), (114.31, 30.51), (114.32, 30.51), (114.31, 30.51), (114.3, 30.51)]
    )
    bow = shapely.Polygon([(114.3, 30.5), (114.31, 30.51), (114.31, 30.5), (114.3, 30.51)])
    shapes = [sliver, spike, bow]
    frame = gpd.GeoDataFrame(
        {"编号": ["1", "2", "3"], "名称": ["一", "二", "三"]}, geometry=shapes, crs="EPSG:4490"
    )
    frame.to_file(tmp_path / "面.gpkg", driver="GPKG")
    load(store, facility_job(tmp_path, "面.gpkg"), tmp_path)
    found = rows_of(
        store, "SELECT code, ST_NDims(geom), ST_IsValid(geom), warnings FROM ioc.facility ORDER BY code"
    )
    assert found == [("1", 2, True, None), ("2", 2, True, ["geometry_repaired:geom"])]


def make(folder: Path, what: str) -> Job:
    """A delivery that is wrong in one way, and its job."""
    if what == "missing":
        return degrees_job(folder)
    if what == "empty":
        write_list(folder, [])
        return degrees_job(folder)
    if what == "no frame":
        write_shapefile(folder, "GBK").with_suffix(".prj").unlink()
        return facility_job(folder, "井.shp")
    if what == "Beijing54":
        write_shapefile(folder, "GBK")
        return facility_job(folder, "井.shp", 'crs = "EPSG:2433"')
    if what == "no dbf":
        write_shapefile(folder, "GBK").with_suffix(".dbf").unlink()
        return facility_job(folder, "井.shp")
    if what == "cut GeoPackage":
        gpd.GeoDataFrame({"编号": ["1"]}, geometry=[shapely.Point(*MIDDLE)], crs=4490).to_file(
            folder / "a.gpkg"
        )
        (folder / "a.gpkg").write_bytes((folder / "a.gpkg").read_bytes()[:3000])
        return facility_job(folder, "a.gpkg")
    if what == "cut GeoJSON":
        (folder / "a.geojson").write_text('{"type": "FeatureCollection", "features": [{"type": "Fea')
        return facility_job(folder, "a.geojson")
    if what == "one page":
        (folder / "a.geojson").write_text(
            '{"type":"FeatureCollection","exceededTransferLimit":true,"features":[]}'
        )
        return facility_job(folder, "a.geojson")
    (folder / "a.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    return facility_job(folder, "a.xlsx")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "is not there"),
        ("empty", "has no rows"),
        ("no frame", "state crs in"),
        ("Beijing54", "seven or four parameters"),
        ("no dbf", "has no .dbf beside it"),
        ("cut GeoPackage", "is damaged or in no format"),
        ("cut GeoJSON", "is not whole JSON"),
        ("one page", "one page of an ArcGIS query"),
        ("no workbook", "save it as .xlsx"),
    ],
)
def test_a_bad_file_gets_one_sentence(store: Store, tmp_path: Path, what: str, words: str) -> None:
    job = make(tmp_path, what)
    with pytest.raises(UserError, match=words) as refused:
        run_job(store, job, tmp_path)
    assert "\n" not in str(refused.value)
