"""Rules about codes: well formed, of this district, used once, and known where they refer to something."""

import pandas as pd

from etl.rows import Rows
from etl.rules.finding import Finding, Said, each, nothing, of, rule, written
from etl.rules.suggestion import closest_code
from geodata.code_table import CodeTable
from geodata.code_text import fault_reasons, normalise
from geodata.credit_code import check_character


@rule("unique", scope="order")
def unique(rows: Rows, column: str) -> Finding:
    """No accepted row before has the same value."""
    first = rows.first_with[column]

    def say(value: str, row: int) -> Said:
        return (
            f"“{value}”与第 {row} 行重复",
            f"“{value}” is also in row {row}",
            "确为同一对象的删去一行，否则改编号",
            "if they are one thing keep one, else number it anew",
        )

    return Finding(first > 0, column, each(say, of(rows.columns[column]), of(first)))


@rule("code")
def code(rows: Rows, column: str) -> Finding:
    """The code is well formed: length, digits, division, class, check character, after its standard."""
    faults = rows.code_faults.get(column)
    if faults is None:
        return nothing(rows, column)
    wrong = (faults.notna() & (faults != "missing")).to_numpy(dtype=bool)
    zh, en = fault_reasons("zh"), fault_reasons("en")
    names = rows.columns.get("name", pd.Series([None] * len(rows)))

    def say(value: str, fault: str, name: str | None) -> Said:
        return (
            f"编码“{value}”有误：{zh.get(fault, fault)}",
            f"code “{value}”: {en.get(fault, fault)}",
            *_code_advice(value, fault, name),
        )

    return Finding(wrong, column, each(say, written(rows, column), of(faults.astype(object)), of(names)))


def _code_advice(value: str, fault: str, name: str | None) -> tuple[str, str]:
    """What the code should be where that follows from the rest of it or from the row's name."""
    if fault == "check_character":
        whole = normalise(value).upper()
        right = check_character(whole[:17])
        return (
            f"末位应为“{right}”；请对照证照核对全部 18 位",
            f"it should end in “{right}”: compare all 18 characters",
        )
    if fault == "type_unknown" and name:
        found = next((e for e in CodeTable.load("component").of_edition("2026") if e.name == name), None)
        if found:
            return f"“{name}”的小类代码是 {found.code}", f"the class of “{name}” is {found.code}"
    if fault == "length":
        return (
            f"现为 {len(value)} 位：核对是否漏字、多字",
            f"it has {len(value)} characters: look for missing ones",
        )
    return "对照编码标准核对", "compare it with the standard"


@rule("same_division", reads=("district",))
def same_division(rows: Rows, column: str) -> Finding:
    """The code begins with a published district's."""
    divisions = sorted(set(rows.references.table("district").codes))
    values = rows.columns[column]
    own = values.str.slice(0, 6)
    other = values.notna() & ~own.isin(divisions) & bool(divisions)
    right = "、".join(divisions)

    def say(value: str) -> Said:
        return (
            f"编码“{value}”属于 {value[:6]}，不是本区",
            f"code “{value}” belongs to {value[:6]}, not to this district",
            f"前 6 位应为 {right}；确属外区的请删去",
            f"it should begin with {right}; leave out what belongs to another district",
        )

    return Finding(other.to_numpy(dtype=bool), column, each(say, of(values)))


@rule("references")
def references(rows: Rows, column: str, table: str) -> Finding:
    """The value is the code of a published row of another table."""
    values = rows.columns[column]
    codes = rows.references.table(table).codes
    dangling = (values.notna() & ~values.isin(codes)).to_numpy(dtype=bool)
    known = codes.to_numpy(dtype=object).tolist()
    name = rows.source_name(column)

    def say(value: str) -> Said:
        if not known:
            advice = f"{table} 尚未发布：请先入库该数据", f"nothing of {table} is published: load that first"
        elif meant := closest_code(value, known):
            advice = f"是否为“{meant}”", f"perhaps “{meant}”"
        else:
            advice = f"先入库“{value}”，或改填已有编码", f"load “{value}” first, or name one that exists"
        return f"“{name}”引用的“{value}”不存在", f"“{name}” names “{value}”, which is not in {table}", *advice

    return Finding(dangling, column, each(say, of(values)))
