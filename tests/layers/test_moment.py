"""The map as it was: tiles, clicks and records answered from the version that was published then."""

from urllib.parse import quote

import mapbox_vector_tile
import psycopg

from geodata.dataset_version import apply_retention, rollback
from tests.layers.district import Conversation, District, change, reload_components, rows_of, tile_at

ZOOM = 10
MIDDLE = (114.34, 30.556)
# The district loads its components first: theirs is version 1.


def moment(district: District) -> str:
    ((now,),) = rows_of(district, "SELECT clock_timestamp()")
    return now.isoformat()


async def count(conversation: Conversation, at: str | None = None, who: str = "leader") -> tuple[int, str]:
    """Components in the tile, and the tile's tag."""
    x, y = tile_at(*MIDDLE, ZOOM)
    question = f"?at={quote(at)}" if at else ""
    answer = await conversation.get(f"/tiles/component/{ZOOM}/{x}/{y}.mvt{question}", who)
    assert answer.status_code == 200, answer.text
    features = mapbox_vector_tile.decode(answer.content)["component"]["features"]
    return sum(found["properties"]["count"] for found in features), answer.headers["etag"]


def roll_back(district: District) -> None:
    with psycopg.connect(district.store.owner_url) as connection:
        rollback(connection, district.datasets["component"], "component")


def test_a_moment_is_answered_from_what_was_published_then(own_district: District) -> None:
    async def story(conversation: Conversation) -> None:
        district = own_district
        before = moment(district)
        first = await count(conversation)
        assert first[0] == 500
        await conversation.noticed(district, lambda: reload_components(district, 300))
        between = moment(district)
        now = await count(conversation)
        then = await count(conversation, before)
        assert (now[0], then[0]) == (300, 500)
        assert then[1] != now[1]
        # The version of today is the same tile, whatever moment names it; a plus sign may come unescaped.
        assert await count(conversation, between) == now
        x, y = tile_at(*MIDDLE, ZOOM)
        unescaped = await conversation.get(f"/tiles/component/{ZOOM}/{x}/{y}.mvt?at={before}")
        assert unescaped.headers["etag"] == then[1]
        known = await conversation.get(
            f"/tiles/component/{ZOOM}/{x}/{y}.mvt?at={quote(before)}", if_none_match=then[1]
        )
        assert known.status_code == 304
        await conversation.noticed(district, lambda: roll_back(district))
        # Rolled back to the first version: the second was published in between, and still is then.
        assert (await count(conversation))[0] == 500
        assert (await count(conversation, between))[0] == 300
        assert (await count(conversation, before))[0] == 500
        listed = (await conversation.get("/layers/versions")).json()["layers"]
        (versions,) = [one["versions"] for one in listed if one["layer"] == "component"]
        assert [one["rows"] for one in versions] == [500, 300, 500]
        assert versions[0]["until"] is None
        assert versions[1]["until"] == versions[0]["published_at"]

    own_district.ask(story)


def test_table_and_legend_follow_the_moment(own_district: District) -> None:
    box = [114.2, 30.4, 114.5, 30.7]

    async def numbers(conversation: Conversation, at: str | None) -> tuple[int, int, int]:
        rows = await conversation.post("/layers/component/rows", {"bbox": box, "limit": 500, "at": at})
        counts = await conversation.post(
            "/layers/counts", {"bbox": box, "layers": {"component": None, "street": None}, "at": at}
        )
        by_layer = {one["layer"]: one["total"] for one in counts.json()["layers"]}
        assert len(rows.json()["rows"]) == rows.json()["total"]
        return rows.json()["total"], by_layer["component"], by_layer["street"]

    async def story(conversation: Conversation) -> None:
        before = moment(own_district)
        await conversation.noticed(own_district, lambda: reload_components(own_district, 300))
        assert await numbers(conversation, None) == (300, 300, 14)
        assert await numbers(conversation, before) == (500, 500, 14)
        exported = await conversation.get(f"/layers/component/rows.csv?at={quote(before)}")
        assert len(exported.text.splitlines()) == 501
        question = {"bbox": box, "at": "2000-01-01T00:00:00+08:00"}
        assert (await conversation.post("/layers/component/rows", question)).status_code == 404
        none = await conversation.post("/layers/counts", {**question, "layers": {"component": None}})
        assert none.json() == {"layers": []}
        assert (await conversation.post("/layers/component/rows", {"at": "soon"})).status_code == 400

    own_district.ask(story)


def test_rights_hold_at_every_moment(own_district: District) -> None:
    async def story(conversation: Conversation) -> None:
        before = moment(own_district)
        await conversation.noticed(own_district, lambda: reload_components(own_district, 30))
        ((expected, old_id),) = rows_of(
            own_district,
            "SELECT count(*), max(id) FROM version.component_1 WHERE area_code ^@ '420106001'",
        )
        ((elsewhere,),) = rows_of(own_district, "SELECT max(id) FROM ioc.component WHERE area_code !~ '001'")
        assert (await count(conversation, before, "street-1"))[0] == expected < 500
        item = "/features/component/items"
        seen = await conversation.get(f"{item}/{old_id}?at={quote(before)}", "street-1")
        assert seen.status_code == 200
        assert (await conversation.get(f"{item}/{old_id}", "street-1")).status_code == 404
        hidden = await conversation.get(f"{item}/{elsewhere}?at={quote(before)}", "street-1")
        assert hidden.status_code == 404
        unknown = await conversation.get(f"/tiles/camera/10/1/1.mvt?at={quote(before)}", "public")
        assert "There is no layer" in unknown.json()["detail"]
        listed = (await conversation.get("/layers/versions", "public")).json()["layers"]
        assert "camera" not in {one["layer"] for one in listed}

    own_district.ask(story)


def test_a_version_without_a_later_column_answers_without_it(own_district: District) -> None:
    async def story(conversation: Conversation) -> None:
        before = moment(own_district)
        reload_components(own_district, 40)
        change(own_district, "ALTER TABLE version.component_1 DROP COLUMN state", [])
        await conversation.noticed(own_district, lambda: reload_components(own_district, 30))
        ((feature_id, lon, lat),) = rows_of(
            own_district, "SELECT id, ST_X(geom), ST_Y(geom) FROM version.component_1 WHERE id = 400"
        )
        question = f"/identify?lon={lon}&lat={lat}&zoom=18&at={quote(before)}"
        (layer,) = [
            found
            for found in (await conversation.get(question)).json()["layers"]
            if found["layer"] == "component"
        ]
        (record,) = [one["record"] for one in layer["features"] if one["id"] == feature_id]
        names = {entry["name"] for entry in record}
        assert "code" in names
        assert "state" not in names
        assert (await count(conversation, before))[0] == 500

    own_district.ask(story)


def test_a_moment_before_what_is_kept_says_so(own_district: District) -> None:
    def retire() -> None:
        for number in (20, 30, 40):
            reload_components(own_district, number)
        with psycopg.connect(own_district.store.owner_url) as connection:
            apply_retention(connection, own_district.datasets["component"])
        reload_components(own_district, 50)

    async def story(conversation: Conversation) -> None:
        first = moment(own_district)
        await conversation.noticed(own_district, retire)
        for at in (first, "2001-01-01"):
            answer = await conversation.get(f"/features/component/items/1?at={quote(at)}")
            assert answer.status_code == 404
            assert "nothing is kept from before" in answer.json()["detail"]
        for rubbish in ("yesterday", "", "2026-13-01", "0001-01-01T00:00:00+08:00"):
            answer = await conversation.get(f"/tiles/component/10/1/1.mvt?at={quote(rubbish)}")
            assert answer.status_code == 400
            assert "must be a moment" in answer.json()["detail"]

    own_district.ask(story)


def test_a_record_names_the_load_it_came_with(own_district: District) -> None:
    async def story(conversation: Conversation) -> None:
        before = moment(own_district)
        change(own_district, "UPDATE version.component_1 SET source_row = 9 WHERE id = 20", [])
        await conversation.noticed(own_district, lambda: reload_components(own_district, 30))
        ((now,),) = rows_of(
            own_district, "SELECT published_version_id FROM ioc.dataset WHERE code = 'component'"
        )
        change(own_district, "UPDATE ioc.component SET source_row = 7 WHERE id = 20", [])
        change(own_district, "UPDATE ioc.component SET source_row = 8, load_id = 1 WHERE id = 21", [])
        change(own_district, "UPDATE ioc.component SET source_row = NULL WHERE id = 22", [])
        item = "/features/component/items"
        for address, version, row in (
            (f"{item}/20", now, 7),
            (f"{item}/20?at={quote(before)}", 1, 9),
            (f"{item}/21", 1, 8),
            (f"{item}/22", now, None),
        ):
            lineage = (await conversation.get(address)).json()["lineage"]
            assert (lineage["version"], lineage["row"]) == (version, row), address
            assert lineage["file"]
        ((lon, lat),) = rows_of(
            own_district, "SELECT ST_X(geom), ST_Y(geom) FROM ioc.component WHERE id = 20"
        )
        found = (await conversation.get(f"/identify?lon={lon}&lat={lat}&zoom=19&layers=component")).json()
        (feature,) = [one for one in found["layers"][0]["features"] if one["id"] == 20]
        assert (feature["lineage"]["version"], feature["lineage"]["row"]) == (now, 7)

    own_district.ask(story)
