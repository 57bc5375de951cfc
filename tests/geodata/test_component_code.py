import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.code_table import CodeTable
from geodata.code_text import CodeError
from geodata.component_code import ComponentCode, check_codes, migrate_codes, type_codes

DIVISIONS = st.sampled_from(["420106", "320508", "110101", "650102"])
SEQUENCES = st.integers(1, 999_999).map(lambda n: f"{n:06d}")
OLD_TYPES = st.sampled_from([entry.code for entry in CodeTable.load("component").of_edition("2013")])
NEW_TYPES = st.sampled_from(sorted(type_codes("2026")))
WITHOUT_SUCCESSOR = ("0116", "0501", "0504", "0505")
MOVED = {"0506": "01069", "0507": "01070", "0508": "01071"}
CURRENT = {entry.code for entry in CodeTable.load("component").of_edition("2026")}


def test_the_example_of_the_older_editions() -> None:
    code = ComponentCode.parse("3205080101000001")
    assert (code.division, code.type_code, code.sequence, code.edition) == ("320508", "0101", 1, "2013")
    assert code.component_type is not None
    assert code.component_type.name == "上水井盖"
    assert code.migrate() == ComponentCode("32050801001000001", "2026")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("4201060101000001", "42010601001000001"),
        ("4201060237000009", "42010602037000009"),
        ("4201060410999999", "42010604010999999"),
        ("4201060502000001", "42010605002000001"),
        ("4201060503000001", "42010605003000001"),
        ("4201060506000001", "42010601069000001"),
        ("4201060507000001", "42010601070000001"),
        ("4201060508000001", "42010601071000001"),
        ("4201060509000001", "42010605009000001"),
    ],
)
def test_migration_of_2013_codes(older: str, newer: str) -> None:
    assert str(ComponentCode.parse(older).migrate()) == newer
    assert migrate_codes([older])["code"].tolist() == [newer]


@pytest.mark.parametrize("type_code", WITHOUT_SUCCESSOR)
def test_classes_without_successor_are_refused(type_code: str) -> None:
    code = ComponentCode.parse(f"420106{type_code}000001")
    with pytest.raises(CodeError, match=f"第 7-10 位“{type_code}”.*没有对应") as caught:
        code.migrate()
    assert caught.value.reason == "no_successor"
    assert migrate_codes([str(code)])["problem"].tolist() == ["no_successor"]


def test_2007_codes_migrate_by_name_and_not_by_number() -> None:
    assert str(ComponentCode.parse("4201060118000007", "2007").migrate()) == "42010601037000007"
    assert str(ComponentCode.parse("4201060118000007", "2013").migrate()) == "42010601018000007"
    assert migrate_codes(["4201060118000007"], "2007")["code"].tolist() == ["42010601037000007"]
    with pytest.raises(CodeError, match="没有对应"):
        ComponentCode.parse("4201060114000001", "2007").migrate()


@pytest.mark.parametrize("entry", CodeTable.load("component").of_edition("2013"), ids=lambda e: e.code)
def test_every_2013_class_migrates_to_a_known_class_or_says_why_not(entry) -> None:
    code = ComponentCode.parse(f"420106{entry.code}000123")
    same_number = entry.code[:2] + "0" + entry.code[2:]
    if entry.code in WITHOUT_SUCCESSOR:
        assert same_number not in CURRENT
        with pytest.raises(CodeError, match=entry.code):
            code.migrate()
    else:
        migrated = code.migrate()
        assert migrated.type_code in CURRENT
        assert migrated.type_code == MOVED.get(entry.code, same_number)


def test_2013_numbers_of_local_lists_are_not_taken_for_national_ones() -> None:
    with pytest.raises(CodeError) as caught:
        ComponentCode.parse("4201060199000001")
    assert caught.value.reason == "type_unknown"
    assert "第 7-10 位“0199”" in str(caught.value)
    assert "GB/T 30428.2-2013" in caught.value.english


@given(DIVISIONS, OLD_TYPES, SEQUENCES)
def test_migration_keeps_division_and_sequence(division: str, type_code: str, sequence: str) -> None:
    code = ComponentCode.parse(division + type_code + sequence)
    try:
        migrated = code.migrate()
    except CodeError:
        return
    assert (migrated.division, migrated.sequence) == (code.division, code.sequence)
    assert len(migrated.text) == 17


@given(DIVISIONS, NEW_TYPES, SEQUENCES)
def test_a_2026_code_survives_parsing_and_migration(division: str, type_code: str, sequence: str) -> None:
    text = division + type_code + sequence
    wide = "".join(chr(ord(character) + 0xFEE0) for character in text)
    assert ComponentCode.parse(f"　{wide} \n") == ComponentCode.parse(text)
    assert str(ComponentCode.parse(text).migrate()) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing"),
        ("  ", "missing"),
        ("42010601001", "length"),
        ("4201060100100000A", "not_digits"),
        ("99010601001000001", "division"),
        ("42010601016000001", "type_unknown"),
        ("42010601001000000", "zero_part"),
    ],
)
def test_faults_are_found_alike_in_one_code_and_in_a_column(text: str, reason: str) -> None:
    with pytest.raises(CodeError) as caught:
        ComponentCode.parse(text)
    assert caught.value.reason == reason
    assert check_codes([text])["problem"].tolist() == [reason]
    assert migrate_codes([text])["problem"].tolist() == [reason]


def test_the_message_points_at_the_character() -> None:
    with pytest.raises(CodeError, match="第 17 位“A”不是数字"):
        ComponentCode.parse("4201060100100000A")


def test_known_divisions_are_held_to() -> None:
    with pytest.raises(CodeError, match="第 1-6 位“420199”"):
        ComponentCode.parse("42019901001000001", known={"420106"})
    checked = check_codes(["42019901001000001", "42010601001000001"], known={"420106", "420106001"})
    assert checked["problem"].isna().tolist() == [False, True]


@given(st.lists(st.one_of(st.none(), st.text(max_size=20), st.from_regex(r"\A4201060[1-5]\d{8,11}\Z"))))
def test_a_column_agrees_with_its_codes_one_by_one(texts: list[str | None]) -> None:
    checked = migrate_codes(pd.Series(texts, dtype=object))
    for text, code, problem in zip(texts, checked["code"], checked["problem"], strict=True):
        found = [None if pd.isna(value) else value for value in (code, problem)]
        assert found == _outcome(text or "")


def _outcome(text: str) -> list[str | None]:
    try:
        return [str(ComponentCode.parse(text).migrate()), None]
    except CodeError as error:
        return [None, error.reason]


def test_a_column_keeps_its_index_and_says_where_each_code_came_from() -> None:
    series = pd.Series(["4201060101000001", "42010601001000002", "4201060506000003", "x"], index=[7, 5, 3, 1])
    migrated = migrate_codes(series)
    assert migrated.index.tolist() == [7, 5, 3, 1]
    assert migrated["edition"].astype(object).tolist()[:3] == ["2013", "2026", "2013"]
    assert migrated["basis"].astype(object).tolist()[0::2][:2] == ["renamed", "moved"]
    assert migrated["type_code"].astype(object).tolist()[:3] == ["01001", "01001", "01069"]


def test_numbers_from_spreadsheets() -> None:
    whole = check_codes(pd.Series([4201060101000001, 42010601001000001]))
    assert whole["problem"].isna().tolist() == [True, True]
    floats = check_codes(pd.Series([4201060101000001.0, 42010601001000001.0, None]))
    assert floats["code"].tolist()[0] == "4201060101000001"
    assert floats["problem"].tolist()[1:] == ["lost_digits", "missing"]
    mixed = check_codes(
        pd.Series(["4201060101000001", 4201060101000002, 4201060101000003.0, None], dtype=object)
    )
    assert mixed["problem"].astype(object).tolist()[3] == "missing"
    assert mixed["code"].tolist()[:3] == [f"420106010100000{n}" for n in (1, 2, 3)]


def test_an_empty_column() -> None:
    assert len(migrate_codes(pd.Series([], dtype="str"))) == 0
