"""Rules about cells, codes and places, with what they suggest, on rows made by hand."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from etl.references import Published
from etl.rows import Rows
from etl.seen_places import SeenPlaces
from geodata.models import Facility, UnitGrid
from tests.etl.rules.survey import EAST, LAT, LON, NORTH, at, found


class PublishedTables:
    """What ``References`` gives of tables made by hand."""

    def __init__(self, **tables: dict[str, Any]) -> None:
        self._tables = tables

    def table(self, name: str) -> Published:
        rows = self._tables.get(name, {})
        places = np.array(list(rows.values()), dtype=object)
        names = np.full(len(rows), None)
        return Published(pd.Index(list(rows), dtype="str"), names, places, names)


def made(columns: dict[str, list[Any]], shapes: list[Any], model: Any = Facility, **tables: Any) -> Rows:
    raw = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    typed = {name: pd.Series(values) for name, values in columns.items()}
    places = np.full(len(shapes), None, dtype=object)
    places[:] = shapes
    references: Any = PublishedTables(**tables)
    rows = Rows(typed, np.arange(2, len(shapes) + 2), raw, places, model.geometry_type, references)
    rows.sources = {name: name for name in columns}
    return rows


def cell(rule: str, values: list[Any], **parameters: Any) -> tuple[list[str], list[str]]:
    """Codes of the rows whose value breaks a rule, and what is suggested."""
    codes = [f"R{number}" for number in range(len(values))]
    result = found(made({"code": codes, "v": values}, [at(0)] * len(values)), rule, column="v", **parameters)
    return result.codes, result.advice


def test_a_range_suggests_the_unit_that_fits() -> None:
    codes, advice = cell("range", [600.0, 0.6, 100.0, 99.9, np.nan, 1e9], min=100, max=5000)
    assert codes == ["R1", "R3", "R5"]
    assert advice == ["核对单位：换算后为 600", "核对数值", "核对数值"]


def test_a_word_beside_a_table_suggests_what_was_meant() -> None:
    codes, advice = cell("in_table", ["YS", "雨水", "ws", "??", None], table="pipe_subclass")
    assert codes == ["R1", "R2", "R3"]
    assert advice[:2] == ["是否为“YS”（雨水）", "是否为“WS”（污水）"]
    assert advice[2].startswith("从代码表")


def test_dates_in_the_future_and_before_the_founding() -> None:
    today = date.today()
    values = [today, today + timedelta(days=1), date(1949, 10, 1), date(1949, 9, 30), None]
    assert cell("date", values)[0] == ["R1", "R3"]
    assert cell("date", ["1986", "1948", "198605", "不详", f"{today.year + 1}"])[0] == ["R1", "R4"]


def test_two_dates_in_their_order() -> None:
    columns = {
        "code": ["A", "B"],
        "begun": [date(2026, 3, 1), date(2026, 3, 2)],
        "ended": [date(2026, 3, 1)] * 2,
    }
    assert found(made(columns, [at(0)] * 2), "date_order", column="ended", after="begun").codes == ["B"]


def test_a_missing_reference_suggests_the_code_that_was_meant() -> None:
    known = {f"013YS{number:05d}": at(0) for number in (1, 12, 844)}
    columns = {"code": ["A", "B", "C", "D"], "node": ["013YS00844X", "013YSOOO12", "013YS00001", "999"]}
    result = found(
        made(columns, [at(0)] * 4, pipe_node=known), "references", column="node", table="pipe_node"
    )
    assert result.codes == ["A", "B", "D"]
    assert result.advice[:2] == ["是否为“013YS00844”", "是否为“013YS00012”"]
    empty = found(made(columns, [at(0)] * 4), "references", column="node", table="pipe_node")
    assert "尚未发布" in empty.advice[0]


def test_a_wrong_check_character_is_named() -> None:
    # GB 32100-2015's own example is 91350100M000100Y43.
    rows = made({"code": ["A"], "credit": ["91350100M000100Y40"]}, [at(0)])
    rows.code_faults["credit"] = pd.Series(["check_character"])
    assert found(rows, "code", column="credit").advice == ["末位应为“3”；请对照证照核对全部 18 位"]


@pytest.mark.parametrize(
    ("metres", "kind", "breaks"), [(0.09, "学校", True), (0.11, "学校", False), (0.0, "医院", False)]
)
def test_the_same_kind_twice_in_one_place(metres: float, kind: str, breaks: bool) -> None:
    rows = made({"code": ["A", "B"], "category": ["学校", kind]}, [at(0), at(metres)])
    result = found(rows, "same_place", distance_m=0.1, column="category")
    assert result.codes == ["B"] * breaks
    assert result.zh == ["与第 2 行在同一位置（0.1 米以内）且类别相同"] * breaks


@pytest.mark.parametrize("chunk", [1, 7, 400])
def test_places_met_across_borders_and_chunks_are_those_a_tree_finds(chunk: int) -> None:
    # 400 points of two kinds crowded into 6 m × 6 m, whose cells are 2 m wide.
    chance = np.random.default_rng(5)
    east, north = chance.uniform(-3, 3, (2, 400))
    points = np.array([at(*one) for one in zip(east, north, strict=True)])
    kinds = pd.Series(chance.choice(["灯", "树"], 400))
    numbers = np.arange(400) + 2
    plane = shapely.points(east, north)
    one, other = shapely.STRtree(plane).query(plane, predicate="dwithin", distance=0.1)
    pairs = (other < one) & (kinds.to_numpy()[one] == kinds.to_numpy()[other])
    expected = np.zeros(400, dtype=int)
    for late, early in zip(one[pairs], other[pairs], strict=True):
        expected[late] = min(expected[late] or 10_000, numbers[early])
    assert 15 < np.count_nonzero(expected) < 200
    seen, first = SeenPlaces(0.1), []
    lon, lat = shapely.get_coordinates(points).T
    for begin in range(0, 400, chunk):
        part = slice(begin, begin + chunk)
        first += seen.first_rows(lon[part], lat[part], kinds.iloc[part], numbers[part]).tolist()
    # The rule's metres are a sphere's, good to half a percent: pairs that near the limit may go either way.
    doubtful = one[np.abs(shapely.distance(plane[one], plane[other]) - 0.1) < 0.001]
    sure = np.setdiff1d(np.arange(400), doubtful)
    assert np.array(first)[sure].tolist() == expected[sure].tolist()


def test_a_header_without_names_or_with_the_same_twice_refuses_every_row() -> None:
    rows = made({"code": ["A", "B"]}, [at(0)] * 2)
    assert found(rows, "header").codes == []
    rows.raw = pd.DataFrame([[1, 2, 3, 4]] * 2, columns=["点号", "点号", "", "X"])
    result = found(rows, "header")
    assert result.codes == ["A", "B"]
    assert result.zh[0] == "1 列没有列名；列名重复：点号"


def box(west: float, east: float) -> shapely.Polygon:
    """A strip 100 m high between two distances east of the corner, in metres."""
    return shapely.box(LON + west * EAST, LAT, LON + east * EAST, LAT + 100 * NORTH)


@pytest.mark.parametrize(("begin", "overlaps"), [(99.0, True), (99.98, False), (100.0, False)])
def test_unit_grids_do_not_overlap(begin: float, overlaps: bool) -> None:
    # 1 m × 100 m is a fault; 2 cm × 100 m is narrower than 5 cm: a sliver.
    rows = made({"code": ["G1", "G2"]}, [box(0, 100), box(begin, 200)], UnitGrid)
    result = found(rows, "grid_overlap")
    assert result.codes == ["G2"] * overlaps
    if overlaps:
        assert result.zh[0].startswith("网格 G1、G2 重叠 ")
        assert float(result.zh[0].split()[-2]) == pytest.approx(100.0, rel=0.01)


@pytest.mark.parametrize(("begin", "gap"), [(110.0, True), (100.02, False)])
def test_unit_grids_leave_no_gap(begin: float, gap: bool) -> None:
    community = {"420106003001": box(0, 200)}
    rows = made({"code": ["G1", "G2"]}, [box(0, 100), box(begin, 200)], UnitGrid, community=community)
    result = found(rows, "grid_gap")
    assert result.codes == ["420106003001"] * gap
    if gap:
        assert float(result.zh[0].split()[2].replace(",", "")) == pytest.approx(1000.0, rel=0.01)
