"""CQL2 text is read as the standard means it; cql2-rs, a parser by other hands, is asked the same."""

from typing import Any

import cql2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.ogc.cql2 import (
    All,
    Between,
    CaseFolded,
    Comparison,
    Condition,
    FilterError,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Not,
    Operand,
    Some,
    Truth,
    parse,
)

NAMES = st.sampled_from(["a", "diameter", "材质", "b_2", "x.y"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\\\x00"), max_size=8)
NUMBERS = st.integers(-10_000, 10_000) | st.decimals(-1000, 1000, places=3, allow_nan=False)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


VALUES = TEXTS.map(_quoted) | NUMBERS.map(str)
PREDICATES = st.one_of(
    st.tuples(NAMES, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), VALUES).map(" ".join),
    st.tuples(NAMES, st.sampled_from(["", "NOT "]), TEXTS.map(_quoted)).map(
        lambda p: f"{p[0]} {p[1]}LIKE {p[2]}"
    ),
    st.tuples(NAMES, NUMBERS, NUMBERS).map(lambda p: f"{p[0]} BETWEEN {p[1]} AND {p[2]}"),
    st.tuples(NAMES, st.lists(VALUES, min_size=1, max_size=3)).map(
        lambda p: f"{p[0]} IN ({', '.join(p[1])})"
    ),
    st.tuples(NAMES, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
    st.tuples(NAMES, TEXTS.map(_quoted)).map(lambda p: f"CASEI({p[0]}) = CASEI({p[1]})"),
)
FILTERS = st.recursive(
    PREDICATES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " and "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"NOT ({text})"),
    ),
    max_leaves=8,
)


def as_json(condition: Condition) -> dict[str, Any] | bool:
    """A condition as CQL2 JSON (OGC 21-065), texts of the same meaning written alike."""
    match condition:
        case All(parts):
            return {"op": "and", "args": [as_json(part) for part in parts]}
        case Some(parts):
            return {"op": "or", "args": [as_json(part) for part in parts]}
        case Not(inner):
            return {"op": "not", "args": [as_json(inner)]}
        case Comparison(operator, left, right):
            return {"op": operator, "args": [_operand(left), _operand(right)]}
        case Like(operand, pattern):
            return {"op": "like", "args": [_operand(operand), _operand(pattern)]}
        case Between(operand, low, high):
            return {"op": "between", "args": [_operand(operand), _operand(low), _operand(high)]}
        case In(operand, values):
            return {"op": "in", "args": [_operand(operand), [_operand(value) for value in values]]}
        case IsNull(name):
            return {"op": "isNull", "args": [_operand(name)]}
        case Truth(value):
            return value
    raise AssertionError(condition)


def _operand(operand: Operand) -> Any:
    match operand:
        case Name(text):
            return {"property": text}
        case Literal(value):
            return value
        case CaseFolded(inner):
            return {"op": "casei", "args": [_operand(inner)]}


def flat(tree: Any) -> Any:
    """ANDs in ANDs and ORs in ORs joined, which mean the same and which parsers group differently."""
    if isinstance(tree, list):
        return [flat(one) for one in tree]
    if not isinstance(tree, dict) or "op" not in tree:
        return tree
    args = []
    for one in map(flat, tree["args"]):
        same = isinstance(one, dict) and one.get("op") == tree["op"] and tree["op"] in ("and", "or")
        args += one["args"] if same else [one]
    return {"op": tree["op"], "args": args}


@given(FILTERS)
def test_filters_mean_what_another_parser_reads(text: str) -> None:
    assert flat(as_json(parse(text))) == flat(cql2.parse_text(text).to_json())


@given(st.text(max_size=60) | st.text("()'\"=<>, NOTANDLIKEab1.%\\", max_size=60))
def test_any_text_is_read_or_refused_in_one_sentence(text: str) -> None:
    try:
        parse(text)
    except FilterError as error:
        assert str(error).endswith(".")  # noqa: PT017


def test_and_binds_tighter_than_or() -> None:
    condition = parse("a = 1 OR b = 2 AND NOT c = 3")
    assert isinstance(condition, Some)
    assert isinstance(condition.conditions[1], All)


@pytest.mark.parametrize(
    ("text", "value"),
    [("a = 'it''s'", "it's"), (r"a = 'it\'s'", "it's"), ("a = '材质'", "材质"), ("a = -1.5e3", -1500.0)],
)
def test_values_are_read_as_written(text: str, value: str | float) -> None:
    assert parse(text) == Comparison("=", Name("a"), Literal(value))


@pytest.mark.parametrize(
    ("text", "place"),
    [("a = ", "ends"), ("a = 1 b", "character 7"), ("a ~ 1", "character 3"), ("a = 'x", "character 5")],
)
def test_a_fault_is_named_with_its_place(text: str, place: str) -> None:
    with pytest.raises(FilterError, match=place):
        parse(text)
