"""Filters by attribute: small objects that yield SQL, and a sentence for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import sql

Kind = Literal["text", "number", "date", "list"]
Operator = Literal[
    "is", "is_not", "contains", "starts_with", "greater", "less", "between", "is_empty", "is_not_empty"
]
Joint = Literal["and", "or"]

OPERATORS: Mapping[Kind, tuple[Operator, ...]] = {
    "text": ("is", "is_not", "contains", "starts_with", "is_empty", "is_not_empty"),
    "number": ("is", "is_not", "greater", "less", "between", "is_empty", "is_not_empty"),
    "date": ("is", "greater", "less", "between", "is_empty", "is_not_empty"),
    "list": ("contains", "is_empty", "is_not_empty"),
}
"""Operators that a kind of field knows, in the order in which they are offered."""

WORDS: Mapping[Operator, tuple[str, str]] = {
    "is": ("是", "is"),
    "is_not": ("不是", "is not"),
    "contains": ("包含", "contains"),
    "starts_with": ("开头是", "begins with"),
    "greater": ("大于", "is greater than"),
    "less": ("小于", "is less than"),
    "between": ("介于", "is between"),
    "is_empty": ("为空", "is empty"),
    "is_not_empty": ("不为空", "is not empty"),
}
DATE_WORDS: Mapping[Operator, tuple[str, str]] = {
    "greater": ("晚于", "is after"),
    "less": ("早于", "is before"),
}
JOINTS: Mapping[Joint, tuple[str, str]] = {"and": (" 且 ", " and "), "or": (" 或 ", " or ")}
SQL_TYPES: Mapping[Kind, sql.SQL] = {
    "text": sql.SQL("text"),
    "number": sql.SQL("float8"),
    "date": sql.SQL("date"),
    "list": sql.SQL("text"),
}


@dataclass(frozen=True)
class Condition:
    """One comparison of a declared field; ``values`` are of the field's kind, dates as ISO text.

    ``attribute`` is set where the field is a key of ``departmental_feature.attributes``. ``label`` and
    ``shown`` are what the sentence says for the field and its values, in Chinese and in English. ``codes``
    pass as well: those whose meaning holds the text that is looked for.
    """

    field: str
    kind: Kind
    attribute: bool
    operator: Operator
    values: tuple[str | float, ...]
    label: tuple[str, str]
    shown: tuple[tuple[str, str], ...]
    codes: tuple[str, ...] = ()

    def sql(self, name: str) -> sql.Composed:
        """The condition; its values are the parameters ``{name}_{position}``."""
        value = field_value(self.field, self.kind, self.attribute)
        given = [
            sql.SQL("{}::{}").format(sql.Placeholder(f"{name}_{i}"), SQL_TYPES[self.kind])
            for i in range(len(self.values))
        ]
        if self.operator in ("is_empty", "is_not_empty"):
            return _emptiness(value, self.kind, self.operator == "is_empty")
        if self.operator == "between":
            return sql.SQL("{} BETWEEN {} AND {}").format(value, *given)
        listed = sql.SQL(", ").join(given)
        templates: Mapping[str, sql.SQL] = {
            "is": sql.SQL("{} IN ({})"),
            "is_not": sql.SQL("coalesce({} NOT IN ({}), true)"),
            "contains": sql.SQL("strpos(lower({}), lower({})) > 0"),
            "starts_with": sql.SQL("{} ^@ {}"),
            "greater": sql.SQL("{} > {}"),
            "less": sql.SQL("{} < {}"),
        }
        term = templates[self.operator].format(value, listed)
        if not self.codes:
            return term
        return sql.SQL("({} OR {} = ANY ({}::text[]))").format(term, value, sql.Placeholder(f"{name}_codes"))

    def parameters(self, name: str) -> dict[str, Any]:
        """The values by the names that ``sql`` uses."""
        given: dict[str, Any] = {f"{name}_{i}": value for i, value in enumerate(self.values)}
        return given | ({f"{name}_codes": list(self.codes)} if self.codes else {})

    def sentence(self, language: str = "zh") -> str:
        """As people say it: 管径 小于 600 mm."""
        side = 0 if language == "zh" else 1
        words = DATE_WORDS.get(self.operator) if self.kind == "date" else None
        word = (words or WORDS[self.operator])[side]
        joints = {"between": (" 和 ", " and ")}.get(self.operator, ("或", " or "))
        return " ".join(
            part
            for part in (self.label[side], word, joints[side].join(shown[side] for shown in self.shown))
            if part
        )


@dataclass(frozen=True)
class Filter:
    """Conditions, and groups of them, that must all hold (``and``) or of which one must (``or``)."""

    parts: "tuple[Condition | Filter, ...]"
    joint: Joint = "and"

    def sql(self, name: str = "f") -> sql.Composed:
        """The filter as one term of WHERE; its values are parameters that begin with ``name``."""
        terms = [part.sql(f"{name}_{i}") for i, part in enumerate(self.parts)]
        return sql.SQL("({})").format(sql.SQL(" AND " if self.joint == "and" else " OR ").join(terms))

    def parameters(self, name: str = "f") -> dict[str, Any]:
        """The parameters of ``sql``."""
        found: dict[str, Any] = {}
        for i, part in enumerate(self.parts):
            found |= part.parameters(f"{name}_{i}")
        return found

    def sentence(self, language: str = "zh") -> str:
        """As people say it: 材质 是 混凝土 且（管径 小于 600 mm 或 年代 早于 1990-01-01）."""
        if len(self.parts) == 1:
            return self.parts[0].sentence(language)
        joint = JOINTS[self.joint][0 if language == "zh" else 1]
        brackets = "（{}）" if language == "zh" else "({})"
        said = joint.join(
            brackets.format(part.sentence(language)) if isinstance(part, Filter) else part.sentence(language)
            for part in self.parts
        )
        # Chinese brackets bring their own space.
        return said.replace(" （", "（").replace("） ", "）")


def field_value(name: str, kind: Kind, attribute: bool) -> sql.Composable:
    """SQL of a declared field's value; an attribute of another kind than declared counts as none."""
    if not attribute:
        column = sql.Identifier(name)
        if kind == "number":
            return sql.SQL("{}::float8").format(column)
        return sql.SQL("array_to_string({}, '；')").format(column) if kind == "list" else column
    key = sql.Literal(name)
    if kind == "number":
        return sql.SQL(
            "CASE jsonb_typeof(attributes -> {0}) WHEN 'number' THEN (attributes ->> {0})::float8 END"
        ).format(key)
    if kind == "date":
        return sql.SQL(
            "CASE WHEN attributes ->> {0} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}' "
            "THEN left(attributes ->> {0}, 10)::date END"
        ).format(key)
    return sql.SQL("attributes ->> {}").format(key)


def _emptiness(value: sql.Composable, kind: Kind, empty: bool) -> sql.Composed:
    term = sql.SQL("{} IS NULL" if kind in ("number", "date") else "coalesce({}, '') = ''").format(value)
    return term if empty else sql.SQL("NOT ({})").format(term)
