"""Rules about single cells: filled, readable, within range, one of a list, dates that can be."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl.rows import Rows
from etl.rules.finding import Finding, Said, each, nothing, of, rule, written
from etl.rules.suggestion import closest_word, number_in
from geodata.code_table import CodeTable

FOUNDING = "1949-10-01"
"""The earliest day that is credible unless a job states another, as for old trees and buildings."""


@rule("given")
def given(rows: Rows, column: str | None = None, columns: Sequence[str] = ()) -> Finding:
    """The columns are filled."""
    wanted = [column] if column else list(columns)
    missing = np.column_stack([rows.columns[name].isna().to_numpy() for name in wanted])
    names = np.array([rows.source_name(name) for name in wanted])

    def say(empty: np.ndarray) -> Said:
        zh, en = "、".join(f"“{n}”" for n in names[empty]), ", ".join(f"“{n}”" for n in names[empty])
        return f"{zh}未填写", f"{en} is empty", f"补填{zh}", f"fill in {en}"

    field = wanted[0] if len(wanted) == 1 else ",".join(wanted)
    return Finding(np.asarray(missing.any(axis=1)), field, each(say, lambda chosen: missing[chosen]))


@rule("readable")
def readable(rows: Rows, column: str) -> Finding:
    """The cell could be converted to the column's number or date."""
    name = rows.source_name(column)

    def say(value: str) -> Said:
        meant = number_in(value)
        advice = (
            (f"改填 {meant}", f"write {meant}") if meant else ("按数字或日期填写", "write a number or a date")
        )
        return (
            f"“{name}”的值“{value}”无法识别",
            f"“{name}” has the value “{value}”, which cannot be read",
            *advice,
        )

    return Finding(rows.unreadable.get(column, rows.none()), column, each(say, written(rows, column)))


@rule("range")
def within_range(rows: Rows, column: str, min: float | None = None, max: float | None = None) -> Finding:
    """The number lies between the limits, both included."""
    values = rows.columns[column].astype("float64")
    below = (values < min) if min is not None else False
    above = (values > max) if max is not None else False
    if min is not None and max is not None:
        zh, en = f"超出 {min:g}–{max:g}", f"outside {min:g}–{max:g}"
    else:
        zh, en = (
            (f"大于 {max:g}", f"more than {max:g}")
            if min is None
            else (f"小于 {min:g}", f"less than {min:g}")
        )
    name = rows.source_name(column)

    def fits(value: float) -> bool:
        """With both limits given, a change of unit by chance into them is unlikely."""
        return min is not None and max is not None and min < value < max

    def say(value: float) -> Said:
        other = next((value * f for f in (0.001, 1000.0, 0.01, 100.0) if value and fits(value * f)), None)
        advice = (
            ("核对数值", "check the value") if other is None
            else (f"核对单位：换算后为 {other:g}", f"check the unit: it would be {other:g}")
        )  # fmt: skip
        return f"“{name}”为 {value:g}，{zh}", f"“{name}” is {value:g}, {en}", *advice

    broken = pd.Series(below | above, index=values.index).fillna(False)
    return Finding(broken.to_numpy(dtype=bool), column, each(say, of(values)))


@rule("one_of")
def one_of(rows: Rows, column: str, values: list[str]) -> Finding:
    """The value is one of a list."""
    words = "、".join(values[:8]), ", ".join(values[:8])
    return _listed(rows, column, dict.fromkeys(values, ""), *words)


@rule("in_table")
def in_table(rows: Rows, column: str, table: str, by: str = "code") -> Finding:
    """The value is a code (or, by name, a name) of a packaged code table."""
    entries = CodeTable.load(table)
    known = {e.code: e.name for e in entries} if by == "code" else {e.name: e.code for e in entries}
    return _listed(rows, column, known, f"代码表“{entries.title}”", f"the code table “{table}”")


def _listed(rows: Rows, column: str, known: dict[str, str], zh: str, en: str) -> Finding:
    values = rows.columns[column]
    strange = (values.notna() & ~values.isin(set(known))).to_numpy(dtype=bool)
    name = rows.source_name(column)
    meant = {value: closest_word(value, known) for value in pd.unique(values[strange])[:500]}

    def say(value: str) -> Said:
        word = meant.get(value)
        called = f"（{known[word]}）" if word and known[word] else ""
        advice = (
            (f"是否为“{word}”{called}", f"perhaps “{word}”")
            if word
            else (f"从{zh}中选填", f"choose from {en}")
        )
        return f"“{name}”的值“{value}”不在{zh}中", f"“{name}” has “{value}”, which is not in {en}", *advice

    return Finding(strange, column, each(say, of(values)))


@rule("date")
def credible_date(rows: Rows, column: str, earliest: str = FOUNDING, future: bool = False) -> Finding:
    """The date (or year) is no earlier than ``earliest``, and not in the future unless that is allowed."""
    days = _days(rows.columns[column])
    first, today = np.datetime64(earliest, "D"), np.datetime64(date.today(), "D")
    early = days < first
    late = (days > today) & (not future)
    name = rows.source_name(column)

    def say(value: str, is_early: bool) -> Said:
        if is_early:
            zh, en = f"“{name}”的日期 {value} 早于 {earliest}", f"“{name}” is {value}, before {earliest}"
        else:
            zh, en = f"“{name}”的日期 {value} 在今天之后", f"“{name}” is {value}, later than today"
        return zh, en, "核对年份", "check the year"

    return Finding(early | late, column, each(say, written(rows, column), of(early)))


@rule("date_order")
def date_order(rows: Rows, column: str, after: str) -> Finding:
    """The date is not before that of the column ``after``."""
    days, before = _days(rows.columns[column]), _days(rows.columns[after])
    name, other = rows.source_name(column), rows.source_name(after)
    describe = each(
        lambda late, early: (
            f"“{name}”{late} 早于“{other}”{early}",
            f"“{name}” {late} is before “{other}” {early}",
            "核对两个日期是否填反",
            "check whether the two are exchanged",
        ),
        written(rows, column),
        written(rows, after),
    )
    return Finding(days < before, column, describe)


def _days(values: pd.Series) -> Any:
    """Days as datetime64[D]; a year alone is its first day, what is no date NaT, which compares false."""
    days = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[D]")
    if isinstance(values.dtype, pd.ArrowDtype):
        given_days = values.notna().to_numpy()
        days[given_days] = pa.array(values[given_days]).cast(pa.int32()).to_numpy(zero_copy_only=False)
        return days
    for row, value in enumerate(values.astype(object)):
        if isinstance(value, date):
            days[row] = np.datetime64(value, "D")
        elif isinstance(value, str) and value[:4].isdecimal() and value[:4].isascii() and value[:4] > "0000":
            days[row] = np.datetime64(f"{value[:4]}-01-01")
    return days


@rule("differs")
def differs(rows: Rows, column: str, other: str) -> Finding:
    """Two columns do not hold the same value."""
    values = rows.columns[column]
    same = (values.notna() & (values == rows.columns[other])).to_numpy(dtype=bool)
    name, second = rows.source_name(column), rows.source_name(other)
    describe = each(
        lambda value: (
            f"“{name}”与“{second}”同为 {value}",
            f"“{name}” and “{second}” are both {value}",
            f"核对“{second}”",
            f"check “{second}”",
        ),
        of(values),
    )
    return Finding(same, other, describe)


@rule("same_as")
def same_as(rows: Rows, column: str, other: str) -> Finding:
    """Two columns hold the same value where both are filled."""
    values, others = rows.columns[column], rows.columns[other]
    unlike = (values.notna() & others.notna() & (values != others)).fillna(False).to_numpy(dtype=bool)
    name, second = rows.source_name(column), rows.source_name(other)
    describe = each(
        lambda value, wanted: (
            f"“{name}”{value} 与“{second}”{wanted} 不一致",
            f"“{name}” {value} differs from “{second}” {wanted}",
            f"统一为 {wanted}",
            f"write {wanted} in both",
        ),
        of(values),
        of(others),
    )
    return Finding(unlike, column, describe)


@rule("exactly_one")
def exactly_one(rows: Rows, columns: Sequence[str]) -> Finding:
    """Exactly one of the columns is filled."""
    filled = np.sum([rows.columns[name].notna().to_numpy() for name in columns], axis=0)
    names = "、".join(f"“{rows.source_name(name)}”" for name in columns)
    describe = each(
        lambda count: (
            f"{names}{'都未填写' if count == 0 else '同时填写'}，应恰填一项",
            f"{names}: {count} are filled, exactly one must be",
            "补填一项" if count == 0 else "只留一项",
            "fill one in" if count == 0 else "keep one",
        ),
        of(filled),
    )
    return Finding(filled != 1, ",".join(columns), describe)


@rule("header")
def header(rows: Rows) -> Finding:
    """The file's columns all have names, no two the same; else no row can be trusted and all are refused."""
    names = [str(name) for name in rows.raw.columns]
    bare = [n for n in names if not n.strip() or n.startswith("Unnamed: ")]
    stems = [n.rpartition(".")[0] for n in names if n.rpartition(".")[2].isdigit()]
    twice = sorted({n for n in names if names.count(n) > 1} | {stem for stem in stems if stem in names})
    if not bare and not twice:
        return nothing(rows)
    zh = [f"{len(bare)} 列没有列名"] if bare else []
    en = [f"{len(bare)} columns have no name"] if bare else []
    if twice:
        zh.append(f"列名重复：{'、'.join(twice)}")
        en.append(f"column names repeated: {', '.join(twice)}")
    words = (
        "；".join(zh),
        "; ".join(en),
        "补全并区分列名后重交",
        "name every column, each otherwise, and hand in again",
    )
    return Finding(~rows.none(), None, each(lambda _row: words, lambda chosen: chosen.tolist()))
