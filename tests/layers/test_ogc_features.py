"""OGC API – Features and Tiles: a client finds its way, and addresses lead where they say."""

import pytest

from tests.layers.district import Conversation, District
from tests.layers.ogc_requests import link_of


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
            # Cameras are not taken away, and this district has no cases.
            if one["id"] in ("camera", "case_file"):
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
