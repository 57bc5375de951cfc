"""A dataset's job as it serves editing by hand: which fields a person fills, with what, and what follows."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from etl.job import LEVELS, Column, Job
from etl.source_options import SourceOptions
from geodata.binary_copy import postgres_type
from geodata.code_table import CodeTable
from geodata.models import field_names
from geodata.value_word import in_language

AREA_TABLES = ("district", "street", "community", "unit_grid", "duty_grid")
"""Divisions are not edited feature by feature: their neighbours and all that lies in them depend on them."""
Origin = Literal["hand", "form", "place", "delivery"]
"""What fills a field: a person; other fields or the job; the place; or only the department's delivery."""
KINDS = {"float8": "number", "int2": "integer", "int4": "integer", "int8": "integer", "date": "date"}
MOST_CHOICES = 400


@dataclass(frozen=True)
class Choice:
    """A value that a field may have, in the words of people."""

    value: str
    zh: str
    en: str


@dataclass(frozen=True)
class EditField:
    """A field of a feature: ``kind`` is text, number, integer or date.

    A ``key`` identifies the feature: it is given once, and does not change.
    """

    name: str
    label_zh: str
    label_en: str
    kind: str
    unit: str | None = None
    required: bool = False
    origin: Origin = "hand"
    key: bool = False
    attribute: bool = False
    choices: tuple[Choice, ...] = ()
    strict: bool = False
    """Only the choices are accepted."""

    def as_json(self) -> dict[str, Any]:
        """The field for the browser."""
        return asdict(self)

    def text(self, value: Any, language: str) -> str:
        """A value as people read it."""
        for choice in self.choices:
            if choice.value == str(value):
                return choice.zh if language == "zh" else choice.en
        return "" if value is None else str(value)


def may_be_edited(job: Job | None) -> bool:
    """Whether features of the job's dataset can be edited by hand: they have a place, and are no division."""
    return (
        job is not None
        and job.has_geometry
        and job.target not in AREA_TABLES
        and job.assign.by in (*LEVELS, "none")
    )


def hand_job(job: Job) -> Job:
    """The job with its columns filled from a form whose cells are named as the target's columns."""
    plain = {c.source: target for target, c in job.fields.items() if c.source and not c.extract}
    followed = _found_by_place(job)
    fields = {
        target: _by_hand(target, c, plain) for target, c in job.fields.items() if target not in followed
    }
    attributes = tuple(a.model_copy(update={"source": Column(source=a.name)}) for a in job.attributes)
    source = SourceOptions(path="form", crs="CGCS2000")
    return job.model_copy(update={"fields": fields, "attributes": attributes, "source": source})


def _by_hand(target: str, column: Column, plain: dict[str, str]) -> Column:
    if column.constant is not None:
        return column
    if column.join and all(name in plain for name in column.join):
        return Column(join=tuple(plain[name] for name in column.join), separator=column.separator)
    origin = plain.get(column.source) if column.source else None
    if column.extract and origin is not None:
        return Column(source=origin, extract=column.extract, factor=column.factor)
    return Column(source=target)


def _found_by_place(job: Job) -> set[str]:
    if job.assign.by not in LEVELS:
        return set()
    return {f"{level}_{what}" for level in LEVELS for what in ("code", "name")} & set(
        job.model.__table__.columns.keys()
    )


def edit_fields(job: Job) -> list[EditField]:
    """Every field of the dataset, in the job's order."""
    hand = hand_job(job)
    names = field_names(job.model)
    columns = job.model.__table__.columns
    origins: dict[str, Origin] = {name: _origin(job, hand, name) for name in _filled(job, hand)}
    keys = {"code", *hand.fields["code"].join}
    fields = []
    for name, origin in origins.items():
        choices, strict = _choices(job, name)
        fields.append(
            EditField(
                name,
                names[name]["zh"],
                names[name]["en"],
                KINDS.get(postgres_type(columns[name]), "text"),
                names[name].get("unit"),
                required=origin == "hand" and (name in keys or _is_required(job, name)),
                origin=origin,
                key=name in keys,
                choices=choices,
                strict=strict,
            )
        )
    return fields + [
        EditField(a.name, a.label_zh, a.label_en, a.type, a.unit, attribute=True) for a in job.attributes
    ]


def _filled(job: Job, hand: Job) -> list[str]:
    outputs = [one for code in job.codes.values() for one in (code.type, code.original) if one]
    return list(dict.fromkeys([*hand.fields, *outputs, *sorted(_found_by_place(job)), *job.measure]))


def _origin(job: Job, hand: Job, name: str) -> Origin:
    if name in job.measure or name in _found_by_place(job):
        return "place"
    if name in {code.original for code in job.codes.values()}:
        return "delivery"
    column = hand.fields.get(name)
    given = column is not None and column.source == name
    return "hand" if given and name not in {code.type for code in job.codes.values()} else "form"


def _is_required(job: Job, name: str) -> bool:
    declared = any(
        c.rule == "given" and c.severity == "error" and c.parameters.get("column") == name for c in job.checks
    )
    return declared or not job.model.__table__.columns[name].nullable


def _choices(job: Job, name: str) -> tuple[tuple[Choice, ...], bool]:
    for check in job.checks:
        if check.parameters.get("column") != name:
            continue
        strict = check.severity == "error"
        if check.rule == "one_of":
            return tuple(Choice(v, v, in_language(v, "en")) for v in check.parameters["values"]), strict
        if check.rule == "in_table":
            by_name = check.parameters.get("by", "code") == "name"
            entries = list(CodeTable.load(check.parameters["table"]))[:MOST_CHOICES]
            return tuple(
                Choice(e.name, e.name, e.title("en"))
                if by_name
                else Choice(e.code, f"{e.title('zh')}（{e.code}）", f"{e.title('en')} ({e.code})")
                for e in entries
            ), strict
    words = job.fields[name].values if name in job.fields else {}
    return tuple(Choice(v, v, in_language(v, "en")) for v in dict.fromkeys(words.values())), False
