"""Reads a filter from the compact JSON of a request: ``[["material","is","T"],["diameter","less",600]]``."""

import json
import math
from dataclasses import replace
from datetime import date
from typing import Any

from geodata.errors import UserError
from layers.filter import OPERATORS, Condition, Filter, Operator
from layers.layer import Layer, ShownField

LONGEST = 6000
MOST_CONDITIONS = 12
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
    if not isinstance(conditions, list) or len(conditions) > MOST_CONDITIONS:
        raise FilterError(
            f"A filter is a list of at most {MOST_CONDITIONS} conditions, each [field, operator, value…]."
        )
    return replace(layer, filter=Filter(tuple(_condition(layer, one) for one in conditions)))


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
    )


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
        return value
    return shown.text(value, language).removesuffix(f"（{value}）")


def _quoted(value: Any) -> str:
    text = repr(value).encode("utf-8", "replace").decode()
    return text if len(text) <= 60 else text[:57] + "…"
