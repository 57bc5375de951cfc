"""Identify, single features and search: what they find, in which order, and for whom."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.search import like_literal
from tests.layers.district import Conversation, District, rows_of

Results = list[dict[str, Any]]


def search(district: District, text: str, who: str = "leader", limit: int = 12) -> Results:
    async def ask(conversation: Conversation) -> Results:
        answer = await conversation.client.get(
            "/search", params={"q": text, "limit": limit}, headers={"x-account": who}
        )
        assert answer.status_code == 200
        return answer.json()["results"]

    return district.ask(ask)


def identify(district: District, place: tuple[float, float], who: str = "leader", more: str = "") -> Results:
    answer = district.get(f"/identify?lon={place[0]}&lat={place[1]}&zoom=17{more}", who)
    assert answer.status_code == 200
    return answer.json()["layers"]


def place_of(district: District, table: str, feature_id: int) -> tuple[float, float]:
    query = f"SELECT ST_X(geom), ST_Y(geom) FROM ioc.{table} WHERE id = {feature_id}"  # noqa: S608
    return rows_of(district, query)[0]


def test_a_click_finds_the_point_first_and_the_area_below_it(district: District) -> None:
    found = identify(district, place_of(district, "component", 78))
    names = [layer["layer"] for layer in found]
    assert names.index("component") < names.index("street")
    components = next(layer for layer in found if layer["layer"] == "component")
    first = components["features"][0]
    assert first["id"] == 78
    record = {entry["name"]: entry for entry in first["record"]}
    assert record["type_code"]["value"] == "01001"
    assert record["type_code"]["label_zh"] == "部件类别"
    assert record["type_code"]["text"] == "供水井盖（01001）"
    assert record["type_code"]["text_en"].endswith(" (01001)")
    assert record["initial_date"]["text"] == "2026-01-31"
    assert "note" not in record


def test_a_click_beside_a_line_within_reach_finds_it(district: District) -> None:
    lon, lat = rows_of(
        district,
        "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_Centroid(geom) p FROM ioc.pipe_segment WHERE id = 9) s",
    )[0]
    near = identify(district, (lon, lat + 0.00002), more="&layers=pipe_segment")
    assert 9 in [feature["id"] for feature in near[0]["features"]]
    record = {entry["name"]: entry for entry in near[0]["features"][0]["record"]}
    assert record["start_invert_level"]["text"] == "21.456"
    assert record["start_invert_level"]["unit"] == "m"
    far = identify(district, (115.0, 31.0), more="&layers=pipe_segment")
    assert far == []


def test_identify_leaves_out_what_the_viewer_may_not_see(district: District) -> None:
    place = place_of(district, "camera", 5)
    assert "camera" in [layer["layer"] for layer in identify(district, place, "police")]
    assert "camera" not in [layer["layer"] for layer in identify(district, place, "public")]
    asked = district.get(f"/identify?lon={place[0]}&lat={place[1]}&zoom=17&layers=camera", "public")
    assert asked.status_code == 404
    inside, outside = rows_of(
        district,
        """
        SELECT DISTINCT ON (area_code = '420106001') ST_X(geom), ST_Y(geom) FROM ioc.component
        ORDER BY area_code = '420106001' DESC, id
        """,
    )
    assert identify(district, inside, "street-1", "&layers=component")
    assert identify(district, outside, "street-1", "&layers=component") == []


@pytest.mark.parametrize(
    "parameters",
    ["", "?lon=x&lat=1&zoom=1", "?lon=200&lat=1&zoom=1", "?lon=nan&lat=1&zoom=1", "?lon=1&lat=1&zoom=99"],
)
def test_a_bad_position_is_refused_in_one_sentence(district: District, parameters: str) -> None:
    answer = district.get(f"/identify{parameters}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text


def test_one_feature_with_its_geometry_and_record(district: District) -> None:
    found = district.get("/features/component/items/5")
    assert found.headers["content-type"] == "application/geo+json"
    body = found.json()
    assert body["id"] == 5
    assert body["geometry"]["coordinates"] == pytest.approx(place_of(district, "component", 5), abs=1e-9)
    assert body["properties"]["state"] == "在用"
    absent = district.get("/features/component/items/999999999")
    hidden = district.get("/features/camera/items/5", "public")
    unknown = district.get("/features/nosuch/items/5")
    assert [answer.status_code for answer in (absent, hidden, unknown)] == [404, 404, 404]
    assert district.get(f"/features/component/items/{10**30}").status_code == 404


def test_a_row_outside_the_viewers_area_is_not_found(district: District) -> None:
    outside = rows_of(district, "SELECT min(id) FROM ioc.component WHERE area_code <> '420106001'")[0][0]
    inside = rows_of(district, "SELECT min(id) FROM ioc.component WHERE area_code = '420106001'")[0][0]
    assert district.get(f"/features/component/items/{outside}", "street-1").status_code == 404
    assert district.get(f"/features/component/items/{inside}", "street-1").status_code == 200


def test_search_by_component_code_and_by_its_beginning(district: District) -> None:
    code = rows_of(district, "SELECT code FROM ioc.component WHERE id = 77")[0][0]
    exact = search(district, code)
    assert (exact[0]["layer"], exact[0]["id"], exact[0]["subtitle"]) == ("component", 77, code)
    begun = search(district, code[:12])
    codes = rows_of(district, "SELECT code FROM ioc.component ORDER BY code")
    expected = [row[0] for row in codes if row[0].startswith(code[:12])][:12]
    assert {result["subtitle"] for result in begun} == set(expected)


def test_search_by_area_code_gives_the_area_with_its_extent(district: District) -> None:
    first = search(district, "420106003")[0]
    assert (first["kind"], first["layer"], first["title"]) == ("area", "street", "第3街道")
    west, south, east, north = first["bbox"]
    assert west < first["lon"] < east
    assert south < first["lat"] < north


@pytest.mark.parametrize("text", ["东湖小学12", "东湖 12", "  东湖小学12 "])
def test_search_by_name(district: District, text: str) -> None:
    found = search(district, text)
    assert found[0]["title"] == "东湖小学12"
    assert (found[0]["layer"], found[0]["id"]) == ("place", 12)


@pytest.mark.parametrize("text", ["dhxx", "DHXX", "donghu", "xiaoxue"])
def test_search_by_pinyin_and_initials(district: District, text: str) -> None:
    assert {result["layer"] for result in search(district, text)} == {"place"}


def test_search_by_coordinates(district: District) -> None:
    found = search(district, "114.35, 30.55")[0]
    assert found["kind"] == "coordinate"
    assert (found["lon"], found["lat"]) == pytest.approx((114.35, 30.55))
    metres = search(district, "3382000, 535000")[0]
    assert metres["kind"] == "coordinate"
    assert 114 < metres["lon"] < 115


def test_search_finds_for_each_viewer_what_is_theirs(district: District) -> None:
    assert {r["layer"] for r in search(district, "监控点 5", "police")} == {"camera"}
    assert search(district, "监控点 5", "public") == []
    code = rows_of(district, "SELECT code FROM ioc.camera WHERE id = 5")[0][0]
    assert search(district, code, "police")[0]["id"] == 5
    assert search(district, code, "public") == []
    assert search(district, "东湖", "nobody") == []


@pytest.mark.parametrize(
    "text",
    [
        "%",
        "_",
        "%%%",
        "\\",
        "东%湖",
        "____",
        "%湖",
        "' OR 1=1 --",
        "'; DROP TABLE ioc.component; --",
        '"',
        "\x00",
        "東\u0000湖",
        "%s",
        "%(x)s",
        "{}",
        "42010600100000%",
    ],
)
def test_wildcards_and_sql_are_only_text(district: District, text: str) -> None:
    assert search(district, text) == []
    assert rows_of(district, "SELECT count(*) > 0 FROM ioc.component") == [(True,)]


def test_wildcards_are_found_as_themselves() -> None:
    assert like_literal("a%b_c\\") == "a\\%b\\_c\\\\"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(max_size=60) | st.from_regex(r"[0-9., °′″NESW%_-]{1,40}"), min_size=5, max_size=5)
)
def test_any_text_is_answered(district: District, texts: list[str]) -> None:
    async def ask(conversation: Conversation) -> None:
        for text in texts:
            answer = await conversation.client.get(
                "/search",
                params={"q": text.encode("utf-8", "replace").decode()},
                headers={"x-account": "staff"},
            )
            assert answer.status_code == 200, text

    district.ask(ask)


def test_limits_of_search(district: District) -> None:
    assert len(search(district, "东湖", limit=3)) == 3
    assert district.get("/search?q=a&limit=0").status_code == 422
    assert district.get("/search?q=a&limit=1000").status_code == 422
    assert district.get("/search").json()["results"] == []


@pytest.mark.parametrize("text", ["xichangkou7xiang", "xck7x", "XCK7"])
def test_pinyin_may_hold_the_digits_of_a_name(own_district: District, text: str) -> None:
    with own_district.store.owner_connection() as connection:
        connection.execute(
            """
            UPDATE ioc.search_entry
            SET title = '西厂口7巷', pinyin = 'xichangkou7xiang', initials = 'xck7x' WHERE id = 7
            """
        )
    assert search(own_district, text)[0]["title"] == "西厂口7巷"


def test_what_two_layers_show_at_one_spot_is_found_once(own_district: District) -> None:
    with own_district.store.owner_connection() as connection:
        connection.execute(
            """
            UPDATE ioc.search_entry
            SET title = '双湖公园', geom = ST_SetSRID(ST_MakePoint(spot.x, 30.55), 4490)
            FROM (VALUES ('place', 1, 114.33), ('place', 2, 114.36), ('camera', 1, 114.331))
                AS spot (code, id, x)
            WHERE search_entry.id = spot.id
              AND dataset_id = (SELECT d.id FROM ioc.dataset d WHERE d.code = spot.code)
            """
        )
    found = [(hit["layer"], hit["id"]) for hit in search(own_district, "双湖公园")]
    assert sorted(found) == [("camera", 1), ("place", 2)]
    # Whoever may not see the camera finds the place name instead.
    assert sorted(hit["id"] for hit in search(own_district, "双湖公园", "staff")) == [1, 2]
