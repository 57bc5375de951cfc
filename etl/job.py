"""What a job says: one TOML file tells what a dataset is, where its file lies and how its rows are read."""

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from croniter import croniter
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from etl.rules import RULES
from etl.source_format import formats
from etl.source_options import SourceOptions
from geodata.code_table import CodeTable
from geodata.models import VERSIONED_MODELS, DepartmentalFeature, Feature

OWN_COLUMNS = frozenset(
    {"dataset_id", "id", "sensitivity", "source_row", "load_id", "warnings", "geom", "geom_3857"}
)

LEVELS = ("unit_grid", "community", "street", "district")
"""Areas from the smallest to the largest; each code begins with that of the next."""

Severity = Literal["error", "warning"]
Value = str | int | float | bool


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """Where the values of a target column come from.

    A source column, several of them joined, a constant, or the row number.
    """

    source: str | None = None
    join: tuple[str, ...] = ()
    separator: str = ""
    constant: Value | None = None
    row: bool = False
    optional: bool = False
    """A source column that older files lack: null instead of an error."""
    factor: float | None = None
    """Multiplies numbers into the target's unit."""
    values: dict[str, str] = {}
    """Words of the file → words of the store; other words stay."""
    extract: str | None = None
    """Regular expression with one group: what it finds is the value, the rest of the cell is no fault."""
    date: str | None = None
    """The date's form after ``strftime``; without it ISO, YYYYMMDD, YYYY/M/D and Excel dates are read."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [self.source is not None, bool(self.join), self.constant is not None, self.row]
        if sum(given) != 1:
            raise ValueError("give exactly one of source, join, constant, row")
        if self.extract is not None:
            try:
                groups = re.compile(self.extract).groups
            except re.error as error:
                raise ValueError(f"extract is no regular expression: {error}") from error
            if groups != 1:
                raise ValueError("extract needs exactly one group in parentheses")
        return self


def _column(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


AnyColumn = Annotated[Column, BeforeValidator(_column)]


class Attribute(_Part):
    """A declared field of a layer of the generic table."""

    name: str
    source: AnyColumn
    label_zh: str
    label_en: str
    unit: str | None = None
    type: Literal["text", "number", "integer", "date"] = "text"


class Code(_Part):
    """What a column of codes is, so that it is brought to its form in the store and checked."""

    kind: Literal["component", "device", "credit", "area"]
    edition: str = "2013"
    """Edition of component codes of 16 digits."""
    type: str | None = None
    """Column that receives the code's class."""
    original: str | None = None
    """Column that keeps the code as the file has it."""


class Assignment(_Part):
    """How a row's area is found."""

    by: Literal["unit_grid", "community", "street", "district", "code", "reference", "none"] = "community"
    tolerance_m: float = Field(0.0, ge=0)
    """Rows this near to an area belong to it when they lie in none."""
    column: str = "code"
    """With ``code``: the column that holds an area code; with ``reference``: the code of the other row."""
    table: str | None = None
    """With ``reference``: the table of the other row."""
    position: bool = False
    """With ``reference``: take the other row's place too."""


class Check(_Part):
    """A rule to hold the rows against; further keys are the rule's own parameters."""

    model_config = ConfigDict(frozen=True, extra="allow")

    rule: str
    severity: Severity = "error"
    id: str | None = None
    """What the rule is called in the field's own rule book, such as P04."""

    @property
    def name(self) -> str:
        """What a row's record and the quarantine call the rule."""
        return self.id or self.rule

    @property
    def parameters(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})

    @property
    def columns(self) -> frozenset[str]:
        """Target columns that the parameters name."""
        named = [self.parameters[key] for key in ("column", "other", "after") if key in self.parameters]
        return frozenset([*named, *self.parameters.get("columns", ())])

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.rule not in RULES:
            raise ValueError(f"rule “{self.rule}” is unknown; the rules are {', '.join(sorted(RULES))}")
        try:
            inspect.signature(RULES[self.rule]).bind(None, **self.parameters)
        except TypeError as error:
            raise ValueError(f"rule “{self.rule}”: {error}") from error
        return self


class Gate(_Part):
    """When a whole load is refused: too many bad rows, or suspiciously few against the published version.

    Shares of a handful of rows say little, so datasets and files below ``least_rows`` pass.
    """

    max_refused_share: float = Field(0.2, ge=0, le=1)
    max_count_drop: float = Field(0.3, ge=0, le=1)
    least_rows: int = Field(50, ge=1)


class Deletions(_Part):
    """How an incremental delivery says what is no more: by a mark on its rows, or by what it leaves out of
    a list of all that still stand."""

    column: str
    """The column of the delivery with the mark; with ``keys`` the list's column of codes."""
    values: tuple[str, ...] = ()
    """Marks that mean “no more”, such as 删除."""
    keys: str | None = None
    """The list's file in the hand-over folder."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.values) == bool(self.keys):
            raise ValueError("give either values (marks of deleted rows) or keys (a file of all that stand)")
        return self


class Load(_Part):
    """Whether a delivery is the whole dataset, or changes to the published version, told by their codes."""

    mode: Literal["full", "incremental"] = "full"
    deletions: Deletions | None = None

    @model_validator(mode="after")
    def _needs_changes(self) -> Self:
        if self.deletions and self.mode == "full":
            raise ValueError("deletions belong to mode = “incremental”; a full load leaves out what is gone")
        return self

    @property
    def lists_standing(self) -> bool:
        """A list of all that still stand comes with the delivery."""
        return self.deletions is not None and self.deletions.keys is not None

    def removals(self, delivered: pd.DataFrame) -> np.ndarray:
        """Marks the rows of a delivery that say their feature is no more."""
        if self.deletions is None or self.lists_standing:
            return np.zeros(len(delivered), dtype=bool)
        marks = delivered[self.deletions.column].astype("str").str.strip()
        return marks.isin(self.deletions.values).to_numpy(dtype=bool)


class Publishing(_Part):
    """What stands between a checked version and the map."""

    approval: bool = False
    """A second person looks at the difference and decides."""


class Search(_Part):
    """Columns of the entry by which a row is found; templates such as ``{address}`` are not needed."""

    title: str
    subtitle: str | None = None


class Catalogue(_Part):
    """What the data catalogue (数据资源目录) says of the dataset, unless a steward says otherwise."""

    update_period: str = "irregular"
    """How often its department hands it over: a code of the table ``update_period``."""
    sharing: str = "conditional"
    """A code of the table ``sharing_level``."""
    sharing_note: str | None = None
    """The condition, or the ground on which it is not shared."""
    description: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        for column, table in (("update_period", "update_period"), ("sharing", "sharing_level")):
            code, codes = getattr(self, column), CodeTable.load(table)
            if code not in codes:
                known = ", ".join(entry.code for entry in codes)
                raise ValueError(f"{column} “{code}” is unknown; it is one of {known}")
        return self


class Cases(_Part):
    """That each row is a report, of which a case is filed, once by its code; these name the row's fields."""

    matter: str
    """Holds the class of GB/T 47678.5-2026 (5 digits) or its name."""
    details: str | None = None
    place: str | None = None
    """Holds the address in words."""
    reported: str | None = None
    """Holds the day or moment of the report, on the clock of Beijing where it states no zone."""
    channel: Literal["collector", "public", "department", "leader", "device"] = "public"

    @property
    def named(self) -> frozenset[str]:
        """The fields it names."""
        return frozenset(one for one in (self.matter, self.details, self.place, self.reported) if one)


class Schedule(_Part):
    """When the job runs by itself."""

    cron: str
    """Minute, hour, day, month, weekday, on the clock of Beijing."""

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if not croniter.is_valid(self.cron):
            raise ValueError(
                f"cron “{self.cron}” is none; write minute hour day month weekday, as in 0 3 * * 1"
            )
        return self


class Job(_Part):
    """One dataset: what it is, where its file lies, and how its rows are read, checked and found."""

    code: str
    text: str
    folder: Path
    title_zh: str
    title_en: str
    department: str
    target: str
    sensitivity: int = Field(1, ge=1, le=3)
    area_bound: bool = True
    synthetic: bool = False
    review: bool = True
    """Edits by hand are reviewed by a second person before they are seen."""
    source_note: str | None = None
    after: tuple[str, ...] = ()
    """Jobs to run before this one when a whole folder is loaded."""
    source: SourceOptions
    fields: dict[str, AnyColumn]
    attributes: tuple[Attribute, ...] = ()
    codes: dict[str, Code] = {}
    assign: Assignment = Field(default_factory=Assignment.model_construct)
    measure: dict[str, Literal["length", "area"]] = {}
    """Columns filled from the geometry: metres along it or square metres, on the ellipsoid."""
    search: Search | None = None
    catalogue: Catalogue = Field(default_factory=Catalogue)
    schedule: Schedule | None = None
    cases: Cases | None = None
    load: Load = Load()
    publish: Publishing = Publishing()
    checks: tuple[Check, ...] = ()
    gate: Gate = Gate.model_construct()

    @property
    def has_geometry(self) -> bool:
        return issubclass(VERSIONED_MODELS[self.target], Feature)

    @property
    def model(self) -> Any:
        return VERSIONED_MODELS[self.target]

    @property
    def declared_fields(self) -> list[dict[str, Any]]:
        """The fields of a generic layer, as ``dataset.fields`` keeps them."""
        return [a.model_dump(exclude={"source"}) for a in self.attributes]

    @property
    def reads_tables(self) -> dict[str, set[str]]:
        """Tables whose published rows this job's result depends on, with columns beside code, name, place."""
        tables: dict[str, set[str]] = {}
        if self.assign.by == "reference" and self.assign.table:
            tables[self.assign.table] = set()
        elif self.assign.by not in ("none", "code", "reference"):
            tables |= {level: set() for level in LEVELS[LEVELS.index(self.assign.by) :]}
        for check in self.checks:
            for name, columns in RULES[check.rule].reads.items():  # type: ignore[attr-defined]
                tables.setdefault(name, set()).update(columns)
            if "table" in check.parameters and check.rule == "references":
                tables.setdefault(check.parameters["table"], set())
        return tables

    @model_validator(mode="after")
    def _fits_target(self) -> Self:
        if self.target not in VERSIONED_MODELS:
            raise ValueError(
                f"target: no table “{self.target}”; the tables are {', '.join(VERSIONED_MODELS)}"
            )
        columns = set(self.model.__table__.columns.keys()) - OWN_COLUMNS
        named = {*self.fields, *self.codes, *self.measure}
        for column in sorted(named - columns):
            raise ValueError(f"fields.{column}: table {self.target} has no such column to fill")
        if self.source.format and self.source.format not in formats():
            raise ValueError(
                f"source.format: “{self.source.format}” is unknown; the formats are {', '.join(formats())}"
            )
        if "code" not in self.fields:
            raise ValueError(
                "fields.code is missing: name the column that identifies a row, or code = {row = true}"
            )
        known = columns | {attribute.name for attribute in self.attributes}
        for check in self.checks:
            self._check_not_weakened(check)
            for column in sorted(check.columns - known):
                raise ValueError(f"rule “{check.rule}”: table {self.target} has no column “{column}”")
        if self.attributes and self.model is not DepartmentalFeature:
            raise ValueError("attributes belong to target departmental_feature only")
        if self.cases and self.cases.named - {attribute.name for attribute in self.attributes}:
            raise ValueError("cases names what is none of the job's attributes")
        return self

    def _check_not_weakened(self, check: Check) -> None:
        """What the table itself demands cannot be a mere warning."""
        column = check.parameters.get("column")
        table = self.model.__table__.columns
        demanded = check.rule in ("given", "unique") and column == "code"
        demanded |= check.rule == "given" and str(column) in table and not table[column].nullable
        if check.severity == "error":
            return
        if check.rule == "geometry":
            raise ValueError("rule “geometry” refuses rows; optional = true accepts rows without a place")
        if demanded:
            raise ValueError(f"rule “{check.rule}” on {column} refuses rows; it cannot be a warning")
