"""Rows in view, pages, CSV, distinct values, numbers in view and by area: against the store's own rows."""

import csv
import io
from typing import Any

import httpx
import pytest

from tests.layers.district import Conversation, District, change, reload_components, rows_of

VIEW = [114.32, 30.535, 114.355, 30.57]
BOX = dict(zip("wsen", VIEW, strict=True))


def post(district: District, path: str, body: Any, who: str = "leader") -> httpx.Response:
    async def one(conversation: Conversation) -> httpx.Response:
        return await conversation.post(path, body, who)

    return district.ask(one)


def all_rows(district: District, layer: str, who: str = "leader", **question: Any) -> list[dict]:
    async def pages(conversation: Conversation) -> list[dict]:
        rows = []
        while True:
            body = {"bbox": VIEW, "limit": 400, **question, "offset": len(rows)}
            answer = (await conversation.post(f"/layers/{layer}/rows", body, who)).json()
            rows += answer["rows"]
            if len(rows) >= answer["total"]:
                assert len(rows) == answer["total"]
                return rows

    return district.ask(pages)


def test_counts_in_view_are_those_of_the_rows(district: District) -> None:
    body = {"bbox": VIEW, "layers": {"component": None, "pipe_segment": [["diameter", "less", 600]]}}
    components, pipes = post(district, "/layers/counts", body).json()["layers"]
    expected = rows_of(
        district,
        """
        SELECT left(type_code, 2), count(*) FROM ioc.component
        WHERE ST_Intersects(geom, ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4490)) GROUP BY 1
        """,
        BOX,
    )
    assert {(one["value"], one["count"]) for one in components["classes"]} == set(expected)
    expected = rows_of(
        district,
        """
        SELECT subclass, count(*) FROM ioc.pipe_segment WHERE diameter < 600
        AND ST_Intersects(geom, ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4490)) GROUP BY 1
        """,
        BOX,
    )
    assert {(one["value"], one["count"]) for one in pipes["classes"]} == set(expected)
    assert pipes["total"] == sum(number for _, number in expected)


@pytest.mark.parametrize("size", [0.0001, 0.002, 0.02])
def test_lines_and_areas_are_counted_by_their_geometry(district: District, size: float) -> None:
    """Small views lie within areas and across lines: their boxes tell little."""
    west, south = (VIEW[0] + VIEW[2]) / 2, (VIEW[1] + VIEW[3]) / 2
    view = [west, south, west + size, south + size / 2]
    layers = ("street", "road", "pipe_segment")
    answer = post(district, "/layers/counts", {"bbox": view, "layers": dict.fromkeys(layers)}).json()
    expected = rows_of(
        district,
        """
        WITH view AS (SELECT ST_Transform(ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4490), 3857) AS box)
        SELECT 'street', count(*) FROM ioc.street, view WHERE ST_Intersects(geom_3857, box)
        UNION ALL
        SELECT 'road', count(*) FROM ioc.base_feature, view
        WHERE kind = 'road' AND ST_Intersects(geom_3857, box)
        UNION ALL
        SELECT 'pipe_segment', count(*) FROM ioc.pipe_segment, view WHERE ST_Intersects(geom_3857, box)
        """,
        dict(zip("wsen", view, strict=True)),
    )
    assert [(found["layer"], found["total"]) for found in answer["layers"]] == expected
    assert expected[0][1] > 0


def test_counts_from_memory_follow_rights_filters_and_versions(own_district: District) -> None:
    whole = [114.2, 30.4, 114.5, 30.7]

    async def talk(conversation: Conversation) -> None:
        async def total(who: str, conditions: Any = None) -> int:
            body = {"bbox": whole, "layers": {"component": conditions}}
            return (await conversation.post("/layers/counts", body, who)).json()["layers"][0]["total"]

        own = rows_of(own_district, "SELECT count(*) FROM ioc.component WHERE area_code = '420106001'")[0][0]
        lamps = rows_of(own_district, "SELECT count(*) FROM ioc.component WHERE type_code = '01037'")[0][0]
        for _ in range(2):
            assert await total("leader") == 500
            assert await total("street-1") == own
            assert await total("leader", [["type_code", "is", "01037"]]) == lamps
        await conversation.noticed(own_district, lambda: reload_components(own_district, 321))
        assert await total("leader") == 321

    own_district.ask(talk)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", [None, "code", "diameter", "note"])
def test_pages_hold_every_row_in_view_once_and_in_order(
    district: District, field: str | None, descending: bool
) -> None:
    sort = [{"field": field, "descending": descending}] if field else []
    rows = all_rows(district, "pipe_segment", sort=sort)
    expected = rows_of(
        district,
        """
        SELECT id, diameter FROM ioc.pipe_segment
        WHERE ST_Intersects(geom, ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4490))
        """,
        BOX,
    )
    assert len(rows) == len(expected) > 400
    assert {row["id"] for row in rows} == {one[0] for one in expected}
    if field == "diameter":
        diameters = dict(expected)
        values = [diameters[row["id"]] for row in rows]
        assert values == sorted(values, reverse=descending)


def test_rows_are_sorted_by_several_fields_and_found_by_position(district: District) -> None:
    sort = [{"field": "subclass", "descending": True}, {"field": "diameter"}]
    rows = all_rows(district, "pipe_segment", sort=sort)
    of_pipe = {
        pipe: values
        for pipe, *values in rows_of(district, "SELECT id, subclass, diameter FROM ioc.pipe_segment")
    }
    keys = [of_pipe[row["id"]] for row in rows]
    assert [key[0] for key in keys] == sorted((key[0] for key in keys), reverse=True)
    for subclass in ("YS", "WS", "HS"):
        diameters = [diameter for one, diameter in keys if one == subclass]
        assert diameters == sorted(diameters)
    wanted = {"bbox": VIEW, "sort": sort, "limit": 1, "find": rows[417]["id"]}
    assert post(district, "/layers/pipe_segment/rows", wanted).json()["position"] == 417
    assert post(district, "/layers/pipe_segment/rows", {**wanted, "find": -1}).json()["position"] is None


def test_cells_are_the_record_in_the_language_asked_for(district: District) -> None:
    body = {"bbox": VIEW, "limit": 1, "sort": [{"field": "code"}]}
    for language, material in (("zh", "HNT"), ("en", "HNT")):
        answer = post(district, "/layers/pipe_segment/rows", {**body, "language": language}).json()
        cells = dict(zip((one["name"] for one in answer["columns"]), answer["rows"][0]["cells"], strict=True))
        assert material in cells["material"]
        assert ("雨水" in cells["subclass"]) == (language == "zh" and cells["subclass"].endswith("（YS）"))
        assert cells["start_invert_level"] == "21.456"


def test_rows_are_those_the_viewer_may_see(district: District) -> None:
    rows = all_rows(district, "component", "street-1", bbox=None)
    expected = rows_of(district, "SELECT id FROM ioc.component WHERE area_code = '420106001'")
    assert {row["id"] for row in rows} == {one[0] for one in expected}
    assert post(district, "/layers/camera/rows", {"bbox": VIEW}, "staff").status_code == 404
    cameras = {"bbox": VIEW, "layers": {"camera": None}}
    assert post(district, "/layers/counts", cameras, "staff").status_code == 404


def test_csv_is_the_table_unless_it_may_not_be_taken_away(district: District) -> None:
    box = ",".join(map(str, VIEW))
    lamps = "filter=[[%22type_code%22,%22is%22,%2201001%22]]"
    answer = district.get(f"/layers/component/rows.csv?bbox={box}&sort=code&{lamps}")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    heads, *lines = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    expected = rows_of(
        district,
        """
        SELECT code FROM ioc.component
        WHERE type_code = '01001' AND ST_Intersects(geom, ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, 4490))
        ORDER BY code
        """,
        BOX,
    )
    assert [line[0] for line in lines] == [one[0] for one in expected]
    assert heads[0] == "编码"
    assert heads[-2:] == ["经度", "纬度"]
    assert district.get("/layers/camera/rows.csv").status_code == 403


def test_no_cell_of_a_csv_is_a_formula(own_district: District) -> None:
    change(own_district, "UPDATE ioc.component SET name = %s", ['=HYPERLINK("x")'])
    lines = list(csv.reader(io.StringIO(own_district.get("/layers/component/rows.csv").text)))
    assert {line[1] for line in lines[1:]} == {'\'=HYPERLINK("x")'}


def test_values_are_counted_most_frequent_first(district: District) -> None:
    found = district.get("/layers/pipe_segment/values?field=diameter&limit=3").json()
    assert [one["count"] for one in found["values"]] == [500, 500, 500]
    assert not found["complete"]
    assert found["kind"] == "number"
    states = district.get("/layers/camera/values?field=state").json()
    assert [one["value"] for one in states["values"]] == ["在线", "故障"]
    assert district.get("/layers/camera/values?field=geom").status_code == 400


def test_statistics_by_area_name_the_area_and_where_it_lies(district: District) -> None:
    bars = district.get("/layers/component/statistics?by=street").json()["bars"]
    expected = rows_of(district, "SELECT area_code, count(*) FROM ioc.component GROUP BY 1")
    assert {(bar["value"], bar["count"]) for bar in bars} == set(expected)
    named = next(bar for bar in bars if bar["value"] == "420106003")
    assert named["label_zh"] == "第3街道"
    assert named["bbox"][0] == pytest.approx(114.30 + 0.08 * 2 / 14)
    classes = district.get("/layers/component/statistics?by=class").json()["bars"]
    assert classes[0]["label_zh"] == "市政公用设施"
    assert classes[0]["conditions"] == [["type_code", "starts_with", "01"]]


def test_of_what_may_not_be_taken_away_a_view_lists_its_first_rows_only(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layers.layer.MOST_LISTED", 250)
    west, south, east, north = box = [114.2, 30.4, 114.5, 30.7]
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    drawn = {"layers": ["camera"], "geometry": {"type": "Polygon", "coordinates": [corners]}}

    async def page_through(conversation: Conversation) -> tuple[list[int], list[int]]:
        seen: list[int] = []
        found: list[int] = []
        for offset in range(0, 600, 100):
            page = {"limit": 100, "offset": offset}
            rows = (await conversation.post("/layers/camera/rows", {"bbox": box, **page}, "police")).json()
            assert (rows["total"], rows["most"]) == (600, 250)
            seen += [row["id"] for row in rows["rows"]]
            (answer,) = (await conversation.post("/query", drawn | page, "police")).json()["layers"]
            assert answer["count"] == 600
            found += [feature["id"] for feature in answer["features"]]
        return seen, found

    for listed in district.ask(page_through):
        assert len(listed) == len(set(listed)) == 250
    everything = post(district, "/layers/camera/rows", {}, "police")
    assert everything.status_code == 403
    assert "looked at but not taken away" in everything.json()["detail"]
    assert post(district, "/layers/component/rows", {}).json()["most"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/layers/component/rows", {"sort": [{"field": "geom"}]}, 400),
        ("/layers/component/rows", {"filter": [["geom", "is", "1"]]}, 400),
        ("/layers/component/rows", {"sort": [{"field": "code"}] * 7}, 422),
        ("/layers/component/rows", {"offset": -1}, 422),
        ("/layers/component/rows", {"limit": 100_000}, 422),
        ("/layers/component/rows", {"bbox": [1, 2]}, 422),
        ("/layers/none/rows", {}, 404),
        ("/layers/counts", {"bbox": [500, -500, 900, 500], "layers": {"component": None}}, 200),
    ],
)
def test_odd_questions_are_answered_in_words(district: District, path: str, body: Any, status: int) -> None:
    answer = post(district, path, body)
    assert answer.status_code == status, answer.text
