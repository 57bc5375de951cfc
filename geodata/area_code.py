"""Codes of areas: divisions of GB/T 2260 and GB/T 10114 (6, 9, 12 digits) and unit grids (15 digits).

Area codes nest: a code begins with the codes of the areas around it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import pandas as pd

from geodata.code_array import Faults, categories, index_of, known_numbers, read_codes, write_codes
from geodata.code_table import CodeTable
from geodata.code_text import CodeKind, CodePart, digits_of, part, refuse_part

LEVELS = ("province", "city", "district", "street", "community", "unit_grid")
LEVEL_NAMES = {
    "province": ("省级", "province"),
    "city": ("地级", "city"),
    "district": ("区（县）", "district"),
    "street": ("街道（镇、乡）", "street"),
    "community": ("社区（村）", "community"),
    "unit_grid": ("单元网格", "unit grid"),
}
_LEVEL_OF_LENGTH = {9: "street", 12: "community", 15: "unit_grid"}
NOT_LISTED = ("现有名录未收录", "not in the list at hand")
_PART_ENDS = (9, 12, 15)


@dataclass(frozen=True, order=True)
class AreaCode:
    """A division of 6 digits (province, city, district), a street of 9 or a community of 12."""

    text: str
    kind: ClassVar[CodeKind] = CodeKind("area", "行政区划代码", "area code")

    @classmethod
    def parse(cls, text: str) -> Self:
        code = digits_of(cls.kind, text, 6, 9, 12)
        _check_area(cls.kind, code)
        return cls(code)

    def __str__(self) -> str:
        return self.text

    @property
    def level(self) -> str:
        """One of LEVELS."""
        if len(self.text) > 6:
            return _LEVEL_OF_LENGTH[len(self.text)]
        if self.text.endswith("0000"):
            return "province"
        return "city" if self.text.endswith("00") else "district"

    @property
    def parent(self) -> "AreaCode | None":
        """The area around this one; a province has none."""
        return _parent(self.text, self.level)

    @property
    def prefix(self) -> str:
        """The characters with which every code inside this area begins."""
        return self.text[: {"province": 2, "city": 4}.get(self.level, len(self.text))]

    def contains(self, other: "AreaCode | UnitGridCode") -> bool:
        """Whether the other area is this one or lies inside it."""
        return other.text.startswith(self.prefix)

    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
        return area_parts(self.text, names)


@dataclass(frozen=True, order=True)
class UnitGridCode:
    """A unit grid (万米单元网格): community 12 digits and sequence, 3 digits (in CJ/T 213-2005, 2)."""

    text: str
    kind: ClassVar[CodeKind] = CodeKind("unit_grid", "单元网格代码", "unit grid code")
    legacy_kind: ClassVar[CodeKind] = CodeKind(
        "unit_grid_2005", "单元网格代码（CJ/T 213-2005）", "unit grid code (CJ/T 213-2005)"
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls._parse(cls.kind, text, 15)

    @classmethod
    def parse_legacy(cls, text: str) -> Self:
        """A code of 14 digits as CJ/T 213-2005 wrote them."""
        return cls._parse(cls.legacy_kind, text, 14)

    @classmethod
    def _parse(cls, kind: CodeKind, text: str, length: int) -> Self:
        code = digits_of(kind, text, length)
        _check_area(kind, code[:12], code)
        if int(code[12:]) == 0:
            raise refuse_part(kind, "zero_part", code, 13, length)
        return cls(code)

    def __str__(self) -> str:
        return self.text

    @property
    def level(self) -> str:
        return "unit_grid"

    @property
    def parent(self) -> AreaCode:
        return AreaCode(self.text[:12])

    @property
    def sequence(self) -> int:
        """The number within the community, from west to east and north to south."""
        return int(self.text[12:])

    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
        number = (f"社区内第 {self.sequence} 格", f"grid {self.sequence} of the community")
        sequence = part(self.text, 13, len(self.text), ("网格顺序码", "sequence"), number)
        return (*area_parts(self.text[:12], names), sequence)


def area_parts(code: str, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
    """What each step of an area code means; `names` adds to (and overrides) the packaged names."""
    known = {**area_names(), **(names or {})}
    parts = [_province_part(code)]
    if code[2:4] != "00":
        parts.append(_area_part(code, 3, 4, code[:4] + "00", "city", known))
    if code[4:6] != "00":
        parts.append(_area_part(code, 5, 6, code[:6], "district", known))
    for end, level in ((9, "street"), (12, "community")):
        if len(code) >= end:
            parts.append(_area_part(code, end - 2, end, code[:end], level, known))
    return tuple(parts)


@cache
def area_names() -> Mapping[str, str]:
    """Names of divisions, streets and communities that are packaged, by code."""
    return {entry.code: entry.name for entry in CodeTable.load("wuchang_area")}


@cache
def province_numbers() -> frozenset[str]:
    return frozenset(entry.code for entry in CodeTable.load("province"))


def division_known(division: str, known: Iterable[str] | None = None) -> bool:
    """Whether a division of 6 digits is one of `known`, or at least in a province that exists."""
    return division in known if known is not None else division[:2] in province_numbers()


def known_divisions(known: Iterable[str] | None = None):
    """A table of truth by number of a division of 6 digits: those of `known`, or all of the provinces."""
    if known is not None:
        return known_numbers({code[:6] for code in known}, 6)
    return known_numbers(province_numbers(), 2).repeat(10_000)


def check_codes(values: Iterable[Any], known: Iterable[str] | None = None) -> pd.DataFrame:
    """Checks a column of area codes of 6, 9, 12 or 15 digits.

    Returns columns code (str, normalised, missing when faulty), level (category of LEVELS) and problem
    (category of keys of code_fault, missing when there is none). `known` are the area codes that exist:
    their districts; without them, the provinces decide.
    """
    index = index_of(values)
    codes = read_codes(values, 15)
    faults = Faults.of(codes)
    faults.mark("length", ~pd.Series(codes.length).isin([6, 9, 12, 15]).to_numpy())
    level = pd.Series(codes.length).map({6: 2, 9: 3, 12: 4, 15: 5}).fillna(-1).to_numpy().astype(int)
    for start, end in ((1, 6), (7, 9), (10, 12), (13, 15)):
        faults.mark("not_digits", (codes.length >= end) & ~codes.digits(start, end))
    division = codes.number(1, 6)
    faults.mark("division", ~known_divisions(known)[division])
    for end in _PART_ENDS:
        faults.mark("zero_part", (codes.length >= end) & (codes.number(end - 2, end) == 0))
    level[(level == 2) & (division % 100 == 0)] = 1
    level[(level == 1) & (division % 10_000 == 0)] = 0
    level[~faults.none] = -1
    return pd.DataFrame(
        {
            "code": write_codes(codes.characters, faults.none, index),
            "level": categories(level, list(LEVELS), index),
            "problem": faults.series(index),
        }
    )


def _check_area(kind: CodeKind, code: str, whole: str | None = None) -> None:
    whole = whole or code
    if not division_known(code[:6]):
        raise refuse_part(kind, "division", whole, 1, 2)
    for end in _PART_ENDS:
        if len(code) >= end and code[end - 3 : end] == "000":
            raise refuse_part(kind, "zero_part", whole, end - 2, end)


def _parent(code: str, level: str) -> AreaCode | None:
    match level:
        case "province":
            return None
        case "city":
            return AreaCode(code[:2] + "0000")
        case "district":
            return AreaCode(code[:4] + "00")
        case _:
            return AreaCode(code[:-3])


def _province_part(code: str) -> CodePart:
    province = CodeTable.load("province").get(code[:2])
    meaning = (province.name, province.name_en) if province else ("未知", "unknown")
    return part(code, 1, 2, LEVEL_NAMES["province"], meaning)


def _area_part(code: str, start: int, end: int, area: str, level: str, known: Mapping[str, str]) -> CodePart:
    meaning = (known[area], known[area]) if area in known else NOT_LISTED
    return part(code, start, end, LEVEL_NAMES[level], meaning)
