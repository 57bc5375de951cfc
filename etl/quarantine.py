"""Keeps what was refused or flagged: the row as the file had it, the rule, the reason and what to do."""

from collections.abc import Iterable
from json.encoder import encode_basestring
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from psycopg import Connection
from psycopg.rows import dict_row

from etl.check import Breach
from etl.rows import Rows
from geodata.arrow_call import arrow_call
from geodata.binary_copy import copy_rows
from geodata.ewkb import ewkb

SRID = 4490
_KINDS = {
    "source_row": "int4",
    "severity": "text",
    "rule": "text",
    "reason_zh": "text",
    "reason_en": "text",
    "suggestion_zh": "text",
    "suggestion_en": "text",
    "field": "text",
    "raw": "jsonb",
    "geom": "geometry",
}
_ARROW = {
    "int4": pa.int32(),
    "text": pa.large_string(),
    "jsonb": pa.large_string(),
    "geometry": pa.large_binary(),
}
_SCHEMA = pa.schema([(name, _ARROW[kind]) for name, kind in _KINDS.items()])


def keep_source_columns(connection: Connection[Any], version_id: int, names: Iterable[object]) -> None:
    """Keep the order of the file's columns, in which its refused rows are handed back."""
    connection.execute(
        "UPDATE ioc.dataset_version SET source_columns = %s WHERE id = %s",
        [[str(name) for name in names], version_id],
    )


def write_quarantine(connection: Connection[Any], version_id: int, entries: pa.Table) -> None:
    """Write what ``entries_of`` or ``row_entries`` made."""
    if not len(entries):
        return
    columns = {name: (kind, entries[name].combine_chunks()) for name, kind in _KINDS.items()}
    columns["version_id"] = ("int4", pa.array(np.full(len(entries), version_id)))
    copy_rows(connection, "ioc", "quarantine", columns)


def first_faults(connection: Connection[Any], version_id: int, most: int) -> list[dict[str, Any]]:
    """The first refused rows of a version and why, then flagged ones."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            SELECT source_row, severity, rule, field, reason_zh, reason_en FROM ioc.quarantine
            WHERE version_id = %s ORDER BY severity, source_row LIMIT %s
            """,
            [version_id, most],
        ).fetchall()


def entries_of(rows: Rows, breaches: list[Breach]) -> pa.Table:
    """One entry per breach and row, and one per fault that is no row's."""
    broken = [np.flatnonzero(breach.finding.rows) for breach in breaches]
    kept = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *broken]))
    raw = raw_json(rows.raw.iloc[kept])
    return pa.concat_tables(
        [_SCHEMA.empty_table()]
        + [
            row_entries(rows, breach, marked, raw.take(pa.array(np.searchsorted(kept, marked))))
            for breach, marked in zip(breaches, broken, strict=True)
            if len(marked)
        ]
        + [note_entries(breach) for breach in breaches if breach.finding.notes]
    )


def row_entries(rows: Rows, breach: Breach, marked: np.ndarray, raw: pa.Array) -> pa.Table:
    """Entries of the rows of these numbers, whose raw rows are given as JSON objects."""
    words = breach.finding.describe(marked)
    places = np.full(len(marked), None, dtype=object)
    if rows.geometry is not None:
        places = rows.geometry[marked].copy()
        places[~np.isfinite(shapely.bounds(places)).all(axis=1)] = None
    return _table(len(marked), breach, {
        "source_row": pa.array(rows.source_row[marked], pa.int32()),
        "reason_zh": words.zh, "reason_en": words.en,
        "suggestion_zh": words.do_zh, "suggestion_en": words.do_en, "raw": raw,
        "geom": ewkb(places, SRID),
    })  # fmt: skip


def note_entries(breach: Breach) -> pa.Table:
    """Entries of a rule's faults that are no row's."""
    notes = breach.finding.notes
    places = np.full(len(notes), None, dtype=object)
    places[:] = [note.place for note in notes]
    return _table(len(notes), breach, {
        "source_row": pa.nulls(len(notes), pa.int32()),
        "reason_zh": [note.zh for note in notes], "reason_en": [note.en for note in notes],
        "suggestion_zh": [note.do_zh for note in notes], "suggestion_en": [note.do_en for note in notes],
        "raw": ["{}"] * len(notes), "geom": ewkb(places, SRID),
    })  # fmt: skip


def _table(length: int, breach: Breach, columns: dict[str, Any]) -> pa.Table:
    texts = pa.large_string()
    same = {"severity": breach.severity, "rule": breach.name, "field": breach.finding.field}
    columns |= {name: pa.repeat(pa.scalar(value, texts), length) for name, value in same.items()}
    return pa.table({
        name: columns[name] if isinstance(columns[name], pa.Array) else pa.array(columns[name], texts)
        for name in _KINDS
    }).cast(_SCHEMA)  # fmt: skip


def raw_json(raw: pd.DataFrame) -> pa.Array:
    """Each row as a JSON object of its cells, as text."""
    pieces: list[Any] = []
    for position, name in enumerate(raw.columns):
        pieces.append(
            pa.scalar(("{" if not position else ", ") + _quoted(str(name)) + ": ", pa.large_string())
        )
        pieces.append(_json_cells(raw.iloc[:, position]))
    if not pieces or not len(raw):
        return pa.array(["{}"] * len(raw), pa.large_string())
    return arrow_call(
        "binary_join_element_wise",
        *pieces,
        pa.scalar("}", pa.large_string()),
        pa.scalar("", pa.large_string()),
    )


def _json_cells(values: pd.Series) -> pa.Array:
    if isinstance(values.dtype, pd.StringDtype):
        texts = pa.array(values, from_pandas=True)
        texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        words = texts.cast(pa.large_string()).dictionary_encode()
        quoted = pa.array([_quoted(word) for word in words.dictionary.to_pylist()], pa.large_string())
        return quoted.take(words.indices).fill_null("null")
    return pa.array([_json_cell(value) for value in values.astype(object)], pa.large_string())


def _quoted(text: str) -> str:
    """As a JSON string; PostgreSQL's jsonb holds no NUL and no half of a surrogate pair."""
    return encode_basestring(text.replace("\0", "\ufffd").encode("utf-8", "replace").decode())


def _json_cell(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return repr(float(value)) if np.isfinite(value) else "null"
    return _quoted(str(value))
