import pytest
from hypothesis import given
from hypothesis import strategies as st

from geodata.code_table import CONFIDENCES, FOLDER, CodeEntry, CodeTable, table_names
from geodata.code_text import CodeError, CodeKind, fault_reasons
from geodata.errors import UserError


def _value(entry: CodeEntry, column: str) -> str:
    return getattr(entry, column) if hasattr(entry, column) else entry[column]


@pytest.mark.parametrize("name", table_names())
def test_table_is_well_formed(name: str) -> None:
    table = CodeTable.load(name)
    keys = [tuple(_value(entry, column) for column in table.key) for entry in table]
    assert len(keys) == len(set(keys))
    assert {entry.confidence for entry in table} <= CONFIDENCES
    assert {"title", "standard", "verified"} <= set(table.header)
    for entry in table:
        assert entry.code.strip() == entry.code != ""
        assert entry.name or name == "component_migration"
        for text in (entry.name, entry.name_en, *entry.attributes.values()):
            assert "\n" not in text


@pytest.mark.parametrize("name", table_names())
def test_every_row_names_a_source_that_the_header_explains(name: str) -> None:
    table = CodeTable.load(name)
    letters = {key.removeprefix("source ") for key in table.header if key.startswith("source ")}
    for entry in table:
        if len(entry.source) <= 2:
            assert entry.source in letters | {""}


@pytest.mark.parametrize("name", table_names())
def test_file_is_plain_utf8_without_carriage_returns(name: str) -> None:
    content = (FOLDER / f"{name}.csv").read_bytes()
    assert b"\r" not in content
    assert content.startswith(b"# title: ")


@pytest.mark.parametrize(
    ("name", "edition", "count"),
    [
        ("component", "2026", 153),
        ("component", "2013", 114),
        ("component", "2007", 83),
        ("event", "2026", 250),
        ("event", "2013", 76),
        ("event", "2007", 50),
    ],
)
def test_editions_are_kept_apart(name: str, edition: str, count: int) -> None:
    assert len(CodeTable.load(name).of_edition(edition)) == count


def test_lookup_by_code_and_edition() -> None:
    components = CodeTable.load("component")
    recent, older = components.get("01001", "2026"), components.get("0118", "2007")
    assert recent is not None
    assert (recent.name, recent["geometry"]) == ("供水井盖", "点")
    assert older is not None
    assert older.name == "路灯"
    assert components.get("01001", "2013") is None
    assert [entry.edition for entry in components.all("0118")] == ["2013", "2007"]
    assert "01016" not in components
    assert components.standard_of("2013") == "GB/T 30428.2-2013"


def test_references_between_tables_hold() -> None:
    components = CodeTable.load("component")
    for event in CodeTable.load("event"):
        assert not event["component_code"] or components.get(event["component_code"], "2026")
    classes = CodeTable.load("pipe_class")
    for subclass in CodeTable.load("pipe_subclass"):
        assert subclass["class_code"] in classes
    numbers = {subclass["number"] for subclass in CodeTable.load("pipe_subclass")}
    for element in CodeTable.load("pipe_element"):
        assert element.code[1:4] == element["subclass_number"]
        assert element["subclass_number"] in numbers or element["subclass_number"].endswith("99")


def test_areas_of_wuchang_nest() -> None:
    areas = CodeTable.load("wuchang_area")
    levels = [entry["level"] for entry in areas]
    assert [levels.count(level) for level in ("district", "street", "community")] == [13, 15, 144]
    for entry in areas:
        assert not entry["parent_code"] or entry["parent_code"] in areas
        if entry["level"] in ("street", "community"):
            assert entry.code.startswith(entry["parent_code"])


def test_an_unknown_table_is_named_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"没有名为“componnt”的代码表：.*component"):
        CodeTable.load("componnt")


@given(st.text(max_size=60))
def test_every_fault_has_a_sentence_of_one_line_in_both_languages(text: str) -> None:
    kind = CodeKind("any", "编码", "code")
    details = dict.fromkeys(("where", "found", "expected", "text", "standard"), text)
    for reason in fault_reasons():
        error = CodeError(kind, reason, **details)
        assert len(str(error).splitlines()) == 1
        assert len(error.english.splitlines()) == 1
    assert all(fault_reasons("en").values())
