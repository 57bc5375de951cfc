"""Cases as a layer of the map: asked by area, by period, as a file, and never older than a minute."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.geodata.case_accounts import put, report
from tests.layers.district import Conversation, District

PLACE = {"lon": 114.34, "lat": 30.556}
AROUND = {
    "geometry": {"type": "Point", "coordinates": [*PLACE.values()]},
    "buffer_m": 100,
    "layers": ["case_file"],
}
TILE = "107165/53842"
"""Where the place is at zoom 17."""


def test_cases_are_asked_for_by_place_and_period(own_district: District) -> None:
    store = own_district.store
    now = datetime.now(UTC)
    old = report(store, "old", **PLACE, description="=1+1", reporter={"phone": "13812345678"})
    put(store, old, reported_at=now - timedelta(days=40), state="closed", ended_at=now)
    own = report(store, "own", matter_class="06012", **PLACE)
    put(store, own, department_code="police", area_code="420106001001001")
    report(store, "far", lon=114.35, lat=30.556, address="楚河汉街 9 号", reporter={"name": "楚先生"})
    nowhere = report(store, "nowhere", lon=None, lat=None)
    put(store, nowhere, code="20261120123456", department_code="police")
    recent = quote(json.dumps([["reported_on", "greater", f"{now - timedelta(days=7):%Y-%m-%d}"]]))

    police = quote(json.dumps([["department_code", "is", "公安分局"]]))

    async def ask(talk: Conversation) -> None:
        everything = (await talk.post("/query", AROUND)).json()["layers"][0]
        assert everything["count"] == 2
        assert {one["text_zh"]: one["count"] for one in everything["classes"]}["暴露垃圾"] == 1
        assert {one["id"] for one in everything["features"]} == {old, own}
        # A department is told of its own cases, and somebody without a right of none.
        theirs = (await talk.post("/query", AROUND, "police")).json()["layers"][0]
        assert [one["id"] for one in theirs["features"]] == [own]
        assert (await talk.post("/query", AROUND, "nobody")).status_code == 404

        async def found(words: str, who: str = "leader") -> list[tuple[str, str]]:
            results = (await talk.get(f"/search?q={words}", who)).json()["results"]
            return [(r["title"], r["subtitle"]) for r in results if r["layer"] == "case_file"]

        # By number all, by words of title and place what is open or recent, never by who reported it.
        assert [said.split(" · ")[:2] for _, said in await found("20261120123")] == [
            ["待受理", "20261120123456"]
        ]
        assert [title for title, _ in await found("楚河 垃圾")] == ["暴露垃圾"]
        assert len(await found("垃圾")) == 1
        assert (
            await found("楚先生")
            == await found("13812345678")
            == await found("20261120123456", "nobody")
            == []
        )
        assert len(await found("20261120123456", "police")) == 1
        assert await found("楚河", "police") == []
        file = await talk.post("/query/export?format=csv", AROUND)
        assert "13812345678" not in file.text
        assert "'=1+1" in file.text
        record = (await talk.get(f"/features/case_file/items/{own}")).json()
        assert "lineage" not in record or record["lineage"] is None
        tile: dict[str, Any] = {}
        questions = (("all", ""), ("recent", f"?filter={recent}"), ("police", f"?filter={police}"))
        for name, filtered in questions:
            answer = await talk.get(f"/tiles/case_file/17/{TILE}.mvt{filtered}")
            assert answer.status_code == 200
            assert "no-cache" in answer.headers["cache-control"]
            tile[name] = answer.content
        assert b"06010" in tile["all"]
        for name in ("recent", "police"):
            assert b"06010" not in tile[name]
            assert b"06012" in tile[name]
        at = quote((now - timedelta(days=1)).isoformat())
        assert (await talk.get(f"/tiles/case_file/17/{TILE}.mvt?at={at}")).status_code == 404

    own_district.ask(ask)
