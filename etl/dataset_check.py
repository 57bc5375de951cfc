"""Holds a version's rows, as they stand in the store, against the rules that look across rows."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from psycopg import Connection, sql

from etl.check import Breach, checks_of
from etl.job import Check, Job
from etl.references import References
from etl.rows import Rows
from etl.rules import RULES
from geodata.binary_copy import postgres_type
from geodata.dataset_version import Version

ROWS_AT_ONCE = 50_000
_NUMPY = {"float8": "float64", "int2": "Int64", "int4": "Int64", "int8": "Int64"}


def check_dataset(
    connection: Connection[Any], job: Job, version: Version, references: References, declared: list[Check]
) -> Iterator[tuple[Rows, Breach]]:
    """Breaches of these checks among the rows that came with this version, each with the rows they lie in.

    Rows carried over from the version before are looked at but not judged: they were accepted with their own
    load. ``rows.refused`` marks what earlier rules have refused.
    """
    if not declared:
        return
    rows, own = version_rows(connection, job, version, columns_read(job, declared))
    rows.references = references
    for one in declared:
        finding = RULES[one.rule](rows, **one.parameters)
        broken = finding.rows & own & ~rows.refused
        if broken.any() or finding.notes:
            if one.severity == "error":
                rows.refused |= broken
            yield rows, Breach(one.name, one.severity, replace(finding, rows=broken))


def repeated_values(connection: Connection[Any], job: Job, version: Version) -> Iterator[tuple[Rows, Breach]]:
    """New rows with a value that must be unique and that a row carried over has already."""
    for one in checks_of(job, "order"):
        column = one.parameters["column"]
        if column == "code":
            continue
        query = sql.SQL(
            """
            SELECT n.source_row, n.{column}, o.source_row FROM version.{table} n
            JOIN version.{table} o ON o.{column} = n.{column}
            WHERE n.load_id IS NULL AND o.load_id IS NOT NULL ORDER BY n.source_row
            """
        ).format(column=sql.Identifier(column), table=sql.Identifier(f"{job.target}_{version.id}"))
        found = connection.execute(query).fetchall()
        if not found:
            continue
        numbers, values, first = zip(*found, strict=True)
        rows = Rows.of_columns({column: pd.Series(values)}, np.array(numbers))
        rows.first_with[column] = np.array(first)
        yield rows, Breach(one.name, one.severity, RULES[one.rule](rows, column))


def columns_read(job: Job, declared: list[Check]) -> list[str]:
    """Target columns that the rules say they read or that their parameters name."""
    names: set[str] = {"code"}
    for one in declared:
        names |= set(RULES[one.rule].columns)  # type: ignore[attr-defined]
        names |= one.columns
    return [column.name for column in job.model.__table__.columns if column.name in names]


def version_rows(
    connection: Connection[Any], job: Job, version: Version, columns: list[str]
) -> tuple[Rows, np.ndarray]:
    """A version's rows with these columns only, and which of them came with it; carried over ones first."""
    selected = [sql.SQL("ST_AsBinary(geom)") if name == "geom" else sql.Identifier(name) for name in columns]
    query = sql.SQL(
        "SELECT source_row, load_id IS NULL, {columns} FROM version.{table} ORDER BY load_id, source_row"
    ).format(columns=sql.SQL(", ").join(selected), table=sql.Identifier(f"{job.target}_{version.id}"))
    parts: list[list[Any]] = []
    with connection.cursor("version_rows", binary=True) as cursor:
        cursor.execute(query)
        while found := cursor.fetchmany(ROWS_AT_ONCE):
            numbers, own, *values = zip(*found, strict=True)
            read = [_column(job, name, one) for name, one in zip(columns, values, strict=True)]
            parts.append([np.array(numbers, dtype=np.int64), np.array(own, dtype=bool), *read])
    if not parts:
        return Rows.of_columns({}, np.empty(0, dtype=np.int64)), np.empty(0, dtype=bool)
    joined = [_joined(pieces) for pieces in zip(*parts, strict=True)]
    numbers, own, *values = joined
    by_name = dict(zip(columns, values, strict=True))
    geometry = by_name.pop("geom", None)
    rows = Rows.of_columns(by_name, numbers, geometry, getattr(job.model, "geometry_type", ""))
    rows.sources = {target: one.source for target, one in job.fields.items() if one.source}
    return rows, own


def _column(job: Job, name: str, values: tuple[Any, ...]) -> Any:
    if name == "geom":
        return np.asarray(shapely.from_wkb(np.array(values, dtype=object)), dtype=object)
    kind = postgres_type(job.model.__table__.columns[name])
    if kind == "date":
        return pd.Series(pa.array(values, pa.date32()), dtype=pd.ArrowDtype(pa.date32()))
    return pd.Series(values, dtype=_NUMPY.get(kind, "str" if kind == "text" else object))


def _joined(pieces: tuple[Any, ...]) -> Any:
    if isinstance(pieces[0], pd.Series):
        return pd.concat(pieces, ignore_index=True)
    return np.concatenate(pieces)
