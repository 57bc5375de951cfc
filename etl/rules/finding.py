"""What a rule finds: rows that break it, and words for people, a whole array of rows at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from shapely.geometry.base import BaseGeometry

from etl.rows import Rows


@dataclass(frozen=True)
class Words:
    """For each of some rows the reason and what to do about it, in Chinese and English; "" says nothing."""

    zh: Sequence[str]
    en: Sequence[str]
    do_zh: Sequence[str]
    do_en: Sequence[str]


Said = tuple[str, ...]
"""Reason and advice for one row: Chinese, English, advice in Chinese, advice in English."""

Describe = Callable[[np.ndarray], Words]
"""Words for the rows of these numbers."""


@dataclass(frozen=True)
class Note:
    """A fault of the dataset that is no row's own, such as a gap; ``subject`` is a code people know."""

    subject: str
    zh: str
    en: str
    place: BaseGeometry | None = None
    do_zh: str = ""
    do_en: str = ""


@dataclass(frozen=True)
class Finding:
    """Rows that break a rule, the column concerned, words for them, and faults that are no row's."""

    rows: np.ndarray
    field: str | None
    describe: Describe
    notes: tuple[Note, ...] = ()


Rule = Callable[..., Finding]
Scope = Literal["row", "dataset", "order"]
RULES: dict[str, Rule] = {}


def rule(
    name: str,
    reads: tuple[str, ...] | Mapping[str, tuple[str, ...]] = (),
    scope: Scope = "row",
    columns: tuple[str, ...] = (),
) -> Callable[[Rule], Rule]:
    """Register a rule.

    Args:
        reads: tables whose published rows it looks at; with the columns it needs of them, where codes, names
            and places are not enough.
        scope: ``row`` judges each row by itself, so that a load of any size is checked chunk by chunk, on
            several machines if need be. ``dataset`` looks across rows: it runs once the accepted rows stand
            in the store, on all rows of the new version (those carried over from the version before
            included) and only on ``columns`` and what its parameters ``column`` and ``columns`` name.
            ``order`` is for uniqueness alone, which is decided row after row.
        columns: for ``dataset``: target columns it reads, ``geom`` for ``rows.geometry``. It gets no raw
            rows, nor anything that was only known on the way in, such as ``stated`` or ``code_faults``.
    """

    def register(function: Rule) -> Rule:
        function.reads = reads if isinstance(reads, Mapping) else dict.fromkeys(reads, ())  # type: ignore[attr-defined]
        function.scope, function.columns = scope, columns  # type: ignore[attr-defined]
        RULES[name] = function
        return function

    return register


def always(zh: str, en: str, do_zh: str = "", do_en: str = "") -> Describe:
    """The same words for every row."""

    def describe(chosen: np.ndarray) -> Words:
        many = len(chosen)
        return Words([zh] * many, [en] * many, [do_zh] * many, [do_en] * many)

    return describe


def each(say: Callable[..., Said], *columns: Callable[[np.ndarray], Any]) -> Describe:
    """Words made from values: ``say`` is given one value of each column per row."""

    def describe(chosen: np.ndarray) -> Words:
        said = [say(*values) for values in zip(*(column(chosen) for column in columns), strict=True)]
        zh, en, do_zh, do_en = zip(*said, strict=True) if said else ((), (), (), ())
        return Words(zh, en, do_zh, do_en)

    return describe


def of(values: Any) -> Callable[[np.ndarray], list[Any]]:
    """The values at these rows, of an array or a column."""
    plain = values.to_numpy(dtype=object) if hasattr(values, "to_numpy") else np.asarray(values)
    return lambda chosen: plain[chosen].tolist()


def written(rows: Rows, column: str) -> Callable[[np.ndarray], list[str]]:
    """What the file says in the cells a column comes from."""
    return lambda chosen: rows.raw_values(column, chosen)


def nothing(rows: Rows, field: str | None = None) -> Finding:
    """No row breaks the rule."""
    return Finding(rows.none(), field, always("", ""))
