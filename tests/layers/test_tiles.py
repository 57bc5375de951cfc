"""Tiles: what they hold, where it lies, how they are said to be the same, and whom they are for."""

import asyncio
import gzip
import math

import mapbox_vector_tile
import pytest

from layers.mercator import mercator
from layers.tile_sql import EXTENT, TileAddress
from tests.layers.district import (
    Conversation,
    District,
    change,
    reload_components,
    rows_of,
    tile_at,
    tiles_of_district,
)

MIDDLE = (114.34, 30.556)


def path_at(layers: str, zoom: int, place: tuple[float, float] = MIDDLE) -> str:
    x, y = tile_at(*place, zoom)
    return f"/tiles/{layers}/{zoom}/{x}/{y}.mvt"


def decoded(mvt: bytes) -> dict:
    return mapbox_vector_tile.decode(mvt, default_options={"y_coord_down": True})


def test_a_tile_holds_the_points_that_lie_in_it(district: District) -> None:
    zoom = 16
    x, y = tile_at(*MIDDLE, zoom)
    west, south, east, north = TileAddress(zoom, x, y).bounds()
    expected = {}
    for feature_id, type_code, lon, lat in rows_of(
        district, "SELECT id, type_code, ST_X(geom), ST_Y(geom) FROM ioc.component"
    ):
        px, py = mercator(lon, lat)
        if west <= px < east and south < py <= north:
            unit = (east - west) / EXTENT
            expected[feature_id] = (type_code, (px - west) / unit, (north - py) / unit)
    layer = decoded(district.get(f"/tiles/component/{zoom}/{x}/{y}.mvt").content)["component"]
    assert layer["extent"] == EXTENT
    inside = {}
    for found in layer["features"]:
        px, py = found["geometry"]["coordinates"]
        if 0 <= px < EXTENT and 0 <= py < EXTENT:
            inside[found["id"]] = (found["properties"], px, py)
    assert len(expected) > 20
    edge = {i for i, (_, px, py) in expected.items() if min(px, py, EXTENT - px, EXTENT - py) < 1}
    assert set(inside) - edge == set(expected) - edge
    for feature_id, (properties, px, py) in inside.items():
        type_code, true_x, true_y = expected[feature_id]
        assert properties == {"type_code": type_code, "major_code": type_code[:2]}
        assert math.dist((px, py), (true_x, true_y)) <= 1.5


@pytest.mark.parametrize("zoom", [10, 12, 14, 15])
def test_clusters_count_every_point_once(district: District, zoom: int) -> None:
    async def counts(conversation: Conversation) -> dict[str, int]:
        total: dict[str, int] = {}
        for x, y in tiles_of_district(zoom):
            answer = await conversation.get(f"/tiles/component/{zoom}/{x}/{y}.mvt")
            for found in decoded(answer.content).get("component", {"features": []})["features"]:
                properties = found["properties"]
                total[properties["class"]] = total.get(properties["class"], 0) + properties["count"]
        return total

    expected = dict(rows_of(district, "SELECT left(type_code, 2), count(*) FROM ioc.component GROUP BY 1"))
    assert district.ask(counts) == expected


def test_places_are_thinned_by_rank_and_stay_themselves(district: District) -> None:
    layer = decoded(district.get(path_at("place", 10)).content)["place"]
    total = rows_of(district, "SELECT count(*) FROM ioc.base_feature WHERE kind = 'place'")[0][0]
    assert 0 < len(layer["features"]) < total
    ranks = dict(rows_of(district, "SELECT id, rank FROM ioc.base_feature WHERE kind = 'place'"))
    assert all(ranks[found["id"]] == found["properties"]["rank"] for found in layer["features"])
    first = [found for found in layer["features"] if found["properties"]["rank"] == 0]
    assert len(first) > 0.8 * len(layer["features"])


def test_lines_are_joined_far_out_and_themselves_near(district: District) -> None:
    far = decoded(district.get(path_at("pipe_segment", 12)).content)["pipe_segment"]
    assert len(far["features"]) < 30
    assert all("id" not in found or not found["id"] for found in far["features"])
    near = decoded(district.get(path_at("pipe_segment", 16)).content)["pipe_segment"]
    assert all(found["id"] for found in near["features"])
    assert {"subclass", "diameter", "flow_direction"} == set(near["features"][0]["properties"])


def test_lines_of_several_parts_are_joined_too(district: District) -> None:
    layer = decoded(district.get(path_at("road", 11)).content)["road"]
    (road,) = layer["features"]
    assert road["properties"] == {"name": "测试路", "feature_class": "主干路"}
    assert len(road["geometry"]["coordinates"]) > 50


def test_several_layers_make_one_tile(district: District) -> None:
    one_by_one = b"".join(
        district.get(path_at(layer, 15), accept_encoding="identity").content
        for layer in ("component", "street", "pipe_segment")
    )
    together = district.get(path_at("component,street,pipe_segment", 15), accept_encoding="identity")
    assert set(decoded(together.content)) == {"component", "street", "pipe_segment"}
    assert len(together.content) == len(one_by_one)


def test_nothing_there_is_204_and_nothing_of_the_kind_404(district: District) -> None:
    assert district.get("/tiles/component/16/1/1.mvt").status_code == 204
    assert district.get(path_at("component", 9)).status_code == 204
    for path in (
        "/tiles/nosuch/16/1/1.mvt",
        "/tiles/component,nosuch/16/1/1.mvt",
        "/tiles/component/23/1/1.mvt",
        "/tiles/component/2/4/0.mvt",
        "/tiles/component/2/0/4.mvt",
        "/tiles/component/x/0/4.mvt",
        "/tiles/component/2/-1/4.mvt",
        "/tiles/,/2/1/1.mvt",
    ):
        answer = district.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 404


def test_a_layer_without_any_right_answers_as_one_that_is_not_there(district: District) -> None:
    hidden = district.get(path_at("camera", 15), "public")
    absent = district.get(path_at("nosuch", 15), "public")
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json()["detail"].replace("camera", "nosuch") == absent.json()["detail"]
    assert district.get(path_at("camera", 15), "police").status_code == 200


def test_gzip_only_for_those_who_take_it(district: District) -> None:
    async def compare(conversation: Conversation) -> None:
        path = path_at("component", 16)
        plain = await conversation.get(path, accept_encoding="identity")
        refused = await conversation.get(path, accept_encoding="br, gzip;q=0")
        async with conversation.client.stream(
            "GET", path, headers={"x-account": "leader", "accept-encoding": "br, gzip"}
        ) as answer:
            packed = b"".join([part async for part in answer.aiter_raw()])
            assert answer.headers["content-encoding"] == "gzip"
            assert int(answer.headers["content-length"]) == len(packed)
        assert "content-encoding" not in plain.headers
        assert "content-encoding" not in refused.headers
        assert gzip.decompress(packed) == plain.content == refused.content
        assert len(packed) < len(plain.content)

    district.ask(compare)


def test_head_says_what_get_would(district: District) -> None:
    async def compare(conversation: Conversation) -> None:
        path = path_at("component", 16)
        full = await conversation.get(path)
        head = await conversation.client.head(path, headers={"x-account": "leader"})
        assert head.content == b""
        assert head.headers["content-length"] == full.headers["content-length"]

    district.ask(compare)


def test_unchanged_is_304_until_a_version_is_published(own_district: District) -> None:
    async def watch_it_change(conversation: Conversation) -> None:
        path = path_at("component", 12)
        first = await conversation.get(path)
        assert first.headers["cache-control"] == "private, no-cache"
        tag = first.headers["etag"]
        same = await conversation.get(path, if_none_match=f'"other", {tag}')
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        street = (await conversation.get(path_at("street", 12))).headers["etag"]
        await conversation.noticed(own_district, lambda: reload_components(own_district, 100))
        anew = await conversation.get(path, if_none_match=tag)
        assert anew.status_code == 200
        assert anew.headers["etag"] != tag
        counted = sum(f["properties"]["count"] for f in decoded(anew.content)["component"]["features"])
        assert counted < 101
        assert (await conversation.get(path_at("street", 12))).headers["etag"] == street

    own_district.ask(watch_it_change)


def test_only_what_names_the_viewers_rights_and_the_version_may_be_kept(own_district: District) -> None:
    async def versions(conversation: Conversation, account: str) -> dict[str, str]:
        groups = (await conversation.get("/layers", account)).json()["groups"]
        return {layer["id"]: layer["tile_version"] for group in groups for layer in group["layers"]}

    async def policy(conversation: Conversation, layers: str, version: str, account: str) -> str:
        answer = await conversation.get(f"{path_at(layers, 12)}?v={version}", account)
        return answer.headers["cache-control"]

    async def watch_it_change(conversation: Conversation) -> None:
        leader, street = await versions(conversation, "leader"), await versions(conversation, "street-1")
        kept, asked_again = "private, max-age=43200, immutable", "private, no-cache"
        assert leader["component"] != street["component"]
        assert await policy(conversation, "component", leader["component"], "leader") == kept
        assert await policy(conversation, "component", street["component"], "street-1") == kept
        assert await policy(conversation, "component", leader["component"], "street-1") == asked_again
        both = f"{leader['component']}-{leader['street']}"
        assert await policy(conversation, "component,street", both, "leader") == kept
        assert await policy(conversation, "street,component", both, "leader") == asked_again
        assert await policy(conversation, "component,street", leader["component"], "leader") == asked_again
        await conversation.noticed(own_district, lambda: reload_components(own_district, 100))
        assert await policy(conversation, "component", leader["component"], "leader") == asked_again
        anew = await versions(conversation, "leader")
        assert anew["component"] != leader["component"]
        assert anew["street"] == leader["street"]
        assert await policy(conversation, "component", anew["component"], "leader") == kept

    own_district.ask(watch_it_change)


def test_a_change_of_rights_shows_at_once(own_district: District) -> None:
    async def watch_it_change(conversation: Conversation) -> None:
        path = path_at("camera", 12)
        seen = await conversation.get(path, "police")
        assert seen.status_code == 200
        change(own_district, "UPDATE ioc.account SET sensitivity = 2 WHERE name = %s", ["police"])
        async with asyncio.timeout(20):
            while "police" in own_district.viewers:
                await asyncio.sleep(0)
        after = await conversation.get(path, "police", if_none_match=seen.headers["etag"])
        assert after.status_code == 404

    own_district.ask(watch_it_change)


def test_a_cached_tile_never_goes_to_a_viewer_of_other_rights(district: District) -> None:
    async def compare(conversation: Conversation) -> None:
        path = path_at("component", 10)
        whole = await conversation.get(path, "leader")
        part = await conversation.get(path, "street-1", if_none_match=whole.headers["etag"])
        again = await conversation.get(path, "leader")
        assert whole.headers["etag"] != part.headers["etag"]
        assert again.content == whole.content
        counted = sum(f["properties"]["count"] for f in decoded(part.content)["component"]["features"])
        expected = rows_of(
            district, "SELECT count(*) FROM ioc.component WHERE area_code LIKE '420106001%%'", {}
        )
        assert counted == expected[0][0] > 0
        equal = [await conversation.get(path, who) for who in ("staff", "police")]
        assert equal[0].headers["etag"] == equal[1].headers["etag"]

    district.ask(compare)


def test_viewers_in_turn_on_one_connection_see_their_own(district: District) -> None:
    async def alternate(conversation: Conversation) -> None:
        conversation.watch._ready.clear()
        path = path_at("component", 10)
        seen = {}
        for who in ("leader", "street-1", "leader", "street-1", "public"):
            answer = await conversation.get(path, who)
            assert answer.headers["cache-control"] == "no-store"
            assert "etag" not in answer.headers
            counted = sum(f["properties"]["count"] for f in decoded(answer.content)["component"]["features"])
            assert seen.setdefault(who, counted) == counted
        assert seen["street-1"] < seen["leader"]

    district.ask(alternate)


def test_a_departmental_dataset_is_a_layer_without_any_file(district: District) -> None:
    listed = {
        layer["id"]: layer for group in district.get("/layers").json()["groups"] for layer in group["layers"]
    }
    tree = listed["heritage_tree"]
    assert (tree["theme"], tree["geometry"], tree["count"]) == ("departmental", "point", 300)
    assert tree["style"]
    age = {"name": "age", "label_zh": "树龄", "label_en": "Age", "unit": "a", "kind": "number"}
    assert age in tree["fields"]
    tile = decoded(district.get(path_at("heritage_tree", 13)).content)["heritage_tree"]
    assert tile["features"][0]["properties"]["name"].startswith("古树")
    record = district.get("/features/heritage_tree/items/5").json()["record"]
    age = next(entry for entry in record if entry["name"] == "age")
    assert (age["value"], age["unit"], age["label_zh"]) == (105, "a", "树龄")
