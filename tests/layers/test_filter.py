"""Filters: what they keep, how they are said, what of them is refused, and whose tiles they are."""

import json
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import quote

import mapbox_vector_tile
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layers.catalogue import Catalogue
from layers.filter import OPERATORS
from layers.filter_reading import FilterError, narrowed, narrowed_by
from tests.layers.district import Conversation, District, rows_of, tile_at, tiles_of_district

LAYERS = Catalogue.load().by_id
PIPES = LAYERS["pipe_segment"]


def written(conditions: Any) -> str:
    return quote(json.dumps(conditions, ensure_ascii=False))


def said(conditions: Any, language: str = "zh") -> str:
    layer = narrowed_by(PIPES, conditions)
    assert layer.filter is not None
    return layer.filter.sentence(language)


def test_a_filter_reads_like_a_sentence() -> None:
    conditions = [["material", "is", "T"], ["diameter", "less", 600]]
    assert said(conditions) == "材质 是 混凝土 且 管径 小于 600 mm"
    assert said(conditions, "en") == "Material is concrete and Diameter is less than 600 mm"
    assert said([["diameter", "between", 800, 300]]) == "管径 介于 300 mm 和 800 mm"
    assert said([["subclass", "is", "YS", "WS"]]) == "管线小类 是 雨水或污水"
    assert said([["note", "is_empty"]]) == "备注 为空"
    either = ["or", ["diameter", "less", 600], ["built", "is", "1998"]]
    assert (
        said([["material", "is", "T"], either]) == "材质 是 混凝土 且（管径 小于 600 mm 或 建设年代 是 1998）"
    )
    both = ["and", ["subclass", "is", "YS"], ["diameter", "less", 600]]
    assert (
        said([["or", both, ["note", "is_empty"]]]) == "（管线小类 是 雨水 且 管径 小于 600 mm）或 备注 为空"
    )
    assert said([["or", ["note", "is_empty"]]], "en") == "Note is empty"


@pytest.mark.parametrize(
    ("conditions", "where"),
    [
        ([["subclass", "is", "YS"]], "subclass = 'YS'"),
        ([["subclass", "is", "YS", "HS"]], "subclass <> 'WS'"),
        ([["subclass", "is_not", "YS"]], "subclass <> 'YS'"),
        ([["code", "contains", "s12"]], "code ILIKE '%S12%'"),
        ([["code", "starts_with", "YS12"]], "code LIKE 'YS12%'"),
        ([["code", "contains", "%"]], "false"),
        ([["subclass", "contains", "雨"]], "subclass IN ('YS', 'HS')"),
        ([["subclass", "starts_with", "Y"]], "subclass = 'YS'"),
        ([["subclass", "is", "污水"]], "subclass = 'WS'"),
        ([["diameter", "greater", 600]], "diameter > 600"),
        ([["diameter", "less", 600], ["subclass", "is", "WS"]], "diameter < 600 AND subclass = 'WS'"),
        ([["diameter", "between", 500, 300]], "diameter >= 300 AND diameter <= 500"),
        ([["note", "is_empty"]], "true"),
        (
            [["subclass", "is", "WS"], ["or", ["diameter", "less", 500], ["code", "contains", "S12"]]],
            "subclass = 'WS' AND (diameter < 500 OR code LIKE '%S12%')",
        ),
        (
            [["or", ["and", ["subclass", "is", "WS"], ["diameter", "less", 500]], ["diameter", "is", 900]]],
            "(subclass = 'WS' AND diameter < 500) OR diameter = 900",
        ),
        ([["road_name", "is_not_empty"]], "true"),
        ([["built", "is_not", "1998"]], "true"),
        ([["warnings", "is_empty"]], "true"),
    ],
)
def test_counts_are_those_of_the_condition(district: District, conditions: Any, where: str) -> None:
    expected = rows_of(district, f"SELECT count(*) FROM ioc.pipe_segment WHERE {where}")  # noqa: S608
    answer = district.get(f"/layers/pipe_segment/statistics?by=class&filter={written(conditions)}")
    assert answer.status_code == 200, answer.text
    assert sum(bar["count"] for bar in answer.json()["bars"]) == expected[0][0]


def test_dates_and_declared_attributes_are_compared(district: District) -> None:
    def total(layer: str, conditions: Any) -> int:
        answer = district.get(f"/layers/{layer}/statistics?by=class&filter={written(conditions)}")
        return sum(bar["count"] for bar in answer.json()["bars"])

    surveyed = date(2026, 1, 31).isoformat()
    assert total("component", [["initial_date", "is", surveyed]]) == 20_000
    assert total("component", [["initial_date", "less", surveyed]]) == 0
    assert total("heritage_tree", [["age", "greater", 390]]) == 10
    assert total("heritage_tree", [["species", "is", "银杏"], ["age", "between", 101, 110]]) == 10


@pytest.mark.parametrize("zoom", [11, 14])
def test_clusters_count_what_passes_the_filter(district: District, zoom: int) -> None:
    conditions = written([["type_code", "starts_with", "01"], ["code", "starts_with", "420106003"]])

    async def total(conversation: Conversation) -> int:
        found = 0
        for x, y in tiles_of_district(zoom):
            answer = await conversation.get(f"/tiles/component/{zoom}/{x}/{y}.mvt?filter={conditions}")
            if answer.content:
                layer = mapbox_vector_tile.decode(answer.content)["component"]
                found += sum(one["properties"]["count"] for one in layer["features"])
        return found

    expected = rows_of(
        district,
        "SELECT count(*) FROM ioc.component WHERE type_code LIKE '01%' AND code LIKE '420106003%'",
    )
    assert district.ask(total) == expected[0][0] > 0


def test_filtered_tiles_are_kept_apart(district: District) -> None:
    x, y = tile_at(114.34, 30.556, 15)
    path = f"/tiles/pipe_segment/15/{x}/{y}.mvt"

    async def talk(conversation: Conversation) -> None:
        whole = await conversation.get(path)
        tags = {whole.headers["etag"]}
        for subclass in ("YS", "WS"):
            asked = f"{path}?filter={written([['subclass', 'is', subclass]])}"
            first, again = await conversation.get(asked), await conversation.get(asked)
            assert first.content == again.content != whole.content
            features = mapbox_vector_tile.decode(first.content)["pipe_segment"]["features"]
            assert {one["properties"]["subclass"] for one in features} == {subclass}
            tags.add(first.headers["etag"])
            stale = await conversation.get(asked, if_none_match=whole.headers["etag"])
            assert stale.status_code == 200
            known = await conversation.get(asked, if_none_match=first.headers["etag"])
            assert known.status_code == 304
        assert len(tags) == 3
        assert (await conversation.get(path)).content == whole.content

    district.ask(talk)


def test_a_filter_gives_no_way_past_rights(district: District) -> None:
    conditions = written([["code", "starts_with", "4201"]])
    assert district.get(f"/layers/camera/statistics?filter={conditions}", "staff").status_code == 404
    assert district.get("/layers/camera/values?field=state", "staff").status_code == 404
    own = district.get(f"/layers/component/statistics?by=street&filter={conditions}", "street-1").json()
    assert [bar["value"] for bar in own["bars"]] == ["420106001"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "no JSON"),
        ("[" * 5000, "no JSON"),
        ("x" * 7000, "longer than"),
        ("5", "list of at most"),
        ('["a"]', "not a list of field"),
        ('[["colour","is","red"]]', "has no field"),
        ('[["geom","is","red"]]', "has no field"),
        ('[["diameter","contains","6"]]', "cannot be compared"),
        ('[["diameter","less","6"]]', "compared with numbers"),
        ('[["diameter","less",NaN]]', "compared with numbers"),
        ('[["diameter","less",1e999]]', "compared with numbers"),
        ('[["diameter","less",true]]', "compared with numbers"),
        ('[["diameter","less"]]', "takes 1 values"),
        ('[["diameter","between",1]]', "takes 2 values"),
        ('[["subclass","is"]]', "takes 1 to"),
        ('[["subclass","is","a\\u0000b"]]', "compared with texts"),
        ('[["subclass","is","\\ud800"]]', "compared with texts"),
        ('[["subclass","is",["YS"]]]', "compared with texts"),
        ('[["or"]]', "holds no condition"),
        ('[["or",["diameter","less",1],"and"]]', "not a list of field"),
        ('[["or",["and",["or",["and",["diameter","less",1]]]]]]', "deep at most"),
        (json.dumps([["or", *[["diameter", "less", 1]] * 25]]), "at most 24"),
    ],
)
def test_a_wrong_filter_is_refused_in_one_sentence(text: str, fault: str) -> None:
    with pytest.raises(FilterError, match=fault) as refusal:
        narrowed(PIPES, text)
    assert "\n" not in str(refusal.value)


def test_a_wrong_filter_of_tiles_is_a_bad_request(district: District) -> None:
    wrong = district.get("/tiles/component/14/0/0.mvt?filter=[[]]")
    assert wrong.status_code == 400
    assert wrong.headers["content-type"] == "application/problem+json"
    two = district.get("/tiles/component,street/14/0/0.mvt?filter=" + written([["code", "is", "1"]]))
    assert two.status_code == 400


FIELDS = [(layer.id, shown) for layer in (PIPES, LAYERS["component"]) for shown in layer.fields]
ANY_VALUE = st.one_of(
    st.text(max_size=20), st.floats(), st.integers(), st.none(), st.booleans(), st.dates().map(str)
)
CONDITION = st.sampled_from(FIELDS).flatmap(
    lambda field: st.tuples(
        st.just(field[0]),
        st.tuples(
            st.one_of(st.just(field[1].name), st.text(max_size=5)),
            st.one_of(st.sampled_from(OPERATORS[field[1].kind]), st.text(max_size=5)),
        ),
        st.lists(ANY_VALUE, max_size=3),
    )
)


def test_no_filter_breaks_the_server(district: District) -> None:
    asked: list[Any] = []

    @settings(max_examples=200, database=None)
    @given(CONDITION)
    def collect(drawn: Any) -> None:
        asked.append(drawn)

    collect()

    async def talk(conversation: Conversation) -> None:
        answers: list[int] = []
        for layer, head, values in asked:
            text = quote(json.dumps([[*head, *values]]), errors="replace")
            answer = await conversation.get(f"/layers/{layer}/statistics?by=class&filter={text}")
            answers.append(answer.status_code)
        assert set(answers) <= {200, 400}

    district.ask(talk)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(FilterError):
        assert narrowed(PIPES, text) is PIPES
