"""What all codes share: the characters as people type them, their parts, and the words for a fault."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from geodata.code_table import CodeTable
from geodata.errors import UserError

FULL_WIDTH = {0xFEE0 + ascii_code: ascii_code for ascii_code in range(0x21, 0x7F)}
_SURROUNDING = " \t\r\n\v\f\u00a0\u3000\ufeff\u200b"
_SHOWN = 40


@dataclass(frozen=True)
class CodeKind:
    """What a code is called, in both languages."""

    key: str
    zh: str
    en: str


@dataclass(frozen=True)
class CodePart:
    """Some characters of a code and what they mean; `start` and `end` count from 1, both included."""

    start: int
    end: int
    characters: str
    label_zh: str
    label_en: str
    meaning_zh: str
    meaning_en: str


class CodeError(UserError):
    """A code that cannot be accepted; `reason` is a key of the table code_fault, the sentence exists twice.

    `str(error)` is the Chinese sentence, `english` the same in English.
    """

    def __init__(self, kind: CodeKind, reason: str, **details: object):
        zh, en = fault_sentences(kind, reason, details)
        super().__init__(zh)
        self.kind = kind
        self.reason = reason
        self.english = en


def normalise(text: str) -> str:
    """The text with full-width characters made plain and the space around it taken off."""
    return text.translate(FULL_WIDTH).strip(_SURROUNDING)


def fault_sentences(kind: CodeKind, reason: str, details: Mapping[str, object]) -> tuple[str, str]:
    """The sentence for a fault in Chinese and in English."""
    fault = CodeTable.load("code_fault").get(reason)
    if fault is None:
        raise KeyError(reason)
    shown = {key: printable(str(value)) for key, value in details.items()}
    return fault.name.format(kind=kind.zh, **shown), fault.name_en.format(kind=kind.en, **shown)


def fault_reasons(language: str = "zh") -> dict[str, str]:
    """Short words for every fault key, for columns of reasons and for counts."""
    column = "short_en" if language == "en" else "short"
    return {entry.code: entry[column] for entry in CodeTable.load("code_fault")}


def printable(text: str) -> str:
    """The text fit for one line of a message: control characters replaced, long texts cut."""
    plain = "".join("\ufffd" if unicodedata.category(c)[0] in "CZ" and c != " " else c for c in text)
    return plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…"


def digits_of(kind: CodeKind, text: str, *lengths: int) -> str:
    """The normalised text if it consists of so many digits, else a CodeError that says where it does not."""
    code = normalise(text)
    check_length(kind, code, *lengths)
    for position, character in enumerate(code, start=1):
        if character not in "0123456789":
            raise CodeError(kind, "not_digits", where=position, found=character, text=code)
    return code


def check_length(kind: CodeKind, code: str, *lengths: int) -> None:
    """Refuses an empty code and one of another length."""
    if not code:
        raise CodeError(kind, "missing")
    if len(code) not in lengths:
        expected = "/".join(str(length) for length in lengths)
        raise CodeError(kind, "length", expected=expected, found=len(code), text=code)


def refuse_part(kind: CodeKind, reason: str, code: str, start: int, end: int, **details: object) -> CodeError:
    """The error for characters `start` to `end` (from 1, both included) of a code."""
    return CodeError(kind, reason, where=f"{start}-{end}", found=code[start - 1 : end], text=code, **details)


def part(code: str, start: int, end: int, label: tuple[str, str], meaning: tuple[str, str]) -> CodePart:
    """Characters `start` to `end` of a code with label and meaning, each as (Chinese, English)."""
    return CodePart(start, end, code[start - 1 : end], *label, *meaning)
