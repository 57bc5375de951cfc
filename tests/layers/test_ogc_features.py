"""OGC API – Features: what the collections hold, in which axes, page by page, and for whom."""

import re
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pyproj
import pytest

from tests.layers.district import Conversation, District, rows_of

COMPONENTS = "/features/collections/component/items"
OGC_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def items(
    district: District, collection: str = "component", who: str = "leader", **asked: Any
) -> httpx.Response:
    hyphened = {"bbox_crs": "bbox-crs", "filter_crs": "filter-crs"}
    query = urlencode({hyphened.get(name, name): value for name, value in asked.items()})
    return district.get(f"/features/collections/{collection}/items?{query}", who)


def ids(answer: httpx.Response) -> set[int]:
    assert answer.status_code == 200, answer.text
    return {feature["id"] for feature in answer.json()["features"]}


def expected(district: District, table: str, condition: str) -> set[int]:
    return {row[0] for row in rows_of(district, f"SELECT id FROM ioc.{table} WHERE {condition}")}  # noqa: S608


def link_of(document: dict[str, Any], rel: str) -> str | None:
    return next((entry["href"] for entry in document["links"] if entry["rel"] == rel), None)


def test_a_client_finds_its_way_from_the_landing_page(district: District) -> None:
    async def walk(conversation: Conversation) -> None:
        landing = (await conversation.get("/features/")).json()
        conformance = (await conversation.get(link_of(landing, "conformance") or "")).json()
        assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in conformance["conformsTo"]
        description = (await conversation.get(link_of(landing, "service-desc") or "")).json()
        assert description["openapi"].startswith("3.0")
        assert description["servers"] == [{"url": "http://test/features"}]
        assert {"/collections/{collectionId}/items", "/collections/component/items"} <= set(
            description["paths"]
        )
        listed = (await conversation.get(link_of(landing, "data") or "")).json()["collections"]
        assert "component" in [one["id"] for one in listed]
        for one in listed:
            itself = await conversation.get(link_of(one, "self") or "")
            assert itself.json() == one
            if one["id"] == "camera":
                continue
            page = (await conversation.get(f"{link_of(one, 'items')}?limit=2")).json()
            assert page["numberReturned"] == len(page["features"]) == 2
            queryables = (
                await conversation.get(
                    link_of(one, "http://www.opengis.net/def/rel/ogc/1.0/queryables") or ""
                )
            ).json()
            assert set(page["features"][0]["properties"]) == set(queryables["properties"]) - {"geometry"}

    district.ask(walk)


def test_collections_are_titled_in_the_clients_language(district: District) -> None:
    titles = [
        district.get("/features/collections/street", accept_language=language).json()["title"]
        for language in ("", "en-GB,en;q=0.9", "zh-CN")
    ]
    assert titles == ["街道", "Streets", "街道"]


@pytest.mark.parametrize(("limit", "pages"), [(10_000, 2), (3_333, 7), (20_001, 2)])
def test_pages_visit_every_feature_once(district: District, limit: int, pages: int) -> None:
    async def visit(conversation: Conversation) -> list[int]:
        seen: list[int] = []
        address: str | None = f"{COMPONENTS}?limit={limit}"
        visited = 0
        while address:
            page = (await conversation.get(address)).json()
            assert page["numberReturned"] == len(page["features"]) <= 10_000
            seen += [feature["id"] for feature in page["features"]]
            address = link_of(page, "next")
            visited += 1
        assert visited == pages
        return seen

    seen = district.ask(visit)
    assert len(seen) == 20_000
    assert set(seen) == expected(district, "component", "true")


def ids_of_all_pages(district: District, address: str | None, limit: int) -> list[int]:
    async def visit(conversation: Conversation) -> list[int]:
        seen: list[int] = []
        following = address
        while following:
            page = (await conversation.get(following)).json()
            seen += [feature["id"] for feature in page["features"]]
            following = link_of(page, "next")
            assert len(page["features"]) == limit or following is None
        return seen

    return district.ask(visit)


@pytest.mark.parametrize(
    ("sortby", "order"),
    [
        ("-name", 'name COLLATE "zh-x-icu" DESC'),
        ("+type_code,-initial_date,code", "type_code, initial_date DESC, code"),
        ("-type_code,+name", 'type_code DESC, name COLLATE "zh-x-icu"'),
    ],
)
def test_sorted_pages_keep_filter_box_and_frame(district: District, sortby: str, order: str) -> None:
    asked = {
        "sortby": sortby,
        "limit": "700",
        "bbox": "114.30,30.52,114.33,30.55",
        "filter": "type_code IN ('01001', '02010', '03005')",
        "crs": f"{OGC_EPSG}4547",
    }
    answer = items(district, **asked)
    assert answer.headers["content-crs"] == f"<{OGC_EPSG}4547>"
    wanted = rows_of(
        district,
        "SELECT id FROM ioc.component WHERE type_code IN ('01001', '02010', '03005') "  # noqa: S608
        f"AND geom && ST_MakeEnvelope(114.30, 30.52, 114.33, 30.55, 4490) ORDER BY {order}, id",
    )
    assert ids_of_all_pages(district, f"{COMPONENTS}?{urlencode(asked)}", 700) == [row[0] for row in wanted]
    assert len(wanted) > 1400


@pytest.mark.parametrize("limit", [40, 125, 10_000])
@pytest.mark.parametrize(
    ("sortby", "aged"),
    [
        ("age", [*range(1, 150), *range(200, 301)]),
        ("-age", [*range(300, 199, -1), *range(149, 0, -1)]),
        ("species,-age", [*range(300, 199, -1), *range(149, 0, -1)]),
    ],
)
def test_features_without_a_value_come_last_across_pages(
    district: District, sortby: str, aged: list[int], limit: int
) -> None:
    address = f"/features/collections/heritage_tree/items?sortby={sortby}&limit={limit}"
    assert ids_of_all_pages(district, address, limit) == [*aged, *range(150, 200)]


def test_what_features_are_sorted_by_is_told(district: District) -> None:
    conformance = district.get("/features/conformance").json()["conformsTo"]
    assert any(one.endswith("/conf/features-sorting") for one in conformance)
    address = link_of(
        district.get("/features/collections/component").json(),
        "http://www.opengis.net/def/rel/ogc/1.0/sortables",
    )
    assert address
    named = district.get(address.removeprefix("http://test")).json()["properties"]
    shown = items(district, limit=1).json()["features"][0]["properties"]
    assert set(named) == set(shown)
    first = district.get(f"{COMPONENTS}?limit=1&sortby=+code").json()["features"][0]["properties"]["code"]
    assert [(first,)] == rows_of(district, "SELECT min(code) FROM ioc.component")


def test_a_full_last_page_has_no_next(district: District) -> None:
    page = items(district, "heritage_tree", limit=300).json()
    assert (page["numberReturned"], link_of(page, "next")) == (300, None)
    page = items(district, "heritage_tree", limit=299).json()
    assert (page["numberReturned"], "numberMatched" in page) == (299, False)
    assert link_of(page, "next")


def test_features_are_counted_when_asked_or_when_it_costs_nothing(district: District) -> None:
    assert "numberMatched" not in items(district, limit=10).json()
    assert items(district, limit=10, count="true").json()["numberMatched"] == 20_000
    asked = items(district, limit=1, count="true", type_code="01001").json()
    assert asked["numberMatched"] == len(expected(district, "component", "type_code = '01001'"))
    assert items(district, "street").json()["numberMatched"] == 14


@pytest.mark.parametrize("system", [4326, 4490, 4547, 3857])
def test_axes_come_in_the_order_of_the_systems_definition(district: District, system: int) -> None:
    lon, lat = rows_of(district, "SELECT ST_X(geom), ST_Y(geom) FROM ioc.camera WHERE id = 7")[0]
    # pyproj without always_xy keeps the order of the EPSG registry, on both sides.
    defined = pyproj.Transformer.from_crs("EPSG:4490", f"EPSG:{system}").transform(lat, lon)
    answer = district.get(f"/features/collections/camera/items/7?crs={OGC_EPSG}{system}", "police")
    assert answer.headers["content-crs"] == f"<{OGC_EPSG}{system}>"
    given = answer.json()["geometry"]["coordinates"]
    assert given == pytest.approx(defined, abs=1e-8 if system in (4326, 4490) else 2e-4)
    plain = district.get("/features/collections/camera/items/7", "police")
    assert plain.headers["content-crs"] == f"<{CRS84}>"
    assert plain.json()["geometry"]["coordinates"] == pytest.approx((lon, lat), abs=1e-8)


def test_northings_of_the_zone_are_metres_from_the_equator_and_come_first(district: District) -> None:
    given = items(district, "street", crs=f"{OGC_EPSG}4547").json()["features"][0]["geometry"]
    northing, easting = given["coordinates"][0][0]
    # A degree of the meridian is 110.9 km at 30°, one of the parallel 95.8 km: no library needed to tell.
    assert northing == pytest.approx(30.52 * 110_850, rel=0.002)
    assert easting == pytest.approx(500_000 + 0.3 * 95_900, abs=300)


@pytest.mark.parametrize("system", [None, 4326, 4490, 4547, 3857])
def test_a_box_means_the_same_in_every_system(district: District, system: int | None) -> None:
    west, south, east, north = 114.32, 30.54, 114.34, 30.56
    asked: dict[str, Any] = {"bbox": f"{west},{south},{east},{north}"}
    edge = 0.0
    if system is not None:
        transformer = pyproj.Transformer.from_crs("EPSG:4490", f"EPSG:{system}")
        lower, upper = transformer.transform(south, west), transformer.transform(north, east)
        asked = {"bbox": ",".join(map(repr, (*lower, *upper))), "bbox_crs": f"{OGC_EPSG}{system}"}
        # The sides of a rectangle of the zone are no parallels and meridians.
        edge = 5e-5 if system == 4547 else 0.0
    found = ids(items(district, limit=10_000, **asked))
    box = "ST_Intersects(geom, ST_MakeEnvelope({}, {}, {}, {}, 4490))"
    inner = box.format(west + edge, south + edge, east - edge, north - edge)
    outer = box.format(west - edge, south - edge, east + edge, north + edge)
    assert expected(district, "component", inner) <= found <= expected(district, "component", outer)
    assert len(found) > 1000


def test_a_box_may_be_the_world_or_cross_the_180th_meridian(district: District) -> None:
    assert len(ids(items(district, "street", bbox="-180,-90,180,90"))) == 14
    assert len(ids(items(district, "street", bbox="170,20,115,40"))) == 14
    assert ids(items(district, "street", bbox="170,20,-170,40")) == set()
    assert len(ids(items(district, "street", bbox="114.30,30.52,-5,114.38,30.592,500"))) == 14


@pytest.mark.parametrize(
    ("collection", "table", "text", "condition"),
    [
        ("component", "component", "type_code = '01001'", "type_code = '01001'"),
        ("component", "component", "'01001' <> type_code", "type_code <> '01001'"),
        ("component", "component", "name LIKE '部件 1_0%'", "name LIKE '部件 1_0%%'"),
        ("component", "component", "name NOT LIKE '%1%'", "name NOT LIKE '%%1%%'"),
        (
            "component",
            "component",
            "CASEI(code) = casei('420106001') OR code LIKE '420106001%'",
            "code LIKE '420106001%%'",
        ),
        (
            "component",
            "component",
            "type_code IN ('01001','05001') AND NOT name = '部件 6'",
            "type_code IN ('01001', '05001') AND name <> '部件 6'",
        ),
        (
            "component",
            "component",
            "type_code = '01001' OR type_code = '05001' AND name LIKE '%7'",
            "type_code = '01001' OR (type_code = '05001' AND name LIKE '%%7')",
        ),
        (
            "component",
            "component",
            "(type_code = '01001' OR type_code = '05001') AND name LIKE '%7'",
            "type_code IN ('01001', '05001') AND name LIKE '%%7'",
        ),
        ("component", "component", "note IS NULL AND state IS NOT NULL", "true"),
        ("component", "component", "initial_date = DATE('2026-01-31')", "true"),
        (
            "component",
            "component",
            "initial_date > TIMESTAMP('2026-01-30T15:59:59Z')",
            "true",
        ),
        ("component", "component", "initial_date > TIMESTAMP('2026-01-30T16:00:00Z')", "false"),
        ("component", "component", "initial_date < '2026-01-31'", "false"),
        ("component", "component", "TRUE AND NOT FALSE", "true"),
        (
            "component",
            "component",
            "(initial_date >= '2026-01-31T') AND name ILIKE '部件 1%'",
            "name LIKE '部件 1%%'",
        ),
        ("pipe_segment", "pipe_segment", "diameter BETWEEN 400 AND 6e2", "diameter BETWEEN 400 AND 600"),
        (
            "pipe_segment",
            "pipe_segment",
            '"diameter" NOT BETWEEN 400 AND 600',
            "diameter > 600 OR diameter < 400",
        ),
        (
            "pipe_segment",
            "pipe_segment",
            "diameter >= 900.5 and subclass = 'YS'",
            "diameter > 900 AND subclass = 'YS'",
        ),
        ("pipe_segment", "pipe_segment", "start_node = end_node", "false"),
        ("heritage_tree", "departmental_feature", "age > 350 AND species = '银杏'", "id > 250"),
        (
            "component",
            "component",
            "S_INTERSECTS(geometry, BBOX(114.31,30.53,114.33,30.55))",
            "ST_Intersects(geom, ST_MakeEnvelope(114.31, 30.53, 114.33, 30.55, 4490))",
        ),
        (
            "component",
            "component",
            "S_WITHIN(geometry, POLYGON((114.31 30.53, 114.35 30.53, 114.31 30.57, 114.31 30.53)))",
            "ST_Within(geom, "
            "ST_GeomFromText('POLYGON((114.31 30.53, 114.35 30.53, 114.31 30.57, 114.31 30.53))', 4490))",
        ),
        ("street", "street", "S_CONTAINS(geometry, POINT(114.301 30.55))", "id = 1"),
        ("street", "street", "S_WITHIN(POINT(114.301 30.55), geometry)", "id = 1"),
        ("street", "street", "S_DISJOINT(geometry, POINT(114.301 30.55))", "id <> 1"),
    ],
)
def test_filters_select_what_the_same_sql_does(
    district: District, collection: str, table: str, text: str, condition: str
) -> None:
    visible = {row[0] for row in rows_of(district, f"SELECT id FROM ioc.{table} WHERE ({condition})", {})}  # noqa: S608
    answer = items(district, collection, filter=text, limit=10_000, count="true")
    assert answer.json()["numberMatched"] == len(visible)
    assert ids(answer) <= visible
    assert len(ids(answer)) == min(len(visible), 10_000)


def test_places_of_a_filter_are_in_the_system_named(district: District) -> None:
    polygon = "POLYGON((30.53 114.31, 30.53 114.35, 30.57 114.31, 30.53 114.31))"
    swapped = "POLYGON((114.31 30.53, 114.35 30.53, 114.31 30.57, 114.31 30.53))"
    text = "S_INTERSECTS(geometry, {})"
    in_degrees = ids(items(district, filter=text.format(swapped), limit=10_000))
    northing_first = ids(
        items(district, filter=text.format(polygon), filter_crs=f"{OGC_EPSG}4490", limit=10_000)
    )
    assert in_degrees == northing_first
    assert len(in_degrees) > 1000
    zone = pyproj.Transformer.from_crs("EPSG:4490", "EPSG:4547")
    x, y = zone.transform(30.55, 114.301)
    found = ids(
        items(district, "street", filter=text.format(f"POINT({x} {y})"), filter_crs=f"{OGC_EPSG}4547")
    )
    assert found == {1}


def test_properties_are_filtered_by_their_names(district: District) -> None:
    assert ids(items(district, type_code="01001", name="部件 6")) == {6}
    assert ids(items(district, "heritage_tree", age="101")) == {1}
    assert len(ids(items(district, "pipe_segment", diameter="900", limit=10_000))) == 4000 // 8
    assert ids(items(district, initial_date="2026-01-30")) == set()


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("2026-01-31", True),
        ("2026-01-30T16:00:00Z", True),
        ("2026-01-30T15:59:59Z", False),
        ("2026-01-01/2026-01-31", True),
        ("../2026-01-30", False),
        ("2026-02-01/..", False),
        ("2026-01-31/", True),
    ],
)
def test_datetime_asks_for_the_first_date_of_the_record(district: District, text: str, matches: bool) -> None:
    assert bool(ids(items(district, datetime=text, limit=1))) == matches
    assert len(ids(items(district, "street", datetime=text))) == 14


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


def test_the_maps_own_records_keep_their_address(district: District) -> None:
    assert district.get("/features/component/items/5").json()["record"]


def test_tile_sets_and_tilejson_lead_to_tiles(district: District) -> None:
    async def follow(conversation: Conversation) -> None:
        tiles = (await conversation.get("/features/collections/component/tiles")).json()["tilesets"][0]
        tile_set = (await conversation.get(link_of(tiles, "self") or "")).json()
        scheme = await conversation.get(
            link_of(tile_set, "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme") or ""
        )
        matrix = next(one for one in scheme.json()["tileMatrices"] if one["id"] == "14")
        assert matrix["scaleDenominator"] == pytest.approx(34123.67334151649)
        assert matrix["matrixWidth"] == 2**14
        limits = next(one for one in tile_set["tileMatrixSetLimits"] if one["tileMatrix"] == "14")
        template = link_of(tile_set, "item") or ""
        tilejson = (await conversation.get("/tiles/component,street/tilejson.json")).json()
        assert [one["id"] for one in tilejson["vector_layers"]] == ["component", "street"]
        assert {"type_code", "count"} <= set(tilejson["vector_layers"][0]["fields"])
        filled = 0
        for column in range(limits["minTileCol"], limits["maxTileCol"] + 1):
            for row in range(limits["minTileRow"], limits["maxTileRow"] + 1):
                address = template.format(tileMatrix=14, tileCol=column, tileRow=row)
                filled += (await conversation.get(address)).status_code == 200
        assert filled == (limits["maxTileCol"] - limits["minTileCol"] + 1) * (
            limits["maxTileRow"] - limits["minTileRow"] + 1
        )
        address = tilejson["tiles"][0].format(z=14, x=limits["minTileCol"], y=limits["minTileRow"])
        assert (await conversation.get(address)).status_code == 200

    district.ask(follow)
    assert district.get("/features/collections/component/tiles/WorldCRS84Quad").status_code == 404
    assert district.get("/tiles/component,nosuch/tilejson.json").status_code == 404
