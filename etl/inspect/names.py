"""How alike a field's name and a target's column are: spellings, abbreviations, pinyin, names cut short."""

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pypinyin import Style, lazy_pinyin

from geodata.models import VERSIONED_MODELS
from geodata.models.base import field_names

NAMES = Path(__file__).with_name("field_names.csv")
_UNIT = re.compile(r"[(（\[【]\s*([^()（）\[\]【】]{1,12})\s*[)）\]】]\s*$|[_/]\s*(mm|cm|m|km|毫米|厘米|米)$")
_HAN = re.compile("[㐀-鿿]")


@dataclass(frozen=True)
class TargetColumn:
    """A column that a job may fill: its name, in words, as others call it, what its values are, its unit."""

    name: str
    label_zh: str
    label_en: str
    spellings: frozenset[str]
    initials: frozenset[str]
    pinyin: frozenset[str]
    content: tuple[str, ...]
    unit: str | None


@cache
def target_columns(target: str) -> tuple[TargetColumn, ...]:
    """The columns of a target that files may hold, in the order of the packaged list."""
    model = VERSIONED_MODELS.get(target)
    described = field_names(model) if model else {}
    columns = []
    with NAMES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            if row["target"] == target:
                columns.append(_column(row, described.get(row["column"], {})))
    return tuple(columns)


def _column(row: dict[str, str], described: dict[str, str]) -> TargetColumn:
    names = [*row["names"].split("|"), row["column"]]
    names += [described[key] for key in ("zh", "en", "standard") if described.get(key)]
    chinese = [name for name in names if _HAN.search(name)]
    return TargetColumn(
        name=row["column"],
        label_zh=described.get("zh") or names[0],
        label_en=described.get("en") or row["column"].replace("_", " ").capitalize(),
        spellings=frozenset(folded(name) for name in names),
        initials=frozenset("".join(lazy_pinyin(folded(one), style=Style.FIRST_LETTER)) for one in chinese),
        pinyin=frozenset("".join(lazy_pinyin(folded(one))) for one in chinese),
        content=tuple(row["content"].split("|")),
        unit=row["unit"] or described.get("unit"),
    )


def folded(name: str) -> str:
    """A name without unit, case, blanks and full-width forms."""
    plain = unicodedata.normalize("NFKC", name).strip()
    without = _UNIT.sub("", plain) or plain
    return re.sub(r"[\s_\-./*:：、]", "", without).lower()


def unit_of(name: str) -> str | None:
    """The unit a header gives in brackets or after its last underscore, such as ``m`` of 管径(m)."""
    found = _UNIT.search(unicodedata.normalize("NFKC", name).strip())
    return (found[1] or found[2]).strip() if found else None


def likeness(name: str, column: TargetColumn, cut: bool) -> float:
    """0–1: how surely a field's name means the column. ``cut``: names may end after ten bytes."""
    own = folded(name)
    if not own:
        return 0.0
    if own in column.spellings:
        return 1.0
    if own in column.pinyin:
        return 0.9
    if own in column.initials:
        return 0.85 if len(own) >= 3 else 0.7
    if cut and any(_begins(own, spelling) for spelling in column.spellings | column.pinyin):
        return 0.8
    if _last_word(name) in column.spellings:
        return 0.6
    return max((_overlap(own, spelling) for spelling in column.spellings), default=0.0)


def _last_word(name: str) -> str | None:
    """``name`` of ``place_name``; None of a single word."""
    words = name.lower().split("_")
    return words[1] if len(words) == 2 and words[1].isalpha() else None


def _begins(own: str, spelling: str) -> bool:
    """A name that fills its ten bytes, in GBK or UTF-8, and is the beginning of the spelling."""
    filled = len(own.encode("gb18030", "replace")) >= 9 or len(own.encode()) >= 9
    return filled and spelling.startswith(own.rstrip("�"))


def _overlap(own: str, spelling: str) -> float:
    """One name within the other, such as 部件名称(中文) or 所属街道办事处."""
    short, long = sorted((own, spelling), key=len)
    if len(short) < 2 or (short.isascii() and len(short) < 4) or short not in long:
        return 0.0
    ends = 0.1 if long.endswith(short) else 0.0
    return min(0.75, 0.75 * len(short) / len(long) + ends)
