"""OGC API – Features: filters select what the same condition in SQL does."""

import pyproj
import pytest

from tests.layers.district import District, rows_of
from tests.layers.ogc_requests import OGC_EPSG, ids, items


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
