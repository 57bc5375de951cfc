"""Rules about single pipes, each with rows worked out by hand: some break it, some just do not."""

from typing import Any

import pytest

from tests.etl.rules.survey import at, found, node, pipe, survey

# A and B lie 35 m apart, the ground is at 25.00 m.
NODES = [node("A", at(0)), node("B", at(35))]


def codes(
    rule: str, *pipes: dict[str, Any], nodes: list[dict[str, Any]] | None = None, **more: Any
) -> list[str]:
    return found(survey(list(pipes), nodes or NODES), rule, **more).codes


def test_d01_names_rise_length_nodes_and_levels() -> None:
    result = found(survey([pipe("A", "B", 21.900, 21.923)], NODES), "reverse_slope", tolerance_m=0.02)
    assert result.zh == ["逆坡 0.023 m / 35 m：A 管底 21.900，B 管底 21.923"]
    assert result.en == ["reverse slope, 0.023 m over 35 m: 21.900 at A, 21.923 at B"]


@pytest.mark.parametrize(
    ("up", "down", "more", "breaks"),
    [
        (21.900, 21.920, {}, False),  # a rise of exactly the tolerance
        (21.900, 21.921, {}, True),
        (21.921, 21.900, {"flow_direction": "1"}, True),  # falls as drawn, but the water goes the other way
        (21.900, 21.921, {"flow_direction": "1"}, False),
        (21.900, 21.999, {"pressure": "0.3"}, False),  # pumped
        (21.900, 21.999, {"subclass": "JP"}, False),
    ],
)
def test_d01_reverse_slope(up: float, down: float, more: dict[str, Any], breaks: bool) -> None:
    assert codes("reverse_slope", pipe("A", "B", up, down, **more), tolerance_m=0.02) == ["A-B"] * breaks


@pytest.mark.parametrize(("direction", "more", "breaks"), [
    ("0", {}, False), ("1", {}, True), ("逆流", {}, True), ("1", {"pressure": "0.3"}, False),
])  # fmt: skip
def test_d02_flow_against_the_order_of_nodes(direction: str, more: dict[str, Any], breaks: bool) -> None:
    assert codes("flow_against_order", pipe("A", "B", flow_direction=direction, **more)) == ["A-B"] * breaks


@pytest.mark.parametrize(
    ("metres", "fall", "breaks"),
    [
        (75.1, 0.0, True),
        (74.9, 0.0, False),
        (74.9, 6.0, True),  # √(74.9² + 6²) = 75.14: the length is that along the slope
        (0.04, 0.0, True),
        (0.06, 0.0, False),
    ],
)
def test_l06_length(metres: float, fall: float, breaks: bool) -> None:
    nodes = [node("A", at(0)), node("B", at(metres))]
    assert codes("pipe_length", pipe("A", "B", 22.0, 22.0 - fall), nodes=nodes) == ["A-B"] * breaks


@pytest.mark.parametrize(("fall", "breaks"), [(5.80, True), (5.70, False)])
def test_l07_slope_angle(fall: float, breaks: bool) -> None:
    # tan 30° · 10 m = 5.774 m
    nodes = [node("A", at(0)), node("B", at(10))]
    assert codes("slope_angle", pipe("A", "B", 22.0, 22.0 - fall), nodes=nodes) == ["A-B"] * breaks


@pytest.mark.parametrize(("down", "breaks"), [(25.001, True), (25.000, False)])
def test_d08_invert_above_ground(down: float, breaks: bool) -> None:
    result = found(survey([pipe("A", "B", 24.0, down)], NODES), "invert_below_ground")
    assert result.codes == ["A-B"] * breaks
    assert result.zh == ["B 处管底高于地面 0.001 m"] * breaks


@pytest.mark.parametrize(
    ("down", "more", "breaks"),
    [
        (23.701, {}, True),  # 25.000 - 23.701 - 0.600 = 0.699 < 0.7
        (23.700, {}, False),
        (23.750, {"road_name": "三里巷"}, False),  # 0.65 m will do under a path
        (23.801, {"road_name": "三里巷"}, True),
        (23.801, {"embedding": "JK"}, False),  # overhead
        (24.301, {"pressure": "0.3"}, False),  # of a pressure pipe the level is its top: 0.699 ...
    ],
)
def test_d08_cover(down: float, more: dict[str, Any], breaks: bool) -> None:
    limit: dict[str, Any] = {"paths": ["巷"]} if "pressure" not in more else {"carriageway_m": 0.699}
    assert codes("cover", pipe("A", "B", 22.0, down, **more), **limit) == ["A-B"] * breaks


@pytest.mark.parametrize(
    ("section", "metres", "breaks"),
    [
        ("600", 75.2, True),
        ("600", 74.8, False),
        ("800", 99.8, False),
        ("800", 100.2, True),
        ("1500", 149.7, False),
        ("1500", 150.3, True),
        ("2000x2000", 200.4, True),
        ("2200", 400.0, False),  # no limit is known beyond 2000 mm
    ],
)
def test_d09_manhole_spacing(section: str, metres: float, breaks: bool) -> None:
    nodes = [node("A", at(0)), node("B", at(metres))]
    assert codes("well_spacing", pipe("A", "B", section=section), nodes=nodes) == ["A-B"] * breaks
