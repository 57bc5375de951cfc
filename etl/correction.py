"""Merges corrected rows of a quarantine into the published version, as a version of its own.

Only the corrected rows are run again; all others are carried over, and held once more against rules that look
across rows. What is still wrong stays in quarantine. A row that a newer load brought otherwise, or no longer
refuses, is turned away.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from psycopg import Connection, sql
from pyproj import CRS

from etl.correction_check import judge_carried_over
from etl.dataset_record import dataset_id, record_of
from etl.delivery import Delivery
from etl.job import Job, Load
from etl.load import VersionWriter
from etl.normalise import normalise
from etl.prepared import prepare
from etl.quarantine_workbook import (
    GEOMETRY,
    CorrectedLine,
    Corrections,
    QuarantinedLine,
    WorkbookError,
    digest_of,
    has_geometry_column,
    original_cells,
    read_corrections,
    read_lines,
)
from etl.raw_spool import RawSpool
from etl.references import References
from etl.run import LoadOptions, LoadReport, conclude, recorded_failure
from geodata.coordinates import parse_position
from geodata.dataset_version import Lineage, Version, begin_version, hold_dataset, published_version
from geodata.errors import UserError
from geodata.store import Store
from geodata.version_difference import compare, keep
from geodata.version_rows import remember_removed

TurnedAway = tuple[int, str, str]
"""Row number, reason in Chinese and in English."""


def merge_corrections(store: Store, job: Job, workbook: Path | bytes, by: str | None = None) -> LoadReport:
    """Run corrected rows again and publish them with all others; the same workbook twice changes nothing.

    Args:
        by: the account of whoever corrected them.

    Raises:
        UserError: the workbook is none of this dataset's, nothing is published, or another load is under way.
    """
    corrections = read_corrections(workbook)
    if corrections.dataset != job.code:
        raise WorkbookError(f"The workbook corrects dataset “{corrections.dataset}”, not “{job.code}”.")
    name = workbook if isinstance(workbook, Path) else Path("corrections.xlsx")
    report = LoadReport(job.code, name)
    with store.owner_connection() as connection:
        dataset = dataset_id(connection, job.code)
        hold_dataset(connection, dataset, job.code)
        base = published_version(connection, dataset)
        if base is None:
            raise UserError(f"Dataset “{job.code}” has no published version that could be corrected.")
        digest = _digest(corrections)
        if _merged_already(connection, base, digest):
            report.unchanged = True
            return report
        standing = {line.source_row: line for line in read_lines(connection, base.id)}
        changed, report.turned_away = _sorted_out(corrections, standing)
        if not changed:
            report.unchanged = True
            return report
        _merge(connection, job, base, changed, standing, digest, by, report)
    return report


def _digest(corrections: Corrections) -> str:
    content = sorted(
        repr((one.source_row, one.digest, sorted(one.cells.items()))) for one in corrections.lines
    )
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


def _merged_already(connection: Connection[Any], base: Version, digest: str) -> bool:
    """Whether the published version, or one it was made from by corrections, has these corrections."""
    row = connection.execute(
        """
        WITH RECURSIVE chain AS (
            SELECT id, base_version_id, correction_hash FROM ioc.dataset_version WHERE id = %s
            UNION ALL
            SELECT v.id, v.base_version_id, v.correction_hash FROM chain c
            JOIN ioc.dataset_version v ON v.id = c.base_version_id WHERE c.correction_hash IS NOT NULL
        )
        SELECT FROM chain WHERE correction_hash = %s LIMIT 1
        """,
        [base.id, digest],
    ).fetchone()
    return row is not None


def _sorted_out(
    corrections: Corrections, standing: dict[int, QuarantinedLine]
) -> tuple[list[CorrectedLine], list[TurnedAway]]:
    """The lines that were changed and still fit, and those that no longer do."""
    changed, away = [], []
    for line in corrections.lines:
        now = standing.get(line.source_row)
        if now is None:
            away.append((
                line.source_row, "该行在当前版本中已不在待更正之列（数据已更新或已更正）",
                "the present version no longer lists this row: it was loaded anew or corrected since",
            ))  # fmt: skip
        elif digest_of(now) != line.digest:
            away.append((
                line.source_row, "该行在新一次入库的文件中已改变，请在新下载的表中更正",
                "a newer load brought another row here: correct a fresh download",
            ))  # fmt: skip
        elif any(original_cells(now).get(name, "").strip() != cell for name, cell in line.cells.items()):
            changed.append(line)
    return changed, away


def _merge(
    connection: Connection[Any],
    job: Job,
    base: Version,
    changed: list[CorrectedLine],
    standing: dict[int, QuarantinedLine],
    digest: str,
    by: str | None,
    report: LoadReport,
) -> None:
    references = References()
    references.use(connection, job.reads_tables)
    incremental = _as_changes(job)
    delivery = _delivery(incremental, changed)
    version = _begin(connection, job, base, report.source.name, digest, by)
    connection.commit()
    with recorded_failure(connection, version), RawSpool() as spool:
        references.read(connection, job.reads_tables)
        was = [standing[line.source_row] for line in changed]
        old_codes = _codes_before(incremental, was, references)
        writer = VersionWriter(connection, incremental, version, base, references, spool)
        _mark_taken(connection, writer, base, old_codes)
        chunk = prepare(incremental, delivery, references)
        rows = set(delivery.source_row[chunk.accepted].tolist())
        codes = set(chunk.features["code"][1].to_pylist())
        # A row that is accepted under another code leaves its old one.
        remember_removed(connection, [c for row, c in old_codes.items() if row in rows and c not in codes])
        writer.write(delivery, chunk)
        writer.check_whole()
        _keep_quarantine(connection, base, version, [line.source_row for line in changed])
        if job.load.mode == "full":
            judge_carried_over(connection, job, version, references)
        _count_whole(connection, base, version)
        writer.index()
        report.difference = compare(connection, version, base)
        keep(connection, version, report.difference)
        counts = writer.counts
        report.version_id, report.rows_read, report.rows_loaded = version.id, counts.read, counts.accepted
        report.rows_refused, report.rows_carried = counts.refused, counts.carried
        report.rows_flagged = counts.flagged
        report.refused_by_rule = dict(counts.refused_by_rule)
        report.flagged_by_rule = dict(counts.flagged_by_rule)
        conclude(connection, job, version, LoadOptions(loaded_by=by), report)
        connection.commit()


def _as_changes(job: Job) -> Job:
    """The job for corrected rows: changes to what is published, places as the sheet has them."""
    update: dict[str, Any] = {"load": Load(mode="incremental")}
    if has_geometry_column(job):
        update["source"] = job.source.model_copy(update={"crs": None, "parameters": None})
    return job.model_copy(update=update)


def _delivery(job: Job, lines: list[CorrectedLine]) -> Delivery:
    names = list(dict.fromkeys(name for line in lines for name in line.cells if name != GEOMETRY))
    cells = {name: pd.Series([line.cells.get(name) or None for line in lines], dtype="str") for name in names}
    delivery = Delivery(
        Path("corrections.xlsx"), pd.DataFrame(cells), np.array([line.source_row for line in lines])
    )
    if has_geometry_column(job):
        delivery.geometry = np.full(len(lines), None, dtype=object)
        delivery.geometry[:] = [_place(line) for line in lines]
        delivery.crs = CRS.from_epsg(4490)
    return delivery


def _place(line: CorrectedLine) -> shapely.Geometry | None:
    """The geometry of a line, from WKT or as a position people write; None where there is none to be read."""
    text = line.cells.get(GEOMETRY, "")
    if not text:
        return None
    if text[:1].isalpha() and "(" in text:
        return shapely.from_wkt(text, on_invalid="ignore")
    position = parse_position(text)
    return shapely.Point(position.lon, position.lat) if position else None


def _codes_before(job: Job, lines: list[QuarantinedLine], references: References) -> dict[int, str]:
    """Codes under which flagged rows were published, by row number."""
    flagged = [line for line in lines if line.severity == "warning"]
    if not flagged:
        return {}
    as_was = [CorrectedLine(0, line.source_row, "", original_cells(line)) for line in flagged]
    codes = normalise(job, _delivery(job, as_was), references).columns["code"]
    return {line.source_row: str(code) for line, code in zip(flagged, codes, strict=True)}


def _mark_taken(
    connection: Connection[Any], writer: VersionWriter, base: Version, old_codes: dict[int, str]
) -> None:
    """Tell the writer the codes of published rows, so that a corrected row does not replace another one."""
    rows = connection.execute(
        sql.SQL("SELECT code, source_row FROM version.{} WHERE NOT code = ANY(%s)").format(
            sql.Identifier(f"{base.target}_{base.id}")
        ),
        [list(old_codes.values())],
    ).fetchall()
    codes, numbers = zip(*rows, strict=True) if rows else ((), ())
    writer.seen_before(pa.array(codes, pa.large_string()), np.array(numbers, dtype=np.int64))


def _begin(
    connection: Connection[Any], job: Job, base: Version, name: str, digest: str, by: str | None
) -> Version:
    """Record the version; its input stays the base's, so that the uncorrected file is not loaded over it."""
    row = connection.execute(
        """
        SELECT input_hash, content_hash, job_hash, program, watermark
        FROM ioc.dataset_version WHERE id = %s
        """,
        [base.id],
    ).fetchone()
    assert row is not None, "it is published"
    lineage = Lineage(
        content_hash=row[1], job_hash=row[2], program=row[3], mode="incremental", loaded_by=by,
        watermark=row[4], dataset_record=record_of(job),
    )  # fmt: skip
    version = begin_version(connection, base.dataset_id, job.code, name, row[0], lineage)
    connection.execute(
        "UPDATE ioc.dataset_version SET correction_hash = %s WHERE id = %s", [digest, version.id]
    )
    return version


def _keep_quarantine(
    connection: Connection[Any], base: Version, version: Version, corrected: list[int]
) -> None:
    """Keep the quarantine of rows that were not handed in."""
    connection.execute(
        """
        INSERT INTO ioc.quarantine (version_id, source_row, severity, rule, reason_zh, reason_en, field, raw,
            suggestion_zh, suggestion_en, geom)
        SELECT %s, source_row, severity, rule, reason_zh, reason_en, field, raw, suggestion_zh,
            suggestion_en, geom
        FROM ioc.quarantine WHERE version_id = %s AND source_row IS NOT NULL AND NOT source_row = ANY(%s)
        ORDER BY id
        """,
        [version.id, base.id, corrected],
    )


def _count_whole(connection: Connection[Any], base: Version, version: Version) -> None:
    """Count the version as a whole."""
    connection.execute(
        sql.SQL(
            """
            UPDATE ioc.dataset_version v SET
                rows_read = b.rows_read, source_columns = b.source_columns,
                rows_refused = (SELECT count(DISTINCT source_row) FROM ioc.quarantine q
                    WHERE q.version_id = v.id AND severity = 'error'),
                rows_flagged = (SELECT count(*) FROM version.{} WHERE warnings IS NOT NULL)
            FROM ioc.dataset_version b WHERE v.id = %s AND b.id = %s
            """
        ).format(sql.Identifier(f"{version.target}_{version.id}")),
        [version.id, base.id],
    )
