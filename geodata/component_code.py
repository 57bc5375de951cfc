"""Identifiers of city components (管理部件标识码): 17 digits in GB/T 47678.5-2026, 16 in the editions before.

Division 6 digits, major class 2, minor class 3 (before 2026: 2), sequence 6. Codes of 2013 and 2007 have the
same shape and other meanings, so the edition of a 16-digit code is stated by the caller, 2013 if not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from geodata.area_code import area_parts, division_known, known_divisions
from geodata.code_array import CodeArray, Faults, categories, index_of, known_numbers, read_codes, write_codes
from geodata.code_table import CodeEntry, CodeTable
from geodata.code_text import CodeKind, CodePart, digits_of, part, refuse_part

CURRENT = "2026"
EDITIONS = ("2026", "2013", "2007")
_DIVISION = 6
_SEQUENCE = 6


@dataclass(frozen=True, order=True)
class ComponentCode:
    """One component's identifier, in the edition `2026`, `2013` or `2007`."""

    text: str
    edition: str = CURRENT
    kind: ClassVar[CodeKind] = CodeKind("component", "部件标识码", "component code")

    @classmethod
    def parse(cls, text: str, edition: str | None = None, known: Iterable[str] | None = None) -> Self:
        """The code of 17 digits (2026) or 16 (`edition`, else 2013).

        `known` are the divisions that exist; without them the province must. Raises CodeError.
        """
        code = digits_of(cls.kind, text, *_lengths(edition))
        edition = CURRENT if len(code) == 17 else edition or "2013"
        if not division_known(code[:_DIVISION], known):
            raise refuse_part(cls.kind, "division", code, 1, _DIVISION)
        found = cls(code, edition)
        if found.type_code not in type_codes(edition):
            standard = CodeTable.load("component").standard_of(edition)
            raise refuse_part(cls.kind, "type_unknown", code, 7, len(code) - _SEQUENCE, standard=standard)
        if found.sequence == 0:
            raise refuse_part(cls.kind, "zero_part", code, len(code) - _SEQUENCE + 1, len(code))
        return found

    def __str__(self) -> str:
        return self.text

    @property
    def division(self) -> str:
        return self.text[:_DIVISION]

    @property
    def type_code(self) -> str:
        """Major and minor class: 5 digits in 2026, 4 before."""
        return self.text[_DIVISION:-_SEQUENCE]

    @property
    def sequence(self) -> int:
        return int(self.text[-_SEQUENCE:])

    @property
    def component_type(self) -> CodeEntry | None:
        """The row of the component table; None for a 2013 number whose 2013 name is not at hand."""
        return CodeTable.load("component").get(self.type_code, self.edition)

    def migrate(self) -> "ComponentCode":
        """The code in the 2026 edition; division and sequence stay. Raises CodeError when there is none."""
        if self.edition == CURRENT:
            return self
        successor = successors(self.edition).get(self.type_code)
        if successor is None:
            raise refuse_part(self.kind, "no_successor", self.text, 7, 10)
        return ComponentCode(self.division + successor["to_code"] + self.text[-_SEQUENCE:])

    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
        code, minor_end, entry = self.text, len(self.text) - _SEQUENCE, self.component_type
        major = major_names(self.edition).get(code[6:8], code[6:8])
        name = entry.name if entry else "本版名称未收录"
        name_en = entry.title("en") if entry else "name in this edition not at hand"
        return (
            *area_parts(self.division, names),
            part(code, 7, 8, ("大类", "major class"), (major, major)),
            part(code, 9, minor_end, ("小类", "minor class"), (name, name_en)),
            part(
                code,
                minor_end + 1,
                len(code),
                ("顺序码", "sequence"),
                (str(self.sequence), str(self.sequence)),
            ),
        )


@cache
def type_codes(edition: str) -> frozenset[str]:
    """The class codes that an edition accepts: those listed, and those known to have a successor."""
    listed = {entry.code for entry in CodeTable.load("component").of_edition(edition)}
    return frozenset(listed | set(successors(edition)))


@cache
def successors(edition: str) -> Mapping[str, CodeEntry]:
    """Rows of component_migration that name a 2026 class, by the class code of the older edition."""
    table = CodeTable.load("component_migration")
    return {entry.code: entry for entry in table.of_edition(edition) if entry["to_code"]}


@cache
def major_names(edition: str) -> Mapping[str, str]:
    entries = CodeTable.load("component").of_edition(edition)
    return {entry["major_code"]: entry["major_name"] for entry in entries}


def check_codes(
    values: Iterable[Any], edition: str = "2013", known: Iterable[str] | None = None
) -> pd.DataFrame:
    """Checks a column of component codes; those of 16 digits are read in `edition`.

    Returns columns code (str, normalised, missing when faulty), edition, type_code and problem (categories;
    problem holds keys of code_fault and is missing when there is none). `known`: divisions that exist.
    """
    index = index_of(values)
    codes, faults, types, newer = _read(values, edition, known)
    return pd.DataFrame(
        {
            "code": write_codes(codes.characters, faults.none, index),
            "edition": _editions(newer, faults, edition, index),
            "type_code": _types(types, newer, faults, edition, index),
            "problem": faults.series(index),
        }
    )


def migrate_codes(
    values: Iterable[Any], edition: str = "2013", known: Iterable[str] | None = None
) -> pd.DataFrame:
    """Brings a column of component codes to the 2026 edition, as `ComponentCode.migrate` does one code.

    Returns columns code (17 digits, missing when faulty), type_code (5 digits, category), edition (in which
    the row came), basis (category: how an older class was mapped, see component_migration; missing for 2026
    codes) and problem (category of keys of code_fault, missing when there is none).
    """
    index = index_of(values)
    codes, faults, types, newer = _read(values, edition, known)
    target, basis = _migration(edition)
    older = np.where(newer, 0, types)
    moved = np.where(newer, types, target[older])
    faults.mark("no_successor", ~newer & (moved < 0))
    characters = codes.characters.copy()
    rows = ~newer & faults.none
    characters[rows, 11:17] = codes.characters[rows, 10:16]
    characters[rows, 6:11] = _digits(moved[rows], 5)
    how = np.where(newer | ~faults.none, -1, basis[older])
    return pd.DataFrame(
        {
            "code": write_codes(characters, faults.none, index),
            "type_code": _current_types(moved, faults, index),
            "edition": _editions(newer, faults, edition, index),
            "basis": categories(how, _bases(edition), index),
            "problem": faults.series(index),
        }
    )


def _lengths(edition: str | None) -> tuple[int, ...]:
    if edition is None:
        return (17, 16)
    return (17,) if edition == CURRENT else (16,)


def _read(
    values: Iterable[Any], edition: str, known: Iterable[str] | None
) -> tuple[CodeArray, Faults, np.ndarray, np.ndarray]:
    """The codes, their faults, class numbers, and which rows are in the 2026 edition."""
    codes = read_codes(values, 17)
    faults = Faults.of(codes)
    newer = codes.length == 17
    faults.mark("length", ~newer & (codes.length != 16))
    faults.mark("not_digits", ~np.where(newer, codes.digits(1, 17), codes.digits(1, 16)))
    faults.mark("division", ~known_divisions(known)[codes.number(1, 6)])
    types = np.where(newer, codes.number(7, 11), codes.number(7, 10))
    recent, older = _known_types(CURRENT), _known_types(edition)
    faults.mark("type_unknown", ~np.where(newer, recent[types], older[np.where(newer, 0, types)]))
    faults.mark("zero_part", np.where(newer, codes.number(12, 17), codes.number(11, 16)) == 0)
    return codes, faults, types, newer


@cache
def _known_types(edition: str) -> np.ndarray:
    return known_numbers(type_codes(edition), 5 if edition == CURRENT else 4)


@cache
def _bases(edition: str) -> list[str]:
    return sorted({entry["basis"] for entry in successors(edition).values()})


@cache
def _migration(edition: str) -> tuple[np.ndarray, np.ndarray]:
    """For every older class number the 2026 number (-1: none) and the position of its basis."""
    target = np.full(10_000, -1, dtype=np.int64)
    basis = np.full(10_000, -1, dtype=np.int64)
    for code, entry in successors(edition).items():
        target[int(code)] = int(entry["to_code"])
        basis[int(code)] = _bases(edition).index(entry["basis"])
    return target, basis


def _digits(numbers: np.ndarray, count: int) -> np.ndarray:
    powers = 10 ** np.arange(count - 1, -1, -1)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _editions(newer: np.ndarray, faults: Faults, edition: str, index: pd.Index | None) -> pd.Series:
    position = np.where(newer, 0, EDITIONS.index(edition))
    return categories(np.where(faults.none | newer, position, -1), list(EDITIONS), index)


def _types(
    types: np.ndarray, newer: np.ndarray, faults: Faults, edition: str, index: pd.Index | None
) -> pd.Series:
    """Class codes of 5 and 4 digits as one category; a class of 4 digits is looked up past the others."""
    listed = [*sorted(type_codes(CURRENT)), *(sorted(type_codes(edition)) if edition != CURRENT else ())]
    offset = 100_000
    position = np.full(offset + 10_000, -1, dtype=np.int64)
    position[[int(code) + (offset if len(code) == 4 else 0) for code in listed]] = np.arange(len(listed))
    found = position[np.where(newer, types, offset + np.where(newer, 0, types))]
    return categories(np.where(faults.none, found, -1), listed, index)


def _current_types(types: np.ndarray, faults: Faults, index: pd.Index | None) -> pd.Series:
    every = np.ones(len(types), dtype=bool)
    return _types(np.where(faults.none, types, 0), every, faults, CURRENT, index)
