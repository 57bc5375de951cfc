"""Questions about a drawn shape: counts, sums, files, rights and limits, beside values computed elsewhere."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import geopandas
import httpx
import openpyxl
import pytest
from pyproj import Geod

from layers.export import MOST_ROWS
from tests.layers.district import Conversation, District, rows_of

ELLIPSOID = Geod(a=6378137.0, rf=298.257222101)
CENTRE = (114.34, 30.556)
SQUARE = {
    "type": "Polygon",
    "coordinates": [
        [[114.335, 30.55], [114.345, 30.55], [114.345, 30.56], [114.335, 30.56], [114.335, 30.55]]
    ],
}
POINT = {"type": "Point", "coordinates": list(CENTRE)}


def post(district: District, path: str, question: Any, who: str = "leader") -> httpx.Response:
    async def ask(conversation: Conversation) -> httpx.Response:
        return await conversation.client.post(path, json=question, headers={"x-account": who})

    return district.ask(ask)


def query(district: District, question: dict[str, Any], who: str = "leader") -> dict[str, Any]:
    answer = post(district, "/query", question, who)
    assert answer.status_code == 200, answer.text
    return answer.json()


def export(
    district: District, kind: str, layer: str, who: str = "leader", lang: str = "zh"
) -> httpx.Response:
    question = {"geometry": SQUARE, "layers": [layer]}
    return post(district, f"/query/export?format={kind}&lang={lang}", question, who)


@pytest.mark.parametrize("metres", [250, 600, 2000])
def test_a_radius_counts_what_lies_within_it_on_the_ellipsoid(district: District, metres: int) -> None:
    answer = query(district, {"geometry": POINT, "buffer_m": metres, "layers": ["component"]})
    places = rows_of(district, "SELECT ST_X(geom), ST_Y(geom) FROM ioc.component")
    distances = [ELLIPSOID.inv(*CENTRE, lon, lat)[2] for lon, lat in places]
    # The outline is a polygon of 256 sides: hardly anything stands where it and the circle differ.
    surely, perhaps = (sum(d <= reach for d in distances) for reach in (metres * (1 - 1e-4), metres))
    assert surely <= answer["layers"][0]["count"] <= perhaps
    assert perhaps - surely <= 3 < surely
    assert answer["area_m2"] == pytest.approx(math.pi * metres**2, rel=2e-4)


def test_a_line_takes_what_is_beside_it(district: District) -> None:
    line = {"type": "LineString", "coordinates": [[114.33, 30.55], [114.35, 30.55]]}
    answer = query(district, {"geometry": line, "buffer_m": 100, "layers": ["component"]})
    found = answer["layers"][0]
    places = rows_of(district, "SELECT ST_X(geom), ST_Y(geom) FROM ioc.component")
    # Along a parallel: straight in the plane of the buffer to a centimetre at this length.
    beside = [ELLIPSOID.inv(lon, 30.55, lon, lat)[2] for lon, lat in places if 114.33 < lon < 114.35]
    ends = [
        min(ELLIPSOID.inv(end, 30.55, lon, lat)[2] for end in (114.33, 114.35))
        for lon, lat in places
        if not 114.33 < lon < 114.35
    ]
    assert not [d for d in [*beside, *ends] if abs(d - 100) < 0.15]
    assert found["count"] == sum(d <= 100 for d in [*beside, *ends])


def test_lengths_by_class_are_those_of_the_parts_inside(district: District) -> None:
    found = query(district, {"geometry": SQUARE, "layers": ["pipe_segment"]})["layers"][0]
    rows = rows_of(district, "SELECT subclass, ST_AsText(geom) FROM ioc.pipe_segment")
    expected: dict[str, list[float]] = {}
    shape = geopandas.GeoSeries.from_wkt([text for _, text in rows])
    square = geopandas.GeoSeries.from_file(io.StringIO(json.dumps(SQUARE))).iloc[0]
    for (subclass, _), line in zip(rows, shape, strict=True):
        if line.intersects(square):
            expected.setdefault(subclass, []).append(ELLIPSOID.geometry_length(line.intersection(square)))
    assert found["count"] == sum(map(len, expected.values()))
    for entry in found["classes"]:
        assert entry["count"] == len(expected[entry["value"]])
        assert entry["amount"] == pytest.approx(sum(expected[entry["value"]]), rel=1e-9)
    assert {entry["text_zh"] for entry in found["classes"]} == {"雨水", "污水", "雨污合流"}
    assert found["amount"] == pytest.approx(sum(map(sum, expected.values())), rel=1e-9)
    assert found["unit"] == "m"


def test_an_area_is_asked_by_its_code_and_its_neighbours_are_not_in_it(district: District) -> None:
    answer = query(district, {"area": "420106003", "layers": ["street", "component"]})
    streets, components = answer["layers"]
    assert [feature["code"] for feature in streets["features"]] == ["420106003"]
    west, east = 114.30 + 0.08 * 2 / 14, 114.30 + 0.08 * 3 / 14
    inside = rows_of(
        district,
        f"SELECT count(*) FROM ioc.component WHERE ST_X(geom) BETWEEN {west} AND {east}",  # noqa: S608
    )
    assert components["count"] == inside[0][0]


def test_features_come_page_by_page_each_once(district: District) -> None:
    seen: list[int] = []
    total = None
    while total is None or len(seen) < total:
        question = {"geometry": SQUARE, "layers": ["component"], "offset": len(seen), "limit": 100}
        found = query(district, question)["layers"][0]
        total = found["count"]
        seen += [feature["id"] for feature in found["features"]]
    assert len(set(seen)) == len(seen) == total > 100


def test_what_one_may_not_see_is_neither_counted_nor_exported(district: District) -> None:
    whole = {"geometry": POINT, "buffer_m": 20_000, "layers": ["component"]}
    own = query(district, whole, "street-1")["layers"][0]
    visible = rows_of(district, "SELECT id FROM ioc.component WHERE area_code LIKE '420106001%%'", {})
    assert own["count"] == len(visible) < query(district, whole)["layers"][0]["count"]
    for path in ("/query", "/query/export?format=csv"):
        asked = {"geometry": SQUARE, "layers": ["camera"]}
        assert post(district, path, asked, "staff").status_code == 404
        assert post(district, path, asked, "nobody").status_code == 404
    assert query(district, {"geometry": SQUARE, "layers": ["camera"]}, "police")["layers"][0]["count"] > 0
    assert (
        post(district, "/query", {"area": "420106003", "layers": ["component"]}, "nobody").status_code == 404
    )


def test_cameras_may_be_looked_at_but_not_taken_away(district: District) -> None:
    answer = export(district, "csv", "camera", "police")
    assert answer.status_code == 403
    assert "not taken away" in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "geojson", "gpkg"])
@pytest.mark.parametrize("layer", ["pipe_segment", "heritage_tree"])
def test_a_file_holds_every_row_and_says_it_is_made_up(
    district: District, tmp_path: Path, kind: str, layer: str
) -> None:
    count = query(district, {"geometry": SQUARE, "layers": [layer]})["layers"][0]["count"]
    answer = export(district, kind, layer)
    assert answer.status_code == 200, answer.text
    assert f"{layer}.{kind}" in answer.headers["content-disposition"]
    path = tmp_path / f"file.{kind}"
    path.write_bytes(answer.content)
    codes, notes = READERS[kind](path)
    assert count > 0
    assert len(set(codes)) == len(codes) == count
    assert all("演示数据" in note and ("水务局" in note or "园林局" in note) for note in notes)


def _read_csv(path: Path) -> tuple[list[str], list[str]]:
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert all(114.33 < float(row["经度"]) < 114.35 for row in rows)
    return [row["编码"] for row in rows], [row["数据说明"] for row in rows]


def _read_xlsx(path: Path) -> tuple[list[str], list[str]]:
    book = openpyxl.load_workbook(path)
    head, *rows = book.worksheets[0].iter_rows(values_only=True)
    about = {str(name): str(text) for name, text in book["说明"].iter_rows(values_only=True)}
    assert about["行数"] == str(len(rows))
    assert "演示数据" in about["数据说明"]
    code, note = head.index("编码"), head.index("数据说明")
    return [str(row[code]) for row in rows], [str(row[note]) for row in rows]


def _read_geojson(path: Path) -> tuple[list[str], list[str]]:
    document = json.loads(path.read_text("utf-8"))
    assert "4490" in document["crs"]["properties"]["name"]
    assert "演示数据" in document["metadata"]["数据说明"]
    found = [feature["properties"] for feature in document["features"]]
    return [row["code"] for row in found], [row["数据说明"] for row in found]


def _read_gpkg(path: Path) -> tuple[list[str], list[str]]:
    frame = geopandas.read_file(path)
    assert frame.crs is not None
    assert frame.crs.to_epsg() == 4490
    return list(frame["编码"]), list(frame["数据说明"])


READERS = {"csv": _read_csv, "xlsx": _read_xlsx, "geojson": _read_geojson, "gpkg": _read_gpkg}


def test_a_text_that_looks_like_a_formula_is_no_formula(own_district: District) -> None:
    with own_district.store.owner_connection() as connection:
        connection.execute("UPDATE ioc.component SET name = '=1+1'")
    rows = list(csv.DictReader(export(own_district, "csv", "component").text.lstrip("\ufeff").splitlines()))
    assert {row["部件名称"] for row in rows} == {"'=1+1"}
    book = openpyxl.load_workbook(io.BytesIO(export(own_district, "xlsx", "component").content))
    head, first, *_ = book.worksheets[0].iter_rows()
    cell = first[[c.value for c in head].index("部件名称")]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({}, "either"),
        ({"geometry": POINT, "area": "420106"}, "either"),
        ({"geometry": POINT}, "buffer_m"),
        ({"geometry": {"type": "Circle"}}, "type must be one of"),
        ({"geometry": {"type": "Polygon", "coordinates": [[1, 2]]}}, "RFC 7946"),
        ({"geometry": {"type": "Polygon", "coordinates": []}}, "empty"),
        ({"geometry": {"type": "Point", "coordinates": [3378000, 538000]}, "buffer_m": 5}, "degrees"),
        (
            {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
            "Self-intersection",
        ),
        (
            {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}},
            "more than 2,000 km²",
        ),
        (
            {
                "geometry": {"type": "LineString", "coordinates": [[114 + i / 1e5, 30] for i in range(2001)]},
                "buffer_m": 5,
            },
            "2,000 vertices",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_told_why(
    district: District, question: dict[str, Any], says: str
) -> None:
    answer = post(district, "/query", {"layers": ["component"], **question})
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    "question",
    [
        {"geometry": POINT, "buffer_m": -1, "layers": ["component"]},
        {"geometry": POINT, "buffer_m": 60_000, "layers": ["component"]},
        {"geometry": POINT, "buffer_m": 5, "layers": []},
        {"geometry": POINT, "buffer_m": 5, "layers": ["component"], "limit": 201},
        {"area": "4201 06", "layers": ["component"]},
    ],
)
def test_values_out_of_bounds_are_named(district: District, question: dict[str, Any]) -> None:
    assert post(district, "/query", question).status_code == 422


def test_a_file_of_too_many_rows_is_refused_whole(
    district: District, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(MOST_ROWS, "xlsx", 10)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = export(district, "xlsx", "component")
    assert answer.status_code == 400
    assert "more than 10 rows" in answer.json()["detail"]
    assert export(district, "csv", "component").status_code == 200
    assert not list(tmp_path.iterdir())


def test_a_file_of_two_layers_is_refused(district: District) -> None:
    question = {"geometry": SQUARE, "layers": ["component", "street"]}
    assert post(district, "/query/export?format=csv", question).status_code == 400
    assert post(district, "/query/export?format=pdf", question).status_code == 422
