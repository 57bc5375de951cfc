"""Writes prepared chunks as a new version of their dataset: all of it in one transaction, or none."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from psycopg import Connection, sql
from psycopg.errors import UniqueViolation

from etl.check import Breach, checks_of
from etl.dataset_check import check_dataset, repeated_values
from etl.delivery import Delivery
from etl.job import Check, Job
from etl.prepared import Prepared, constant
from etl.quarantine import keep_source_columns, note_entries, raw_json, row_entries, write_quarantine
from etl.raw_spool import RawSpool
from etl.references import References
from etl.rows import Rows
from etl.rules import RULES
from etl.seen_places import SeenPlaces
from etl.uniqueness import SeenValues
from geodata.binary_copy import copy_rows
from geodata.dataset_version import Version, create_tables, index_tables
from geodata.version_rows import carry_over, flag, remember_removed, take_out, tell_ids_apart

Progress = Callable[[int], None]


@dataclass
class LoadCounts:
    """Rows of a load: as delivered, accepted, flagged among these, carried over from the version before."""

    read: int = 0
    accepted: int = 0
    flagged: int = 0
    refused: int = 0
    removed: int = 0
    carried: int = 0
    refused_by_rule: Counter[str] = field(default_factory=Counter)
    flagged_by_rule: Counter[str] = field(default_factory=Counter)


class VersionWriter:
    """Fills a version's tables within the connection's transaction, chunk by chunk, then checks and indexes.

    Args:
        base: the published version whose rows an incremental load carries over; None in a full load.
    """

    def __init__(
        self,
        connection: Connection[Any],
        job: Job,
        version: Version,
        base: Version | None,
        references: References,
        spool: RawSpool,
    ) -> None:
        self.connection, self.job, self.version, self.base = connection, job, version, base
        self.references, self.spool = references, spool
        self.counts = LoadCounts()
        self._unique = [(one, SeenValues()) for one in checks_of(job, "order")]
        across = checks_of(job, "dataset")
        # Where all rows come with the delivery, places are compared on the way in: nothing is read back.
        on_the_way = [one for one in across if one.rule == "same_place" and base is None]
        self._places = [(one, SeenPlaces(one.parameters.get("distance_m", 0.1))) for one in on_the_way]
        self._across = [one for one in across if one not in on_the_way]
        # Refused only at the end, a row is needed again as its file had it.
        self._keeps_raw = bool(self._across) or (base is not None and len(self._unique) > 1)
        create_tables(connection, version)

    def write(self, delivery: Delivery, chunk: Prepared, progress: Progress = lambda _rows: None) -> None:
        """COPY a chunk's accepted rows, their search entries and the quarantine."""
        if self._keeps_raw:
            self.spool.keep(delivery)
        if not self.counts.read:
            keep_source_columns(self.connection, self.version.id, delivery.attributes.columns)
        for declared, seen in self._unique:
            self._refuse_repeated(delivery, chunk, declared, seen)
        for declared, places in self._places:
            self._refuse_same_place(delivery, chunk, declared, places)
        begun = self.counts.accepted
        copy_rows(
            self.connection,
            "version",
            f"{self.job.target}_{self.version.id}",
            {
                "dataset_id": ("int4", constant(self.version.dataset_id, len(chunk))),
                "warnings": ("text[]", _lists(chunk.warnings)),
                **chunk.features,
            },
            lambda sent: progress(begun + sent),
        )
        if chunk.search:
            entries = len(chunk.titled)
            copy_rows(
                self.connection,
                "version",
                f"search_entry_{self.version.id}",
                {"dataset_id": ("int4", constant(self.version.dataset_id, entries)), **chunk.search},
            )
        write_quarantine(self.connection, self.version.id, chunk.entries)
        remember_removed(self.connection, chunk.removed)
        self._count(chunk)

    def seen_before(self, codes: pa.Array, numbers: np.ndarray) -> None:
        """Codes, with their row numbers, that no row to come may have."""
        for declared, seen in self._unique:
            if declared.parameters["column"] == "code":
                seen.first_rows(codes, numbers)

    def _refuse_repeated(
        self, delivery: Delivery, chunk: Prepared, declared: Check, seen: SeenValues
    ) -> None:
        column = declared.parameters["column"]
        _, values = chunk.features[column]
        numbers = delivery.source_row[chunk.accepted]
        first = seen.first_rows(values.cast(pa.large_string()), numbers)
        if not first.any():
            return
        rows = self._with_place(chunk, Rows.of_columns({column: pd.Series(values)}, numbers))
        rows.first_with[column] = first
        self._apply(delivery, chunk, rows, declared)

    def _refuse_same_place(
        self, delivery: Delivery, chunk: Prepared, declared: Check, seen: SeenPlaces
    ) -> None:
        column = declared.parameters.get("column")
        columns = {column: chunk.features[column][1].to_pandas()} if column in chunk.features else {}
        numbers = delivery.source_row[chunk.accepted]
        rows = self._with_place(chunk, Rows.of_columns(columns, numbers))
        rows.seen_places = seen
        self._apply(delivery, chunk, rows, declared)

    def _apply(self, delivery: Delivery, chunk: Prepared, rows: Rows, declared: Check) -> None:
        """Refuse or flag the rows of a chunk, each accepted so far, that break a rule."""
        breach = Breach(declared.name, declared.severity, RULES[declared.rule](rows, **declared.parameters))
        marked = np.flatnonzero(breach.finding.rows)
        if not len(marked):
            return
        raw = raw_json(delivery.attributes.iloc[chunk.accepted[marked]])
        chunk.entries = pa.concat_tables([chunk.entries, row_entries(rows, breach, marked, raw)])
        if declared.severity == "error":
            chunk.refused_by_rule[breach.name] += breach.count
            chunk.drop(breach.finding.rows)
            return
        chunk.flagged_by_rule[breach.name] += breach.count
        for row in marked.tolist():
            chunk.warnings[row] = [*(chunk.warnings[row] or []), breach.warning]

    def _with_place(self, chunk: Prepared, rows: Rows) -> Rows:
        if "geom" in chunk.features:
            _, places = chunk.features["geom"]
            rows.geometry = shapely.from_wkb(places.to_numpy(zero_copy_only=False))
        return rows

    def _count(self, chunk: Prepared) -> None:
        counts = self.counts
        counts.read += chunk.rows_read
        counts.accepted += len(chunk)
        counts.removed += len(chunk.removed)
        counts.refused = counts.read - counts.accepted - counts.removed
        counts.flagged += len(chunk.warnings) - chunk.warnings.count(None)
        counts.refused_by_rule += chunk.refused_by_rule
        counts.flagged_by_rule += chunk.flagged_by_rule

    def check_whole(self) -> None:
        """Carry over what an incremental load leaves alone; look across all rows of the version."""
        if self.base is not None:
            self.counts.carried = carry_over(self.connection, self.version, self.base, self.job.sensitivity)
        if self._keeps_raw:
            self._judge_whole()
        self._record()

    def index(self) -> None:
        """Build what the version's tables need to be published."""
        # 6,000 sampled rows estimate as well as 30,000 at a fifth of the cost; geometries are dear to sample.
        self.connection.execute("SET LOCAL default_statistics_target = 20")
        try:
            with self.connection.transaction():
                index_tables(self.connection, self.version)
        except UniqueViolation:
            tell_ids_apart(self.connection, self.version, self.job.code)
            index_tables(self.connection, self.version)

    def _judge_whole(self) -> None:
        connection, job, version = self.connection, self.job, self.version
        for rows, breach in check_dataset(connection, job, version, self.references, self._across):
            self._judge(rows, breach)
        while self.base is not None:
            # A refused row lets the one it was to replace stand again, which others may then repeat.
            found = list(repeated_values(connection, job, version))
            refused = [one for one in found if one[1].severity == "error"]
            for rows, breach in refused[:1] or found:
                self._judge(rows, breach)
            if not refused:
                return

    def _judge(self, rows: Rows, breach: Breach) -> None:
        marked = np.flatnonzero(breach.finding.rows)
        numbers = rows.source_row[marked]
        entries = row_entries(rows, breach, marked, self.spool.raw(numbers))
        write_quarantine(self.connection, self.version.id, entries)
        if breach.finding.notes:
            write_quarantine(self.connection, self.version.id, note_entries(breach))
        counts = self.counts
        if breach.severity == "error":
            flagged = take_out(
                self.connection, self.version, self.base, numbers.tolist(), self.job.sensitivity
            )
            counts.accepted -= len(numbers)
            counts.refused += len(numbers)
            counts.flagged -= flagged
            counts.refused_by_rule[breach.name] += breach.count
        else:
            counts.flagged += flag(self.connection, self.version, numbers.tolist(), breach.warning)
            counts.flagged_by_rule[breach.name] += breach.count

    def _record(self) -> None:
        counts = self.counts
        self.connection.execute(
            sql.SQL(
                """
                UPDATE ioc.dataset_version
                SET rows_read = %s, rows_loaded = %s, rows_refused = %s, rows_flagged = %s, extent = {extent}
                WHERE id = %s
                """
            ).format(extent=self._extent()),
            [
                counts.read,
                counts.accepted + counts.carried,
                counts.refused,
                counts.flagged,
                self.version.id,
            ],
        )

    def _extent(self) -> sql.Composable:
        if not self.job.has_geometry:
            return sql.SQL("NULL")
        return sql.SQL(
            """(
                SELECT CASE WHEN e IS NOT NULL THEN jsonb_build_array(
                    round(ST_XMin(e)::numeric, 9), round(ST_YMin(e)::numeric, 9),
                    round(ST_XMax(e)::numeric, 9), round(ST_YMax(e)::numeric, 9)) END
                FROM (SELECT ST_Extent(geom) AS e FROM version.{}) AS whole
            )"""
        ).format(sql.Identifier(f"{self.job.target}_{self.version.id}"))


def _lists(warnings: list[list[str] | None]) -> pa.Array:
    kind = pa.list_(pa.large_string())
    return pa.array(warnings, kind) if any(warnings) else pa.nulls(len(warnings), kind)
