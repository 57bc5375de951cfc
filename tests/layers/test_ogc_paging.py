"""OGC API – Features: every feature once, page by page, sorted, and counted when asked."""

from urllib.parse import urlencode

import pytest

from tests.layers.district import Conversation, District, rows_of
from tests.layers.ogc_requests import COMPONENTS, OGC_EPSG, expected, items, link_of


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
