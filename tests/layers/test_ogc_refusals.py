"""OGC API – Features: what a viewer may not see is not found, and bad input is refused in one sentence."""

import re
from urllib.parse import quote

import pytest

from tests.layers.district import Conversation, District
from tests.layers.ogc_requests import COMPONENTS, OGC_EPSG, expected, ids, items


def test_who_has_no_right_to_cameras_finds_none_by_any_way(district: District) -> None:
    assert "camera" not in district.get("/features/api", "public").text
    listed = district.get("/features/collections", "public").json()["collections"]
    assert "camera" not in [one["id"] for one in listed]
    for path in ("", "/items", "/items/5", "/queryables", "/tiles", "/tiles/WebMercatorQuad"):
        answer = district.get(f"/features/collections/camera{path}", "public")
        assert answer.status_code == 404, path
        assert "监控" not in answer.text
    assert district.get("/tiles/camera/tilejson.json", "public").status_code == 404
    assert items(district, "camera", "public", filter="code LIKE '%'").status_code == 404
    for collection in ("component", "street", "place", "heritage_tree"):
        assert items(district, collection, "public", filter="TRUE OR sensitivity = 3").status_code == 400
        assert ids(items(district, collection, "public", filter="name LIKE '监控%'")) == set()
    assert district.get("/features/collections/camera/items/5", "police").status_code == 200


def test_what_may_not_be_taken_away_cannot_be_paged_out(district: District) -> None:
    for question in ({}, {"limit": 1}, {"bbox": "114.3,30.5,114.4,30.6"}, {"filter": "code LIKE '%'"}):
        refused = items(district, "camera", "police", **question)
        assert refused.status_code == 403
        assert "looked at but not taken away" in refused.json()["detail"]
        assert "监控" not in refused.text
    described = district.get("/features/collections/camera", "police").json()
    assert "items" not in {one["rel"] for one in described["links"]}
    assert "items" in {one["rel"] for one in district.get("/features/collections/component").json()["links"]}
    assert "/collections/camera/items" not in district.get("/features/api", "police").json()["paths"]
    assert district.get("/features/collections/camera/items/5", "police").status_code == 200


def test_filters_reach_no_row_outside_the_viewers_area(district: District) -> None:
    own = expected(district, "component", "area_code = '420106001'")
    assert ids(items(district, who="street-1", filter="TRUE OR NOT FALSE", limit=10_000)) == own
    assert items(district, who="street-1", limit=1, count="true").json()["numberMatched"] == len(own)
    outside = min(expected(district, "component", "area_code <> '420106001'"))
    assert district.get(f"{COMPONENTS}/{outside}", "street-1").status_code == 404
    assert district.get(f"{COMPONENTS}/{min(own)}", "street-1").status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "' OR 1=1 --",
        "'; DROP TABLE ioc.component; --",
        "x' OR '1'='1",
        "%' OR dataset_id IS NOT NULL --",
        "%(datasets)s",
        "{}",
        "a\\b",
        "$1",
    ],
)
def test_sql_in_values_is_only_text(district: District, text: str) -> None:
    quoted = text.replace("'", "''")
    for written in (quoted, text.replace("'", "\\'")):
        assert ids(items(district, filter=f"name = '{written}'")) == set()
    assert ids(items(district, name=text)) == set()
    unquoted = items(district, filter=f"name = '{text}'")
    assert unquoted.status_code in (200, 400)
    assert unquoted.status_code == 400 or ids(unquoted) == set()
    assert items(district, filter=f'"{quoted}" = 1').status_code == 400
    assert items(district, after=text).status_code == 400
    assert expected(district, "component", "true")


BAD_QUERIES = [
    "limit=0",
    "limit=-1",
    "limit=x",
    "limit=1&limit=2",
    "bbox=1,2,3",
    "bbox=1,2,3,x",
    "bbox=nan,0,1,1",
    "bbox=0,10,1,5",
    "bbox=30.52,114.30,30.60,114.38",
    "bbox=1,1,2,2&bbox-crs=EPSG:1",
    f"bbox=1,1,2,2&bbox-crs={OGC_EPSG}4547x",
    f"bbox=1e300,1e300,2e300,2e300&bbox-crs={OGC_EPSG}4547",
    "crs=nosuch",
    "datetime=yesterday",
    "datetime=2026-13-01",
    "datetime=2026-02-01/2026-01-01",
    "datetime=..",
    "datetime=2026-01-01T00:00:00",
    "datetime=9999-12-31T23:00:00-14:00",
    "filter-lang=cql2-json",
    "filter-crs=x&filter=S_INTERSECTS(geometry,POINT(1 2))",
    "count=maybe",
    "after=1",
    "sortby=colour",
    "sortby=area_code",
    "sortby=geometry",
    "sortby=",
    "sortby=name,",
    "sortby=name,-name",
    "sortby=name'--",
    "sortby=name&after=1.1",
    "after=1.1.WyJ4Il0",
    "sortby=name&after=1.1.x",
    "sortby=name&after=1.1.WzFd",
    "sortby=name&after=1.1.WyJcdTAwMDAiXQ",
    "sortby=name&after=1.1.WyJcdWQ4MDAiXQ",
    "sortby=initial_date&after=1.1.WyJ4Il0",
    "after=1.99999999999999999999999",
    "f=html",
    "colour=red",
    "initial_date=31.1.2026",
    "name=%00",
    *(
        f"filter={quote(text)}"
        for text in (
            "",
            "name",
            "name =",
            "name = 'open",
            "name = 1",
            "name = DATE('2026-01-31')",
            "initial_date = 5",
            "initial_date = DATE('2026-02-30')",
            "initial_date = TIMESTAMP('2026-01-31T00:00:00')",
            "warnings = 'x'",
            "colour = 'red'",
            "area_code = '420106001'",
            "dataset_id > 0",
            "1 = 1",
            "name LIKE 'x\\\\\\'",
            "name LIKE name LIKE 'x'",
            "name LIKE 5",
            "name IN ()",
            "name BETWEEN 'a'",
            "NOT",
            "name = 'a' AND",
            "name = 'a' name = 'b'",
            "(name = 'a'",
            "(" * 5000 + "name = 'a'" + ")" * 5000,
            "NOT " * 5000 + "name = 'a'",
            "name = '\x00'",
            "height = 1e999",
            "S_INTERSECTS(geometry, POINT(1))",
            "S_INTERSECTS(geometry, POINT(500 500))",
            "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))",
            "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1",
            "S_INTERSECTS(geometry, geometry)",
            "S_INTERSECTS(name, POINT(1 2))",
            "S_CONTAINS(geometry, GEOMETRYCOLLECTION(POINT(1 2), POINT(2 3)))",
            "S_INTERSECTS(geometry, BBOX(1,2,3))",
            "CASEI(initial_date) = 'x'",
            "CASEI(CASEI(name)) = 'x'",
            "x" * 30_000,
        )
    ),
]


def test_bad_input_is_refused_in_one_sentence(district: District) -> None:
    async def ask(conversation: Conversation) -> None:
        for query in BAD_QUERIES:
            answer = await conversation.get(f"{COMPONENTS}?{query}")
            assert answer.status_code == 400, (query[:200], answer.text[:300])
            assert answer.headers["content-type"] == "application/problem+json"
            detail = answer.json()["detail"]
            assert re.fullmatch(r".{10,900}\.", detail, re.DOTALL), (query[:200], detail)

    district.ask(ask)


@pytest.mark.parametrize("text", ["x", "1e3", str(10**30), "-1", "１"])
def test_an_id_that_is_none_is_not_found(district: District, text: str) -> None:
    assert district.get(f"{COMPONENTS}/{text}").status_code == 404
