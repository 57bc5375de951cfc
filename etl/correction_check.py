"""Judges once more the rows that corrections carry over, since a corrected neighbour may have mended them."""

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg import Connection

from etl.check import Breach, checks_of, scope_of
from etl.dataset_check import columns_read, version_rows
from etl.job import Job
from etl.quarantine import row_entries, write_quarantine
from etl.references import References
from etl.rows import Rows
from etl.rules import RULES
from geodata.dataset_version import Version
from geodata.version_rows import reflag


def judge_carried_over(
    connection: Connection[Any], job: Job, version: Version, references: References
) -> None:
    """Renew what rules that look across rows warn of in rows carried over, there and in quarantine.

    Refused or accepted they stay. A row newly warned of is not handed back for correction, since only its own
    load had it as its file says; its entry names it by its code.
    """
    by_row = {one.name for one in job.checks if scope_of(one) != "dataset"}
    declared = [
        one for one in checks_of(job, "dataset") if one.severity == "warning" and one.name not in by_row
    ]
    if not declared:
        return
    rows, own = version_rows(connection, job, version, columns_read(job, declared))
    rows.references = references
    found: dict[str, list[Breach]] = defaultdict(list)
    for one in declared:
        breach = Breach(one.name, one.severity, RULES[one.rule](rows, **one.parameters))
        found[breach.warning].append(breach)
    for warning, breaches in found.items():
        broken = np.any([one.finding.rows for one in breaches], axis=0) & ~own
        first = breaches[0]
        field = first.finding.field
        added = reflag(connection, version, rows.source_row[broken].tolist(), warning, first.name, field)
        for breach in breaches:
            marked = np.flatnonzero(breach.finding.rows & ~own & np.isin(rows.source_row, added))
            _note(connection, version, rows, breach, marked)


def _note(
    connection: Connection[Any], version: Version, rows: Rows, breach: Breach, marked: np.ndarray
) -> None:
    entries = row_entries(rows, breach, marked, pa.array(["{}"] * len(marked), pa.large_string()))
    codes = rows.columns["code"].iloc[marked].tolist()
    for column in ("reason_zh", "reason_en"):
        said = [f"{code}：{text}" for code, text in zip(codes, entries[column].to_pylist(), strict=True)]
        place = entries.schema.get_field_index(column)
        entries = entries.set_column(place, column, pa.array(said, pa.large_string()))
    nowhere = pa.nulls(len(marked), pa.int32())
    place = entries.schema.get_field_index("source_row")
    write_quarantine(connection, version.id, entries.set_column(place, "source_row", nowhere))
