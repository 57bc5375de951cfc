"""Rules about pipes that meet and where their water goes, on networks of a few pipes worked out by hand."""

from typing import Any

import pytest

from tests.etl.rules.survey import at, found, node, pipe, points, survey

# A line of four wells 30 m apart, and a fifth beside the second.
WELLS = [node(code, at(30 * i)) for i, code in enumerate("ABCD")] + [node("E", at(30, 30))]
LINE = [pipe("A", "B"), pipe("B", "C"), pipe("C", "D")]


def codes(rule: str, pipes: list[dict[str, Any]], *changed: dict[str, Any], **more: Any) -> list[str]:
    """Codes that break a rule, with some of the wells replaced or added."""
    nodes = {one["code"]: one for one in [*WELLS, *changed]}
    return found(survey(pipes, list(nodes.values())), rule, **more).codes


def test_l03_the_same_pipe_again_also_reversed() -> None:
    again = [*LINE, pipe("A", "B", code="second"), pipe("C", "B", code="reversed"), pipe("B", "E")]
    result = found(survey(again, WELLS), "duplicate_pipe")
    assert result.codes == ["second", "reversed"]
    assert result.zh[0] == "重复管线：second 与第 2 行 A-B 连接同样两点"


@pytest.mark.parametrize(
    ("attachment", "feature", "second", "breaks"),
    [
        (None, "转折点", {"material": "PE"}, True),
        (None, "转折点", {"section": "800"}, True),
        (None, "转折点", {"start_invert_level": 21.911, "start_depth": 3.1}, True),
        (None, "转折点", {"start_invert_level": 21.910, "start_depth": 3.1}, False),  # exactly the tolerance
        (None, "变径", {"section": "800", "start_depth": 3.1}, False),
        ("雨水井", None, {"material": "PE"}, False),  # in a well pipes may change
    ],
)
def test_l05_unlike_at_a_point(
    attachment: str | None, feature: str | None, second: dict[str, Any], breaks: bool
) -> None:
    point = node("B", at(30), attachment=attachment, feature=feature)
    lower = pipe("B", "C", **{"up": 21.9, "down": 21.8, "start_depth": 3.1} | {
        "up" if name == "start_invert_level" else name: value for name, value in second.items()})  # fmt: skip
    assert codes("alike_at_point", [pipe("A", "B"), lower], point) == ["B-C"] * breaks


@pytest.mark.parametrize(
    ("first", "second", "breaks"),
    [
        ("800", "600", True),
        ("800", "800", False),
        ("1000", "1000x800", False),  # 0.785 m² into 0.800 m²
        ("1000", "980x800", True),  # 0.785 m² into 0.784 m²
    ],
)
def test_d03_large_into_small(first: str, second: str, breaks: bool) -> None:
    pipes = [pipe("A", "B", section=first), pipe("B", "C", section=second)]
    assert codes("narrowing", pipes) == ["B-C"] * breaks


def test_d03_where_the_flow_parts_the_widest_way_on_counts() -> None:
    pipes = [pipe("A", "B", section="800"), pipe("B", "C", section="800"), pipe("B", "E", section="300")]
    assert codes("narrowing", pipes) == []


@pytest.mark.parametrize(("second", "breaks"), [("700", False), ("800", True), ("300", False), ("200", True)])
def test_d04_more_than_two_standard_sizes(second: str, breaks: bool) -> None:
    # 300 400 500 | 600 700 800 around 500
    pipes = [pipe("A", "B", section="500"), pipe("B", "C", section=second)]
    assert codes("size_jump", pipes) == ["B-C"] * breaks


@pytest.mark.parametrize(
    ("first", "second", "point", "words"),
    [
        ("YS", "WS", {}, "混接：雨水接入污水（B）"),
        ("WS", "YS", {}, "混接：污水接入雨水（B）"),
        ("HS", "YS", {}, "混接：污水接入雨水（B）"),
        ("YS", "WS", {"attachment": None, "feature": "三通"}, "混接：雨水接入污水，支管暗接（B）"),
        ("YS", "WS", {"attachment": "截流井"}, None),
        ("YS", "HS", {}, None),
        ("WS", "HS", {}, None),
        ("HS", "WS", {}, None),
        ("WS", "WS", {}, None),
    ],
)
def test_d05_misconnection(first: str, second: str, point: dict[str, Any], words: str | None) -> None:
    pipes = [pipe("A", "B", subclass=first), pipe("B", "C", subclass=second)]
    nodes = [WELLS[0], node("B", at(30), **point), node("C", at(60), subclass=second)]
    result = found(survey(pipes, nodes), "misconnection")
    assert (result.codes, result.zh) == ((["A-B"], [words]) if words else ([], []))


def test_d05_at_a_last_node_its_own_kind_counts() -> None:
    assert codes("misconnection", [pipe("A", "B")], node("B", at(30), subclass="WS")) == ["A-B"]


def test_d06_a_loop_and_what_leads_into_it() -> None:
    loop = [*LINE, pipe("D", "B"), pipe("C", "E")]
    result = found(survey(loop, WELLS), "closed_loop")
    assert result.codes == ["B-C", "C-D", "D-B"]
    assert result.zh[0] == "环状：3 段重力管首尾相接成环"
    assert codes("closed_loop", [*LINE, pipe("B", "E"), pipe("E", "D")]) == []  # a bypass is no circle


def test_d06_two_outflows_but_for_an_overflow() -> None:
    pipes = [*LINE, pipe("B", "E")]
    assert codes("two_outflows", pipes) == ["B-C", "B-E"]
    assert codes("two_outflows", pipes, node("B", at(30), attachment="溢流井")) == []


@pytest.mark.parametrize(
    ("kind", "last", "breaks"),
    [
        ("YS", {"feature": "出水口", "attachment": None}, False),
        ("YS", {"attachment": "泵站"}, True),
        ("WS", {"attachment": "泵站"}, False),
        ("WS", {"feature": "出水口", "attachment": None}, True),
        ("HS", {"attachment": "污水处理厂"}, False),
        ("HS", {"feature": "出水口", "attachment": None}, False),
        ("HS", {}, True),
    ],
)
def test_d07_a_way_out(kind: str, last: dict[str, Any], breaks: bool) -> None:
    pipes = [pipe("A", "B", subclass=kind), pipe("B", "C", subclass=kind), pipe("C", "D", subclass=kind)]
    nodes = [one for one in WELLS if one["code"] != "D"] + [node("D", at(90), **last)]
    result = found(survey(pipes, nodes), "reaches_outlet")
    assert result.codes == ["C-D"] * breaks
    if breaks:
        assert "上游 2 段排不出去" in result.zh[0]


def test_t01_a_point_without_a_pipe() -> None:
    result = found(survey(LINE, WELLS), "unused_node")
    assert (result.codes, result.zh) == (["E"], ["孤立点：管点 E 没有管线连接"])


@pytest.mark.parametrize(
    ("feature", "pipes", "breaks"),
    [("三通", 3, False), ("三通", 2, True), ("四通", 3, True), ("起止点", 1, False), ("预留口", 2, True)],
)
def test_t02_degree(feature: str, pipes: int, breaks: bool) -> None:
    point = node("B", at(30), feature=feature, attachment=None)
    joined = [pipe("A", "B"), pipe("B", "C"), pipe("E", "B")][:pipes]
    assert codes("node_degree", joined, point) == ["B"] * breaks


def test_t03_an_isolated_pipe_and_a_dead_end() -> None:
    apart = [*LINE, pipe("X", "Y")]
    others = (node("X", at(500)), node("Y", at(530)))
    assert codes("isolated_pipe", apart, *others) == ["X-Y"]
    assert codes("isolated_pipe", apart, *others, least=1) == []
    turning = node("D", at(90), feature="转折点", attachment=None)
    assert codes("isolated_pipe", LINE, turning) == ["C-D"]
    assert codes("isolated_pipe", LINE, node("D", at(90), feature="预留口", attachment=None)) == []


@pytest.mark.parametrize(("north", "kind", "breaks"), [
    (0.48, "YS", True), (0.52, "YS", False), (0.48, "WS", False),
])  # fmt: skip
def test_t04_an_end_beside_a_pipe(north: float, kind: str, breaks: bool) -> None:
    # X lies beside the middle of A-B.
    pipes = [*LINE, pipe("Y", "X", subclass=kind)]
    assert codes("dangling_end", pipes, node("X", at(15, north)), node("Y", at(15, 20))) == ["Y-X"] * breaks


@pytest.mark.parametrize(
    ("south", "kind", "breaks"), [(-1.0, "YS", True), (1.0, "YS", False), (-1.0, "WS", False)]
)
def test_t05_a_crossing_without_a_point(south: float, kind: str, breaks: bool) -> None:
    pipes = [*LINE, pipe("Y", "X", subclass=kind)]
    result = found(survey(pipes, [*WELLS, node("X", at(15, south)), node("Y", at(15, 20))]), "crossing")
    assert result.codes == ["Y-X"] * breaks
    if breaks:
        assert "114.300156，30.500000" in result.zh[0]  # 15 m east of the corner


def test_refused_pipes_are_no_part_of_the_network() -> None:
    rows = survey([*LINE, pipe("A", "B", code="second")], WELLS)
    rows.refused[3] = True
    assert found(rows, "duplicate_pipe").codes == []


@pytest.mark.parametrize(
    ("north", "ground", "breaks"), [(0.0, 25.0, True), (0.002, 25.0, False), (0.0, 25.01, False)]
)
def test_p06_two_points_in_one_place(north: float, ground: float, breaks: bool) -> None:
    result = found(points([node("A", at(0)), node("B", at(0, north), ground)]), "coincident")
    assert result.codes == ["B"] * breaks


@pytest.mark.parametrize(
    ("feature", "attachment", "element", "breaks"),
    [
        (None, "雨水井", "52012205", False),
        (None, "雨水箅", "52012205", True),
        ("出水口", None, "52012105", False),
        (None, "出水口", "52012105", True),
        (None, "雨水井", "52019999", False),  # not listed: another rule's
    ],
)
def test_p07_code_and_kind(feature: str | None, attachment: str | None, element: str, breaks: bool) -> None:
    one = node("A", at(0), feature=feature, attachment=attachment, element_code=element)
    result = found(points([one]), "element_agrees")
    assert result.codes == ["A"] * breaks
    if attachment == "雨水箅":
        assert result.advice == ["“雨水箅”的点编码是 52012204"]


@pytest.mark.parametrize(("feature", "attachment", "breaks"), [
    ("三通", None, False), (None, "雨水井", False), (None, None, True), ("三通", "雨水井", True),
])  # fmt: skip
def test_p05_exactly_one(feature: str | None, attachment: str | None, breaks: bool) -> None:
    rows = points([node("A", at(0), feature=feature, attachment=attachment)])
    assert found(rows, "exactly_one", columns=["feature", "attachment"]).codes == ["A"] * breaks


def test_p03_and_l02_compare_two_columns() -> None:
    rows = points([node("A", at(0)), node("B", at(9), map_code="X"), node("C", at(18), map_code=None)])
    assert found(rows, "same_as", column="map_code", other="code").codes == ["B"]
    pipes = survey([pipe("A", "A"), pipe("A", "B")], WELLS)
    assert found(pipes, "differs", column="start_node", other="end_node").codes == ["A-A"]
