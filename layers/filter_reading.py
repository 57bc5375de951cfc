"""Reads a filter from the compact JSON of a request.

``[["material","is","T"],["diameter","less",600]]`` are conditions that must all hold;
``[["material","is","T"],["or",["diameter","less",600],["state","is","1"]]]`` has a group of which one must.
"""

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

from geodata.code_table import CodeTable
from geodata.errors import UserError
from geodata.value_word import in_language
from layers.filter import OPERATORS, Condition, Filter, Joint, Operator
from layers.layer import Layer, ShownField

LONGEST = 6000
MOST_CONDITIONS = 24
DEEPEST = 3
MOST_VALUES = 60
LONGEST_VALUE = 200
VALUES_NEEDED = {"is_empty": 0, "is_not_empty": 0, "between": 2, "contains": 1, "starts_with": 1}


class FilterError(UserError):
    """A filter does not say what it must."""


def narrowed(layer: Layer, text: str | None) -> Layer:
    """The layer with the rows that a filter (compact JSON) keeps; itself without one.

    Raises:
        FilterError: the filter is not one of this layer.
    """
    if text is None or not text.strip():
        return layer
    if len(text) > LONGEST:
        raise FilterError(f"The filter is longer than {LONGEST} characters: leave some conditions out.")
    try:
        conditions = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FilterError(
            'The filter is no JSON: write it as [["field","operator",value],…], such as '
            '[["diameter","less",600]].'
        ) from error
    return narrowed_by(layer, conditions)


def narrowed_by(layer: Layer, conditions: Any) -> Layer:
    """As ``narrowed``, of a filter that is parsed already."""
    if conditions is None or conditions == []:
        return layer
    if not isinstance(conditions, list) or _number_of_conditions(conditions) > MOST_CONDITIONS:
        raise FilterError(
            f"A filter is a list of at most {MOST_CONDITIONS} conditions, each [field, operator, value…]."
        )
    return replace(layer, filter=_group(layer, "and", conditions))


def _is_group(given: Any) -> bool:
    """Whether it is ["or", condition…]: a condition on a field of that name goes on with an operator."""
    joined = isinstance(given, list) and given[:1] in (["and"], ["or"])
    return joined and all(isinstance(part, list) for part in given[1:])


def _number_of_conditions(given: list[Any], depth: int = 1) -> int:
    if depth > DEEPEST:
        raise FilterError(f"Groups of conditions lie within one another {DEEPEST} deep at most.")
    return sum(_number_of_conditions(one[1:], depth + 1) if _is_group(one) else 1 for one in given)


def _group(layer: Layer, joint: Joint, given: list[Any]) -> Filter:
    if not given:
        raise FilterError(f"The group “{joint}” holds no condition: leave it out.")
    return Filter(
        tuple(_group(layer, one[0], one[1:]) if _is_group(one) else _condition(layer, one) for one in given),
        joint,
    )


def _condition(layer: Layer, given: Any) -> Condition:
    if not isinstance(given, list) or len(given) < 2 or not all(isinstance(part, str) for part in given[:2]):
        raise FilterError(f"The condition {_quoted(given)} is not a list of field, operator and values.")
    name, operator, *values = given
    shown = declared_field(layer, name)
    known = OPERATORS[shown.kind]
    if operator not in known:
        raise FilterError(
            f"The field “{name}” cannot be compared with {_quoted(operator)}: it knows {', '.join(known)}."
        )
    _check_number_of_values(name, operator, values)
    read = tuple(_value(shown, value) for value in values)
    if operator in ("is", "is_not"):
        read = tuple(_code_of(shown, value) if isinstance(value, str) else value for value in read)
    if operator == "between":
        read = tuple(sorted(read, key=lambda one: ("", one) if isinstance(one, float) else (one, 0.0)))
    return Condition(
        name,
        shown.kind,
        shown.attribute,
        operator,
        read,
        (shown.label.zh, shown.label.en),
        tuple((_said(shown, one, operator, "zh"), _said(shown, one, operator, "en")) for one in read),
        _codes_meaning(shown, str(read[0])) if operator in ("contains", "starts_with") else (),
    )


def _codes_meaning(shown: ShownField, text: str) -> tuple[str, ...]:
    """Codes of the field's table whose meaning holds a text: people look for 路灯, not for 01037."""
    if shown.table is None or not text:
        return ()
    wanted = text.lower()
    entries = CodeTable.load(shown.table)
    return tuple(
        dict.fromkeys(
            one.code for one in entries if any(wanted in one.title(lang).lower() for lang in ("zh", "en"))
        )
    )


def _code_of(shown: ShownField, text: str) -> str:
    """The code that a text is, or that means exactly it."""
    if shown.table is None or text in CodeTable.load(shown.table):
        return text
    entries = CodeTable.load(shown.table)
    return next((one.code for one in entries if text in (one.title("zh"), one.title("en"))), text)


def declared_field(layer: Layer, name: str) -> ShownField:
    """A field of the layer by name.

    Raises:
        FilterError: the layer does not declare it.
    """
    found = next((shown for shown in layer.fields if shown.name == name), None)
    if found is None:
        names = ", ".join(shown.name for shown in layer.fields)
        raise FilterError(f"The layer “{layer.id}” has no field {_quoted(name)}: its fields are {names}.")
    return found


def _check_number_of_values(name: str, operator: str, values: list[Any]) -> None:
    needed = VALUES_NEEDED.get(operator, 1 if operator in ("greater", "less") else None)
    if needed is not None and len(values) != needed:
        raise FilterError(
            f"The condition on “{name}” with {operator} takes {needed} values, not {len(values)}."
        )
    if needed is None and not 1 <= len(values) <= MOST_VALUES:
        raise FilterError(f"The condition on “{name}” with {operator} takes 1 to {MOST_VALUES} values.")


def _value(shown: ShownField, value: Any) -> str | float:
    if shown.kind == "number":
        return _number(shown, value)
    if not isinstance(value, str) or len(value) > LONGEST_VALUE or not is_storable(value):
        raise FilterError(
            f"The field “{shown.name}” is compared with texts of up to {LONGEST_VALUE} characters, "
            f"not with {_quoted(value)}."
        )
    if shown.kind == "date":
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise FilterError(
                f"The field “{shown.name}” is compared with dates such as 2026-01-31, "
                f"not with {_quoted(value)}."
            ) from error
    return value


def _number(shown: ShownField, value: Any) -> float:
    fault = FilterError(f"The field “{shown.name}” is compared with numbers, not with {_quoted(value)}.")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault
    try:
        number = float(value)
    except OverflowError as error:
        raise fault from error
    if not math.isfinite(number):
        raise fault
    return number


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold the text: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _said(shown: ShownField, value: str | float, operator: Operator, language: str) -> str:
    if not isinstance(value, str):
        return f"{value:,.10g}{' ' + shown.unit if shown.unit else ''}"
    if operator not in ("is", "is_not") or shown.table is None:
        return in_language(value, language) if operator in ("is", "is_not") else value
    return shown.text(value, language).removesuffix(f"（{value}）").removesuffix(f" ({value})")


def _quoted(value: Any) -> str:
    text = repr(value).encode("utf-8", "replace").decode()
    return text if len(text) <= 60 else text[:57] + "…"
