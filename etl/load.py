"""Writes checked rows as a new version of their dataset: all of it in one transaction, or none."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from psycopg import Connection

from etl.assign import representative_points
from etl.check import Breach, warnings_of
from etl.dataset_record import update_dataset
from etl.job import Job
from etl.normalise import arrow
from etl.quarantine import write_quarantine
from etl.rows import Rows
from etl.search_entries import pinyin_columns
from geodata.binary_copy import copy_rows, postgres_type
from geodata.dataset_version import Version, apply_retention, create_tables, index_tables, publish
from geodata.ewkb import ewkb
from geodata.feature_id import feature_ids

SRID = 4490

CopyColumns = dict[str, tuple[str, pa.Array]]
Progress = Callable[[int], None]


def write_version(
    connection: Connection[Any],
    job: Job,
    version: Version,
    rows: Rows,
    breaches: list[Breach],
    progress: Progress | None = None,
) -> None:
    """Fill, index and publish a version within the connection's current transaction; apply retention."""
    accepted = np.flatnonzero(~rows.refused)
    columns = feature_columns(job, version, rows, breaches, accepted)
    create_tables(connection, version)
    copy_rows(connection, "version", f"{job.target}_{version.id}", columns, progress)
    if job.search:
        entries = _search_columns(job, rows, columns, accepted)
        copy_rows(connection, "version", f"search_entry_{version.id}", entries)
    # 6,000 sampled rows estimate as well as 30,000 at a fifth of the cost; geometries are dear to sample.
    connection.execute("SET LOCAL default_statistics_target = 20")
    index_tables(connection, version)
    write_quarantine(connection, version.id, rows, breaches)
    update_dataset(connection, job)
    _record_counts(connection, version, rows, breaches, accepted)
    publish(connection, version)
    apply_retention(connection, version.dataset_id)


def feature_columns(
    job: Job, version: Version, rows: Rows, breaches: list[Breach], accepted: np.ndarray
) -> CopyColumns:
    """The accepted rows as the target table's columns, ready to COPY."""
    chosen = pa.array(accepted)
    codes = arrow(rows.columns["code"]).take(chosen)
    warned = warnings_of(breaches, len(rows))
    columns: CopyColumns = {
        "dataset_id": ("int4", _constant(version.dataset_id, len(accepted))),
        "id": ("int8", pa.array(feature_ids(job.code, codes))),
        "sensitivity": ("int2", _constant(job.sensitivity, len(accepted))),
        "source_row": ("int4", pa.array(rows.source_row[accepted])),
        "warnings": ("text[]", _lists(warned, accepted)),
        "area_code": ("text", pa.array(rows.area_code, pa.large_string()).take(chosen)),
    }
    table = job.model.__table__.columns
    for name, values in rows.columns.items():
        columns[name] = (postgres_type(table[name]), arrow(values).take(chosen))
    if rows.geometry is not None and job.has_geometry:
        columns["geom"] = ("geometry", ewkb(rows.geometry[accepted], SRID))
    return columns


def _constant(value: int, length: int) -> pa.Array:
    return pa.array(np.full(length, value))


def _lists(warned: list[list[str] | None], accepted: np.ndarray) -> pa.Array:
    kind = pa.list_(pa.large_string())
    if not any(warned):
        return pa.nulls(len(accepted), kind)
    return pa.array([warned[row] for row in accepted], kind)


def _search_columns(job: Job, rows: Rows, features: CopyColumns, accepted: np.ndarray) -> CopyColumns:
    """Search entries of those accepted rows that have a title."""
    assert job.search is not None
    titles = rows.columns[job.search.title].iloc[accepted].reset_index(drop=True)
    titled = np.flatnonzero(titles.notna())
    chosen = pa.array(titled)
    titles = titles.iloc[titled]
    whole, initials = pinyin_columns(titles)
    entries: CopyColumns = {
        name: (kind, values.take(chosen))
        for name, (kind, values) in features.items()
        if name in ("dataset_id", "id", "code", "sensitivity", "area_code", "source_row")
    }
    entries["title"] = ("text", arrow(titles))
    entries["pinyin"], entries["initials"] = ("text", arrow(whole)), ("text", arrow(initials))
    if job.search.subtitle:
        subtitles = rows.columns[job.search.subtitle].iloc[accepted[titled]]
        entries["subtitle"] = ("text", arrow(subtitles.astype("str")))
    if rows.geometry is not None:
        entries["geom"] = ("geometry", ewkb(representative_points(rows.geometry[accepted[titled]]), SRID))
    return entries


def flagged_count(rows: Rows, breaches: list[Breach]) -> int:
    """Accepted rows that carry a warning."""
    flagged = rows.none()
    for breach in breaches:
        if breach.severity == "warning":
            flagged |= breach.finding.rows
    return int((flagged & ~rows.refused).sum())


def _record_counts(
    connection: Connection[Any], version: Version, rows: Rows, breaches: list[Breach], accepted: np.ndarray
) -> None:
    extent = None
    if rows.geometry is not None and len(accepted):
        bounds = shapely.total_bounds(rows.geometry[accepted])
        extent = json.dumps([round(float(one), 9) for one in bounds]) if np.isfinite(bounds).all() else None
    connection.execute(
        """
        UPDATE ioc.dataset_version
        SET rows_read = %s, rows_loaded = %s, rows_refused = %s, rows_flagged = %s, extent = %s
        WHERE id = %s
        """,
        [
            len(rows),
            len(accepted),
            len(rows) - len(accepted),
            flagged_count(rows, breaches),
            extent,
            version.id,
        ],
    )
