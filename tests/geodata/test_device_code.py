import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.code_text import CodeError
from geodata.device_code import DeviceCode, check_codes


def test_the_parts_of_a_camera() -> None:
    code = DeviceCode.parse(" 42010600081326000123 ")
    assert (code.division, code.industry, code.device_type, code.network) == ("420106", "08", "132", "6")
    assert code.is_camera
    meanings = [part.meaning_zh for part in code.parts()]
    assert meanings[-4:] == ["城市管理", "网络摄像机（IPC）", "电子政务外网", "000123"]


def test_a_centre_of_zeros_stands_for_no_division() -> None:
    code = DeviceCode.parse("00000000002000000001")
    assert not code.is_camera
    assert check_codes([str(code)])["device_type"].tolist() == ["200"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing"),
        ("4201060008132600012", "length"),
        ("4201060008132600012X", "not_digits"),
        ("99010600081326000123", "division"),
    ],
)
def test_faults(text: str, reason: str) -> None:
    with pytest.raises(CodeError) as caught:
        DeviceCode.parse(text)
    assert caught.value.reason == reason
    assert check_codes([text])["problem"].tolist() == [reason]


def test_numbers_of_twenty_digits_are_refused_with_the_cause() -> None:
    assert check_codes(pd.Series([4.2010600081326e19]))["problem"].tolist() == ["lost_digits"]


@given(st.lists(st.one_of(st.none(), st.text(max_size=22), st.from_regex(r"\A(42|00|99)\d{18}\Z"))))
def test_a_column_agrees_with_its_codes_one_by_one(texts: list[str | None]) -> None:
    checked = check_codes(pd.Series(texts, dtype=object), known={"420106", "420107"})
    for text, code, problem in zip(texts, checked["code"], checked["problem"], strict=True):
        found = [None if pd.isna(value) else value for value in (code, problem)]
        assert found == _outcome(text or "")


def _outcome(text: str) -> list[str | None]:
    try:
        return [str(DeviceCode.parse(text, known={"420106", "420107"})), None]
    except CodeError as error:
        return [None, error.reason]
