"""Departments' files in every state: what each format's reader makes of it, and what it refuses."""

import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import xlsxwriter

from etl.coordinate_columns import read_geometries, split_positions
from etl.delivery import Delivery, joined
from etl.job import load_job
from etl.normalise import normalise
from etl.references import References
from etl.source import read_source
from etl.source_format import list_layers, open_source
from etl.source_options import SourceOptions
from geodata.coordinates import parse_degrees
from geodata.errors import UserError
from tests.etl.deliveries import facility_job
from tests.etl.drawings import DRAWING, extract, model

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


@pytest.mark.parametrize("name", FILES)
def test_each_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    path = FILES[name](tmp_path)
    before = set(tmp_path.iterdir())
    found = read(path)
    assert found.attributes["编号"].tolist() == WELLS["编号"]
    assert found.attributes["名称"].tolist() == WELLS["名称"]
    assert found.geometry is not None
    assert shapely.equals_exact(found.geometry[0], POINT, 1e-6)
    assert set(tmp_path.iterdir()) == before
    layer = list_layers(path)[0]
    assert layer.rows == 2
    assert {"编号", "名称"} <= set(layer.fields)


def test_long_names_cut_to_ten_bytes_are_the_job_s(tmp_path: Path) -> None:
    path = write_as("井.shp", encoding="GBK")(tmp_path)
    dbf = path.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    content[32:43] = "A污水处理厂编号".encode("gbk")[:10].ljust(11, b"\0")
    dbf.write_bytes(content)
    path.with_suffix(".cpg").unlink()
    facility_job(tmp_path, "井.shp")
    text = (tmp_path / "facility_test.toml").read_text().replace('"编号"', '"A污水处理厂编号"')
    (tmp_path / "facility_test.toml").write_text(text)
    cut = load_job(tmp_path / "facility_test.toml")
    assert read_source(cut, path).attributes["A污水处理厂编号"].tolist() == WELLS["编号"]


KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<name>D</name><Folder><name>雨水</name><Folder><name>检查井</name><Placemark><name>p1</name>
<description><![CDATA[<b>井</b><table><tr><td>编号</td><td>A1</td></tr><tr><td>井深</td><td>2.5</td></tr>
</table>]]></description><ExtendedData><Data name="材质"><value>混凝土</value></Data></ExtendedData>
<Point><coordinates> 114.31, 30.51,12 </coordinates></Point></Placemark></Folder></Folder>
<Placemark><name>面</name><MultiGeometry><Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 4,0 4,4 0,0
</coordinates></LinearRing></outerBoundaryIs></Polygon><Polygon><outerBoundaryIs><LinearRing><coordinates>
9,9 12,9 12,12 9,9</coordinates></LinearRing></outerBoundaryIs></Polygon></MultiGeometry></Placemark>
</Document></kml>"""


@pytest.mark.parametrize("name", ["a.kml", "a.kmz"])
def test_kml_folders_extended_data_and_tables(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.kmz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", KML)
    else:
        path.write_text(KML, encoding="utf-8")
    layers = {layer.name: layer for layer in list_layers(path)}
    assert list(layers) == ["雨水/检查井", "(root)"]
    assert (layers["雨水/检查井"].geometry_type, layers["(root)"].geometry_type) == ("Point", "MultiPolygon")
    found = read(path, "雨水/检查井")
    row = found.attributes.iloc[0].to_dict()
    assert {key: row[key] for key in ("编号", "井深", "材质")} == {
        "编号": "A1",
        "井深": "2.5",
        "材质": "混凝土",
    }
    assert found.geometry is not None
    assert found.geometry[0].equals(POINT)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_dxf_layers_blocks_attributes_and_labels(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(DRAWING.encode(encoding))
    assert {layer.name: layer.geometry_type for layer in list_layers(path)} == {
        "雨水管": "LineString", "雨水注记": "Point", "井": "Point", "房屋": "LineString",
    }  # fmt: skip
    well = read(path, "井").attributes.iloc[0]
    assert (well["block"], well["编号"], well["井深"]) == ("雨水井", "YS001", "12.5")
    pipes = read(path, "雨水管", labels="雨水注记", label_distance=2.0).attributes
    assert pipes["label"].tolist()[0] == "DN300 混凝土"
    assert pipes["label"].isna().tolist() == [False, True]
    far = read(path, "雨水管", label_distance=0.5).attributes["label"].tolist()
    assert all(pd.isna(label) for label in far)
    houses = read(path, "房屋", closed_lines_as_areas=True).geometry
    assert houses is not None
    assert houses[0].area == 100.0
    with pytest.raises(UserError, match="has no layer “污水管”; it has 雨水管"):
        read(path, "污水管")


def test_swmm_levels_in_metres(tmp_path: Path) -> None:
    path = tmp_path / "a.inp"
    path.write_text(model("CFS", "DEPTH"))
    nodes, pipes = read(path, "nodes"), read(path, "segments")
    assert nodes.attributes["code"].tolist() == ["J1", "O1"]
    assert nodes.attributes["invert_m"].tolist() == pytest.approx([30.48, 27.432])
    assert nodes.attributes["ground_m"].tolist()[0] == pytest.approx(33.528)
    pipe = pipes.attributes.iloc[0]
    assert (pipe["start_invert_m"], pipe["end_invert_m"]) == pytest.approx((30.7848, 27.432))
    assert (pipe["length_m"], pipe["height_m"]) == pytest.approx((121.92, 0.6096))
    assert pipes.geometry is not None
    assert pipes.geometry[0].equals(shapely.LineString([(0, 0), (50, 10), (100, 0)]))
    area = read(path, "subcatchments")
    assert area.attributes["area_m2"].tolist() == pytest.approx([2 * 4046.8564224])
    path.write_text(model("LPS", "ELEVATION"))
    pipe = read(path, "segments").attributes.iloc[0]
    assert (pipe["start_invert_m"], pipe["length_m"]) == (1.0, 400.0)
    path.write_text(model("LPS", "DEPTH").replace("J1 100", "J1 hundred"))
    with pytest.raises(UserError, match=r"line \d+: “hundred” is no number"):
        read(path, "nodes")


@pytest.mark.parametrize("form", [".osm", ".osm.pbf"])
def test_openstreetmap_roads(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a{form}"
    path.write_bytes(extract(form))
    assert [layer.name for layer in list_layers(path)][:2] == ["points", "lines"]
    roads = read(path, "lines")
    assert roads.attributes[["name", "highway"]].to_numpy().tolist() == [["中山路", "primary"]]
    assert roads.geometry is not None
    assert shapely.equals_exact(roads.geometry[0], shapely.LineString([(114.3, 30.5), (114.31, 30.51)]), 1e-7)


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


def test_a_sheet_as_people_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    write_workbook(path)
    assert [layer.name for layer in list_layers(path)] == ["管线"]
    found = read(path)
    assert list(found.attributes.columns) == ["编号", "坐标 X", "坐标 Y", "管径（mm）", "所属道路", "日期"]
    assert found.source_row.tolist() == [5, 6, 7]
    assert found.attributes["所属道路"].tolist() == ["中山路", "中山路", "中山路东"]
    source = 'x = "坐标X"\ny = "坐标Y"\ncrs = "CGCS2000"'
    facility_job(tmp_path, "a.xlsx", source)
    text = (tmp_path / "facility_test.toml").read_text()
    text = text.replace('"名称"', '"所属道路"').replace('"容量"', '"管径(mm)"')
    (tmp_path / "facility_test.toml").write_text(text)
    job = load_job(tmp_path / "facility_test.toml")
    rows = normalise(job, read_source(job, path), References())
    assert rows.columns["capacity"].tolist() == [1200.0, 1500.0, 800.0]
    assert rows.geometry is not None
    assert rows.geometry[2].x == 114.33


def test_titles_above_the_header_of_a_csv(tmp_path: Path) -> None:
    text = "设施一览表,,,\n填报：区水务局,,,\n编号;备用,名称,名称,\nA1,甲,乙,丙\n"
    (tmp_path / "a.csv").write_text(text, encoding="gb18030")
    found = read(tmp_path / "a.csv")
    assert found.attributes.to_dict("records") == [
        {"编号;备用": "A1", "名称": "甲", "名称.1": "乙", "Column 4": "丙"}
    ]
    assert found.source_row.tolist() == [4]


@pytest.mark.parametrize(
    "text",
    [
        "114.3125,30.5",
        "（114.3125，30.5）",
        "114.3125 30.5",
        "东经114°18′45″，北纬30°30′00″",
        "北纬30度30分0秒 东经114度18分45秒",
        "N30°30'00\" E114°18'45\"",
        "114°18′45″30°30′0″",
    ],
)
def test_both_coordinates_in_one_cell(text: str) -> None:
    east, north = split_positions(pd.Series([text, "不详"]))
    assert parse_degrees(east)[0][0] == pytest.approx(114.3125)
    assert parse_degrees(north)[0][0] == pytest.approx(30.5)
    assert east.isna().tolist() == [False, True]


def test_geometries_as_text() -> None:
    shape = shapely.set_srid(POINT, 4547)
    texts = [
        "SRID=4547;POINT (114.31 30.51)",
        shapely.to_wkb(shape, hex=True, include_srid=True),
        "不详",
        None,
    ]
    shapes, crs = read_geometries(pd.Series(texts))
    assert [None if one is None else one.equals(POINT) for one in shapes] == [True, True, None, None]
    assert crs is not None
    assert crs.to_epsg() == 4547


def zipped(folder: Path, members: dict[str, bytes]) -> Path:
    path = folder / "交付.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_several_files_in_an_archive(tmp_path: Path) -> None:
    members = {"说明.txt": b"readme", "成果/表.csv": "编号,名称\nA1,井\n".encode("gbk")}
    for name in ("雨水", "污水"):
        write_as(f"{name}.shp", encoding="GBK")(tmp_path)
        for part in tmp_path.glob(f"{name}.*"):
            members[f"成果/{part.name}"] = part.read_bytes()
    path = zipped(tmp_path, members)
    assert [layer.name for layer in list_layers(path)] == ["成果/污水.shp", "成果/表.csv", "成果/雨水.shp"]
    for layer in ("成果/雨水.shp", "雨水"):
        found = read(path, layer)
        assert found.attributes["名称"].tolist() == WELLS["名称"]
        assert found.path == path / "成果/雨水.shp"
    with pytest.raises(UserError, match="holds several files: name one with layer"):
        read(path)


def test_names_in_gbk_without_a_word_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    content = "编号,名称\nA1,井\n".encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xxxx.csv", content)
    path.write_bytes(path.read_bytes().replace(b"xxxx", "管线".encode("gbk")))
    assert [layer.name for layer in list_layers(path)] == ["管线.csv"]


def bomb(folder: Path, what: str) -> Path:
    if what == "growth":
        return zipped(folder, {"a.csv": b"a,b\n" + b"0" * (80 << 20)})
    if what == "slip":
        return zipped(folder, {"../../a.csv": b"a,b\n1,2\n"})
    if what == "nothing":
        return zipped(folder, {"a.docx": b"..."})
    if what == "entities":
        (folder / "a.kml").write_text('<!DOCTYPE kml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><kml>&b;</kml>')
        return folder / "a.kml"
    if what == "virtual":
        text = (
            '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
        )
        (folder / "a.gpkg").write_text(text)
        return folder / "a.gpkg"
    if what == "html":
        (folder / "a.xls").write_text("<html><table><tr><td>编号</td></tr></table></html>")
        return folder / "a.xls"
    if what == "binary":
        (folder / "a.dxf").write_bytes(b"AutoCAD Binary DXF\r\n\x1a\x00")
        return folder / "a.dxf"
    if what == "corner":
        with xlsxwriter.Workbook(str(folder / "a.xlsx")) as book:
            sheet = book.add_worksheet()
            sheet.write(0, 0, "编号")
            sheet.write(1_048_575, 16_383, "远")
        return folder / "a.xlsx"
    (folder / "a.dwg").write_bytes(b"AC1032")
    return folder / "a.dwg"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("growth", "more than is safe"),
        ("slip", "leads out of the archive"),
        ("nothing", "holds no file of a format"),
        ("entities", "declares a document type"),
        ("virtual", r"is damaged or no \.gpkg file"),
        ("html", "is a web page and no workbook"),
        ("binary", "save it as DXF in the ASCII form"),
        ("corner", "rows by 16,384 columns"),
        ("unknown", "has the ending of no format"),
    ],
)
def test_what_must_not_be_opened(tmp_path: Path, what: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        list_layers(bomb(tmp_path, what))
    assert "\n" not in str(refused.value)


DAMAGED_READING = """
import resource, sys
from pathlib import Path
from etl.source_format import list_layers, open_source
from etl.source_options import SourceOptions
from geodata.errors import UserError

resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
for path in sorted(Path(sys.argv[1]).iterdir()):
    print("reading", path.name, flush=True)
    resource.setrlimit(resource.RLIMIT_CPU, (int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + 20, -1))
    try:
        for layer in list_layers(path):
            with open_source(path, SourceOptions(path=path.name)) as source:
                for part in source.chunks(layer.name, 500):
                    assert len(part.attributes) == len(part.source_row)
    except UserError as error:
        assert "\\n" not in str(error), error
print("done")
"""


def damaged(content: bytes, dice: random.Random) -> bytes:
    """A file after something happened to it."""
    kind = dice.randrange(5)
    if kind == 0:
        return content[: dice.randrange(len(content))]
    changed = bytearray(content)
    if kind == 1:
        for _ in range(dice.randrange(1, 30)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
    elif kind == 2:
        for _ in range(dice.randrange(1, 6)):
            changed[dice.randrange(min(len(changed), 512))] = 255
    elif kind == 3:
        at = dice.randrange(len(changed))
        changed[at : at + dice.randrange(1, 400)] = b""
    else:
        at = dice.randrange(len(changed))
        changed[at:at] = dice.randbytes(dice.randrange(1, 300))
    return bytes(changed)


def test_damaged_files_are_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    """In a process of its own, whose memory and time are bounded: a reader that hangs or crashes fails it."""
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.mkdir()
    bad.mkdir()
    for name in FILES:
        if "zipped" not in name and name != "file geodatabase":
            FILES[name](good)
    (good / "a.kml").write_text(KML, encoding="utf-8")
    (good / "a.dxf").write_bytes(DRAWING.encode("gb18030"))
    (good / "a.inp").write_text(model("CFS", "DEPTH"))
    (good / "a.osm.pbf").write_bytes(extract(".osm.pbf"))
    (good / "a.csv").write_text("编号,名称\nA1,井\nA2,“井”\n", encoding="gb18030")
    write_workbook(good / "a.xlsx")
    write_as("b.shp", encoding="GBK")(good)
    write_gdb_zip(tmp_path).rename(good / "a.gdb.zip")
    dice = random.Random(420106)
    files = sorted(good.iterdir())
    for number in range(8):
        for file in files:
            folder = file.stem.split(".")[0]
            (bad / f"{folder}{number}{file.name[len(folder) :]}").write_bytes(
                damaged(file.read_bytes(), dice)
            )
    for file in files:
        other = dice.choice(files)
        (bad / f"wrong{file.name}").write_bytes(other.read_bytes())
        (bad / f"empty{file.name}").write_bytes(b"")
        (bad / f"zeros{file.name}").write_bytes(b"\0" * 4_096)
    done = subprocess.run(
        [sys.executable, "-c", DAMAGED_READING, str(bad)], capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("done\n"), done.stdout.splitlines()[-1:] + done.stderr.splitlines()[-12:]
