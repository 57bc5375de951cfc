"""Departments' files in every state: what each format's reader makes of them."""

import zipfile
from pathlib import Path

import pandas as pd
import pytest
import shapely

from etl.job_file import load_job
from etl.normalise import normalise
from etl.references import References
from etl.source import read_source
from etl.source_format import list_layers
from geodata.errors import UserError
from tests.etl.delivered_files import FILES, KML, POINT, WELLS, read, write_as, write_workbook
from tests.etl.deliveries import facility_job
from tests.etl.drawings import DRAWING, extract, model


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
