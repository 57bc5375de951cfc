"""Where a feature's record comes from: the load, its file by content hash, and the row in it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import class_row

LINEAGE = """
    SELECT f.code, f.source_row, v.id AS version_id, v.source_name, v.content_hash, v.source_size,
        v.mode, v.job, v.job_hash, v.program, v.started_at, v.loaded_by
    FROM ioc.{table} f JOIN ioc.dataset d ON d.id = f.dataset_id
    JOIN ioc.dataset_version v ON v.id = coalesce(f.load_id, d.published_version_id)
    WHERE f.id = %(id)s AND f.dataset_id = ANY(%(datasets)s)
"""
"""As far as the connection may see the feature."""


@dataclass(frozen=True)
class FeatureLineage:
    """The load a feature came with; of loads before lineage was kept, hashes are not known."""

    code: str
    source_row: int | None
    version_id: int
    source_name: str
    content_hash: str | None
    source_size: int | None
    mode: str
    job: str
    job_hash: str | None
    program: str | None
    started_at: datetime
    loaded_by: str | None


def feature_lineage(
    connection: Connection[Any], table: str, datasets: list[int], feature_id: int
) -> FeatureLineage | None:
    """The lineage of a published feature; None where there is none that the connection may see."""
    query = sql.SQL(LINEAGE).format(table=sql.Identifier(table))
    with connection.cursor(row_factory=class_row(FeatureLineage)) as cursor:
        return cursor.execute(query, {"id": feature_id, "datasets": datasets}).fetchone()
