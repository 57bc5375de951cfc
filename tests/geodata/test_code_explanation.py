import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.code_explanation import explain
from geodata.code_text import CodeError
from geodata.matter_code import MatterCode


def _kinds(text: str) -> list[str]:
    return [reading.kind.key for reading in explain(text).readings if reading.valid]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("42", ["device_industry", "province"]),
        ("420106", ["area"]),
        ("420106001", ["area"]),
        ("420106001004", ["area"]),
        ("42010600100412", ["unit_grid_2005"]),
        ("420106001004012", ["unit_grid"]),
        ("3205080101000001", ["component_2013"]),
        ("4201060118000001", ["component_2013", "component_2007"]),
        ("42010601001000001", ["component_2026"]),
        ("91330100799655058B", ["credit"]),
        ("34020000001320000001", ["device"]),
        ("01001", ["component", "event"]),
        ("09006", ["event"]),
        ("52012205", ["pipe_element"]),
        ("YS", ["pipe_subclass"]),
        ("zz", ["station_type"]),
        ("GG", ["pipe_subclass", "pipe_embedding"]),
        ("JY", ["pipe_subclass", "pipe_subclass_local"]),
        ("132", ["device_type"]),
        ("PL4", ["pipe_defect"]),
        ("42010609006", ["matter_2026"]),
        ("4201060101", ["matter_2013"]),
    ],
)
def test_readings_by_length_and_shape(text: str, kinds: list[str]) -> None:
    assert _kinds(text) == kinds


def test_lines_in_both_languages() -> None:
    explanation = explain("4201060506000001")
    chinese, english = "\n".join(explanation.lines()), "\n".join(explanation.lines("en"))
    for words in ("湖北省", "武汉市", "武昌区", "水域附属设施", "迁移为 42010601069000001"):
        assert words in chinese
    for words in ("Hubei", "major class", "in GB/T 47678.5-2026: 42010601069000001"):
        assert words in english


def test_names_of_areas_can_be_given() -> None:
    named = explain("320508001", {"320508": "姑苏区"})
    assert any("姑苏区" in line for line in named.lines())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "没有填写"),
        ("1234567", "7 位"),
        ("QQQ", "不在代码表中"),
        ("42010605001000001", "第 7-11 位“05001”"),
        ("91330100799655058A", "校验码应为“B”"),
        ("59999999", "不在代码表中"),
    ],
)
def test_a_wrong_code_gets_a_reason(text: str, words: str) -> None:
    explanation = explain(text)
    assert not explanation.valid
    assert any(words in line for line in explanation.lines())
    assert all(explanation.lines("en"))


@given(st.one_of(st.text(), st.from_regex(r"\A[0-9A-Z]{0,22}\Z"), st.text("０１２4５６789", max_size=20)))
def test_explain_answers_any_text(text: str) -> None:
    explanation = explain(text)
    assert explanation.readings
    for language in ("zh", "en"):
        lines = explanation.lines(language)
        assert lines
        assert all(len(line.splitlines()) == 1 for line in lines)
    assert explanation.as_dict()["valid"] == explanation.valid


def test_matter_codes() -> None:
    code = MatterCode.parse("42010609006")
    assert code.matter_type is not None
    assert (code.division, code.type_code, code.matter_type.name) == ("420106", "09006", "占道经营")
    with pytest.raises(CodeError, match="第 7-11 位“99999”"):
        MatterCode.parse("42010699999")
    assert MatterCode.parse("4201060401", "2007").edition == "2007"
