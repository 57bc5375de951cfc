"""The data catalogue (数据资源目录): every dataset a viewer may see, what it is, how fresh and how good."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row, dict_row

from geodata.code_table import CodeTable
from geodata.models import RECORD_MODELS, DepartmentalFeature, field_names
from layers.problem import NotFoundError

TREND_VERSIONS = 12
_OWN_COLUMNS = frozenset(
    {"dataset_id", "id", "sensitivity", "source_row", "load_id", "warnings", "attributes"}
)


@dataclass(frozen=True)
class Quality:
    """A quality score in percent and its parts, each from 0 to 1; a part that cannot be told is left out.

    validity: rows that were accepted; consistency: accepted rows without a warning; completeness: cells that
    are filled; timeliness: 1 while the update period is kept, less as the dataset grows older.
    """

    parts: Mapping[str, float]

    @property
    def score(self) -> float | None:
        """The mean of the parts."""
        return 100 * sum(self.parts.values()) / len(self.parts) if self.parts else None


@dataclass(frozen=True)
class CatalogueDataset:
    """A published dataset. ``overdue`` compares its last load with its update period."""

    id: int
    code: str
    title_zh: str
    title_en: str
    department_code: str
    department_zh: str
    department_en: str
    target: str
    sensitivity: int
    synthetic: bool
    source_note: str | None
    fields: list[dict[str, Any]]
    update_period: str | None
    sharing: str | None
    sharing_note: str | None
    description: str | None
    contact: str | None
    edited_by: str | None
    edited_at: datetime | None
    version_id: int
    published_at: datetime
    loaded_at: datetime
    rows_read: int
    rows_loaded: int
    rows_flagged: int
    extent: list[float] | None
    overdue_since: datetime | None

    def age(self, now: datetime) -> timedelta:
        """Since its last load."""
        return now - self.loaded_at

    @property
    def allowed_age(self) -> timedelta | None:
        """How old it may become; None where the period says nothing."""
        period = CodeTable.load("update_period").get(self.update_period or "")
        return timedelta(days=float(period["days"])) if period and period["days"] else None

    def overdue(self, now: datetime) -> bool:
        """Whether it is older than its update period allows."""
        return self.allowed_age is not None and self.age(now) > self.allowed_age


@dataclass(frozen=True)
class CatalogueField:
    """A column of a dataset with its meaning; ``fill`` is the share of rows in which it is filled."""

    name: str
    label_zh: str
    label_en: str
    standard: str | None
    unit: str | None
    code_table: str | None
    fill: float | None


@dataclass(frozen=True)
class DatasetVersionRow:
    """One load of a dataset, as its history shows it."""

    id: int
    state: str
    source_name: str
    started_at: datetime
    published_at: datetime | None
    rows_read: int
    rows_loaded: int
    rows_refused: int
    rows_flagged: int
    mode: str
    content_hash: str | None
    source_size: int | None
    loaded_by: str | None
    decided_by: str | None
    failure: str | None

    @property
    def quality(self) -> Quality:
        """Of the load itself."""
        return Quality(load_quality(self.rows_read, self.rows_loaded, self.rows_flagged))


@dataclass(frozen=True)
class DatasetPage:
    """Everything that is said of one dataset."""

    dataset: CatalogueDataset
    quality: Quality
    fields: list[CatalogueField]
    versions: list[DatasetVersionRow]
    runs: list[dict[str, Any]]
    access: list[dict[str, Any]]
    difference: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def trend(self) -> list[tuple[datetime, float]]:
        """Scores of the loads that were published, the oldest first."""
        published = [version for version in self.versions if version.published_at]
        scored = [(version.started_at, version.quality.score) for version in reversed(published)]
        return [(when, score) for when, score in scored if score is not None][-TREND_VERSIONS:]


_DATASETS = """
    SELECT d.id, d.code, d.title_zh, d.title_en, d.department_code, p.name_zh AS department_zh,
        p.name_en AS department_en, d.target, d.sensitivity, d.synthetic, d.source_note, d.fields,
        coalesce(e.update_period, d.update_period) AS update_period,
        coalesce(e.sharing, d.sharing) AS sharing,
        coalesce(e.sharing_note, d.sharing_note) AS sharing_note,
        coalesce(e.description, d.description) AS description,
        e.contact, e.edited_by, e.edited_at,
        v.id AS version_id, v.published_at, l.loaded_at, v.rows_read, v.rows_loaded, v.rows_flagged, v.extent,
        a.raised_at AS overdue_since
    FROM ioc.dataset d
    JOIN ioc.department p ON p.code = d.department_code
    JOIN ioc.dataset_version v ON v.id = d.published_version_id
    CROSS JOIN LATERAL (
        SELECT coalesce(max(coalesce(finished_at, published_at)), v.published_at) AS loaded_at
        FROM ioc.dataset_version WHERE dataset_id = d.id AND state IN ('published', 'superseded')
    ) l
    LEFT JOIN ioc.catalogue_entry e ON e.dataset_id = d.id
    LEFT JOIN ioc.dataset_alarm a ON a.dataset_id = d.id AND a.cleared_at IS NULL
"""


def catalogue_datasets(connection: Connection[Any]) -> list[CatalogueDataset]:
    """Published datasets as far as the connection's viewer may see them, by department and title."""
    with connection.cursor(row_factory=class_row(CatalogueDataset)) as cursor:
        return cursor.execute(_DATASETS + " ORDER BY p.name_zh, d.title_zh, d.code").fetchall()


def catalogue_dataset(connection: Connection[Any], code: str) -> CatalogueDataset:
    """One of them.

    Raises:
        NotFoundError: there is none of that code that the viewer may see.
    """
    with connection.cursor(row_factory=class_row(CatalogueDataset)) as cursor:
        found = cursor.execute(_DATASETS + " WHERE d.code = %s", [code]).fetchone()
    if found is None:
        raise NotFoundError(f"There is no dataset “{code[:60]}” that you may see; see /catalogue.")
    return found


def dataset_page(
    connection: Connection[Any], code: str, code_tables: Mapping[str, str], now: datetime
) -> DatasetPage:
    """Everything of one dataset.

    Args:
        code_tables: code table of a column, by its name.

    Raises:
        NotFoundError: there is none of that code that the viewer may see.
    """
    dataset = catalogue_dataset(connection, code)
    rows = connection.execute("SELECT * FROM ioc.column_fill(%s)", [dataset.id]).fetchall()
    fields = catalogue_fields(dataset, code_tables, {name: float(fill) for name, fill in rows})
    with connection.cursor(row_factory=class_row(DatasetVersionRow)) as cursor:
        versions = cursor.execute(
            """
            SELECT id, state, source_name, started_at, published_at, rows_read, rows_loaded, rows_refused,
                rows_flagged, mode, content_hash, source_size, loaded_by, decided_by, failure
            FROM ioc.dataset_version WHERE dataset_id = %s ORDER BY id DESC LIMIT 60
            """,
            [dataset.id],
        ).fetchall()
    with connection.cursor(row_factory=dict_row) as cursor:
        runs = runs_of(connection, code)
        access = cursor.execute("SELECT * FROM ioc.dataset_access(%s)", [dataset.id]).fetchall()
        differences = cursor.execute(
            "SELECT * FROM ioc.version_difference WHERE version_id = ANY (%s)",
            [[version.id for version in versions if version.state == "prepared"]],
        ).fetchall()
    quality = dataset_quality(dataset, [one.fill for one in fields if one.fill is not None], now)
    difference = {row["version_id"]: row for row in differences}
    return DatasetPage(dataset, quality, fields, versions, runs, access, difference)


def runs_of(connection: Connection[Any], job: str | None = None, most: int = 30) -> list[dict[str, Any]]:
    """Runs that were asked for, of one job or of all that the viewer may see, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT * FROM ioc.load_run WHERE %(job)s::text IS NULL OR job = %(job)s
            ORDER BY id DESC LIMIT %(most)s
            """,
            {"job": job, "most": most},
        ).fetchall()


def catalogue_fields(
    dataset: CatalogueDataset, code_tables: Mapping[str, str], fill: Mapping[str, float]
) -> list[CatalogueField]:
    """The columns of a dataset that carry something of its own, with their meaning."""
    model = RECORD_MODELS[dataset.target]
    named = {name: names for name, names in field_names(model).items() if name not in _OWN_COLUMNS}
    columns = [
        CatalogueField(
            name,
            names["zh"],
            names["en"],
            names.get("standard"),
            names.get("unit"),
            code_tables.get(name),
            fill.get(name),
        )
        for name, names in named.items()
    ]
    if model is not DepartmentalFeature:
        return columns
    return columns + [
        CatalogueField(
            one["name"], one["label_zh"], one["label_en"], None, one.get("unit"), one.get("table"), None
        )
        for one in dataset.fields
    ]


def load_quality(read: int, loaded: int, flagged: int) -> dict[str, float]:
    """Validity and consistency of a load."""
    parts = {}
    if read:
        parts["validity"] = loaded / read
    if loaded:
        parts["consistency"] = 1 - flagged / loaded
    return parts


def dataset_quality(dataset: CatalogueDataset, fills: list[float], now: datetime) -> Quality:
    """The quality of what is published now."""
    parts = load_quality(dataset.rows_read, dataset.rows_loaded, dataset.rows_flagged)
    if fills:
        parts["completeness"] = sum(fills) / len(fills)
    if dataset.allowed_age is not None:
        parts["timeliness"] = min(1.0, dataset.allowed_age / max(dataset.age(now), timedelta(seconds=1)))
    return Quality(parts)
