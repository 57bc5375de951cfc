"""The code tables of the field's standards: packaged CSV files, one table each.

A file in `code_tables/` begins with comment lines `# key: text` (title, standard, sources, what is verified,
and `key` where rows are told apart by other columns than edition and code). Every row has at least `code`,
`name`, `confidence` (seen in a source, or unverified) and `source`. A new table is a new file and no code.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from geodata.errors import UserError

FOLDER = Path(__file__).parent / "code_tables"
CONFIDENCES = frozenset({"seen", "unverified"})
_OWN_COLUMNS = frozenset({"edition", "code", "name", "name_en", "confidence", "source"})


@dataclass(frozen=True)
class CodeEntry:
    """One row of a code table; `attributes` holds the columns that only this table has."""

    code: str
    name: str
    edition: str = ""
    name_en: str = ""
    confidence: str = ""
    source: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __getitem__(self, column: str) -> str:
        return self.attributes[column]

    def title(self, language: str = "zh") -> str:
        """The name in a language; the Chinese one where the table has no English."""
        return self.name_en or self.name if language == "en" else self.name


@dataclass(frozen=True)
class CodeTable:
    """A whole table, in the order of its file."""

    name: str
    header: Mapping[str, str]
    entries: tuple[CodeEntry, ...]
    _by_code: Mapping[str, tuple[CodeEntry, ...]] = field(repr=False)

    @staticmethod
    @cache
    def load(name: str) -> "CodeTable":
        """The packaged table of that name; a UserError lists the names when there is none."""
        if name not in table_names():
            known = "、".join(table_names())
            raise UserError(f"没有名为“{name}”的代码表：请从 {known} 中选择。")
        header, rows = _read(FOLDER / f"{name}.csv")
        entries = tuple(_entry(row) for row in rows)
        by_code: dict[str, tuple[CodeEntry, ...]] = {}
        for entry in entries:
            by_code[entry.code] = (*by_code.get(entry.code, ()), entry)
        return CodeTable(name, MappingProxyType(header), entries, MappingProxyType(by_code))

    def __iter__(self) -> Iterator[CodeEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def get(self, code: str, edition: str | None = None) -> CodeEntry | None:
        """The first entry with this code, of this edition (`2026`, `2013`, `2007`) if one is given."""
        return next((e for e in self.all(code) if edition is None or e.edition == edition), None)

    def all(self, code: str) -> tuple[CodeEntry, ...]:
        """Every entry with this code, whatever its edition."""
        return self._by_code.get(code, ())

    def of_edition(self, edition: str) -> tuple[CodeEntry, ...]:
        return tuple(entry for entry in self.entries if entry.edition == edition)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell the rows apart."""
        if "key" in self.header:
            return tuple(self.header["key"].split(","))
        return ("edition", "code") if any(entry.edition for entry in self.entries) else ("code",)

    def standard_of(self, edition: str) -> str:
        """The full name of an edition, such as GB/T 47678.5-2026 for `2026`."""
        return self.header[f"edition {edition}"]

    @property
    def title(self) -> str:
        return self.header["title"]


@cache
def table_names() -> tuple[str, ...]:
    """The names of all packaged tables, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.csv")))


def _read(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = dict(line[2:].split(": ", 1) for line in lines if line.startswith("# "))
    return header, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _entry(row: dict[str, str]) -> CodeEntry:
    own = {column: row[column] for column in _OWN_COLUMNS if column in row}
    rest = {column: value for column, value in row.items() if column not in _OWN_COLUMNS}
    return CodeEntry(**own, attributes=MappingProxyType(rest))
