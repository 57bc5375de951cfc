"""The unified social credit code of organisations (统一社会信用代码, GB 32100-2015): 18 characters.

Registering authority 1, kind of body 1, division of registration 6 digits, body identifier 9, check
character 1. The check is weighted by powers of 3 modulo 31 over an alphabet without I, O, S, V and Z.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from geodata.area_code import NOT_LISTED, area_parts, division_known, known_divisions
from geodata.code_array import Faults, index_of, read_codes, write_codes
from geodata.code_table import CodeTable
from geodata.code_text import CodeError, CodeKind, CodePart, check_length, normalise, part, refuse_part

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
_NATIONAL = "100000"


@dataclass(frozen=True, order=True)
class CreditCode:
    """One organisation's code, in capitals."""

    text: str
    kind: ClassVar[CodeKind] = CodeKind("credit", "统一社会信用代码", "unified social credit code")

    @classmethod
    def parse(cls, text: str) -> Self:
        code = _capitals(text)
        check_length(cls.kind, code, 18)
        _check_characters(cls.kind, code)
        if code[2:8] != _NATIONAL and not division_known(code[2:8]):
            raise refuse_part(cls.kind, "division", code, 3, 8)
        expected = check_character(code[:17])
        if code[17] != expected:
            raise CodeError(cls.kind, "check_character", expected=expected, found=code[17], text=code)
        return cls(code)

    def __str__(self) -> str:
        return self.text

    @property
    def division(self) -> str:
        """Where the organisation is registered; 100000 is the state itself."""
        return self.text[2:8]

    @property
    def organisation(self) -> str:
        """The identifier of the body (组织机构代码), 9 characters."""
        return self.text[8:17]

    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
        code = self.text
        return (
            part(code, 1, 1, ("登记管理部门", "registering authority"), _category(code[:1])),
            part(code, 2, 2, ("机构类别", "kind of body"), _category(code[:2])),
            _division_part(code, names),
            part(code, 9, 17, ("主体标识码", "body identifier"), (code[8:17], code[8:17])),
            part(code, 18, 18, ("校验码", "check character"), ("相符", "matches")),
        )


def check_character(first17: str) -> str:
    """The 18th character for the first 17, which must be of ALPHABET (else ValueError)."""
    total = sum(ALPHABET.index(c) * w for c, w in zip(first17, WEIGHTS, strict=True))
    return ALPHABET[(31 - total % 31) % 31]


def check_codes(values: Iterable[Any]) -> pd.DataFrame:
    """Checks a column of credit codes.

    Returns columns code (str in capitals, missing when faulty) and problem (category of keys of code_fault,
    missing when there is none).
    """
    index = index_of(values)
    codes = read_codes(values, 18, upper=True)
    faults = Faults.of(codes)
    faults.mark("length", codes.length != 18)
    value = _VALUE[codes.characters]
    faults.mark("not_digits", ~codes.digits(3, 8))
    faults.mark("alphabet", (value < 0).any(axis=1))
    division = codes.number(3, 8)
    faults.mark("division", ~known_divisions()[division] & (division != int(_NATIONAL)))
    total = value[:, :17] @ np.array(WEIGHTS)
    faults.mark("check_character", (31 - total % 31) % 31 != value[:, 17])
    return pd.DataFrame(
        {"code": write_codes(codes.characters, faults.none, index), "problem": faults.series(index)}
    )


_VALUE = np.full(256, -1, dtype=np.int64)
_VALUE[[ord(character) for character in ALPHABET]] = np.arange(len(ALPHABET))


def _capitals(text: str) -> str:
    """In capitals, ASCII letters only: other scripts have letters whose capital looks like an ASCII one."""
    return "".join(c.upper() if "a" <= c <= "z" else c for c in normalise(text))


def _check_characters(kind: CodeKind, code: str) -> None:
    for position, character in enumerate(code[2:8], start=3):
        if character not in "0123456789":
            raise CodeError(kind, "not_digits", where=position, found=character, text=code)
    for position, character in enumerate(code, start=1):
        if character not in ALPHABET:
            raise CodeError(kind, "alphabet", where=position, found=character, text=code)


def _category(characters: str) -> tuple[str, str]:
    entry = CodeTable.load("credit_category").get(characters)
    return (entry.name, entry.name_en) if entry else ("未收录", "not in the list at hand")


def _division_part(code: str, names: Mapping[str, str] | None) -> CodePart:
    label = ("登记机关行政区划", "division of registration")
    if code[2:8] == _NATIONAL:
        return part(code, 3, 8, label, ("国家级", "national"))
    areas = [area for area in area_parts(code[2:8], names) if area.meaning_zh != NOT_LISTED[0]]
    zh = "".join(area.meaning_zh for area in areas)
    return part(code, 3, 8, label, (zh, ", ".join(area.meaning_en for area in areas)))
