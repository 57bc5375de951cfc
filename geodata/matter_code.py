"""Codes of matters (管理事项): a division and a class, 11 digits in 2026 and 10 before.

A matter code names a class in a place, not one incident, and its classes share numbers with the components.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from geodata.area_code import area_parts, division_known
from geodata.code_table import CodeEntry, CodeTable
from geodata.code_text import CodeKind, CodePart, digits_of, part, refuse_part

_LENGTHS = {"2026": 11, "2013": 10, "2007": 10}


@dataclass(frozen=True, order=True)
class MatterCode:
    """Division 6 digits, major class 2, minor class 3 (before 2026: 2)."""

    text: str
    edition: str = "2026"
    kind: ClassVar[CodeKind] = CodeKind("matter", "事项代码", "matter code")

    @classmethod
    def parse(cls, text: str, edition: str | None = None, known: Iterable[str] | None = None) -> Self:
        """The code of 11 digits (2026) or 10 (`edition`, else 2013); `known` are divisions that exist."""
        code = digits_of(cls.kind, text, *((11, 10) if edition is None else (_LENGTHS[edition],)))
        edition = "2026" if len(code) == 11 else edition or "2013"
        if not division_known(code[:6], known):
            raise refuse_part(cls.kind, "division", code, 1, 6)
        found = cls(code, edition)
        if found.matter_type is None:
            standard = CodeTable.load("event").standard_of(edition)
            raise refuse_part(cls.kind, "type_unknown", code, 7, len(code), standard=standard)
        return found

    def __str__(self) -> str:
        return self.text

    @property
    def division(self) -> str:
        return self.text[:6]

    @property
    def type_code(self) -> str:
        return self.text[6:]

    @property
    def matter_type(self) -> CodeEntry | None:
        return CodeTable.load("event").get(self.type_code, self.edition)

    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]:
        entry = CodeTable.load("event").get(self.type_code, self.edition)
        major, name = (entry["major_name"], entry.name) if entry else ("未知", "未知")
        return (
            *area_parts(self.division, names),
            part(self.text, 7, 8, ("大类", "major class"), (major, major)),
            part(self.text, 9, len(self.text), ("小类", "minor class"), (name, name)),
        )
