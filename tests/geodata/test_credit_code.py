import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.code_text import CodeError
from geodata.credit_code import ALPHABET, CreditCode, check_character, check_codes

FIRST17 = st.builds(
    lambda head, division, body: head + division + body,
    st.sampled_from(["11", "12", "51", "52", "91", "92", "N2"]),
    st.sampled_from(["100000", "420106", "330100", "110108"]),
    st.text(ALPHABET, min_size=9, max_size=9),
)


def test_a_hand_made_example() -> None:
    """Value times weight of 91420106MA4K12345 written out: 1633 = 52 * 31 + 21, so the check is 10, an A."""
    head = 9 * 1 + 1 * 3 + 4 * 9 + 2 * 27 + 0 * 19 + 1 * 26 + 0 * 16 + 6 * 17
    body = 21 * 20 + 10 * 29 + 4 * 25 + 19 * 13 + 1 * 8 + 2 * 24 + 3 * 10 + 4 * 30 + 5 * 28
    assert head + body == 52 * 31 + 21
    assert check_character("91420106MA4K12345") == "A"
    assert str(CreditCode.parse("91420106MA4K12345A")) == "91420106MA4K12345A"


@pytest.mark.parametrize("code", ["91330100799655058B", "914403001922038216"])
def test_published_codes_of_well_known_companies(code: str) -> None:
    assert str(CreditCode.parse(code)) == code


def test_weights_are_powers_of_three() -> None:
    """Each character alone, so that a wrong weight cannot hide behind another."""
    for position in range(17):
        text = "0" * position + "1" + "0" * (16 - position)
        assert check_character(text) == ALPHABET[(31 - 3**position % 31) % 31]


@given(FIRST17)
def test_round_trip_in_any_writing(first17: str) -> None:
    code = first17 + check_character(first17)
    wide = "".join(chr(ord(character) + 0xFEE0) for character in code.lower())
    assert str(CreditCode.parse(f" {wide}\t")) == code
    assert check_codes([wide])["code"].tolist() == [code]


@given(FIRST17, st.integers(0, 17), st.data())
def test_one_wrong_character_is_always_detected(first17: str, position: int, data: st.DataObject) -> None:
    code = first17 + check_character(first17)
    other = data.draw(st.sampled_from([c for c in ALPHABET if c != code[position]]))
    mutated = code[:position] + other + code[position + 1 :]
    with pytest.raises(CodeError) as caught:
        CreditCode.parse(mutated)
    assert check_codes([mutated])["problem"].tolist() == [caught.value.reason]


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (None, "missing", "没有填写"),
        ("91330100799655058", "length", "应为 18 位，现为 17 位"),
        ("9133010079965505OB", "alphabet", "第 17 位“O”不在允许的字符内"),
        ("91330I00799655058B", "not_digits", "第 6 位“I”不是数字"),
        ("91990100799655058B", "division", "第 3-8 位“990100”"),
        ("91330100799655058A", "check_character", "校验码应为“B”，现为“A”"),
    ],
)
def test_faults(text: str | None, reason: str, words: str) -> None:
    with pytest.raises(CodeError, match=words) as caught:
        CreditCode.parse(text or "")
    assert caught.value.reason == reason
    assert check_codes([text])["problem"].tolist() == [reason]


@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=20), st.text(ALPHABET + "OSabc", min_size=18, max_size=18))
    )
)
def test_a_column_agrees_with_its_codes_one_by_one(texts: list[str | None]) -> None:
    checked = check_codes(pd.Series(texts, dtype=object))
    for text, code, problem in zip(texts, checked["code"], checked["problem"], strict=True):
        found = [None if pd.isna(value) else value for value in (code, problem)]
        assert found == _outcome(text or "")


def _outcome(text: str) -> list[str | None]:
    try:
        return [str(CreditCode.parse(text)), None]
    except CodeError as error:
        return [None, error.reason]
