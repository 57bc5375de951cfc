"""Tables as text, and places written into their cells."""

from pathlib import Path

import pandas as pd
import pytest
import shapely

from etl.coordinate_columns import read_geometries, split_positions
from etl.delivery import SourceError
from geodata.coordinates import parse_degrees
from tests.etl.delivered_files import POINT, read


def test_rows_of_a_csv_with_cells_too_few_or_empty_ones_too_many(tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("编号,名称,备注\n1,东湖\n2,沙湖,好,,\n\n3,南湖,\n")
    delivery = read(path)
    assert delivery.attributes.to_numpy().tolist() == [
        ["1", "东湖", ""],
        ["2", "沙湖", "好"],
        ["3", "南湖", ""],
    ]


def test_rows_of_a_csv_with_a_cell_too_many_are_named(tmp_path: Path) -> None:
    path = tmp_path / "shifted.csv"
    path.write_text("编号,地址\n1,中山路1号\n2,中山路,2号\n3,解放路\n4,解放路,4号\n")
    with pytest.raises(SourceError, match="line 3, 5: put cells"):
        read(path)


def test_titles_above_the_header_of_a_csv(tmp_path: Path) -> None:
    text = "设施一览表,,,\n填报：区水务局,,,\n编号;备用,名称,名称,\nA1,甲,乙,丙\n"
    (tmp_path / "a.csv").write_text(text, encoding="gb18030")
    found = read(tmp_path / "a.csv")
    assert found.attributes.to_dict("records") == [
        {"编号;备用": "A1", "名称": "甲", "名称.1": "乙", "Column 4": "丙"}
    ]
    assert found.source_row.tolist() == [4]


@pytest.mark.parametrize(
    "text",
    [
        "114.3125,30.5",
        "（114.3125，30.5）",
        "114.3125 30.5",
        "东经114°18′45″，北纬30°30′00″",
        "北纬30度30分0秒 东经114度18分45秒",
        "N30°30'00\" E114°18'45\"",
        "114°18′45″30°30′0″",
    ],
)
def test_both_coordinates_in_one_cell(text: str) -> None:
    east, north = split_positions(pd.Series([text, "不详"]))
    assert parse_degrees(east)[0][0] == pytest.approx(114.3125)
    assert parse_degrees(north)[0][0] == pytest.approx(30.5)
    assert east.isna().tolist() == [False, True]


def test_geometries_as_text() -> None:
    shape = shapely.set_srid(POINT, 4547)
    texts = [
        "SRID=4547;POINT (114.31 30.51)",
        shapely.to_wkb(shape, hex=True, include_srid=True),
        "不详",
        None,
    ]
    shapes, crs = read_geometries(pd.Series(texts))
    assert [None if one is None else one.equals(POINT) for one in shapes] == [True, True, None, None]
    assert crs is not None
    assert crs.to_epsg() == 4547
