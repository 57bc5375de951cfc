"""What a code means, whatever kind of code it is: every reading that its length and characters allow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from geodata.area_code import LEVEL_NAMES, AreaCode, UnitGridCode
from geodata.code_table import CodeEntry, CodeTable
from geodata.code_text import CodeError, CodeKind, CodePart, fault_sentences, normalise, printable
from geodata.component_code import ComponentCode
from geodata.credit_code import CreditCode
from geodata.device_code import DeviceCode
from geodata.matter_code import MatterCode

_ANY = CodeKind("any", "编码", "code")
_SHAPES = ("1–6、8–12、14–18 或 20 位", "1-6, 8-12, 14-18 or 20")


@dataclass(frozen=True)
class Reading:
    """One way to read a code: its parts when it is right, else the sentence that says what is wrong."""

    kind: CodeKind
    parts: tuple[CodePart, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    problem: tuple[str, str] | None = None

    @property
    def valid(self) -> bool:
        return self.problem is None

    def lines(self, language: str) -> list[str]:
        chosen = 1 if language == "en" else 0
        if self.problem:
            return [self.problem[chosen]]
        return [
            self.kind.en if chosen else self.kind.zh,
            *(_part_line(part, chosen) for part in self.parts),
            *(f"  {note[chosen]}" for note in self.notes),
        ]

    def as_dict(self) -> dict[str, Any]:
        problem = {"zh": self.problem[0], "en": self.problem[1]} if self.problem else None
        return {
            "kind": self.kind.key,
            "title": {"zh": self.kind.zh, "en": self.kind.en},
            "valid": self.valid,
            "parts": [_part_dict(part) for part in self.parts],
            "notes": [{"zh": zh, "en": en} for zh, en in self.notes],
            "problem": problem,
        }


@dataclass(frozen=True)
class Explanation:
    """All readings of a text; it is valid when one of them is."""

    text: str
    readings: tuple[Reading, ...]

    @property
    def valid(self) -> bool:
        return any(reading.valid for reading in self.readings)

    def lines(self, language: str = "zh") -> list[str]:
        """Lines to print: the valid readings if there are any, else what is wrong."""
        shown = [reading for reading in self.readings if reading.valid == self.valid]
        return [line for reading in shown for line in reading.lines(language)]

    def as_dict(self) -> dict[str, Any]:
        readings = [reading.as_dict() for reading in self.readings]
        return {"code": printable(self.text), "valid": self.valid, "readings": readings}


class _Code(Protocol):
    def parts(self, names: Mapping[str, str] | None = None) -> tuple[CodePart, ...]: ...


def explain(text: str, names: Mapping[str, str] | None = None) -> Explanation:
    """Explains a code of any kind; `names` gives names of areas by code, beside the packaged ones."""
    code = normalise(text)
    readings = _distinct([reader(code, names or {}) for reader in _READERS.get(len(code), ())])
    if len(code) <= 8:
        readings += _table_readings(code)
    return Explanation(code, tuple(readings) or (_unknown(code),))


def _distinct(readings: list[Reading]) -> list[Reading]:
    """Without the readings in an older edition that say the same as the one before."""
    kept: list[Reading] = []
    for reading in readings:
        minor = reading.parts[-2:]
        if not any(other.valid and reading.valid and other.parts[-2:] == minor for other in kept):
            kept.append(reading)
    return kept


def _read(kind: CodeKind, parse: Callable[[str], _Code], code: str, names: Mapping[str, str]) -> Reading:
    try:
        found = parse(code)
    except CodeError as error:
        return Reading(kind, problem=(str(error), error.english))
    return Reading(kind, found.parts(names), _notes(found))


def _notes(code: _Code) -> tuple[tuple[str, str], ...]:
    if isinstance(code, ComponentCode) and code.edition != "2026":
        return (_migration_note(code),)
    if isinstance(code, AreaCode):
        zh, en = LEVEL_NAMES[code.level]
        return ((f"层级：{zh}", f"level: {en}"),)
    return ()


def _migration_note(code: ComponentCode) -> tuple[str, str]:
    try:
        current = code.migrate()
    except CodeError as error:
        return str(error), error.english
    entry = current.component_type
    name = entry.name if entry else ""
    return (
        f"按 GB/T 47678.5-2026 迁移为 {current}（{current.type_code} {name}）",
        f"in GB/T 47678.5-2026: {current} ({current.type_code} {name})",
    )


def _component(edition: str) -> Callable[[str, Mapping[str, str]], Reading]:
    standard = CodeTable.load("component").standard_of(edition)
    kind = CodeKind(f"component_{edition}", f"部件标识码（{standard}）", f"component code ({standard})")
    return lambda code, names: _read(kind, lambda text: ComponentCode.parse(text, edition), code, names)


def _matter(edition: str) -> Callable[[str, Mapping[str, str]], Reading]:
    standard = CodeTable.load("event").standard_of(edition)
    kind = CodeKind(f"matter_{edition}", f"事项代码（{standard}）", f"matter code ({standard})")
    return lambda code, names: _read(kind, lambda text: MatterCode.parse(text, edition), code, names)


def _of(kind: CodeKind, parse: Callable[[str], _Code]) -> Callable[[str, Mapping[str, str]], Reading]:
    return lambda code, names: _read(kind, parse, code, names)


_AREA = _of(AreaCode.kind, AreaCode.parse)
_READERS: Mapping[int, tuple[Callable[[str, Mapping[str, str]], Reading], ...]] = {
    6: (_AREA,),
    9: (_AREA,),
    10: (_matter("2013"), _matter("2007")),
    11: (_matter("2026"),),
    12: (_AREA,),
    14: (_of(UnitGridCode.legacy_kind, UnitGridCode.parse_legacy),),
    15: (_of(UnitGridCode.kind, UnitGridCode.parse),),
    16: (_component("2013"), _component("2007")),
    17: (_component("2026"),),
    18: (_of(CreditCode.kind, CreditCode.parse),),
    20: (_of(DeviceCode.kind, DeviceCode.parse),),
}

_SHORT_TABLES = {
    "component": ("部件小类", "component class"),
    "event": ("事项小类", "matter class"),
    "pipe_class": ("管线大类", "pipe class"),
    "pipe_subclass": ("管线小类", "pipe kind"),
    "pipe_subclass_local": ("管线小类（地方代号）", "pipe kind (local code)"),
    "pipe_material": ("管线材质", "pipe material"),
    "pipe_embedding": ("埋设方式", "way of laying"),
    "pipe_status": ("管线使用状态", "pipe status"),
    "pipe_element": ("管线要素代码", "pipe element code"),
    "pipe_defect": ("排水管道缺陷", "drain defect"),
    "station_type": ("测站类型", "station type"),
    "device_industry": ("设备行业编码（GB/T 28181）", "device industry (GB/T 28181)"),
    "device_type": ("设备类型编码（GB/T 28181）", "device type (GB/T 28181)"),
    "province": ("省级行政区代码", "province code"),
}
_LABELS = {
    "major_name": ("大类", "major class"),
    "geometry": ("几何", "geometry"),
    "component_code": ("对应部件", "component"),
    "class_code": ("所属大类", "class"),
    "subclass_number": ("管线小类编号", "pipe kind number"),
    "point_type": ("点类型", "kind of point"),
    "defect": ("缺陷代号", "defect"),
    "grade": ("等级", "grade"),
    "description": ("表现", "description"),
    "score": ("分值", "score"),
}


def _table_readings(code: str) -> list[Reading]:
    """Readings as an entry of a code table: type codes, pipe, station and device codes."""
    readings = []
    for table, names in _SHORT_TABLES.items():
        for entry in CodeTable.load(table).all(code.upper()):
            readings.append(_entry_reading(table, names, entry))
    if not readings and len(code) == 8:
        kind = CodeKind("pipe_element", *_SHORT_TABLES["pipe_element"])
        readings.append(Reading(kind, problem=fault_sentences(kind, "not_in_table", {"text": code})))
    return readings


def _entry_reading(table: str, names: tuple[str, str], entry: CodeEntry) -> Reading:
    standard = CodeTable.load(table).standard_of(entry.edition) if entry.edition else ""
    zh = f"{names[0]}（{standard}）" if standard else names[0]
    kind = CodeKind(table, zh, f"{names[1]} {standard}".strip())
    whole = CodePart(1, len(entry.code), entry.code, "名称", "name", entry.name, entry.title("en"))
    notes = [
        (f"{label_zh}：{entry.attributes[column]}", f"{label_en}: {entry.attributes[column]}")
        for column, (label_zh, label_en) in _LABELS.items()
        if entry.attributes.get(column)
    ]
    if entry.confidence == "unverified":
        notes.append(("名称未经标准文本核实", "name not verified against the text of the standard"))
    return Reading(kind, (whole,), tuple(notes))


def _unknown(code: str) -> Reading:
    if not code:
        return Reading(_ANY, problem=fault_sentences(_ANY, "missing", {}))
    if len(code) <= 5:
        return Reading(_ANY, problem=fault_sentences(_ANY, "not_in_table", {"text": code}))
    details = {"text": code, "found": len(code)}
    zh = fault_sentences(_ANY, "unknown_shape", {**details, "expected": _SHAPES[0]})[0]
    en = fault_sentences(_ANY, "unknown_shape", {**details, "expected": _SHAPES[1]})[1]
    return Reading(_ANY, problem=(zh, en))


def _part_line(part: CodePart, chosen: int) -> str:
    label = (part.label_zh, part.label_en)[chosen]
    meaning = (part.meaning_zh, part.meaning_en)[chosen]
    where = f"{part.start}-{part.end}" if part.end > part.start else str(part.start)
    return f"  {where:>5}  {part.characters}  {label}{': ' if chosen else '：'}{meaning}"


def _part_dict(part: CodePart) -> dict[str, Any]:
    return {
        "start": part.start,
        "end": part.end,
        "characters": part.characters,
        "label": {"zh": part.label_zh, "en": part.label_en},
        "meaning": {"zh": part.meaning_zh, "en": part.meaning_en},
    }
