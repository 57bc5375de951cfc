import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.area_code import AreaCode, UnitGridCode, check_codes
from geodata.code_text import CodeError

PARTS = st.integers(1, 999).map(lambda n: f"{n:03d}")


@pytest.mark.parametrize(
    ("text", "level", "parent", "prefix"),
    [
        ("420000", "province", None, "42"),
        ("420100", "city", "420000", "4201"),
        ("420106", "district", "420100", "420106"),
        ("420106001", "street", "420106", "420106001"),
        ("420106001004", "community", "420106001", "420106001004"),
    ],
)
def test_levels_and_parents(text: str, level: str, parent: str | None, prefix: str) -> None:
    code = AreaCode.parse(text)
    assert (code.level, code.prefix) == (level, prefix)
    assert (str(code.parent) if code.parent else None) == parent
    assert check_codes([text])["level"].tolist() == [level]


@given(PARTS, PARTS, PARTS)
def test_a_unit_grid_lies_in_everything_around_it(street: str, community: str, sequence: str) -> None:
    grid = UnitGridCode.parse(f"420106{street}{community}{sequence}")
    area: AreaCode | None = grid.parent
    assert area is not None
    assert (grid.sequence, area.level) == (int(sequence), "community")
    while area is not None:
        assert area.contains(grid)
        area = area.parent
    assert not AreaCode.parse("420107").contains(grid)


def test_the_form_of_2005_has_14_digits() -> None:
    assert UnitGridCode.parse_legacy("42010600100412").sequence == 12
    with pytest.raises(CodeError, match="应为 15 位，现为 14 位"):
        UnitGridCode.parse("42010600100412")


def test_towns_directly_below_a_city_are_accepted() -> None:
    assert AreaCode.parse("441900003").level == "street"


@pytest.mark.parametrize(
    ("text", "reason", "where"),
    [
        ("", "missing", "没有填写"),
        ("4201060", "length", "7"),
        ("42010六", "not_digits", "第 6 位"),
        ("990106", "division", "第 1-2 位“99”"),
        ("420106000", "zero_part", "第 7-9 位"),
        ("420106001000", "zero_part", "第 10-12 位"),
    ],
)
def test_faults_name_the_characters(text: str, reason: str, where: str) -> None:
    with pytest.raises(CodeError, match=where) as caught:
        AreaCode.parse(text)
    assert caught.value.reason == reason
    assert check_codes([text])["problem"].tolist() == [reason]


def test_a_grid_numbered_zero_is_refused() -> None:
    with pytest.raises(CodeError, match="第 13-15 位“000”"):
        UnitGridCode.parse("420106001004000")
    assert check_codes(["420106001004000"])["problem"].tolist() == ["zero_part"]


@given(st.lists(st.one_of(st.none(), st.text(max_size=16), st.from_regex(r"\A42010[0-7](\d{3}){0,3}\Z"))))
def test_a_column_agrees_with_its_codes_one_by_one(texts: list[str | None]) -> None:
    checked = check_codes(pd.Series(texts, dtype=object))
    for text, code, level, problem in zip(
        texts, checked["code"], checked["level"].astype(object), checked["problem"], strict=True
    ):
        found = [None if pd.isna(value) else value for value in (code, level, problem)]
        assert found == _outcome(text or "")


def _outcome(text: str) -> list[str | None]:
    parse = UnitGridCode.parse if len(text.strip()) == 15 else AreaCode.parse
    try:
        code = parse(text)
    except CodeError as error:
        return [None, None, error.reason]
    return [code.text, code.level, None]
